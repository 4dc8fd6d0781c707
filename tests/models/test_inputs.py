import copy
import pickle

import numpy as np
import PIL.Image
import pytest
import torch
from scipy import ndimage
from torch import nn

from dilo.errors import InputError
from dilo.models import backbone
from dilo.models.inputs import INPUTS, grey, luma, sobel, with_input
from dilo.models.normalise import normalise

VIEWS = np.random.default_rng(0).integers(0, 256, (2, 9, 7, 3), np.uint8)
IMAGES = normalise(torch.from_numpy(VIEWS))


def step_images() -> torch.Tensor:
    """Black to the left, white from column 3 on: (1, 3, 6, 6), normalised."""
    views = np.zeros((1, 6, 6, 3), np.uint8)
    views[:, :, 3:] = 255
    return normalise(torch.from_numpy(views))


def test_luma_is_that_of_pillow():
    for image, ours in zip(VIEWS, luma(IMAGES), strict=True):
        theirs = np.asarray(PIL.Image.fromarray(image).convert("L"))
        np.testing.assert_allclose(255 * ours.numpy(), theirs, atol=0.51)


def test_grey_images_stay_and_colours_become_grey():
    plain = VIEWS[..., :1].repeat(3, axis=3)
    images = normalise(torch.from_numpy(plain))
    torch.testing.assert_close(grey(images), images)
    torch.testing.assert_close(grey(grey(IMAGES)), grey(IMAGES))
    torch.testing.assert_close(luma(grey(IMAGES)), luma(IMAGES))


def test_sobel_of_a_step():
    dx, dy, magnitude = sobel(step_images())[0]
    expected = torch.zeros(6, 6)
    expected[:, 2:4] = 2.0
    torch.testing.assert_close(dx, expected)
    torch.testing.assert_close(dy, torch.zeros(6, 6))
    torch.testing.assert_close(magnitude, expected, atol=2e-6, rtol=0)
    turned = sobel(step_images().transpose(2, 3))[0]
    torch.testing.assert_close(turned[1], expected.T)


def test_sobel_is_that_of_scipy():
    result = sobel(IMAGES)
    for plane, ours in zip(luma(IMAGES).numpy(), result.numpy(), strict=True):
        across = ndimage.sobel(plane, axis=1, mode="nearest") / 2
        down = ndimage.sobel(plane, axis=0, mode="nearest") / 2
        theirs = [across, down, np.hypot(across, down)]
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("see", [grey, sobel])
def test_a_flat_image_has_a_gradient(see):
    images = torch.zeros(1, 3, 5, 5, requires_grad=True)
    see(images).sum().backward()
    assert images.grad.isfinite().all()


@pytest.mark.parametrize("see", [grey, sobel])
def test_what_a_network_reads_lies_in_channels_last_order(see):
    assert see(IMAGES).shape == IMAGES.shape
    assert see(IMAGES).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", INPUTS)
def test_a_network_sees_its_input_after_copying_and_pickling_too(name):
    torch.manual_seed(0)
    plain = backbone("conv6").eval()
    network = with_input(copy.deepcopy(plain), name)
    see = {"rgb": lambda images: images, "grey": grey, "sobel": sobel}[name]
    expected = plain(see(IMAGES))
    assert list(network.state_dict()) == list(plain.state_dict())
    again = pickle.loads(pickle.dumps(network))
    for each in (network, copy.deepcopy(network), again):
        torch.testing.assert_close(each(IMAGES), expected)


def test_unknown_and_second_inputs_are_refused():
    with pytest.raises(InputError, match=r"one of rgb, grey, sobel, got 'lab'"):
        with_input(nn.Identity(), "lab")
    network = with_input(nn.Identity(), "grey")
    with pytest.raises(InputError, match="already"):
        with_input(network, "sobel")
