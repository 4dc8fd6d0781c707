"""Chains of augmentations as configs, and those of the papers by name."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from dilo.augment.copy_paste import CopyPasteConfig
from dilo.config import SHARE, check, setting
from dilo.errors import InputError

Crop = Literal["centre", "spatial", "scale"]


@dataclass(frozen=True, kw_only=True)
class ViewConfig:
    """One chain: crop, copy-paste, colour, blur, flip; the defaults are InstDisc's."""

    crop: Crop = "scale"
    """Where a view is cut from its image: scale (anywhere, of any size), spatial
    (anywhere, of the test crop's size), or centre (the test crop)."""

    min_area: float = setting(0.2, SHARE)
    """Share of the image that a crop of any size shows at least."""

    max_aspect: float = setting(
        4 / 3, ("must be at least 1", lambda aspect: 1 <= aspect < math.inf)
    )
    """Longer over shorter side of such a crop, at most."""

    grey_probability: float = setting(0.2, SHARE)
    """Of replacing the colours of a view by their grey."""

    grey_last: bool = False
    """Grey behind the jitter, as in MoCo v2, rather than before it."""

    jitter: tuple[float, ...] = (0.4, 0.4, 0.4, 0.4)
    """Strengths of the colour jitter: brightness, contrast, saturation, hue."""

    jitter_probability: float = setting(1.0, SHARE)
    """Of jittering the colours of a view."""

    blur_probability: float = setting(0.0, SHARE)
    """Of blurring a view."""

    blur_sigma: tuple[float, ...] = (0.1, 2.0)
    """Smallest and largest sigma of that blur, in pixels of the view, drawn evenly."""

    flip_probability: float = setting(0.5, SHARE)
    """Of mirroring a view left and right."""

    copy_paste: CopyPasteConfig = field(default_factory=CopyPasteConfig)

    def __post_init__(self) -> None:
        check(self)
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
        if len(self.blur_sigma) != 2 or not (
            0 < self.blur_sigma[0] <= self.blur_sigma[1] < math.inf
        ):
            raise InputError(
                "blur_sigma is the smallest and the largest sigma, in pixels, got "
                f"{self.blur_sigma}"
            )


_CENTRE = ViewConfig(
    crop="centre", flip_probability=0, jitter_probability=0, grey_probability=0
)
_FLIP = replace(_CENTRE, flip_probability=0.5)
_SPATIAL = replace(_FLIP, crop="spatial")
_SCALE = replace(_SPATIAL, crop="scale")
_JITTER = replace(_SCALE, jitter_probability=1.0)
_GREY = replace(_JITTER, grey_probability=0.2)

VIEW_CHAINS: dict[str, ViewConfig] = {
    "instdisc": ViewConfig(),
    "moco_v1": ViewConfig(),  # MoCo took InstDisc's chain over
    "moco_v2": ViewConfig(
        jitter=(0.4, 0.4, 0.4, 0.1),
        jitter_probability=0.8,
        grey_last=True,
        blur_probability=0.5,
    ),
    # Table 1 of the paper: each adds one augmentation to the former.
    "table1_centre_crop": _CENTRE,  # linear accuracy 5.8 %
    "table1_flip": _FLIP,  # 7.3 %
    "table1_spatial_crop": _SPATIAL,  # 24.7 %
    "table1_scale_crop": _SCALE,  # 36.8 %
    "table1_colour_jitter": _JITTER,  # 51.7 %
    "table1_grey": _GREY,  # 56.5 %
}


def view_chain(name: str, copy_paste: CopyPasteConfig | None = None) -> ViewConfig:
    """Look up a chain of `VIEW_CHAINS`, pasting as `copy_paste` says.

    Raises:
        InputError: there is no chain of that name.
    """
    if name not in VIEW_CHAINS:
        raise InputError(
            f"the chain of views must be one of {', '.join(VIEW_CHAINS)}, got {name!r}"
        )
    chain = VIEW_CHAINS[name]
    return chain if copy_paste is None else replace(chain, copy_paste=copy_paste)
