"""Composite an image over a background."""

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Image, Map, check_image
from dilo.kernel_cache import njit


def composite(
    image: Image, alpha: Map, background: Image, *, in_place: bool = False
) -> Image:
    """Lay `image` over `background` with weights `alpha`: uint8 (H, W, 3).

    Args:
        image: the foreground, uint8 (H, W, 3).
        alpha: float32 (H, W); 1 shows `image`, 0 shows `background`. Values beyond
            count as 0 and 1, NaN as 0.
        background: uint8 (H, W, 3).
        in_place: write to `image`, which is C-contiguous.

    Raises:
        InputError: the three do not belong together.

    Source: paper, section 5.2: the saliency map is a soft alpha, not a cut-out.
    """
    check_image(image)
    check_image(background)
    if alpha.dtype != np.float32 or not (
        alpha.shape == image.shape[:2] == background.shape[:2]
    ):
        raise InputError(
            "a composite takes an alpha, float32 (H, W), of the size of its image and "
            f"background, got {alpha.dtype} {alpha.shape}, {image.shape} and "
            f"{background.shape}"
        )
    result = image if in_place else np.array(image, order="C")
    if not result.flags.c_contiguous or not result.flags.writeable:
        raise InputError(
            "an image that is composited in place is writeable and C-contiguous"
        )
    if background.strides[0] == 0:  # one row, repeated: as greys have it
        background = background[:1]
    _composite(
        result.reshape(len(image), -1),
        np.ascontiguousarray(alpha),
        np.ascontiguousarray(background).reshape(len(background), -1),
    )
    return result


@njit(nogil=True, error_model="numpy")
def _composite(
    image: NDArray[np.uint8],
    alpha: Map,
    background: NDArray[np.uint8],
) -> None:
    """Composite rows of levels, (H, 3 W), over as many or one for all, in place."""
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    weights = np.empty(image.shape[1], np.float32)
    for y in range(len(image)):
        line, row = alpha[y], image[y]
        under = background[y if len(background) > 1 else 0]
        for x in range(np.uint64(len(line))):
            weight = min(line[x] if line[x] > 0 else np.float32(0), np.float32(1))
            weights[three * x] = weight
            weights[three * x + one] = weight
            weights[three * x + two] = weight
        for i in range(np.uint64(len(weights))):
            below = np.float32(under[i])
            mixed = below + weights[i] * (np.float32(row[i]) - below)
            row[i] = np.uint8(np.int32(mixed + np.float32(0.5)))
