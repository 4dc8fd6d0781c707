import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from dilo.errors import InputError
from dilo.image import read_map, read_mask
from dilo.saliency.scoring import (
    METRICS,
    intervals,
    resample,
    score_image,
    significantly_different,
    summarise,
)


def square(size):
    truth = np.zeros((8, 8), bool)
    truth[:size, :size] = True
    return truth


def test_perfect_maps_have_perfect_scores():
    masks = [square(3), square(5)]
    scores = summarise([score_image(m.astype(np.float32), m) for m in masks])
    for name in ("max_f_of_average", "max_f_of_curve", "adaptive_f"):
        assert scores[name] == 1
    assert scores["s_measure"] == pytest.approx(1)
    assert scores["mae"] == 0


def test_the_two_kinds_of_max_f_differ():
    """The second map is empty: precision 0 and recall 0 enter the averages."""
    truth = square(4)
    maps = truth.astype(np.float32), np.zeros((8, 8), np.float32)
    scores = summarise([score_image(saliency, truth) for saliency in maps])
    assert scores["max_f_of_curve"] == pytest.approx(0.5)
    # At level 0 everything is selected in both: precision 1/4, recall 1; at the
    # others precision and recall are 1/2 on average.
    level_0 = 1.3 * 0.25 / (0.3 * 0.25 + 1)
    assert scores["max_f_of_average"] == pytest.approx(0.5)
    assert scores["mean_f"] == pytest.approx((level_0 + 255 * 0.5) / 256)


def test_nothing_to_score_is_an_error():
    with pytest.raises(InputError, match="no maps"):
        summarise([])


def noisy_images(count, strength, seed=0):
    """Scores of maps that agree with a square to some strength."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        truth = square(int(rng.integers(2, 7)))
        noise = rng.random((8, 8), np.float32)
        saliency = np.float32(strength) * truth + np.float32(1 - strength) * noise
        images.append(score_image(saliency, truth))
    return images


def test_a_resampled_data_set_is_scored_as_the_images_drawn():
    images = noisy_images(5, 0.4)
    draws = np.random.default_rng(7).integers(0, 5, (3, 5))
    for row, drawn in zip(resample(images, 3, seed=7), draws, strict=True):
        expected = summarise([images[index] for index in drawn])
        for metric, value in zip(METRICS, row, strict=True):
            assert value == pytest.approx(expected[metric.name], abs=1e-5)


def test_resampling_in_blocks_changes_nothing(monkeypatch):
    images = noisy_images(6, 0.4)
    whole = resample(images, 20)
    monkeypatch.setattr("dilo.saliency.scoring.summary._DRAWS", 18)
    np.testing.assert_allclose(resample(images, 20), whole, atol=1e-6)


def test_the_interval_holds_the_score_and_narrows_with_more_images():
    widths = []
    for count in (20, 320):
        images = noisy_images(count, 0.4)
        scores = summarise(images)
        limits = intervals(resample(images))
        assert all(low <= scores[name] <= high for name, (low, high) in limits.items())
        widths.append(np.ptp(limits["mae"]))
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.4)  # as 1 / sqrt(N)


def test_the_interval_of_a_mean_is_that_of_the_normal_law():
    images = noisy_images(300, 0.4)
    errors = [image.mae for image in images]
    half = 1.96 * np.std(errors, ddof=1) / np.sqrt(len(errors))
    low, high = intervals(resample(images, 4000))["mae"]
    assert (low, high) == pytest.approx(
        (np.mean(errors) - half, np.mean(errors) + half), abs=half / 10
    )


def test_stores_differ_by_what_differs_on_the_same_images():
    weak, strong = noisy_images(40, 0.2), noisy_images(40, 0.3)
    other = resample(noisy_images(40, 0.2, seed=1))
    assert significantly_different(resample(weak), resample(strong))["mae"]
    assert not significantly_different(resample(weak), other)["mae"]
    assert not any(significantly_different(resample(weak), resample(weak)).values())


def reference_pairs(method, step):
    data = os.environ.get("DILO_DATA")
    if data is None:
        pytest.skip("DILO_DATA is not set")
    maps = sorted((Path(data) / f"../reference/ecssd200/{method}").glob("*.png"))
    masks = Path(data) / "ecssd200/masks"
    return [(read_map(p), read_mask(masks / p.name)) for p in maps[::step]]


def stretched(saliency):
    """Do beforehand what PySODMetrics does to every map."""
    scaled = (saliency - saliency.min()) / np.ptp(saliency)
    return (np.rint(scaled * 255) / 255).astype(np.float32)


@pytest.mark.realdata
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["gs", "mc", "rbd"])
def test_agrees_with_pysodmetrics_on_photographs(method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import py_sod_metrics
    pairs = [(stretched(s), t) for s, t in reference_pairs(method, step=10)]
    kinds = ("Fmeasure", "MAE", "Smeasure", "Emeasure", "WeightedFmeasure")
    metrics = [getattr(py_sod_metrics, kind)() for kind in kinds]
    for saliency, truth in pairs:
        grey = np.rint(saliency * 255).astype(np.uint8)
        for metric in metrics:
            metric.step(grey, truth.astype(np.uint8) * 255)
    f, mae, s, e, weighted = (metric.get_results() for metric in metrics)
    p, r = f["pr"]["p"], f["pr"]["r"]
    expected = {
        "max_f_of_average": np.max(1.3 * p * r / (0.3 * p + r + 1e-12)),
        "max_f_of_curve": f["fm"]["curve"].max(),
        "mean_f": f["fm"]["curve"].mean(),
        "adaptive_f": f["fm"]["adp"],
        "weighted_f": weighted["wfm"],
        "mae": mae["mae"],
        "s_measure": s["sm"],
        "max_e": e["em"]["curve"].max(),
        "mean_e": e["em"]["curve"].mean(),
        "adaptive_e": e["em"]["adp"],
    }
    found = summarise([score_image(saliency, truth) for saliency, truth in pairs])
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("method", "f", "mae"),
    [("rbd", 0.7089, 0.1843), ("gs", 0.6756, 0.2111), ("mc", 0.7374, 0.2106)],
)
def test_scores_of_the_original_maps_stay_what_they_are(method, f, mae):
    pairs = reference_pairs(method, step=1)
    scores = summarise([score_image(saliency, truth) for saliency, truth in pairs])
    assert scores["max_f_of_average"] == pytest.approx(f, abs=1e-4)
    assert scores["mae"] == pytest.approx(mae, abs=1e-4)
