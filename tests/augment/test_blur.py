import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as functional
from scipy.ndimage import gaussian_filter

from dilo.augment.blur import gaussian_blur
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


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 1.4, 2.0, 3.1, 40.0])
@pytest.mark.parametrize("shape", [(40, 56), (20, 99)])
def test_an_image_is_blurred_as_its_levels_are_in_double_precision(sigma, shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    reach, filters = round(3 * sigma), {"sigma": (sigma, sigma, 0), "mode": "mirror"}
    exact = gaussian_filter(image.astype(float), radius=(reach, reach, 0), **filters)
    apart = gaussian_blur(image, sigma) - exact
    assert np.abs(apart).max() < 0.7
    # OpenCV rounds a wide kernel's weights, of which some sum to less than 1.
    assert abs(apart.mean()) < (0.05 if sigma < 20 else 0.15)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.3, 2.0, 5.0, 20.0])
def test_what_is_flat_stays_as_it_is(sigma):
    for level in (0, 1, 128, 254, 255):
        image = np.full((9, 31, 3), level, np.uint8)
        np.testing.assert_array_equal(gaussian_blur(image, sigma), image)


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
