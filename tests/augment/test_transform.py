import copy
import dataclasses
import pickle

import numpy as np
import PIL.Image
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from dilo.augment import BACKGROUNDS, CopyPaste, CopyPasteConfig, SoftMap
from dilo.augment.copy_paste import FOLDERS
from dilo.data.image_set import Example
from dilo.data.synthetic import SceneConfig, make_scene
from dilo.errors import InputError

ALWAYS = CopyPasteConfig(
    probability=1.0, ramp=0.0, blending="none", alpha_low=0.0, alpha_high=1.0
)
GEOMETRIC = {
    "resize": v2.Resize(50),
    "resize of two sides": v2.Resize((40, 70)),
    "crop": v2.RandomCrop(48),
    "centre crop": v2.CenterCrop(60),
    "resized crop": v2.RandomResizedCrop(56),
    "horizontal flip": v2.RandomHorizontalFlip(1.0),
    "vertical flip": v2.RandomVerticalFlip(1.0),
    "pad": v2.Pad(7, fill=200),
    "rotate": v2.RandomRotation(30, interpolation=InterpolationMode.BILINEAR),
    "affine": v2.RandomAffine(
        20, (0.1, 0.1), (0.8, 1.2), 10, interpolation=InterpolationMode.BILINEAR
    ),
    "perspective": v2.RandomPerspective(p=1.0),
    "elastic": v2.ElasticTransform(30.0),
}


def scene(index: int, size: int = 96):
    """A white object on black, which shows the map of itself, and its exact map."""
    mask = make_scene(SceneConfig(size=size), index).mask
    image = np.repeat(mask[..., np.newaxis] * np.uint8(255), 3, axis=2)
    return image, mask.astype(np.float32)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


@pytest.mark.parametrize("form", ["tensor", "pil"])
@pytest.mark.parametrize("name", GEOMETRIC)
def test_the_map_stays_on_its_image(name, form):
    torch.manual_seed(3)
    measured = 0
    for index in range(5):
        image, mask = scene(index)
        if form == "pil":
            given = PIL.Image.fromarray(image)
        else:
            given = tv_tensors.Image(torch.from_numpy(image).permute(2, 0, 1))
        view, saliency = GEOMETRIC[name](given, SoftMap(mask))
        assert isinstance(saliency, SoftMap)
        assert saliency.dtype == torch.float32
        assert saliency.min() >= 0
        assert saliency.max() <= 1
        shown = F.to_image(view)[0].numpy() > 127
        if name == "pad":  # its border is the image's fill, and no foreground
            assert not saliency.numpy()[:7].any()
            shown = shown[7:-7, 7:-7]
            saliency = saliency.numpy()[7:-7, 7:-7]
        if shown.sum() > 100:
            measured += 1
            assert overlap(shown, np.asarray(saliency) > 0.5) >= 0.98
    assert measured >= 3


@pytest.mark.parametrize("several", [v2.FiveCrop(48), v2.TenCrop(48)])
def test_the_maps_of_several_crops_stay_on_their_images(several):
    image, mask = scene(1)
    views, maps = several(PIL.Image.fromarray(image), SoftMap(mask))
    assert len(views) == len(maps)
    for view, saliency in zip(views, maps, strict=True):
        assert isinstance(saliency, SoftMap)
        shown = np.asarray(view)[..., 0] > 127
        np.testing.assert_array_equal(shown, saliency.numpy() > 0.5)


def test_a_whole_chain_keeps_image_and_map_aligned():
    chain = v2.Compose(
        [
            v2.RandomRotation(10, interpolation=InterpolationMode.BILINEAR),
            v2.RandomResizedCrop(64, scale=(0.4, 1.0)),
            v2.RandomHorizontalFlip(),
        ]
    )
    torch.manual_seed(0)
    for index in range(8):
        image, mask = scene(index)
        view, saliency = chain(PIL.Image.fromarray(image), SoftMap(mask))
        shown = np.asarray(view)[..., 0] > 127
        assert overlap(shown, saliency.numpy() > 0.5) >= 0.98


def test_a_soft_edge_stays_soft_when_the_image_is_resampled_by_nearest():
    ramp = np.tile(np.linspace(0, 1, 8, dtype=np.float32), (8, 1))
    image = tv_tensors.Image(torch.zeros(3, 8, 8, dtype=torch.uint8))
    enlarge = v2.Resize((32, 32), interpolation=InterpolationMode.NEAREST)
    _, saliency = enlarge(image, SoftMap(ramp))
    assert len(np.unique(saliency.numpy())) > 8


def test_colour_transforms_leave_the_map_alone():
    image, mask = scene(1)
    chain = v2.Compose(
        [
            v2.ToImage(),
            v2.ColorJitter(0.4, 0.4, 0.4, 0.1),
            v2.RandomGrayscale(1.0),
            v2.GaussianBlur(9),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5], [0.5]),
        ]
    )
    _, saliency = chain(PIL.Image.fromarray(image), SoftMap(mask))
    np.testing.assert_array_equal(saliency.numpy(), mask)


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
    image, mask = scene(2)
    chain = v2.Compose([v2.RandomResizedCrop(32), CopyPaste(ALWAYS)])

    def views(seed):
        torch.manual_seed(seed)
        pair = PIL.Image.fromarray(image), SoftMap(mask)
        return np.stack([np.asarray(chain(pair)[0]) for _ in range(6)])

    np.testing.assert_array_equal(views(1), views(1))
    assert (views(1) != views(2)).any()


def test_a_map_changes_nothing_of_what_others_draw():
    image, mask = scene(2)
    torch.manual_seed(5)
    CopyPaste(ALWAYS)(PIL.Image.fromarray(image))
    after = torch.rand(())
    torch.manual_seed(5)
    CopyPaste(ALWAYS)(PIL.Image.fromarray(image), SoftMap(mask))
    assert torch.rand(()) == after


def test_cropping_and_pasting_commute():
    image, mask = scene(4)
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
        mask = scene(index)[1]
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


def test_a_map_survives_copies_and_the_way_between_processes():
    # Cropped to nothing, but of an image that has an object.
    cropped = F.crop(SoftMap(scene(0)[1]), 0, 0, 1, 1)
    for other in (copy.deepcopy(cropped), pickle.loads(pickle.dumps(cropped))):
        assert isinstance(other, SoftMap)
        assert other.holds_foreground
        np.testing.assert_array_equal(other.numpy(), cropped.numpy())


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


@pytest.mark.parametrize("value", [2.0, np.nan])
def test_a_map_outside_0_to_1_is_refused(value):
    with pytest.raises(InputError, match="lies in"):
        SoftMap(np.full((2, 2), value, np.float32))


def test_two_maps_are_refused():
    one = SoftMap(np.ones((1, 1), np.float32))
    with pytest.raises(InputError, match="1 images and 2 maps"):
        CopyPaste(ALWAYS)(PIL.Image.new("RGB", (1, 1)), one, one)


def test_a_missing_map_can_be_refused():
    step = CopyPaste(CopyPasteConfig(missing="refuse"))
    with pytest.raises(InputError, match="without a SoftMap"):
        step(PIL.Image.new("RGB", (1, 1)))


@pytest.mark.parametrize("name", sorted({*BACKGROUNDS} - {*FOLDERS}))
def test_every_background_can_be_pasted_on(name):
    class One:
        names = ("other.png",)

        def __getitem__(self, index):
            return Example(image=scene(6)[0], saliency=scene(6)[1])

    config = dataclasses.replace(ALWAYS, background=name)
    image, mask = scene(1)
    given = PIL.Image.fromarray(np.uint8(image * 0.6 + 40))
    pasted, _ = CopyPaste(config, One())(given, SoftMap(mask))
    kept = mask == 1
    np.testing.assert_array_equal(np.asarray(pasted)[kept], np.asarray(given)[kept])
