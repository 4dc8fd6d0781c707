import dataclasses

import numpy as np
import PIL.Image
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from dilo.augment import BACKGROUNDS, CopyPaste, CopyPasteConfig, SoftMap
from dilo.augment.copy_paste import FOLDERS
from dilo.data.image_set import Example
from dilo.errors import InputError
from pictures import overlap, white_scene

ALWAYS = CopyPasteConfig(
    probability=1.0, ramp=0.0, blending="none", alpha_low=0.0, alpha_high=1.0
)


@pytest.mark.parametrize("form", ["tensor", "image", "pil"])
def test_alpha_one_keeps_the_object_and_zero_shows_the_background(form):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (20, 30, 3), np.uint8)
    alpha = np.zeros((20, 30), np.float32)
    alpha[5:10, 5:20] = 1
    planes = torch.from_numpy(image).permute(2, 0, 1)
    given = {
        "tensor": planes,
        "image": tv_tensors.Image(planes),
        "pil": PIL.Image.fromarray(image),
    }[form]
    result, saliency = CopyPaste(ALWAYS)(given, SoftMap(alpha))
    assert type(result) is type(given)
    pasted = F.to_image(result).permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(pasted[alpha == 1], image[alpha == 1])
    assert len(np.unique(pasted[alpha == 0])) == 1  # one grey
    np.testing.assert_array_equal(saliency.numpy(), alpha)


def test_the_same_seed_gives_the_same_views_and_another_one_others():
    image, mask = white_scene(2)
    chain = v2.Compose([v2.RandomResizedCrop(32), CopyPaste(ALWAYS)])

    def views(seed):
        torch.manual_seed(seed)
        pair = PIL.Image.fromarray(image), SoftMap(mask)
        return np.stack([np.asarray(chain(pair)[0]) for _ in range(6)])

    np.testing.assert_array_equal(views(1), views(1))
    assert (views(1) != views(2)).any()


def test_a_map_changes_nothing_of_what_others_draw():
    image, mask = white_scene(2)
    torch.manual_seed(5)
    CopyPaste(ALWAYS)(PIL.Image.fromarray(image))
    after = torch.rand(())
    torch.manual_seed(5)
    CopyPaste(ALWAYS)(PIL.Image.fromarray(image), SoftMap(mask))
    assert torch.rand(()) == after


def test_cropping_and_pasting_commute():
    image, mask = white_scene(4)
    given = PIL.Image.fromarray(np.uint8(image * 0.6 + 40))
    crop = v2.RandomCrop(40)
    for seed in range(4):  # the crop's draw comes first in both orders
        torch.manual_seed(seed)
        place = torch.get_rng_state()
        view, saliency = crop(given, SoftMap(mask))
        torch.manual_seed(9)
        first = CopyPaste(ALWAYS)(view, saliency)[0]
        torch.manual_seed(9)
        pasted, _ = CopyPaste(ALWAYS)(given, SoftMap(mask))
        torch.set_rng_state(place)
        second = crop(pasted)
        difference = np.abs(np.asarray(first, np.int16) - np.asarray(second))
        assert difference.max() <= 1


def test_the_map_moves_with_the_object():
    torch.manual_seed(0)
    moving = dataclasses.replace(ALWAYS, shift=0.3, max_scale=1.3)
    for index in range(12):
        mask = white_scene(index)[1]
        white = PIL.Image.new("RGB", mask.shape, "white")
        pasted, saliency = CopyPaste(moving)(white, SoftMap(mask))
        assert isinstance(saliency, SoftMap)
        levels = np.asarray(pasted)[..., 0].astype(int)
        grey = np.bincount(levels[saliency.numpy() == 0]).argmax()
        if grey < 215:
            assert overlap(levels > (255 + grey) / 2, saliency.numpy() > 0.5) >= 0.98


def test_an_image_without_a_map_or_with_an_empty_one_is_kept():
    image = PIL.Image.fromarray(np.full((4, 4, 3), 9, np.uint8))
    faint = SoftMap(np.full((4, 4), 0.4, np.float32))
    assert CopyPaste(ALWAYS)(image) is image
    assert CopyPaste(ALWAYS)(image, faint)[0] is image


def test_one_pixel_is_pasted_too():
    image = PIL.Image.new("RGB", (1, 1), (1, 2, 3))
    one = np.ones((1, 1), np.float32)
    assert CopyPaste(ALWAYS).paste(image, one).getpixel((0, 0)) == (1, 2, 3)


def test_the_probability_is_kept():
    image = PIL.Image.fromarray(np.zeros((2, 2, 3), np.uint8))
    saliency = SoftMap(np.array([[1, 1], [0, 0]], np.float32))
    torch.manual_seed(0)
    step = CopyPaste(CopyPasteConfig(probability=0.3, ramp=0.5, blending="none"))
    pasted = sum(step(image, saliency)[0] is not image for _ in range(1000))
    assert 250 < pasted < 350
    step.progress = 0.0
    assert all(step(image, saliency)[0] is image for _ in range(100))


def test_paste_takes_pil_images_of_any_mode_and_grey_maps():
    map_image = PIL.Image.fromarray(np.array([[255, 0]], np.uint8))
    pasted = CopyPaste(ALWAYS).paste(PIL.Image.new("L", (2, 1), 77), map_image)
    assert pasted.mode == "RGB"
    assert pasted.getpixel((0, 0)) == (77, 77, 77)


def test_paste_scales_maps_and_images_of_16_bits():
    levels = np.array([[0, 100 * 257, 65535]], np.uint16)
    deep = PIL.Image.fromarray(levels)
    eight = PIL.Image.fromarray(np.array([[0, 100, 255]], np.uint8))
    white = PIL.Image.fromarray(np.full((1, 3), 65535, np.uint16))
    made = []
    for image, saliency in ((white, deep), (PIL.Image.new("L", (3, 1), 255), eight)):
        torch.manual_seed(0)
        made.append(np.asarray(CopyPaste(ALWAYS).paste(image, saliency)))
    np.testing.assert_array_equal(made[0], made[1])
    assert made[0][0, 2].tolist() == [255, 255, 255]
    assert made[0][0, 0, 0] < made[0][0, 1, 0] < 255


@pytest.mark.parametrize(
    ("image", "saliency", "message"),
    [
        (torch.zeros(3, 4, 4), np.ones((4, 4)), "put it before ToDtype"),
        (
            torch.zeros(1, 4, 4, dtype=torch.uint8),
            np.ones((4, 4)),
            r"uint8 \(3, H, W\)",
        ),
        (PIL.Image.new("RGB", (6, 4)), np.ones((4, 4)), "4 x 4, the image 6 x 4"),
    ],
)
def test_what_cannot_be_pasted_is_refused(image, saliency, message):
    # Whether or not it would be pasted this time.
    for config in (ALWAYS, dataclasses.replace(ALWAYS, probability=0.0)):
        with pytest.raises(InputError, match=message):
            CopyPaste(config)(image, SoftMap(saliency.astype(np.float32)))


@pytest.mark.parametrize(("images", "maps"), [(1, 2), (2, 1), (0, 1), (0, 0)])
def test_a_sample_has_one_image_and_at_most_one_map(images, maps):
    sample = [PIL.Image.new("RGB", (1, 1))] * images
    sample += [SoftMap(np.ones((1, 1), np.float32))] * maps
    with pytest.raises(InputError, match=f"got {images} images and {maps} maps"):
        CopyPaste(ALWAYS)(*sample, "label")


@pytest.mark.parametrize("form", ["tensor", "image", "pil"])
def test_all_else_of_a_sample_passes_by(form):
    pixels = torch.zeros(3, 8, 9, dtype=torch.uint8)
    image = {
        "tensor": pixels,
        "image": tv_tensors.Image(pixels),
        "pil": F.to_pil_image(pixels),
    }[form]
    others = {
        "mask": tv_tensors.Mask(torch.ones(8, 9, dtype=torch.uint8)),
        "boxes": tv_tensors.BoundingBoxes(
            torch.tensor([[1, 1, 4, 4]]), format="XYXY", canvas_size=(8, 9)
        ),
        "labels": torch.tensor([3]),
        "name": "a.jpg",
        "number": 7,
    }
    saliency = torch.zeros(8, 9)
    saliency[2:5] = 1
    sample = {"image": image, "map": SoftMap(saliency), **others}
    made = CopyPaste(ALWAYS)(sample)
    assert list(made) == list(sample)
    assert all(made[name] is others[name] for name in others)
    assert made["image"] is not image
    assert CopyPaste(ALWAYS)({"image": image, **others, "map": None})["image"] is image


def test_repr_shows_the_config():
    shown = repr(CopyPaste(ALWAYS))
    assert shown.startswith("CopyPaste(CopyPasteConfig(probability=1.0, background='gr")
    assert shown.endswith("progress=1.0)")


@pytest.mark.parametrize(
    "policy",
    [
        v2.RandAugment(4, 20),
        v2.AutoAugment(),
        v2.TrivialAugmentWide(),
        v2.AugMix(),
    ],
    ids=lambda policy: type(policy).__name__,
)
def test_what_moves_the_image_alone_can_stand_behind(policy):
    """Torchvision's policies pass a map by, as the documentation warns."""
    image, mask = white_scene(1)
    given, saliency = PIL.Image.fromarray(image), SoftMap(mask)
    for seed in range(4):
        torch.manual_seed(seed)
        _, behind = policy(given, saliency)
        assert behind is saliency
        pasted, _ = v2.Compose([CopyPaste(ALWAYS), policy])(given, saliency)
        assert pasted.size == given.size


def test_a_missing_map_can_be_refused():
    step = CopyPaste(CopyPasteConfig(missing="refuse"))
    with pytest.raises(InputError, match="without a SoftMap"):
        step(PIL.Image.new("RGB", (1, 1)))


def test_a_picture_that_cannot_be_read_is_warned_of(tmp_path):
    PIL.Image.new("RGB", (9, 9)).save(tmp_path / "whole.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    config = dataclasses.replace(ALWAYS, background="texture", textures=str(tmp_path))
    image, mask = white_scene(1)
    torch.manual_seed(0)
    with pytest.warns(UserWarning, match=r"passed over: .*broken\.jpg: not an image"):
        v2.Compose([CopyPaste(config)] * 8)(PIL.Image.fromarray(image), SoftMap(mask))


def test_backgrounds_of_other_images_need_them():
    config = dataclasses.replace(ALWAYS, background="other")
    with pytest.raises(InputError, match="background other needs the other images"):
        CopyPaste(config)


@pytest.mark.parametrize("name", sorted({*BACKGROUNDS} - {*FOLDERS}))
def test_every_background_can_be_pasted_on(name):
    class One:
        names = ("other.png",)

        def __getitem__(self, index):
            return Example(image=white_scene(6)[0], saliency=white_scene(6)[1])

    config = dataclasses.replace(ALWAYS, background=name)
    image, mask = white_scene(1)
    given = PIL.Image.fromarray(np.uint8(image * 0.6 + 40))
    pasted, _ = CopyPaste(config, One())(given, SoftMap(mask))
    kept = mask == 1
    np.testing.assert_array_equal(np.asarray(pasted)[kept], np.asarray(given)[kept])
