"""Synthetic scenes: procedural objects before procedural backgrounds, exact masks.

The built-in data of the demo, the tests and the examples. Every scene depends on
(seed, index) only.
"""

from dilo.data.synthetic.backgrounds import BACKGROUNDS, paint_background
from dilo.data.synthetic.objects import CLASSES, OBJECTS
from dilo.data.synthetic.scene import Scene, SceneConfig, make_scene, scene_label
from dilo.data.synthetic.write import SPLIT_STARTS, write_scenes

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
