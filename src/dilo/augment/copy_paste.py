"""Paste the foreground on another background (paper, section 5.2)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dilo.augment.backgrounds import grey
from dilo.augment.blending import gaussian, keep, mix
from dilo.errors import InputError
from dilo.image import Image, Map

BACKGROUNDS: dict[str, Callable[[np.random.Generator, int, int], Image]] = {
    "grey": grey
}
BLENDINGS: dict[str, Callable[[np.random.Generator, Map], Map]] = {
    "none": keep,
    "gaussian": gaussian,
    "mix": mix,
}


@dataclass(frozen=True, kw_only=True)
class CopyPasteConfig:
    """How often, onto what, and how softly the foreground is pasted."""

    probability: float = 0.5  # Table 2b: flat from 0.2 to 0.5, harmful at 1.0
    background: str = "grey"  # Table 2c: grey 59.3, mined crops 59.2, texture 57.1
    # Share of the training during which the probability rises evenly from 0; 0 is the
    # paper. Pasting makes instances much harder to tell apart, and a network that meets
    # it at once stays near chance for most of a short training (docs/RESULTS.md).
    ramp: float = 0.4
    blending: str = "mix"  # Table 2d: as good as none; edges then give nothing away
    # alpha = clip((map - alpha_low) / (alpha_high - alpha_low), 0, 1). Classic maps are
    # half transparent on the object (RBD's mean there is .64 on photographs); this
    # curve brings them nearest to exact masks. 0 and 1 are the paper's raw soft alpha.
    alpha_low: float = 0.1
    alpha_high: float = 0.4

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            InputError: a value lies outside its range, or a name is unknown.
        """
        for field in ("probability", "ramp"):
            value = getattr(self, field)
            if not 0 <= value <= 1:
                raise InputError(f"copy-paste {field} must be in [0, 1], got {value}")
        for field, name, known in (
            ("background", self.background, BACKGROUNDS),
            ("blending", self.blending, BLENDINGS),
        ):
            if name not in known:
                raise InputError(
                    f"{field} must be one of {', '.join(known)}, got {name!r}"
                )
        if not 0 <= self.alpha_low < self.alpha_high <= 1:
            raise InputError(
                "alpha_low and alpha_high must be in [0, 1] and rise, got "
                f"{self.alpha_low} and {self.alpha_high}"
            )


def paste_probability(config: CopyPasteConfig, progress: float) -> float:
    """Give the probability of pasting after `progress`, in [0, 1], of the training."""
    if progress >= config.ramp:
        return config.probability
    return config.probability * progress / config.ramp


def map_to_alpha(saliency: Map, config: CopyPasteConfig) -> Map:
    """Turn a saliency map into an alpha by the config's curve: float32 (H, W)."""
    if config.alpha_low == 0 and config.alpha_high == 1:
        return saliency
    scale = np.float32(1 / (config.alpha_high - config.alpha_low))
    return ((saliency - np.float32(config.alpha_low)) * scale).clip(0, 1)


def composite(image: Image, alpha: Map, background: Image) -> Image:
    """Lay `image` over `background` with weights `alpha`: uint8 (H, W, 3).

    Args:
        image: the foreground, uint8 (H, W, 3).
        alpha: float32 (H, W) in [0, 1]; 1 shows `image`, 0 shows `background`.
        background: uint8 (H, W, 3).

    Source: paper, section 5.2: the saliency map is a soft alpha, not a cut-out.
    """
    weight = alpha[..., np.newaxis]
    below = background.astype(np.float32)
    return np.rint(below + weight * (image - below)).astype(np.uint8)
