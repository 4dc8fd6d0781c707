import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as functional

from dilo.augment.blur import gaussian_blur, gaussian_weights
from dilo.errors import InputError


@pytest.mark.parametrize("sigma", [0.1, 0.4, 1.0, 2.0])
def test_blur_agrees_with_torchvision(sigma):
    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    pixels = torch.from_numpy(image).permute(2, 0, 1)
    theirs = functional.gaussian_blur(pixels, [23, 23], [sigma, sigma])
    apart = np.abs(
        gaussian_blur(image, sigma).astype(int) - theirs.permute(1, 2, 0).numpy()
    )
    assert apart.mean() < 0.3
    assert apart.max() <= 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 2)])
def test_images_smaller_than_the_kernel_are_mirrored_again_and_again(shape):
    image = np.full((*shape, 3), 77, np.uint8)
    np.testing.assert_array_equal(gaussian_blur(image, 2.0), image)


def test_weights_sum_to_one():
    for sigma in (0.1, 0.7, 3.0):
        weights = gaussian_weights(sigma)
        assert 2 * weights.sum() - weights[0] == pytest.approx(1)


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan")])
def test_a_sigma_that_is_not_positive_is_refused(sigma):
    with pytest.raises(InputError, match="sigma of a blur must be positive, got"):
        gaussian_blur(np.zeros((4, 4, 3), np.uint8), sigma)


@pytest.mark.parametrize("sigma", [0.4, 1.3, 3.0])
def test_maps_are_blurred_as_torchvision_does(sigma):
    saliency = np.random.default_rng(0).random((40, 56), np.float32)
    theirs = functional.gaussian_blur(
        torch.from_numpy(saliency)[None], [31, 31], [sigma, sigma]
    )
    np.testing.assert_allclose(gaussian_blur(saliency, sigma), theirs[0], atol=0.003)
