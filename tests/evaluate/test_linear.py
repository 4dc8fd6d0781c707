import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from dilo.errors import InputError
from dilo.evaluate.features import Features
from dilo.evaluate.linear import PENALTIES, choose_probe, fit_probe, linear_score


def blobs(
    count: int, seed: int, spread: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 5
    scale = torch.logspace(-2, 1, 12)  # columns of very different size, off centre
    noise = torch.randn(count, 12, generator=generator)
    return (torch.eye(5, 12)[labels] + spread * noise) * scale + 3 * scale, labels


@pytest.mark.parametrize("penalty", [1.0, 0.01, 0.001])
def test_probe_agrees_with_scikit_learn_at_the_same_penalty(penalty):
    features, labels = blobs(200, seed=0)
    queries, _ = blobs(300, seed=1)
    scaler = StandardScaler().fit(features)
    rival = LogisticRegression(C=1 / (penalty * 200), tol=1e-8, max_iter=2000)
    rival.fit(scaler.transform(features), labels)
    probe = fit_probe(features, labels, penalty)
    expected = rival.decision_function(scaler.transform(queries))
    scores = (queries @ probe.weight.T + probe.bias).numpy()
    # Adding one number to all scores of an image changes no probability.
    scores -= scores.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(
        scores, expected - expected.mean(axis=1, keepdims=True), atol=0.02
    )
    agreement = (
        scores.argmax(axis=1) == rival.predict(scaler.transform(queries))
    ).mean()
    assert agreement >= 0.99


def test_shift_and_scale_of_a_feature_change_no_prediction():
    features, labels = blobs(100, seed=0)
    scale = torch.logspace(-1, 1, 12)
    plain = choose_probe(features, labels).predict(features)
    moved = features * scale - 5
    assert torch.equal(choose_probe(moved, labels).predict(moved), plain)


def test_constant_features_do_no_harm():
    features, labels = blobs(100, seed=0, spread=0.1)
    features[:, 6:] = 4.0
    probe = fit_probe(features, labels, 0.01)
    assert torch.isfinite(probe.weight).all()
    assert (probe.predict(features) == labels).float().mean() > 0.95


def test_separable_classes_are_learned_and_the_penalty_comes_from_the_grid():
    features, labels = blobs(200, seed=0, spread=0.05)
    queries, truth = blobs(100, seed=1, spread=0.05)
    probe = choose_probe(features, labels)
    assert probe.penalty in PENALTIES
    assert torch.equal(probe.predict(queries), truth)


def test_the_chosen_penalty_withstands_wrong_labels_better_than_the_weakest():
    generator = torch.Generator().manual_seed(0)
    truth = torch.arange(900) % 3
    features = torch.eye(3, 60)[truth] * 3 + torch.randn(900, 60, generator=generator)
    labels = truth[:300].clone()
    labels[::4] = torch.randint(0, 3, (75,), generator=generator)
    probe = choose_probe(features[:300], labels)
    refit = fit_probe(features[:300], labels, probe.penalty)
    torch.testing.assert_close(probe.weight, refit.weight)  # all images take part
    weakest = fit_probe(features[:300], labels, PENALTIES[-1])
    right, right_of_weakest = (
        (fitted.predict(features[300:]) == truth[300:]).double().mean().item()
        for fitted in (probe, weakest)
    )
    assert right > right_of_weakest + 0.05


def test_features_from_inference_mode_can_be_fitted():
    with torch.inference_mode():
        features, labels = blobs(40, seed=0)
        first = fit_probe(features, labels, 0.1)
    second = fit_probe(features, labels, 0.1)
    torch.testing.assert_close(first.weight, second.weight)


def test_classes_of_one_image_each_can_be_fitted():
    features, labels = blobs(5, seed=0, spread=0.01)
    probe = choose_probe(features, labels)
    assert torch.equal(probe.predict(features), labels)


def test_linear_score_counts_unreadable_images():
    values, labels = blobs(100, seed=0, spread=0.05)
    data = Features(values=values, labels=labels, failures=("x.jpg: bad",))
    scores = linear_score(data, data)
    assert scores.top1 == 1.0
    assert scores.failures == ("x.jpg: bad",) * 2


@pytest.mark.parametrize(
    ("labels", "penalty", "message"),
    [
        (torch.zeros(10, dtype=torch.long), 0.1, "two classes or more"),
        (torch.arange(9), 0.1, r"got \(10, 12\) and \(9,\)"),
        (torch.arange(10) % 5, 0.0, "penalty must be above 0, got 0"),
    ],
)
def test_bad_arguments_are_refused(labels, penalty, message):
    with pytest.raises(InputError, match=message):
        fit_probe(blobs(10, seed=0)[0], labels, penalty)
