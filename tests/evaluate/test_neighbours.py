import pytest
import torch
import torch.nn.functional as F

from dilo.errors import InputError
from dilo.evaluate.backgrounds import Tagged, background_retrieval
from dilo.evaluate.knn import nearest


def test_nearest_agrees_with_sorting_all_similarities():
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(9, 5, generator=generator)
    bank = torch.randn(20, 5, generator=generator)
    similarity, index = nearest(queries, bank, 4)
    full = F.normalize(queries) @ F.normalize(bank).T
    assert torch.equal(index, full.argsort(descending=True)[:, :4])
    torch.testing.assert_close(similarity, full.gather(1, index))


@pytest.mark.parametrize("elements", [2**26, 25])
def test_no_image_is_its_own_neighbour(elements, monkeypatch):
    monkeypatch.setattr("dilo.evaluate.knn.CHUNK_ELEMENTS", elements)
    bank = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    _, index = nearest(bank, None, 50)
    assert index.shape == (12, 11)
    assert not (index == torch.arange(12)[:, None]).any()


def on_circle(degrees: list[float]) -> torch.Tensor:
    angle = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def test_the_four_kinds_of_neighbours_are_told_apart():
    # Each of four pairs of close images shares another thing.
    tagged = Tagged(
        features=on_circle([0, 1, 90, 91, 180, 181, 270, 271]),
        labels=torch.tensor([0, 0, 1, 1, 2, 3, 2, 3]),
        backgrounds=torch.tensor([0, 0, 1, 2, 3, 3, 0, 1]),
    )
    found = background_retrieval(tagged).found
    assert found.both == pytest.approx(0.25)
    assert found.same_class == pytest.approx(0.5)
    assert found.same_background == pytest.approx(0.5)


def test_chance_is_what_all_other_images_would_give():
    generator = torch.Generator().manual_seed(0)
    tagged = Tagged(
        features=torch.randn(30, 4, generator=generator),
        labels=torch.randint(0, 3, (30,), generator=generator),
        backgrounds=torch.randint(0, 4, (30,), generator=generator),
    )
    everyone = background_retrieval(tagged, k=29)
    assert everyone.found == pytest.approx(everyone.chance)


def test_chance_against_a_gallery_counts_the_whole_gallery():
    queries = Tagged(
        features=on_circle([0, 90]),
        labels=torch.tensor([0, 5]),
        backgrounds=torch.tensor([1, 1]),
    )
    gallery = Tagged(
        features=on_circle([5, 50, 95, 200]),
        labels=torch.tensor([0, 0, 1, 1]),
        backgrounds=torch.tensor([0, 1, 1, 0]),
    )
    result = background_retrieval(queries, gallery)
    assert result.found == pytest.approx((0.5, 0.5, 0.0))
    assert result.chance.same_class == pytest.approx(0.25)
    assert result.chance.same_background == pytest.approx(0.5)
    assert result.chance.both == pytest.approx(1 / 8)


def test_bad_arguments_are_refused():
    one = torch.ones(1, 2)
    with pytest.raises(InputError, match="the bank holds no neighbour"):
        nearest(one, None, 1)
    with pytest.raises(InputError, match=r"\(Q, D\) and \(N, D\), got .*\(3, 4\)"):
        nearest(one, torch.ones(3, 4), 1)
