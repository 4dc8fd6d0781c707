import re

import numpy as np
import pytest

from dilo.errors import InputError
from dilo.report.score_plot import plot_scores
from dilo.saliency.scoring import score_image

pytest.importorskip("matplotlib")

TRUTH = np.eye(8, dtype=bool)


def scores(strength):
    rng = np.random.default_rng(0)
    noise = rng.random(TRUTH.shape, np.float32)
    saliency = np.float32(strength) * TRUTH + np.float32(1 - strength) * noise
    return [score_image(saliency, TRUTH)]


def test_the_plot_names_each_store_with_both_kinds_of_max_f(tmp_path):
    plot = tmp_path / "new/curves.svg"
    plot_scores({"perfect": scores(1), "$x_1$ & <co>": scores(0.3)}, plot)
    text = plot.read_text()
    comments = re.findall("<!-- (.*?) -->", text)  # the texts, drawn as shapes
    assert "perfect  1.000 / 1.000" in comments
    assert {"Recall", "Precision", "Threshold", "F-measure"} <= set(comments)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_scores_are_the_same_file(tmp_path, kind):
    plots = [tmp_path / f"{number}.{kind}" for number in range(2)]
    for plot in plots:
        plot_scores({"a": scores(0.5)}, plot)
    assert plots[0].read_bytes() == plots[1].read_bytes()
    plot_scores({"a": scores(0.6)}, plots[1])
    assert plots[0].read_bytes() != plots[1].read_bytes()


def test_many_stores_have_room(tmp_path):
    stores = {f"store {number}": scores(number / 12) for number in range(12)}
    plot_scores(stores, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 0


def test_an_unknown_kind_of_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"curves\.gif: a plot is one of \.png"):
        plot_scores({"a": scores(0.5)}, tmp_path / "curves.gif")
