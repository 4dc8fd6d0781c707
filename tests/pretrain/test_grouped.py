import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dilo.pretrain.grouped import Shuffle, batch_order, count_groups, encode_groups

CPU = torch.device("cpu")


def company(images: torch.Tensor) -> torch.Tensor:
    """An encoder that tells who was encoded together: (B, 1) -> (B, 2)."""
    together = (2.0**images).sum().expand(len(images), 1)  # exact: a bit for each
    return torch.cat([images, together], dim=1)


def test_without_a_shuffle_query_and_key_are_normalised_among_the_same_images():
    images = torch.arange(16.0)[:, None]
    query = encode_groups(company, images, 4)
    key = encode_groups(company, images, 4)
    assert torch.equal(query, key)
    assert len(query[:, 1].unique()) == 4


def test_with_a_shuffle_they_are_normalised_among_others():
    images = torch.arange(16.0)[:, None]
    query = encode_groups(company, images, 4)
    for step in range(10):
        key = Shuffle.draw(16, 0, step, CPU).encode(company, images, 4)
        assert torch.equal(key[:, 0], images[:, 0])  # back in the old order
        assert (key[:, 1] != query[:, 1]).all()
        assert len(key[:, 1].unique()) == 4


def test_batch_norm_sees_the_groups():
    norm = torch.nn.BatchNorm1d(3)
    images = torch.randn(12, 3)
    encoded = encode_groups(norm, images, 3)
    for group in range(3):
        torch.testing.assert_close(encoded[group::3], norm(images[group::3]))
    assert not torch.allclose(encoded, norm(images), atol=0.01)


@given(st.integers(2, 40), st.integers(1, 10))
def test_every_image_comes_back_in_its_place(count, groups):
    images = torch.arange(float(count))[:, None]
    assert torch.equal(encode_groups(lambda x: x, images, groups), images)
    shuffle = Shuffle.draw(count, 3, 7, CPU)
    assert torch.equal(shuffle.encode(lambda x: x, images, groups), images)


def test_gradients_reach_every_image():
    images = torch.randn(7, 2, requires_grad=True)
    encode_groups(lambda x: x * 2, images, 3).sum().backward()
    torch.testing.assert_close(images.grad, torch.full((7, 2), 2.0))


def test_shuffles_depend_on_seed_and_step_alone():
    first = Shuffle.draw(32, 1, 5, CPU)
    torch.rand(3)
    assert torch.equal(first.deal, Shuffle.draw(32, 1, 5, CPU).deal)
    assert not torch.equal(first.deal, Shuffle.draw(32, 1, 6, CPU).deal)
    assert not torch.equal(first.deal, Shuffle.draw(32, 2, 5, CPU).deal)


@pytest.mark.parametrize(
    ("groups", "images", "expected"), [(8, 256, 8), (8, 9, 4), (8, 2, 1), (1, 64, 1)]
)
def test_groups_have_two_images_at_least(groups, images, expected):
    assert count_groups(groups, images) == expected


def test_the_order_of_one_process_is_the_batch_order():
    rows = torch.randn(5, 2)
    assert torch.equal(batch_order(rows), rows)
