import importlib.util
import io
import math

import numpy as np
import PIL.Image
import pytest

from dilo.runs import Run
from dilo.training import curves
from dilo.training.curves import Curves, draw_curves

LINES = [
    {
        "step": step,
        "epoch": step / 10,
        "loss": 5 - math.log1p(step),
        "chance": 5.0,
        "lr": 0.03,
        "images_per_second": 100.0 + step % 3,
        "waiting": 0.2,
    }
    for step in range(1, 31)
]
MEASURED = {"alignment": 0.4, "uniformity": -1.5, "effective_rank": 30.0, "knn": 0.4}


@pytest.fixture
def run(tmp_path) -> Run:
    run = Run.create(tmp_path / "run", {"epochs": 3})
    for line in LINES:
        run.log(**line)
    return run


def picture(content: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(content)).convert("RGB"))


def test_the_same_lines_make_the_same_file_and_new_panels_others():
    few, many = LINES, [*LINES[:-1], LINES[-1] | MEASURED]
    assert draw_curves(few) == draw_curves(few)
    sizes = [picture(draw_curves(lines)).shape for lines in (few, many)]
    assert all(height < width for height, width, _ in sizes)
    assert (picture(draw_curves(many)) != 255).any()


@pytest.mark.parametrize("lines", [[], LINES[:1], [{"epoch": 1.0, "loss": 2.0}]])
def test_few_lines_make_a_picture_too(lines):
    assert picture(draw_curves(lines)).shape[1] > 500


def test_ten_thousand_lines_are_thinned_out_but_for_the_last():
    lines = [{"epoch": float(step), "loss": 1.0 * step} for step in range(10_001)]
    epochs, values = curves._curve(lines, "loss")
    assert len(epochs) <= curves.MAX_POINTS + 2
    assert epochs[-1] == values[-1] == 10_000


def test_it_is_redrawn_now_and_then_and_at_the_end(run, monkeypatch):
    drawn = []
    monkeypatch.setattr(curves, "draw_curves", lambda lines: drawn.append(1) or b"png")
    keeper = Curves(run)
    keeper.redraw()
    assert not drawn
    monkeypatch.setattr(curves, "SECONDS_BETWEEN", 0.0)
    keeper.redraw()
    monkeypatch.setattr(curves, "SECONDS_BETWEEN", 100.0)
    keeper.redraw()
    keeper.redraw(at_once=True)
    assert len(drawn) == 2
    monkeypatch.setattr(curves, "SECONDS_BETWEEN", 0.0)
    keeper._seconds = 10.0  # too slow to be done again already
    keeper.redraw()
    assert len(drawn) == 2
    assert (run.folder / "curves.png").read_bytes() == b"png"


def test_neither_a_missing_library_nor_a_full_disk_ends_a_training(run, monkeypatch):
    def fail(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(curves, "write_atomic", fail)
    Curves(run).redraw(at_once=True)
    monkeypatch.undo()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    Curves(run).redraw(at_once=True)
    assert not (run.folder / "curves.png").exists()
