import time
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dilo.errors import InputError
from dilo.saliency.scoring import (
    adaptive_f_measure,
    f_measure,
    mean_absolute_error,
    precision_recall,
    s_measure,
)


def disc(height=40, width=60, radius=12):
    rows, columns = np.mgrid[:height, :width]
    return (rows - height * 0.4) ** 2 + (columns - width * 0.6) ** 2 < radius**2


def noisy_map(truth, seed=0):
    """A map of whole grey levels from 0 to 1 that agrees with `truth` in part."""
    noise = np.random.default_rng(seed).random(truth.shape)
    levels = np.rint(255 * (0.4 * truth + 0.6 * noise))
    levels = np.rint(255 * (levels - levels.min()) / np.ptp(levels))
    return (levels / 255).astype(np.float32)


def slow_precision_recall(saliency, truth):
    levels = np.rint(saliency.astype(np.float64) * 255)
    precision, recall = np.zeros(256), np.zeros(256)
    for t in range(256):
        selected = levels >= t
        hits = (selected & truth).sum()
        precision[t] = hits / max(selected.sum(), 1)
        recall[t] = hits / max(truth.sum(), 1)
    return precision, recall


def test_a_perfect_map_has_perfect_scores():
    truth = disc()
    saliency = truth.astype(np.float32)
    precision, recall = precision_recall(saliency, truth)
    assert mean_absolute_error(saliency, truth) == 0
    np.testing.assert_array_equal(precision[1:], 1)
    np.testing.assert_array_equal(recall, 1)
    assert precision[0] == truth.mean()  # everything is selected at level 0
    assert f_measure(precision, recall)[1:].min() == 1
    assert adaptive_f_measure(saliency, truth) == 1
    assert s_measure(saliency, truth) == pytest.approx(1)


def test_an_inverted_map_has_the_worst_scores():
    truth = disc()
    saliency = 1 - truth.astype(np.float32)
    precision, recall = precision_recall(saliency, truth)
    assert mean_absolute_error(saliency, truth) == 1
    assert precision[1:].max() == recall[1:].max() == 0
    assert adaptive_f_measure(saliency, truth) == 0
    assert s_measure(saliency, truth) == 0


def test_an_empty_mask_asks_for_a_black_map():
    truth = np.zeros((5, 6), bool)
    saliency = np.full((5, 6), 0.25, np.float32)
    precision, recall = precision_recall(saliency, truth)
    assert precision.max() == recall.max() == 0
    assert adaptive_f_measure(saliency, truth) == 0
    assert mean_absolute_error(saliency, truth) == 0.25
    assert s_measure(saliency, truth) == 0.75
    assert s_measure(saliency, ~truth) == 0.25


def test_a_constant_map_selects_all_up_to_its_level():
    truth = disc()
    saliency = np.full(truth.shape, 100 / 255, np.float32)
    precision, recall = precision_recall(saliency, truth)
    np.testing.assert_allclose(precision[:101], truth.mean())
    assert recall[100] == 1
    assert precision[101:].max() == recall[101:].max() == 0


@pytest.mark.parametrize("seed", range(3))
def test_precision_recall_agrees_with_the_slow_twin(seed):
    truth = disc(20, 30, 8)
    saliency = noisy_map(truth, seed)
    fast = precision_recall(saliency, truth)
    np.testing.assert_allclose(fast, slow_precision_recall(saliency, truth))


def test_every_grey_level_of_a_stored_map_counts_at_its_own_threshold():
    saliency = (np.arange(256, dtype=np.float32) / np.float32(255)).reshape(16, 16)
    precision, recall = precision_recall(saliency, np.ones((16, 16), bool))
    np.testing.assert_allclose(recall, (256 - np.arange(256)) / 256)
    np.testing.assert_array_equal(precision, 1)


def test_f_measure_known_answers():
    np.testing.assert_allclose(
        f_measure(np.array([1.0, 0, 0.5, 1]), np.array([1.0, 0, 0.5, 0])),
        [1, 0, 0.5, 0],
    )
    assert f_measure(np.array([0.8]), np.array([0.4]))[0] == pytest.approx(
        1.3 * 0.8 * 0.4 / (0.3 * 0.8 + 0.4)
    )


# py_sod_metrics announces that its classes will be renamed.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", [(40, 60), (61, 33)])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_pysodmetrics(shape, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import py_sod_metrics
    truth = disc(*shape, radius=9 + 2 * seed)
    saliency = noisy_map(truth, seed)  # spans 0 to 1: its min-max changes nothing
    grey = np.rint(saliency * 255).astype(np.uint8)
    mask = truth.astype(np.uint8) * 255
    f, mae, s = (
        py_sod_metrics.Fmeasure(),
        py_sod_metrics.MAE(),
        py_sod_metrics.Smeasure(),
    )
    for metric in (f, mae, s):
        metric.step(grey, mask)
    results = f.get_results()
    precision, recall = precision_recall(saliency, truth)
    # its index 0 is threshold 255
    np.testing.assert_allclose(precision, results["pr"]["p"][::-1], atol=1e-6)
    np.testing.assert_allclose(recall, results["pr"]["r"][::-1], atol=1e-6)
    curve = f_measure(precision, recall)
    np.testing.assert_allclose(curve, results["fm"]["curve"][::-1], atol=1e-6)
    adaptive = adaptive_f_measure(saliency, truth)
    assert adaptive == pytest.approx(results["fm"]["adp"], abs=1e-4)
    error = mean_absolute_error(saliency, truth)
    assert error == pytest.approx(mae.get_results()["mae"], abs=1e-6)
    assert s_measure(saliency, truth) == pytest.approx(s.get_results()["sm"], abs=1e-6)


@given(
    st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**25 - 1), st.integers(0, 99)
)
def test_all_scores_lie_in_0_to_1_on_masks_of_any_shape(height, width, bits, seed):
    cells = [(bits >> k) & 1 for k in range(height * width)]
    truth = np.array(cells, bool).reshape(height, width)
    saliency = np.random.default_rng(seed).random((height, width), np.float32)
    scores = [
        mean_absolute_error(saliency, truth),
        adaptive_f_measure(saliency, truth),
        s_measure(saliency, truth),
        *np.concatenate(precision_recall(saliency, truth)),
    ]
    assert np.isfinite(scores).all()
    assert min(scores) >= 0
    assert max(scores) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("saliency", "truth", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 3), bool), "a map is float32"),
        (
            np.zeros((2, 3), np.float32),
            np.zeros((2, 3)),
            "mask is bool .* got float64",
        ),
        (np.zeros((2, 3), np.float32), [[True]], "mask is bool .* got list"),
        (np.zeros((2, 3), np.float32), np.zeros((3, 2), bool), "one size"),
    ],
)
@pytest.mark.parametrize(
    "metric", [mean_absolute_error, precision_recall, adaptive_f_measure, s_measure]
)
def test_what_cannot_be_compared_is_refused(metric, saliency, truth, message):
    with pytest.raises(InputError, match=message):
        metric(saliency, truth)


def test_a_photograph_takes_milliseconds():
    truth = disc(300, 400, 90)
    saliency = noisy_map(truth)
    start = time.perf_counter()
    for metric in (
        mean_absolute_error,
        precision_recall,
        adaptive_f_measure,
        s_measure,
    ):
        metric(saliency, truth)
    assert time.perf_counter() - start < 0.1  # about 0.002; the machine may be busy
