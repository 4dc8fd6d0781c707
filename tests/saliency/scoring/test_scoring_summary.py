import os
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from dilo.errors import InputError
from dilo.image import read_map, read_mask
from dilo.saliency.scoring import score_maps


def square(size):
    truth = np.zeros((8, 8), bool)
    truth[:size, :size] = True
    return truth


def test_perfect_maps_have_perfect_scores():
    masks = [square(3), square(5)]
    scores = score_maps((f"{k}", m.astype(np.float32), m) for k, m in enumerate(masks))
    assert scores.count == 2
    assert scores.max_f_of_average == scores.max_f_of_curve == scores.adaptive_f == 1
    assert scores.s_measure == pytest.approx(1)
    assert scores.mae == 0


def test_the_two_kinds_of_max_f_differ():
    """The second map is empty: precision 0 and recall 0 enter the averages."""
    truth = square(4)
    pairs = [
        ("a", truth.astype(np.float32), truth),
        ("b", np.zeros((8, 8), np.float32), truth),
    ]
    scores = score_maps(pairs)
    assert scores.max_f_of_curve == pytest.approx(0.5)
    # At level 0 everything is selected in both: precision 1/4, recall 1; at the
    # others precision and recall are 1/2 on average.
    level_0 = 1.3 * 0.25 / (0.3 * 0.25 + 1)
    assert scores.max_f_of_average == pytest.approx(0.5)
    assert scores.mean_f == pytest.approx((level_0 + 255 * 0.5) / 256)


def test_a_bad_pair_is_named():
    pairs = [("a/b.jpg", np.zeros((8, 9), np.float32), square(2))]
    with pytest.raises(InputError, match=r"a/b\.jpg: the map is \(8, 9\), the mask"):
        score_maps(pairs)


def test_nothing_to_score_is_an_error():
    with pytest.raises(InputError, match="no maps"):
        score_maps([])


def reference_pairs(method, step):
    data = os.environ.get("DILO_DATA")
    if data is None:
        pytest.skip("DILO_DATA is not set")
    maps = sorted((Path(data) / f"../reference/ecssd200/{method}").glob("*.png"))
    masks = Path(data) / "ecssd200/masks"
    return [(p.name, read_map(p), read_mask(masks / p.name)) for p in maps[::step]]


@pytest.mark.realdata
@pytest.mark.filterwarnings("ignore")
def test_agrees_with_pysodmetrics_on_photographs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import py_sod_metrics
    pairs = reference_pairs("rbd", step=10)
    f, mae, s = (
        py_sod_metrics.Fmeasure(),
        py_sod_metrics.MAE(),
        py_sod_metrics.Smeasure(),
    )
    for _, saliency, truth in pairs:
        grey = np.rint(saliency * 255).astype(np.uint8)
        for metric in (f, mae, s):
            metric.step(grey, truth.astype(np.uint8) * 255)
    results = f.get_results()
    p, r = results["pr"]["p"], results["pr"]["r"]
    expected = {
        "count": len(pairs),
        "max_f_of_average": np.max(1.3 * p * r / (0.3 * p + r + 1e-12)),
        "max_f_of_curve": results["fm"]["curve"].max(),
        "mean_f": results["fm"]["curve"].mean(),
        "adaptive_f": results["fm"]["adp"],
        "mae": mae.get_results()["mae"],
        "s_measure": s.get_results()["sm"],
    }
    assert asdict(score_maps(pairs)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("method", "f", "mae"),
    [("rbd", 0.7089, 0.1843), ("gs", 0.6756, 0.2111), ("mc", 0.7374, 0.2106)],
)
def test_scores_of_the_original_maps_stay_what_they_are(method, f, mae):
    scores = score_maps(reference_pairs(method, step=1))
    assert scores.max_f_of_average == pytest.approx(f, abs=1e-4)
    assert scores.mae == pytest.approx(mae, abs=1e-4)
