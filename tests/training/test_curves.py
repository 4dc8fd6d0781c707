import importlib.util
import io
import math
import types

import matplotlib.axes
import numpy as np
import PIL.Image
import pytest

from dilo.runs import Run
from dilo.training import curves
from dilo.training.config import LoopConfig
from dilo.training.curves import Curves, draw_curves

LINES = [
    {
        "step": step,
        "epoch": step / 10,
        "loss": 5 - math.log1p(step),
        "chance_level": 5.0,
        "lr": 0.03,
        "images_per_second": 100.0 + step % 3,
        "waiting": 0.2,
    }
    for step in range(1, 31)
]


@pytest.fixture
def run(tmp_path) -> Run:
    run = Run.create(tmp_path / "run", LoopConfig(epochs=3))
    for line in LINES:
        run.log(**line)
    return run


def picture(content: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(content)).convert("RGB"))


def test_the_same_lines_make_the_same_file():
    assert draw_curves(LINES) == draw_curves(LINES)


@pytest.mark.parametrize(
    "measured",
    [
        {"knn": 0.4},
        {"alignment": 0.4, "uniformity": -1.5},
        {"effective_rank": 30.0},
    ],
    ids=lambda measured: next(iter(measured)),
)
def test_what_is_measured_now_and_then_has_a_panel_of_its_own(measured):
    three = [dict(line) for line in LINES[:3]]
    for line in three:
        del line["waiting"]  # three panels are left
    lines = [*three[:2], three[2] | measured]
    plain, more = (picture(draw_curves(part)) for part in (three, lines))
    assert plain.shape == more.shape  # two rows of two
    middle, centre = (side // 2 for side in plain.shape[:2])
    inside = (slice(middle + 60, -80), slice(centre + 100, -60))  # of the fourth panel
    assert (plain[inside] == 255).all()
    assert (more[inside] != 255).any()


@pytest.mark.parametrize("lines", [[], LINES[:1], [{"epoch": 1.0, "loss": 2.0}]])
def test_few_lines_make_a_picture_too(lines):
    assert picture(draw_curves(lines)).shape[1] > 500


def test_ten_thousand_lines_are_thinned_out_but_for_the_last(monkeypatch):
    sizes = []
    plot = matplotlib.axes.Axes.plot

    def watch(axes, x, y, *rest, **style):
        sizes.append((len(x), x[-1], y[-1]))
        return plot(axes, x, y, *rest, **style)

    monkeypatch.setattr(matplotlib.axes.Axes, "plot", watch)
    lines = [{"epoch": float(step), "loss": 1.0 * step} for step in range(10_001)]
    draw_curves(lines)
    ((count, epoch, loss),) = sizes
    assert 1000 < count <= curves.MAX_POINTS + 2
    assert epoch == loss == 10_000


def test_it_is_redrawn_now_and_then_and_at_the_end(run, monkeypatch):
    now, pictures = [0.0], []

    def draw_slowly(lines):
        now[0] += 1.0
        pictures.append(now[0])
        return b"png"

    monkeypatch.setattr(curves, "draw_curves", draw_slowly)
    monkeypatch.setattr(curves, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    kept = Curves(run)
    kept.redraw()
    assert not pictures  # a short training is drawn at its end alone
    now[0] = curves.SECONDS_BETWEEN + 1
    kept.redraw()
    kept.redraw()
    assert len(pictures) == 1
    assert (run.folder / "curves.png").read_bytes() == b"png"
    now[0] += 0.9 / curves.COST  # a picture took 1 s: that would be too much of it
    kept.redraw()
    assert len(pictures) == 1
    now[0] += 0.2 / curves.COST
    kept.redraw()
    assert len(pictures) == 2
    kept.redraw(at_once=True)
    assert len(pictures) == 3


def test_neither_a_missing_library_nor_a_full_disk_ends_a_training(run, monkeypatch):
    def fail(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(curves, "write_atomic", fail)
    Curves(run).redraw(at_once=True)
    monkeypatch.undo()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    Curves(run).redraw(at_once=True)
    assert not (run.folder / "curves.png").exists()
