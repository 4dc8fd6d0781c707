"""What copy-paste is: its settings, backgrounds and blendings (paper, section 5.2)."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from dilo.augment.backgrounds import (
    border,
    grey,
    mined,
    other_image,
    painted_out,
    procedural,
    texture,
)
from dilo.augment.blending import BLUR_SIGMA, gaussian, keep, mix
from dilo.augment.sources import PictureFolder, Setting, Sources
from dilo.data.image_set import Examples
from dilo.errors import InputError
from dilo.image import Image, Map
from dilo.kernel_cache import njit

__all__ = [
    "BACKGROUNDS",
    "BLENDINGS",
    "CopyPasteConfig",
    "map_to_alpha",
    "open_sources",
    "paste_probability",
]


class Background(Protocol):
    """Makes what the foreground is pasted on; see `augment.backgrounds`."""

    def __call__(
        self,
        rng: np.random.Generator,
        height: int,
        width: int,
        setting: Setting = ...,
        /,
    ) -> Image:
        """Make a background, uint8 (height, width, 3)."""
        ...


class Blending(Protocol):
    """Softens the edge of an alpha; see `augment.blending`."""

    def __call__(
        self, rng: np.random.Generator, alpha: Map, blur: float = ..., /
    ) -> Map:
        """Give the alpha of the whole image, float32 (H, W) in [0, 1]."""
        ...


BACKGROUNDS: dict[str, Background] = {
    "grey": grey,
    "texture": texture,
    "procedural": procedural,
    "mined": mined,
    "border": border,
    "painted_out": painted_out,
    "other": other_image,
}
BLENDINGS: dict[str, Blending] = {
    "none": keep,
    "gaussian": gaussian,
    "mix": mix,
}

# An object that shrinks to 1 / max_scale is cut out of an image that is padded to as
# many times its sides: at 10, some 100 MB for a photograph of 500 x 375 pixels.
MAX_SCALE = 10

# The backgrounds that read pictures, each with the field that says where they are.
FOLDERS = {"texture": "textures", "mined": "bank"}

# Those that are made of other images of the data set.
OTHERS = ("painted_out", "other")

# Those that are made of the image itself.
OF_ITSELF = ("border",)

_REMEDIES = {
    "textures": "background procedural needs no textures",
    "bank": "fill it with `dilo mine-backgrounds IMAGES MASKS --out BANK`",
}


@dataclass(frozen=True, kw_only=True)
class CopyPasteConfig:
    """How often, onto what, how softly and where the foreground is pasted."""

    # Of pasting, for each view by itself; 1 - probability keeps the original.
    probability: float = 0.5  # Table 2b: flat from 0.2 to 0.5, harmful at 1.0
    background: str = "grey"  # Table 2c: grey 59.3, mined crops 59.2, texture 57.1
    textures: str | None = None  # folder of pictures, for background texture
    bank: str | None = None  # of `dilo mine-backgrounds`, for background mined
    # Share of the training during which the probability rises evenly from 0; 0 is the
    # paper. Pasting makes instances much harder to tell apart, and a network that meets
    # it at once stays near chance for most of a short training (docs/RESULTS.md).
    ramp: float = 0.4
    blending: str = "mix"  # Table 2d: as good as none; edges then give nothing away
    blur: float = BLUR_SIGMA  # sigma of the blending, of the image's short side
    # alpha = clip((map - alpha_low) / (alpha_high - alpha_low), 0, 1). Classic maps are
    # half transparent on the object (RBD's mean there is .64 on photographs); this
    # curve brings them nearest to exact masks. 0 and 1 are the paper's raw soft alpha.
    alpha_low: float = 0.1
    alpha_high: float = 0.4
    # The paper pastes in place. What was cut off at the image's edge shows its cut when
    # it is moved.
    shift: float = 0.0  # of the view's side, at most, in each direction
    max_scale: float = 1.0  # the object grows by 1 / max_scale to max_scale
    min_cover: float = 0.0  # of the object, that every crop shows where it can
    missing: Literal["keep", "refuse"] = "keep"  # what becomes of images without a map

    @property
    def moves(self) -> bool:
        """Whether objects are pasted elsewhere or at another size."""
        return self.shift > 0 or self.max_scale > 1

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            InputError: a value lies outside its range, or a name is unknown.
        """
        for field in ("probability", "ramp", "blur", "shift", "min_cover"):
            value = getattr(self, field)
            if not 0 <= value <= 1:
                raise InputError(f"copy-paste {field} must be in [0, 1], got {value}")
        for field, known in (
            ("background", tuple(BACKGROUNDS)),
            ("blending", tuple(BLENDINGS)),
            ("missing", ("keep", "refuse")),
        ):
            name = getattr(self, field)
            if name not in known:
                raise InputError(
                    f"{field} must be one of {', '.join(known)}, got {name!r}"
                )
        if not 0 <= self.alpha_low < self.alpha_high <= 1:
            raise InputError(
                "alpha_low and alpha_high must be in [0, 1] and rise, got "
                f"{self.alpha_low} and {self.alpha_high}"
            )
        if not 1 <= self.max_scale <= MAX_SCALE:
            raise InputError(
                f"max_scale must be in [1, {MAX_SCALE}], got {self.max_scale}"
            )
        folder = FOLDERS.get(self.background)
        if folder is not None and getattr(self, folder) is None:
            raise InputError(
                f"background {self.background} needs {folder}, a folder of pictures; "
                f"{_REMEDIES[folder]}"
            )


def open_sources(config: CopyPasteConfig, others: Examples | None = None) -> Sources:
    """Open what the config's backgrounds are made of, once for all views.

    Args:
        config: names the folders.
        others: the images of the data set, for backgrounds made of them.

    Raises:
        InputError: a folder is missing or holds no picture, or there are no others.
    """
    if config.background in OTHERS and not (others and others.names):
        raise InputError(
            f"background {config.background} needs the other images of the data set"
        )
    folders = {
        field: PictureFolder(path, _REMEDIES[field])
        for field in _REMEDIES
        if (path := getattr(config, field)) is not None
    }
    return Sources(others=others, **folders)


def paste_probability(config: CopyPasteConfig, progress: float) -> float:
    """Give the probability of pasting after `progress`, in [0, 1], of the training."""
    if progress >= config.ramp:
        return config.probability
    return config.probability * progress / config.ramp


def map_to_alpha(saliency: Map, config: CopyPasteConfig) -> Map:
    """Turn a saliency map into an alpha by the config's curve: float32 (H, W)."""
    if config.alpha_low == 0 and config.alpha_high == 1:
        return saliency
    alpha = np.empty(saliency.shape, np.float32)
    scale = np.float32(1 / (config.alpha_high - config.alpha_low))
    values = np.ascontiguousarray(saliency).reshape(-1)
    _bend(values, np.float32(config.alpha_low), scale, alpha.reshape(-1))
    return alpha


@njit(nogil=True, fastmath=True)
def _bend(
    values: NDArray[np.float32],
    low: np.float32,
    scale: np.float32,
    result: NDArray[np.float32],
) -> None:
    for i in range(values.size):
        bent = (values[i] - low) * scale
        result[i] = min(max(bent, np.float32(0)), np.float32(1))
