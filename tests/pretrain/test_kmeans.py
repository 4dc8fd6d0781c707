import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from dilo.errors import InputError
from dilo.pretrain import clustering as module
from dilo.pretrain.clustering import Clusters, kmeans, lloyd, nearest_centroid


def blobs(count: int = 300, centers: int = 6) -> torch.Tensor:
    rows, _ = make_blobs(count, n_features=5, centers=centers, random_state=0)
    return torch.from_numpy(rows.astype(np.float32))


def inertia(clusters: Clusters, rows: torch.Tensor) -> float:
    return float((rows - clusters.centroids[clusters.labels]).square().sum())


def test_from_the_same_start_it_ends_where_scikit_learn_does():
    rows = torch.from_numpy(np.random.default_rng(0).normal(size=(400, 4))).float()
    start = rows[:12]
    ours = lloyd(rows, start, iterations=100)
    theirs = KMeans(12, init=start.numpy(), n_init=1, max_iter=100, tol=0).fit(rows)
    assert torch.equal(ours.labels, torch.from_numpy(theirs.labels_).long())
    assert inertia(ours, rows) == pytest.approx(theirs.inertia_, rel=1e-5)
    assert torch.equal(ours.labels, nearest_centroid(rows, ours.centroids))


def test_random_starts_do_as_well_as_those_of_scikit_learn():
    rows = torch.from_numpy(np.random.default_rng(0).normal(size=(500, 8))).float()
    ours = [inertia(kmeans(rows, 10, (seed,)), rows) for seed in range(5)]
    theirs = [
        KMeans(10, init="random", n_init=1, max_iter=20, random_state=seed)
        .fit(rows)
        .inertia_
        for seed in range(5)
    ]
    assert np.mean(ours) < 1.02 * np.mean(theirs)


def test_the_answer_depends_on_rows_and_seed_alone():
    rows = blobs()
    first = kmeans(rows, 20, (3, 1))
    torch.rand(3)
    again = kmeans(rows, 20, (3, 1))
    assert torch.equal(first.labels, again.labels)
    assert torch.equal(first.centroids, again.centroids)
    assert not torch.equal(first.labels, kmeans(rows, 20, (3, 2)).labels)


def test_chunks_change_nothing(monkeypatch):
    rows = blobs()
    whole = kmeans(rows, 7, (0,))
    monkeypatch.setattr(module, "CELLS", 50)  # 7 rows at a time
    torch.testing.assert_close(kmeans(rows, 7, (0,)).labels, whole.labels)


def test_an_empty_cluster_takes_the_farthest_row_of_the_largest():
    rows = torch.tensor([[0.0], [0.1], [0.3], [10.0], [10.1]])
    start = torch.tensor([[0.0], [10.0], [99.0]])
    found = lloyd(rows, start, iterations=1)
    assert found.labels.tolist() == [0, 0, 2, 1, 1]
    torch.testing.assert_close(found.centroids[:, 0], torch.tensor([0.05, 10.05, 0.3]))


@pytest.mark.parametrize("rows", [torch.zeros(9, 2), blobs(9, 2)])
def test_no_cluster_is_empty_even_of_equal_rows(rows):
    start = rows[:1].expand(6, -1)  # but one of them are empty at first
    assert (lloyd(rows, start, iterations=1).sizes() > 0).all()
    assert (kmeans(rows, 6, (0,)).sizes() > 0).all()


def test_more_clusters_than_rows_are_lowered_to_one_for_each():
    rows = blobs(5, 2)
    found = kmeans(rows, 100, (0,))
    assert sorted(found.labels.tolist()) == [0, 1, 2, 3, 4]
    assert inertia(found, rows) == 0


def test_nothing_to_cluster_is_refused():
    with pytest.raises(InputError, match="0 rows"):
        kmeans(torch.zeros(0, 3), 2, (0,))
    with pytest.raises(InputError, match="0 clusters"):
        kmeans(torch.zeros(4, 3), 0, (0,))
