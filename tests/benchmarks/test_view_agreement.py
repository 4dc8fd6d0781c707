"""Every step of a view against torchvision's, by the script that measures it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest

from dilo.data.synthetic import SceneConfig, make_scene

# Mean difference over all images, and the largest, in grey levels. Blends, greys and
# weights are rounded to the nearest by us and downwards by torchvision's tensors;
# Pillow turns hues in HSV of 8 bits.
LIMITS = {
    "decode, Pillow": (0.0, 0),
    "crop, tensors": (0.3, 1),
    "crop, Pillow": (0.3, 1),
    "brightness, tensors": (0.02, 1),
    "brightness, Pillow": (0.02, 1),
    "contrast, tensors": (0.5, 1),
    "contrast, Pillow": (0.05, 1),
    "saturation, tensors": (0.5, 1),
    "saturation, Pillow": (0.05, 1),
    "hue, tensors": (0.2, 1),
    "hue, Pillow": (0.8, 12),
    "grey, tensors": (0.7, 1),
    "grey, Pillow": (0.01, 1),
    "blur, tensors": (0.05, 1),
    "blur, Pillow": (0.05, 1),
    "flip, tensors": (0.0, 0),
    "flip, Pillow": (0.0, 0),
    "normalise, tensors": (1e-4, 1e-4),
    "view, tensors": (1.0, 20),
    "view, our batched path": (0.1, 20),
}


@pytest.fixture(scope="module", autouse=True)
def _benchmarks_on_path() -> Iterator[None]:
    """The benchmarks are scripts: their folder is on the path when they run."""
    folder = str(Path(__file__).parents[2] / "benchmarks")
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)


def check(files: list[Path]) -> None:
    from view_agreement import markdown, measure

    rows = measure(files)
    assert list(rows) == list(LIMITS)
    assert len(markdown(rows)) == 2 + len(rows)
    for name, (mean, largest) in LIMITS.items():
        assert rows[name]["mean"] <= mean, name
        assert rows[name]["largest"] <= largest, name


def test_steps_on_scenes_are_those_of_torchvision(tmp_path: Path) -> None:
    for index in range(3):
        scene = make_scene(SceneConfig(size=128), index)
        PIL.Image.fromarray(scene.image).save(tmp_path / f"{index}.jpg")
    check(sorted(tmp_path.iterdir()))


@pytest.mark.realdata
@pytest.mark.slow
def test_steps_on_photographs_are_those_of_torchvision(data_folder: Path) -> None:
    check(sorted((data_folder / "ecssd200" / "images").iterdir())[:4])
