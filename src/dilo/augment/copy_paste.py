"""How often, onto what, how softly and where is pasted (paper, section 5.2)."""

from dataclasses import dataclass
from typing import Literal

from dilo.augment.background_sources import BackgroundSources, PictureFolder
from dilo.augment.backgrounds import BACKGROUNDS
from dilo.augment.blending import BLENDINGS, BLUR_SIGMA
from dilo.config import SHARE, check, setting, within
from dilo.data.image_set import Examples
from dilo.errors import InputError

# An object that shrinks to 1 / max_scale is cut out of an image that is padded to as
# many times its sides: at 10, some 100 MB for a photograph of 500 x 375 pixels.
MAX_SCALE = 10

# The backgrounds that read pictures, each with the field that says where they are.
FOLDERS = {"texture": "textures", "mined": "bank"}

# Those that are made of other images of the data set.
OTHERS = ("painted_out", "other")

_REMEDIES = {
    "textures": "background procedural needs no textures",
    "bank": "fill it with `dilo mine-backgrounds IMAGES MASKS --out BANK`",
}


@dataclass(frozen=True, kw_only=True)
class CopyPasteConfig:
    """How often, onto what, how softly and where the foreground is pasted."""

    # Table 2b: flat from 0.2 to 0.5, harmful at 1.0. Each view is drawn for itself.
    probability: float = setting(0.5, SHARE)
    """Of pasting, for every view of an image that has a map; else the original is
    kept."""

    # Table 2c: grey 59.3, mined crops 59.2, texture 57.1.
    background: str = "grey"
    """What the foreground is pasted on: grey (of random level), texture (--textures),
    procedural (painted textures), mined (--bank), border (the image's own, tiled),
    painted_out (another image without its object), or other (another image)."""

    textures: str | None = None
    """Folder of pictures, at any depth, for --background texture."""

    bank: str | None = None
    """Folder that `dilo mine-backgrounds` made, for --background mined."""

    # Pasting makes instances much harder to tell apart, and a network that meets it at
    # once stays near chance for most of a short training (docs/RESULTS.md).
    ramp: float = setting(0.4, SHARE)
    """Share of the training in which the probability rises evenly from 0; 0 is the
    paper."""

    # Table 2d: as good as none; edges then give nothing away.
    blending: str = "mix"
    """Of the pasted edge: none, gaussian, or mix (each half the time)."""

    blur: float = setting(BLUR_SIGMA, SHARE)
    """Sigma of the gaussian, as a share of the image's short side; the default is 5
    pixels of 375."""

    # alpha = clip((map - alpha_low) / (alpha_high - alpha_low), 0, 1). Classic maps are
    # half transparent on the object (RBD's mean there is .64 on photographs); this
    # curve brings them nearest to exact masks. 0 and 1 are the paper's raw soft alpha.
    alpha_low: float = 0.1
    """Map values up to this become transparent."""

    alpha_high: float = 0.4
    """Map values from this on become opaque; 0 and 1 keep the raw map, as the paper."""

    # The paper pastes in place. What was cut off at the image's edge shows its cut when
    # it is moved.
    shift: float = setting(0.0, SHARE)
    """Move the object by up to this share of the view, in each direction; 0 pastes in
    place."""

    max_scale: float = setting(1.0, within(1, MAX_SCALE))
    """Scale the object by up to this factor, up or down; 1 keeps its size."""

    min_cover: float = setting(0.0, SHARE)
    """Least share of the object that a crop shows, where it can; 0 takes any crop."""

    missing: Literal["keep", "refuse"] = "keep"
    """Images without a foreground map: keep (as they are, and counted), or refuse."""

    @property
    def moves(self) -> bool:
        """Whether objects are pasted elsewhere or at another size."""
        return self.shift > 0 or self.max_scale > 1

    def __post_init__(self) -> None:
        check(self)
        for field, known in (
            ("background", tuple(BACKGROUNDS)),
            ("blending", tuple(BLENDINGS)),
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
        folder = FOLDERS.get(self.background)
        if folder is not None and getattr(self, folder) is None:
            raise InputError(
                f"background {self.background} needs {folder}, a folder of pictures; "
                f"{_REMEDIES[folder]}"
            )


def open_sources(
    config: CopyPasteConfig, others: Examples | None = None
) -> BackgroundSources:
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
    textures, bank = (
        None if path is None else PictureFolder(path, _REMEDIES[field])
        for field, path in (("textures", config.textures), ("bank", config.bank))
    )
    return BackgroundSources(others=others, textures=textures, bank=bank)


def paste_probability(config: CopyPasteConfig, progress: float) -> float:
    """Give the probability of pasting after `progress`, in [0, 1], of the training."""
    if progress >= config.ramp:
        return config.probability
    return config.probability * progress / config.ramp
