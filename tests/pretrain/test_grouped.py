import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from dilo.pretrain.grouped import Shuffle, count_groups, encode_groups
from dilo.training.processes import batch_order

CPU = torch.device("cpu")


def some_images(count: int = 16) -> torch.Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(0))


def normalised(images: torch.Tensor) -> torch.Tensor:
    """An encoder whose result depends on who is normalised together."""
    return F.batch_norm(images, None, None, training=True)


def test_without_a_shuffle_query_and_key_are_normalised_among_the_same_images():
    images = some_images()
    query = encode_groups(normalised, images, 4)
    for group in range(4):
        expected = normalised(images[group::4])
        torch.testing.assert_close(query[group::4], expected)
    assert torch.equal(encode_groups(normalised, images, 4), query)


def test_with_a_shuffle_they_are_normalised_among_others():
    images = some_images()
    query = encode_groups(normalised, images, 4)
    for step in range(10):
        shuffle = Shuffle.draw(16, 0, step, CPU)
        key = shuffle.encode(normalised, images, 4)
        assert (key - query).norm(dim=1).min() > 0.01
        permuted = torch.empty(16, 4)
        for group in range(4):
            members = shuffle.deal[group::4]
            permuted[members] = normalised(images[members])
        torch.testing.assert_close(key, permuted)


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
