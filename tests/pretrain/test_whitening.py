import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from dilo.models import inference
from dilo.pretrain import clustering
from dilo.pretrain.clustering import whiten
from fake_device import second_device

CPU = torch.device("cpu")


def features(count: int = 60, dims: int = 8, rank: int = 8) -> torch.Tensor:
    rng = np.random.default_rng(0)
    low = rng.normal(size=(count, rank)) @ rng.normal(size=(rank, dims))
    return torch.from_numpy(low).float() + 3


def test_components_are_those_of_scikit_learn_but_for_their_signs():
    rows = features()
    ours = whiten(rows, 5, CPU).flip(1).double().numpy()  # the largest first
    theirs = PCA(5, whiten=True).fit_transform(rows.double().numpy())
    theirs *= np.sqrt(60 / 59)  # theirs divides by N - 1
    signs = np.sign((ours * theirs).sum(axis=0))
    np.testing.assert_allclose(ours * signs, theirs, atol=1e-4)


def test_what_comes_out_is_white():
    rows = whiten(features(), 100, CPU).double()
    assert rows.shape == (60, 8)
    torch.testing.assert_close(
        rows.T @ rows / 60, torch.eye(8).double(), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(
    ("rows", "dims"),
    [(features(rank=3), 3), (features(count=4), 3), (torch.ones(9, 5), 1)],
)
def test_directions_without_variance_are_left_out(rows, dims):
    result = whiten(rows, 256, CPU)
    assert result.shape == (len(rows), dims)
    assert result.isfinite().all()


def test_chunks_change_nothing(monkeypatch):
    whole = whiten(features(), 5, CPU)
    monkeypatch.setattr(clustering, "ROWS", 7)
    torch.testing.assert_close(whiten(features(), 5, CPU), whole, atol=1e-5, rtol=0)


def test_a_device_without_float64_gets_what_the_cpu_computes(monkeypatch):
    monkeypatch.setattr(inference, "WITHOUT_FLOAT64", ("meta",))
    expected = whiten(features(), 5, CPU)
    with second_device(monkeypatch) as device:
        result = whiten(features(), 5, device)
        assert result.device == device
        torch.testing.assert_close(result.cpu(), expected)
