"""sRGB to CIE Lab, in the variants that the saliency methods were defined with.

The variants differ a little on purpose: maps follow the published programs only if
each stage uses the conversion of that stage.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.image import Image

# Linear light of the 256 grey levels as RBD's superpixels see it: the sRGB curve with
# exponent 2.2 where the standard has 2.4.
_GREY = np.arange(256) / 255
_LINEAR = np.where(_GREY > 0.04045, ((_GREY + 0.055) / 1.055) ** 2.2, _GREY / 12.92)

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

# MC's superpixels see the standard sRGB curve, and its matrix is divided by the white
# point already.
_MC_LINEAR = np.where(_GREY > 0.04045, ((_GREY + 0.055) / 1.055) ** 2.4, _GREY / 12.92)
_MC_XYZ = np.array(
    [
        [0.4339563, 0.3762153, 0.1898430],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0177578, 0.1094756, 0.8728363],
    ]
)


def pixel_lab(
    image: Image, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Convert every pixel to Lab, for the superpixels of RBD and GS.

    Args:
        image: uint8 (H, W, 3).
        out: float32 (H, 3, W or more) to write to; None takes new memory.

    Returns:
        float32 (H, 3, W): row by row L, a, b, so that one row lies together.
    """
    lab = out
    if lab is None:
        lab = np.empty((image.shape[0], 3, image.shape[1]), np.float32)
    table = (_LINEAR[:, None, None] * _XYZ.T).astype(np.float32)  # (256, RGB, XYZ)
    _pixel_lab(np.ascontiguousarray(image), table, lab)
    return lab


def mean_lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert mean colours, (N, 3) in 0..255, to Lab, for the regions of RBD and GS."""
    grey = rgb / 255
    linear = ((grey + 0.099) / 1.099) ** (1 / 0.45)  # ITU-R BT.709
    linear = np.where(linear < 0.018, grey / 4.5138, linear)
    t = linear @ _MEAN_XYZ.T
    f = np.where(t >= 0.008856, np.cbrt(t), t * (841 / 108) + 4 / 29)
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def mc_pixel_lab(
    image: Image, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Convert every pixel to Lab, for the superpixels of MC; else as `pixel_lab`."""
    lab = out
    if lab is None:
        lab = np.empty((image.shape[0], 3, image.shape[1]), np.float32)
    table = (_MC_LINEAR[:, None, None] * _MC_XYZ.T).astype(np.float32)
    _pixel_lab(np.ascontiguousarray(image), table, lab)
    return lab


def mc_mean_lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert mean colours, (N, 3) in 0..255, to MC's Lab of regions.

    The released program takes the curve of 0..1 at 0..255. That makes it a pure power;
    L then reaches 6,500, and only the proportions of distances mean something.
    """
    linear = ((rgb + 0.099) / 1.099) ** 2.222  # ITU-R BT.709
    linear = np.where(linear < 0.018, rgb / 4.5138, linear)
    t = linear @ _MC_XYZ.T
    f = np.where(t > 0.008856, np.cbrt(t), 7.787069 * t + 0.137931)
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


@njit(cache=True, nogil=True)
def _pixel_lab(image, table, lab):  # type: ignore[no-untyped-def]
    """Fill `lab` (H, 3, W) from `image` (H, W, 3) with XYZ parts from `table`."""
    height, width, _ = image.shape
    xyz = np.empty(3 * width, np.float32)
    root = np.empty(3 * width, np.float32)
    flat, pitch = lab.reshape(-1), np.uint64(lab.shape[2])
    span = np.uint64(width)  # unsigned: no wrap-around of negative indices to check
    for y in range(height):
        for x in range(width):
            r, g, b = image[y, x, 0], image[y, x, 1], image[y, x, 2]
            for c in range(3):
                xyz[c * width + x] = table[r, 0, c] + table[g, 1, c] + table[b, 2, c]
        _lab_curve(xyz, root)
        start = np.uint64(y) * np.uint64(3) * pitch
        for x in range(span):
            fy = root[span + x]
            flat[start + x] = np.float32(116) * fy - np.float32(16)
            flat[start + pitch + x] = np.float32(500) * (root[x] - fy)
            flat[start + pitch + pitch + x] = np.float32(200) * (
                fy - root[span + span + x]
            )


@njit(cache=True, nogil=True, error_model="numpy")
def _lab_curve(t, root):  # type: ignore[no-untyped-def]
    """Write the cube root of `t` (straight near 0) to `root`; t is clamped at 1.

    A third of the float's bits is a first guess, good to 5 %; two steps of Halley's
    method make it exact to float32, and unlike cbrt() all of it runs in SIMD.
    """
    for i in range(t.size):
        t[i] = min(t[i], np.float32(1))
    bits, guess = t.view(np.int32), root.view(np.int32)
    for i in range(t.size):
        guess[i] = np.int32(np.float32(bits[i]) * np.float32(1 / 3)) + 709921077
    for i in range(t.size):
        v, r = t[i], root[i]
        cube = r * r * r
        r = r * (cube + v + v) / (cube + cube + v)
        cube = r * r * r
        r = r * (cube + v + v) / (cube + cube + v)
        line = np.float32(7.787) * v + np.float32(16 / 116)
        root[i] = r if v > np.float32(0.008856) else line
