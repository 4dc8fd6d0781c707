"""The kinds of background, and painting one."""

from collections.abc import Callable

import cv2
import numpy as np

from dilo.data.synthetic import landscapes, surfaces
from dilo.data.synthetic.draw import Draw
from dilo.data.synthetic.noise import Field, grid
from dilo.errors import InputError
from dilo.image import Image

PAINTERS: dict[str, Callable[[Draw, Field, Field], Field]] = {
    "sky": landscapes.sky,
    "sea": landscapes.sea,
    "sunset": landscapes.sunset,
    "mountains": landscapes.mountains,
    "snow": landscapes.snow,
    "field": landscapes.field,
    "dunes": landscapes.dunes,
    "fog": landscapes.fog,
    "forest": landscapes.forest,
    "road": landscapes.road,
    "night": landscapes.night,
    "meadow": landscapes.meadow,
    "grass": surfaces.grass,
    "sand": surfaces.sand,
    "brick": surfaces.brick,
    "wood": surfaces.wood,
    "water": surfaces.water,
    "gravel": surfaces.gravel,
    "leaves": surfaces.leaves,
    "stone": surfaces.stone,
    "rain": surfaces.rain,
    "reef": surfaces.reef,
    "earth": surfaces.earth,
    "moss": surfaces.moss,
}
BACKGROUNDS: tuple[str, ...] = tuple(PAINTERS)

# Objects are in focus, what is behind them often is not; as a share of the size.
MAX_BLUR = 0.018
# Share of its brightness that a patch gains or loses at most. This, the litter and the
# fading of objects make classical saliency about as hard as it is on photographs.
SHADE = 0.5


def paint_background(kind: str, size: int, rng: np.random.Generator) -> Image:
    """Paint a background alone, uint8 (S, S, 3).

    Args:
        kind: one of `BACKGROUNDS`.
        size: S, in pixels.
        rng: draws palette, layout and blur.

    Raises:
        InputError: there is no such kind, or `size` is below 8.
    """
    if kind not in PAINTERS:
        raise InputError(f"background is one of {', '.join(BACKGROUNDS)}, got {kind!r}")
    if size < 8:
        raise InputError(f"size must be at least 8 pixels, got {size}")
    blur = rng.uniform(0, MAX_BLUR) * size
    exposure = rng.uniform(0.85, 1.1)
    draw = Draw(rng, size)
    picture = _dapple(draw, PAINTERS[kind](draw, *grid(size)))
    picture = picture * np.float32(255 * exposure)
    if blur > 0.3:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.float32)
    return np.rint(picture).clip(0, 255).astype(np.uint8)


def _dapple(draw: Draw, picture: Field) -> Field:
    """Let patches of light and shade fall on it."""
    cells = int(draw.rng.integers(2, 5))
    patches = draw.noise((cells, cells), 3) * 2.5
    strength = np.float32(draw.uniform(0, SHADE))
    return picture * (1 + strength * np.clip(patches, -1, 1))[..., None]
