import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from dilo.errors import InputError
from dilo.evaluate.scores import score


def test_every_class_counts_alike_in_the_accuracy_per_class():
    labels = torch.tensor([0, 0, 0, 1])
    scores = score(torch.tensor([0, 0, 0, 0]), labels)
    assert scores.top1 == 0.75
    assert scores.per_class == 0.5
    assert scores.images == 4


def test_scores_agree_with_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(1, 9, (200,), generator=generator)  # class 0 is absent
    guesses = torch.randint(1, 12, (200,), generator=generator)
    predictions = torch.where(
        torch.rand(200, generator=generator) < 0.5, labels, guesses
    )
    known = predictions.clamp(max=8)  # scikit-learn warns of classes nobody has
    scores = score(known, labels)
    assert scores.top1 == pytest.approx(accuracy_score(labels, known))
    assert scores.per_class == pytest.approx(balanced_accuracy_score(labels, known))


def test_labels_must_fit_the_predictions():
    with pytest.raises(InputError, match=r"got \(2,\) and \(3,\)"):
        score(torch.zeros(2), torch.zeros(3))
