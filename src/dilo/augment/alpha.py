"""The alpha of a foreground: from its map, and as a view shows it."""

import numpy as np

from dilo.augment.copy_paste import CopyPasteConfig
from dilo.augment.crop import Box, resample_map
from dilo.errors import InputError
from dilo.image import Map, same_aspect
from dilo.kernel_cache import njit


def map_to_alpha(saliency: Map, config: CopyPasteConfig) -> Map:
    """Turn a map into an alpha by the config's curve: float32 (H, W) in [0, 1].

    Raises:
        InputError: `saliency` is not float32 (H, W) with at least one pixel.
    """
    check_alpha(saliency)
    low, high = np.float32(config.alpha_low), np.float32(config.alpha_high)
    alpha = np.empty(saliency.shape, np.float32)
    _stretch(np.ascontiguousarray(saliency), low, high, alpha)
    return alpha


def view_alpha(
    alpha: Map, shape: tuple[int, int], box: Box, size: tuple[int, int]
) -> Map:
    """Sample what a view shows of an alpha, with 0 beyond the image: float32 (S, T).

    By the filter that resizes images, at the places where the pixels of the view lie.

    Args:
        alpha: of the whole image, float32 of any size.
        shape: height and width of the image, in pixels.
        box: what the view shows, in pixels of the image.
        size: S and T, of the view.

    Raises:
        InputError: `alpha` is not float32 (H, W), or has another aspect than the image.
    """
    check_alpha(alpha)
    if not same_aspect(shape, alpha.shape):
        raise InputError(f"a map of {alpha.shape} over an image of {shape}")
    if alpha.shape == shape:
        # As the image itself is resized, so that both have the same edges.
        rows = max(box.top, 0), min(box.top + box.height, shape[0])
        columns = max(box.left, 0), min(box.left + box.width, shape[1])
    else:
        rows, columns = (0, alpha.shape[0]), (0, alpha.shape[1])
    if rows[0] >= rows[1] or columns[0] >= columns[1]:
        return np.zeros(size, np.float32)
    down, across = alpha.shape[0] / shape[0], alpha.shape[1] / shape[1]
    down_span = box.top * down, box.height * down, rows
    across_span = box.left * across, box.width * across, columns
    return resample_map(alpha, down_span, across_span, size)


def check_alpha(alpha: Map) -> None:
    """Check that an array can be an alpha or a map, whatever its values.

    Raises:
        InputError: it is not float32 (H, W) with at least one pixel.
    """
    if not isinstance(alpha, np.ndarray):
        raise InputError(f"a map is a numpy array, got {type(alpha).__name__}")
    if alpha.dtype != np.float32 or alpha.ndim != 2 or alpha.size == 0:
        raise InputError(f"a map is float32 (H, W), got {alpha.dtype} {alpha.shape}")


@njit(nogil=True, error_model="numpy")
def _stretch(saliency: Map, low: np.float32, high: np.float32, alpha: Map) -> None:
    scale = np.float32(1) / (high - low)
    for y in range(len(alpha)):
        old, new = saliency[y], alpha[y]
        for x in range(np.uint64(len(new))):
            new[x] = min(max((old[x] - low) * scale, np.float32(0)), np.float32(1))
