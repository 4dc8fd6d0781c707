"""The drop-in examples run as they stand, in a process of their own."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dilo.data.synthetic import SceneConfig, write_scenes

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Eight photographs in a folder of their class, one of them without a map."""
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder, SceneConfig(size=64), 8)
    for kind in ("images", "masks"):
        shutil.move(folder / kind, folder / "thing")
        (folder / kind).mkdir()
        shutil.move(folder / "thing", folder / kind / "thing")
    (folder / "masks" / "thing" / "train-000003.png").unlink()
    return folder


def run(name, scenes):
    command = [sys.executable, EXAMPLES / name, scenes / "images", scenes / "masks"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.mark.slow
def test_plain_torchvision_gives_two_views_of_every_image(scenes):
    said = run("plain_torchvision.py", scenes)
    assert said == ["(4, 3, 224, 224) (4, 3, 224, 224)"] * 2


@pytest.mark.slow
def test_lightly_trains_on_pasted_views(scenes):
    pytest.importorskip("lightly")
    said = run("lightly_moco.py", scenes)
    assert [line.split()[0] for line in said] == ["loss"] * 2


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.name)
def test_an_example_fits_on_a_screen(path):
    assert len(path.read_text().splitlines()) <= 40


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.name)
def test_an_example_is_quoted_in_the_documents_as_it_is(path):
    document = EXAMPLES.parent / "docs" / "augmentation.md"
    assert f"```python\n{path.read_text()}```" in document.read_text()
