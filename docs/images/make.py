"""Draw the pictures of README.md from synthetic scenes.

    python docs/images/make.py

Writes scenes.png beside this file: what RBD finds in built-in scenes, and what
copy-paste makes of it.
"""

from pathlib import Path

import numpy as np
import PIL.Image

from dilo.augment import BLENDINGS, CopyPasteConfig, composite, map_to_alpha
from dilo.augment.backgrounds import grey as grey_background
from dilo.data.synthetic import BACKGROUNDS, CLASSES, Scene, SceneConfig, make_scene
from dilo.image import Image
from dilo.report.pictures import grey
from dilo.report.sheet import CELL, Cell, SheetRow, draw_sheet
from dilo.saliency import rbd

SCENES = SceneConfig(size=CELL, correlation=0.7)
# The first scenes of the series as they come, not the ones on which RBD does best.
SHOWN = 6
# The curve from map to alpha that brings RBD maps nearest to exact masks.
SHARP = CopyPasteConfig(alpha_low=0.1, alpha_high=0.4)


def main() -> None:
    """Draw every picture."""
    scenes = [make_scene(SCENES, number) for number in range(SHOWN)]
    columns = [pictures(scene, number) for number, scene in enumerate(scenes)]
    rows = [
        SheetRow(label=label, cells=[Cell(image=column[label]) for column in columns])
        for label in columns[0]
    ]
    sheet = draw_sheet([title(scene) for scene in scenes], rows)
    out = Path(__file__).with_name("scenes.png")
    PIL.Image.fromarray(sheet).save(out, optimize=True)


def title(scene: Scene) -> str:
    """Name the class and the kind of background of a scene."""
    return f"{CLASSES[scene.label]}, {BACKGROUNDS[scene.background]}"


def pictures(scene: Scene, number: int) -> dict[str, Image]:
    """Give what is shown of one scene, by its label."""
    rng = np.random.default_rng(number)
    saliency = rbd(scene.image)
    alpha = BLENDINGS["mix"](rng, map_to_alpha(saliency, SHARP))
    background = grey_background(rng, alpha.shape)
    return {
        "scene": scene.image,
        "RBD map": grey(saliency),
        "pasted on grey": composite(scene.image, alpha, background),
        "exact mask, for comparison": grey(scene.mask.astype(np.float32)),
    }


if __name__ == "__main__":
    main()
