import copy
import pickle

import numpy as np
import PIL.Image
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from dilo.augment import SoftMap
from dilo.errors import InputError
from pictures import overlap, white_scene

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


@pytest.mark.parametrize("form", ["tensor", "pil"])
@pytest.mark.parametrize("name", GEOMETRIC)
def test_the_map_stays_on_its_image(name, form):
    torch.manual_seed(3)
    measured = 0
    for index in range(5):
        image, mask = white_scene(index)
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
    image, mask = white_scene(1)
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
        image, mask = white_scene(index)
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
    image, mask = white_scene(1)
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


def test_a_map_survives_copies_and_the_way_between_processes():
    # Cropped to nothing, but of an image that has an object.
    cropped = F.crop(SoftMap(white_scene(0)[1]), 0, 0, 1, 1)
    for other in (copy.deepcopy(cropped), pickle.loads(pickle.dumps(cropped))):
        assert isinstance(other, SoftMap)
        assert other.holds_foreground
        np.testing.assert_array_equal(other.numpy(), cropped.numpy())


@pytest.mark.parametrize("value", [2.0, np.nan])
def test_a_map_outside_0_to_1_is_refused(value):
    with pytest.raises(InputError, match="lies in"):
        SoftMap(np.full((2, 2), value, np.float32))
