import time
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dilo.saliency.scoring import (
    f_measure,
    s_measure,
    score_image,
    weighted_f_measure,
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


def curves(saliency, truth):
    scores = score_image(saliency, truth)
    return scores.precision, scores.recall


def test_a_perfect_map_has_perfect_scores():
    truth = disc()
    saliency = truth.astype(np.float32)
    precision, recall = curves(saliency, truth)
    assert score_image(saliency, truth).mae == 0
    np.testing.assert_array_equal(precision[1:], 1)
    np.testing.assert_array_equal(recall, 1)
    assert precision[0] == truth.mean()  # everything is selected at level 0
    assert f_measure(precision, recall)[1:].min() == 1
    assert score_image(saliency, truth).adaptive_f == 1
    assert s_measure(saliency, truth) == pytest.approx(1)
    assert weighted_f_measure(saliency, truth) == pytest.approx(1)
    perfect = truth.size / (truth.size - 1)  # as the authors' program counts
    np.testing.assert_allclose(score_image(saliency, truth).e_curve[1:], perfect)
    assert score_image(saliency, truth).adaptive_e == pytest.approx(perfect)


def test_an_inverted_map_has_the_worst_scores():
    truth = disc()
    saliency = 1 - truth.astype(np.float32)
    precision, recall = curves(saliency, truth)
    assert score_image(saliency, truth).mae == 1
    assert precision[1:].max() == recall[1:].max() == 0
    assert score_image(saliency, truth).adaptive_f == 0
    assert s_measure(saliency, truth) == 0
    assert weighted_f_measure(saliency, truth) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(score_image(saliency, truth).e_curve[1:], 0, atol=1e-12)


def test_an_empty_mask_asks_for_a_black_map():
    truth = np.zeros((5, 6), bool)
    saliency = np.full((5, 6), 0.25, np.float32)
    precision, recall = curves(saliency, truth)
    assert precision.max() == recall.max() == 0
    assert score_image(saliency, truth).adaptive_f == 0
    assert score_image(saliency, truth).mae == 0.25
    assert s_measure(saliency, truth) == 0.75
    assert s_measure(saliency, ~truth) == 0.25
    assert weighted_f_measure(saliency, truth) == 0
    alignment = score_image(saliency, truth).e_curve
    assert alignment[63] == 0  # 0.25 is level 63.75: all selected, none should be
    assert alignment[64] == 30 / 29
    assert score_image(saliency, truth).adaptive_e == 30 / 29


def test_a_constant_map_selects_all_up_to_its_level():
    truth = disc()
    saliency = np.full(truth.shape, 100 / 255, np.float32)
    precision, recall = curves(saliency, truth)
    np.testing.assert_allclose(precision[:101], truth.mean())
    assert recall[100] == 1
    assert precision[101:].max() == recall[101:].max() == 0


@pytest.mark.parametrize("seed", range(3))
def test_precision_recall_agrees_with_the_slow_twin(seed):
    truth = disc(20, 30, 8)
    saliency = noisy_map(truth, seed)
    fast = curves(saliency, truth)
    np.testing.assert_allclose(fast, slow_precision_recall(saliency, truth))


def test_every_grey_level_of_a_stored_map_counts_at_its_own_threshold():
    saliency = (np.arange(256, dtype=np.float32) / np.float32(255)).reshape(16, 16)
    precision, recall = curves(saliency, np.ones((16, 16), bool))
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


def slow_e_measure(selected, truth):
    """Equations 1 to 5 of Fan et al. 2018, pixel by pixel."""
    map_bias = selected - selected.mean()
    mask_bias = truth - truth.mean()
    alignment = 2 * map_bias * mask_bias / (map_bias**2 + mask_bias**2)
    return ((1 + alignment) ** 2 / 4).sum() / (truth.size - 1)


def test_e_measure_agrees_with_the_slow_twin():
    truth = disc(20, 30, 8)
    saliency = noisy_map(truth)
    levels = np.rint(saliency * 255)
    slow = [slow_e_measure(levels >= t, truth) for t in range(256)]
    np.testing.assert_allclose(score_image(saliency, truth).e_curve, slow)


def slow_weighted_f(saliency, truth):
    """Margolin et al. 2014, with matrices over all pairs of pixels."""
    places = np.argwhere(np.ones_like(truth))
    inside = truth.ravel()
    error = np.abs(truth - saliency.astype(np.float64)).ravel()
    offsets = places[:, None] - places[None]
    squares = (offsets**2).sum(axis=2)
    squares_to_object = np.where(inside, squares, 10**9)
    taken = np.where(inside, error, error[squares_to_object.argmin(axis=1)])
    window = np.exp(-squares / 50) * (np.abs(offsets).max(axis=2) <= 3)
    line = np.exp(-(np.arange(-3, 4) ** 2) / 50)
    smooth = window @ taken / line.sum() ** 2  # zero outside the image
    error = np.where(inside & (smooth < error), smooth, error)
    distance = np.sqrt(squares_to_object.min(axis=1))
    error *= np.where(inside, 1, 2 - np.exp(np.log(0.5) / 5 * distance))
    hits = inside.sum() - error[inside].sum()
    recall = hits / inside.sum()
    precision = hits / (hits + error[~inside].sum())
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("size", [(9, 12), (12, 9)])
def test_weighted_f_agrees_with_the_slow_twin(size):
    truth = disc(*size, radius=3)
    # Smooth, that it does not matter which of two equally near pixels is taken.
    saliency = np.linspace(0, 1, truth.size, dtype=np.float32).reshape(size)
    fast = weighted_f_measure(saliency, truth)
    assert fast == pytest.approx(slow_weighted_f(saliency, truth), abs=2e-3)


def test_weighted_f_forgives_errors_beside_the_object():
    truth = disc()
    near, far = truth.astype(np.float32), truth.astype(np.float32)
    edge = np.argwhere(truth)[:, 1].max() + 1
    near[16, edge] = 1
    far[39, 0] = 1
    near_score = weighted_f_measure(near, truth)
    assert weighted_f_measure(far, truth) < near_score < 1


def pysodmetrics_scores(grey, truth):
    """Give all numbers of one image by the field's reference program."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its classes will be renamed
        import py_sod_metrics

        kinds = ("Fmeasure", "MAE", "Smeasure", "Emeasure", "WeightedFmeasure")
        results = {}
        for kind in kinds:
            metric = getattr(py_sod_metrics, kind)()
            metric.step(grey, truth.astype(np.uint8) * 255)
            results |= metric.get_results()
    # its index 0 is threshold 255
    return {
        "precision": results["pr"]["p"][::-1],
        "recall": results["pr"]["r"][::-1],
        "f_curve": results["fm"]["curve"][::-1],
        "e_curve": results["em"]["curve"][::-1],
        "adaptive_f": results["fm"]["adp"],
        "adaptive_e": results["em"]["adp"],
        "mae": results["mae"],
        "s_measure": results["sm"],
        "weighted_f": results["wfm"],
    }


def assert_agrees_with_pysodmetrics(grey, truth, but=()):
    ours = score_image(grey.astype(np.float32) / np.float32(255), truth)
    expected_scores = pysodmetrics_scores(grey, truth)
    for name in set(expected_scores).difference(but):
        expected = expected_scores[name]
        if np.isnan(expected).any():
            continue  # its S-measure has none for masks with the centroid at the rim
        np.testing.assert_allclose(
            getattr(ours, name), expected, atol=1e-4, err_msg=name
        )


def stretch(grey):
    """Do beforehand what PySODMetrics does to every map that is not flat."""
    low, high = int(grey.min()), int(grey.max())
    if low == high:
        return grey
    return np.rint((grey - low) * (255 / (high - low))).astype(np.uint8)


@pytest.mark.parametrize("shape", [(40, 60), (61, 33)])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_pysodmetrics_on_noisy_discs(shape, seed):
    truth = disc(*shape, radius=9 + 2 * seed)
    assert_agrees_with_pysodmetrics(
        np.rint(noisy_map(truth, seed) * 255).astype(np.uint8), truth
    )


@pytest.mark.parametrize("mask", ["empty", "full", "disc"])
@pytest.mark.parametrize("level", [0, 100, 255, None])
def test_agrees_with_pysodmetrics_on_flat_maps_and_masks(mask, level):
    truth = disc(20, 30, 7)
    grey = stretch(np.arange(600).reshape(20, 30).astype(np.uint8))
    if level is not None:
        grey = np.full((20, 30), level, np.uint8)
    masks = {"empty": truth & False, "full": truth | True, "disc": truth}
    assert_agrees_with_pysodmetrics(grey, masks[mask])


@settings(deadline=None, max_examples=60)
@given(
    st.integers(2, 12),
    st.integers(2, 12),
    st.integers(0, 10**6),
    st.sampled_from(["binary", "few levels", "all different"]),
)
def test_agrees_with_pysodmetrics_on_any_map_and_mask(height, width, seed, kind):
    rng = np.random.default_rng(seed)
    shape = (height, width)
    levels = {
        "binary": 255 * rng.integers(0, 2, shape),
        "few levels": rng.choice(rng.integers(0, 256, 4), shape),
        "all different": rng.permutation(256)[: height * width].reshape(shape),
    }
    grey = stretch(levels[kind].astype(np.uint8))
    truth = rng.random(shape) < rng.choice([0.05, 0.5, 0.95])
    # A pixel at just twice the mean is selected or not by the rounding of floats.
    assume((grey.astype(int) * grey.size != 2 * grey.sum(dtype=int)).all())
    # So is a grey quarter flat or not.
    but = ("s_measure",) if kind == "few levels" else ()
    assert_agrees_with_pysodmetrics(grey, truth, but)


def test_flat_quarters_are_alike_whatever_rounding_does():
    truth = np.zeros((4, 6), bool)
    truth[1, 1] = True
    for level in np.linspace(0.01, 0.5, 20, dtype=np.float32):
        saliency = np.full(truth.shape, level)
        # The object's quarter has nothing in common, the three others are flat.
        region = 1 - 4 / 24
        background = 2 * (1 - level) / ((1 - level) ** 2 + 1)
        share = 1 / 24
        object_part = share * 2 * level / (level**2 + 1) + (1 - share) * background
        expected = (object_part + region) / 2
        assert s_measure(saliency, truth) == pytest.approx(expected, abs=1e-5)


def test_a_pixel_at_twice_the_mean_is_selected():
    saliency = (np.array([[10, 3, 2]]) / 255).astype(np.float32)
    assert score_image(saliency, np.array([[True, False, False]])).adaptive_f == 1


def test_nothing_is_stretched():
    truth = disc()
    timid = truth.astype(np.float32) / 2
    assert score_image(timid, truth).mae == pytest.approx(truth.mean() / 2)
    assert curves(timid, truth)[1][128] == 0


@given(
    st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**25 - 1), st.integers(0, 99)
)
def test_all_scores_lie_in_0_to_1_on_masks_of_any_shape(height, width, bits, seed):
    cells = [(bits >> k) & 1 for k in range(height * width)]
    truth = np.array(cells, bool).reshape(height, width)
    saliency = np.random.default_rng(seed).random((height, width), np.float32)
    scores = [
        score_image(saliency, truth).mae,
        score_image(saliency, truth).adaptive_f,
        s_measure(saliency, truth),
        weighted_f_measure(saliency, truth),
        *np.concatenate(curves(saliency, truth)),
    ]
    assert np.isfinite(scores).all()
    assert min(scores) >= 0
    assert max(scores) <= 1 + 1e-9
    alignment = [
        score_image(saliency, truth).adaptive_e,
        *score_image(saliency, truth).e_curve,
    ]
    assert min(alignment) >= 0
    assert max(alignment) <= truth.size / max(truth.size - 1, 1) + 1e-9


def test_a_photograph_takes_milliseconds():
    truth = disc(300, 400, 90)
    saliency = noisy_map(truth)
    score_image(saliency, truth)
    start = time.process_time()
    score_image(saliency, truth)
    assert time.process_time() - start < 0.1  # about 0.005; the machine may be busy
