"""Synthetic scenes: procedural objects before procedural backgrounds, exact masks.

The built-in data of the demo, the tests and the examples. Every scene depends on
(seed, index) only.
"""

from dilo.data.synthetic.objects import CLASSES, OBJECTS
from dilo.data.synthetic.scenes import (
    BACKGROUNDS,
    SPLIT_STARTS,
    Scene,
    SceneConfig,
    make_scene,
    paint_background,
    scene_label,
    write_scenes,
)

__all__ = [
    "BACKGROUNDS",
    "CLASSES",
    "OBJECTS",
    "SPLIT_STARTS",
    "Scene",
    "SceneConfig",
    "make_scene",
    "paint_background",
    "scene_label",
    "write_scenes",
]
