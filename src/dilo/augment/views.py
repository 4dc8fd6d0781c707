"""Views: a random crop of an image, pasted or not, jittered and flipped (InstDisc).

Drawing the parameters is apart from applying them, and a view's parameters come from
its own random stream, so that what an image becomes depends on (seed, epoch, index)
alone.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from dilo.augment.box import Box, crop_resize
from dilo.augment.copy_paste import (
    BACKGROUNDS,
    BLENDINGS,
    CopyPasteConfig,
    composite,
    map_to_alpha,
    paste_probability,
)
from dilo.augment.jitter import apply_jitter, draw_jitter, to_grey
from dilo.errors import InputError
from dilo.image import Image, Map

# Test images are reduced to 256 and cropped to 224: the same ratio at every size.
TEST_RESIZE = 256 / 224

_PROBABILITIES = ("grey_probability", "jitter_probability", "flip_probability")


@dataclass(frozen=True, kw_only=True)
class ViewConfig:
    """InstDisc's augmentation, the defaults being those of its ImageNet recipe."""

    min_area: float = 0.2  # of the image, that a crop shows at least
    max_aspect: float = 4 / 3
    grey_probability: float = 0.2
    jitter: tuple[float, ...] = (0.4, 0.4, 0.4, 0.4)  # brightness contrast sat. hue
    jitter_probability: float = 1.0
    flip_probability: float = 0.5
    copy_paste: CopyPasteConfig = field(default_factory=CopyPasteConfig)

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            InputError: a value lies outside its range.
        """
        for name in ("min_area", *_PROBABILITIES):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise InputError(f"{name} must be in [0, 1], got {value}")
        # Beyond 1 a factor could turn negative and swap dark and bright.
        limits = (1.0, 1.0, 1.0, 0.5)
        if len(self.jitter) != 4 or not all(
            0 <= strength <= limit
            for strength, limit in zip(self.jitter, limits, strict=True)
        ):
            raise InputError(
                "jitter is four strengths (brightness, contrast, saturation in [0, 1], "
                f"hue in [0, 0.5]), got {self.jitter}"
            )
        if not 1 <= self.max_aspect < math.inf:
            raise InputError(f"max_aspect must be at least 1, got {self.max_aspect}")


def view_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Give sample `index` of `epoch` its own stream, whatever the worker count."""
    return np.random.default_rng((seed, epoch, index))


def draw_crop(
    rng: np.random.Generator, height: int, width: int, config: ViewConfig
) -> Box:
    """Draw a box of random area and aspect, uniform in area and in log aspect.

    Ten boxes are tried; if none fits, which happens to very long images, the largest
    central box of an allowed aspect is taken.
    """
    log_aspect = np.log(config.max_aspect)
    for _ in range(10):
        area = height * width * rng.uniform(config.min_area, 1.0)
        aspect = np.exp(rng.uniform(-log_aspect, log_aspect))
        box_width = round(float(np.sqrt(area * aspect)))
        box_height = round(float(np.sqrt(area / aspect)))
        if 0 < box_width <= width and 0 < box_height <= height:
            top = int(rng.integers(height - box_height + 1))
            left = int(rng.integers(width - box_width + 1))
            return Box(top=top, left=left, height=box_height, width=box_width)
    box_width = max(1, min(width, round(height * config.max_aspect)))
    box_height = max(1, min(height, round(width * config.max_aspect)))
    return Box(
        top=(height - box_height) // 2,
        left=(width - box_width) // 2,
        height=box_height,
        width=box_width,
    )


def train_view(
    image: Image,
    saliency: Map | None,
    crop_size: int,
    config: ViewConfig,
    rng: np.random.Generator,
    progress: float = 1.0,
) -> Image:
    """Make one training view: uint8 (crop_size, crop_size, 3).

    Image and map are cropped by the same box and composited at the crop's size, which
    is what compositing first would give, at a fraction of the cost.

    Args:
        image: uint8 (H, W, 3).
        saliency: float32 (H, W), or None where the image must stay as it is.
        crop_size: side of the view in pixels.
        config: the augmentation.
        rng: the view's own stream.
        progress: share of the training that is over, for a probability that rises.
    """
    height, width = image.shape[:2]
    box = draw_crop(rng, height, width, config)
    # Drawn whether or not there is a map: with and without masks, the same image gets
    # the same crop, jitter and flip, so that runs differ in the pasting alone.
    pasted = rng.random() < paste_probability(config.copy_paste, progress)
    paste_seed = rng.integers(2**63)
    view = crop_resize(image, box, crop_size)
    if saliency is not None and pasted:
        paste_rng = np.random.default_rng(paste_seed)
        view = _paste(view, saliency, box, config.copy_paste, paste_rng)
    return _colour_and_flip(view, config, rng)


def centre_view(image: Image, crop_size: int) -> Image:
    """Make the test view, the central crop of the reduced image: uint8 (S, S, 3)."""
    height, width = image.shape[:2]
    side = max(1, round(min(height, width) / TEST_RESIZE))
    box = Box(
        top=(height - side) // 2, left=(width - side) // 2, height=side, width=side
    )
    return crop_resize(image, box, crop_size)


def _paste(
    view: Image,
    saliency: Map,
    box: Box,
    config: CopyPasteConfig,
    rng: np.random.Generator,
) -> Image:
    height, width = view.shape[:2]
    background = BACKGROUNDS[config.background](rng, height, width)
    alpha = map_to_alpha(saliency, config)
    # The blur is relative to the image and so comes before the crop.
    alpha = BLENDINGS[config.blending](rng, alpha)
    return composite(view, crop_resize(alpha, box, height), background)


def _colour_and_flip(
    view: Image, config: ViewConfig, rng: np.random.Generator
) -> Image:
    if rng.random() < config.grey_probability:
        view = to_grey(view)
    if rng.random() < config.jitter_probability:
        view = apply_jitter(view, draw_jitter(rng, config.jitter))
    if rng.random() < config.flip_probability:
        view = view[:, ::-1]
    return np.ascontiguousarray(view)
