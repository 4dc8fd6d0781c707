import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.neighbors import KNeighborsClassifier

from dilo.errors import InputError
from dilo.evaluate.features import Features
from dilo.evaluate.knn import knn_predict, knn_score


def clusters(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.eye(6, 16)
    labels = torch.randint(0, 6, (count,), generator=generator)
    noise = torch.randn(count, 16, generator=generator)
    return centres[labels] + 0.5 * noise, labels


@pytest.mark.parametrize("temperature", [0.07, 0.5])
@pytest.mark.parametrize("k", [1, 15, 40])
def test_knn_agrees_with_scikit_learn(k, temperature):
    bank, labels = clusters(120, seed=0)
    queries, _ = clusters(80, seed=1)

    def vote(distance: np.ndarray) -> np.ndarray:  # |a - b|^2 = 2 - 2 cos on the sphere
        return np.exp((1 - distance**2 / 2) / temperature)

    rival = KNeighborsClassifier(k, weights=vote)
    rival.fit(F.normalize(bank, dim=1), labels)
    expected = rival.predict(F.normalize(queries, dim=1))
    np.testing.assert_array_equal(
        knn_predict(queries, bank, labels, k, temperature), expected
    )


def test_the_length_of_features_plays_no_part():
    bank, labels = clusters(50, seed=0)
    queries, _ = clusters(20, seed=1)
    scaled = bank * torch.linspace(0.1, 10, 50)[:, None]
    assert torch.equal(
        knn_predict(queries * 7, scaled, labels, 5),
        knn_predict(queries, bank, labels, 5),
    )


def test_a_k_above_the_bank_lets_the_whole_bank_vote():
    bank, labels = clusters(30, seed=0)
    queries, _ = clusters(20, seed=1)
    assert torch.equal(
        knn_predict(queries, bank, labels, 200), knn_predict(queries, bank, labels, 30)
    )


def test_chunks_do_not_change_the_votes(monkeypatch):
    bank, labels = clusters(30, seed=0)
    queries, _ = clusters(20, seed=1)
    whole = knn_predict(queries, bank, labels, 5)
    monkeypatch.setattr("dilo.evaluate.knn.CHUNK_ELEMENTS", 90)
    assert torch.equal(knn_predict(queries, bank, labels, 5), whole)


def test_a_tiny_temperature_is_the_nearest_neighbour():
    bank, labels = clusters(60, seed=0)
    queries, _ = clusters(40, seed=1)
    assert torch.equal(
        knn_predict(queries, bank, labels, 60, temperature=1e-5),
        knn_predict(queries, bank, labels, 1),
    )


def test_known_images_are_recognised():
    values, labels = clusters(40, seed=0)
    same = Features(values=values, labels=labels)
    scores = knn_score(same, same, k=1)
    assert scores.top1 == scores.per_class == 1.0
    assert scores.images == 40


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"labels": torch.zeros(3)}, r"labels must be \(4,\)"),
        ({"queries": torch.zeros(2, 9)}, r"got \(2, 9\) and \(4, 5\)"),
    ],
)
def test_bad_arguments_are_refused(settings, message):
    arguments = {
        "queries": torch.ones(2, 5),
        "bank": torch.ones(4, 5),
        "labels": torch.zeros(4, dtype=torch.long),
    }
    with pytest.raises(InputError, match=message):
        knn_predict(**{**arguments, **settings})
