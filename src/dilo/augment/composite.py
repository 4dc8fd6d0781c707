"""Composite an image over a background."""

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Image, Map
from dilo.kernel_cache import njit

_BLOCK = 1024  # pixels, whose weights stay in the nearest cache


def composite(image: Image, alpha: Map, background: Image) -> Image:
    """Lay `image` over `background` with weights `alpha`: uint8 (H, W, 3).

    Args:
        image: the foreground, uint8 (H, W, 3).
        alpha: float32 (H, W); 1 shows `image`, 0 shows `background`. Values beyond
            count as 0 and 1, NaN as 0.
        background: uint8 (H, W, 3).

    Raises:
        InputError: the three do not belong together.

    Source: paper, section 5.2: the saliency map is a soft alpha, not a cut-out.
    """
    for name, pixels in (("image", image), ("background", background)):
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise InputError(
                f"the {name} of a composite is uint8 (H, W, 3), got {pixels.dtype} "
                f"{pixels.shape}"
            )
    if alpha.dtype != np.float32 or not (
        alpha.shape == image.shape[:2] == background.shape[:2]
    ):
        raise InputError(
            "a composite takes an alpha, float32 (H, W), of the size of its image and "
            f"background, got {alpha.dtype} {alpha.shape}, {image.shape} and "
            f"{background.shape}"
        )
    result = np.empty(image.shape, np.uint8)
    _composite(
        np.ascontiguousarray(image).reshape(-1),
        np.ascontiguousarray(alpha).reshape(-1),
        np.ascontiguousarray(background).reshape(-1),
        result.reshape(-1),
    )
    return result


@njit(nogil=True, error_model="numpy")
def _composite(
    image: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    background: NDArray[np.uint8],
    result: NDArray[np.uint8],
) -> None:
    """Composite levels, (3 N,), by the block."""
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    block, count = np.uint64(_BLOCK), np.uint64(len(alpha))
    weights = np.empty(3 * _BLOCK, np.float32)
    for start in range(np.uint64(0), count, block):
        for x in range(min(block, count - start)):
            value = alpha[start + x]
            weight = min(value if value > 0 else np.float32(0), np.float32(1))
            weights[three * x] = weight
            weights[three * x + one] = weight
            weights[three * x + two] = weight
        first = three * start
        for i in range(three * min(block, count - start)):
            below = np.float32(background[first + i])
            mixed = below + weights[i] * (np.float32(image[first + i]) - below)
            result[first + i] = np.uint8(np.int32(mixed + np.float32(0.5)))
