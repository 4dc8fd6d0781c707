"""sRGB to CIE Lab, in the variants that the saliency methods were defined with.

The variants differ a little on purpose: maps follow the published programs only if
each stage uses the conversion of that stage.
"""

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Image, check_image
from dilo.kernel_cache import njit

# RGB to XYZ (D65), each row divided by the white point, so that white is (1, 1, 1).
_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
) / np.array([[0.9505], [1.0], [1.089]])

_MEAN_XYZ = np.linalg.inv(
    [
        [3.240479, -1.53715, -0.498535],
        [-0.969256, 1.875992, 0.041556],
        [0.055648, -0.204043, 1.057311],
    ]
) / np.array([[0.950456], [1.0], [1.088754]])

_MC_XYZ = np.array(  # divided by the white point already
    [
        [0.4339563, 0.3762153, 0.1898430],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0177578, 0.1094756, 0.8728363],
    ]
)

_GREY = np.arange(256) / 255


def _linear_light(exponent: float) -> NDArray[np.float32]:
    """Linear light of the 256 grey levels by the sRGB curve; its exponent is 2.4."""
    light = np.where(
        _GREY > 0.04045, ((_GREY + 0.055) / 1.055) ** exponent, _GREY / 12.92
    )
    return light.astype(np.float32)


# Linear light and RGB to XYZ of the pixels, for superpixels. In single precision.
Space = tuple[NDArray[np.float32], NDArray[np.float32]]
RBD_SPACE: Space = (_linear_light(2.2), _XYZ.astype(np.float32))
MC_SPACE: Space = (_linear_light(2.4), _MC_XYZ.astype(np.float32))


def pixel_lab(image: Image, space: Space = RBD_SPACE) -> NDArray[np.float32]:
    """Convert every pixel to Lab, for superpixels.

    Args:
        image: uint8 (H, W, 3).
        space: `RBD_SPACE` for RBD and GS, or `MC_SPACE`.

    Returns:
        float32 (H, 3, W): row by row L, a, b, so that one row lies together.

    Raises:
        InputError: `image` is no Image.
    """
    check_image(image)
    height, width, _ = image.shape
    lab = np.empty((height, 3, width), np.float32)
    _pixel_lab(np.ascontiguousarray(image), *space, lab)
    return lab


def mean_lab(rgb: NDArray[np.floating]) -> NDArray[np.float64]:
    """Convert mean colours, (N, 3) in 0..255, to Lab, for the regions of RBD and GS.

    Raises:
        InputError: `rgb` is not (N, 3).
    """
    _check_colours(rgb)
    return _region_lab(rgb / np.float64(255), 1 / 0.45, _MEAN_XYZ, (841 / 108, 4 / 29))


def mc_mean_lab(rgb: NDArray[np.floating]) -> NDArray[np.float64]:
    """Convert mean colours, (N, 3) in 0..255, to MC's Lab of regions.

    The released program takes the curve of 0..1 at 0..255. That makes it a pure power;
    L then reaches 6,500, and only the proportions of distances mean something.

    Raises:
        InputError: `rgb` is not (N, 3).
    """
    _check_colours(rgb)
    return _region_lab(rgb.astype(np.float64), 2.222, _MC_XYZ, (7.787069, 0.137931))


def _check_colours(rgb: NDArray[np.floating]) -> None:
    if not isinstance(rgb, np.ndarray) or rgb.ndim != 2 or rgb.shape[1] != 3:
        raise InputError(f"mean colours are an array (N, 3), got {np.shape(rgb)}")


@njit(nogil=True)
def _region_lab(rgb, exponent, matrix, line):  # type: ignore[no-untyped-def]
    """Convert to Lab by the curve of ITU-R BT.709; near black the root is a line."""
    lab, linear, root = np.empty(rgb.shape), np.empty(3), np.empty(3)
    for i in range(len(rgb)):
        for c in range(3):
            light = ((rgb[i, c] + 0.099) / 1.099) ** exponent
            linear[c] = light if light >= 0.018 else rgb[i, c] / 4.5138
        for c in range(3):
            t = matrix[c, 0] * linear[0] + matrix[c, 1] * linear[1]
            t += matrix[c, 2] * linear[2]
            root[c] = np.cbrt(t) if t > 0.008856 else line[0] * t + line[1]
        lab[i, 0] = 116 * root[1] - 16
        lab[i, 1], lab[i, 2] = 500 * (root[0] - root[1]), 200 * (root[1] - root[2])
    return lab


@njit(nogil=True, fastmath={"contract"})
def _pixel_lab(image, linear, matrix, lab):  # type: ignore[no-untyped-def]
    """Fill `lab` (H, 3, W) from `image` (H, W, 3).

    Unsigned indices throughout: no wrap-around of negative ones to check.
    """
    height, width, _ = image.shape
    pixels, flat = image.reshape(-1), lab.reshape(-1)
    span = np.uint64(width)
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    light = np.empty(3 * width, np.float32)
    xyz, root = np.empty_like(light), np.empty_like(light)
    for y in range(np.uint64(height)):
        row = three * y * span
        for i in range(three * span):
            light[i] = linear[pixels[row + i]]
        for x in range(span):
            r, g, b = light[three * x], light[three * x + one], light[three * x + two]
            xyz[x] = matrix[0, 0] * r + matrix[0, 1] * g + matrix[0, 2] * b
            xyz[span + x] = matrix[1, 0] * r + matrix[1, 1] * g + matrix[1, 2] * b
            xyz[two * span + x] = matrix[2, 0] * r + matrix[2, 1] * g + matrix[2, 2] * b
        _lab_curve(xyz, root)
        start = three * y * span
        for x in range(span):
            fy = root[span + x]
            flat[start + x] = np.float32(116) * fy - np.float32(16)
            flat[start + span + x] = np.float32(500) * (root[x] - fy)
            flat[start + two * span + x] = np.float32(200) * (fy - root[two * span + x])


@njit(nogil=True, fastmath={"contract"})
def _lab_curve(t, root):  # type: ignore[no-untyped-def]
    """Write the cube root of `t` (straight near 0) to `root`; t is clamped at 1.

    A third of the float's bits, subtracted, is a first guess of t^(-1/3), good to 6 %.
    Two terms of the series of (1 - h)^(-1/3), where h is what t y^3 lacks of 1, make it
    exact to float32; without division, and unlike cbrt() all of it runs in SIMD.
    """
    third, single = np.float32(1 / 3), np.float32
    bits, guess = t.view(np.int32), root.view(np.int32)
    for i in range(np.uint64(t.size)):
        t[i] = min(t[i], single(1))
    for i in range(np.uint64(t.size)):
        guess[i] = np.int32(0x54A2FA8C) - np.int32(single(bits[i]) * third)
    for i in range(np.uint64(t.size)):
        v, y = t[i], root[i]
        h = single(1) - v * y * y * y
        y += y * h * (third + h * (single(2 / 9) + h * single(14 / 81)))
        h = single(1) - v * y * y * y
        y += y * h * (third + h * single(2 / 9))
        line = single(7.787) * v + single(16 / 116)
        root[i] = v * y * y if v > single(0.008856) else line
