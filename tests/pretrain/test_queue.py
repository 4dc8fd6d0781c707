import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dilo.pretrain.memory import EMPTY, KeyQueue


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.lists(st.integers(0, 25), max_size=8))
def test_it_holds_the_last_k_keys_whatever_the_batches(size, batches):
    queue = KeyQueue(size, 2, seed=0)
    pushed = 0
    for count in batches:
        index = torch.arange(pushed, pushed + count)
        queue.push(index[:, None].expand(-1, 2).float(), index)
        pushed += count
    kept = min(pushed, size)
    oldest_first = torch.roll(queue.index, -queue.head)
    expected = [EMPTY] * (size - kept) + list(range(pushed - kept, pushed))
    assert oldest_first.tolist() == expected
    filled = queue.index != EMPTY
    assert torch.equal(queue.rows[filled, 0].long(), queue.index[filled])


def test_it_starts_with_random_directions_of_no_image():
    rows = KeyQueue(2000, 16, seed=1).rows
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(2000))
    assert rows.mean(dim=0).abs().max() < 0.02
    assert torch.equal(rows, KeyQueue(2000, 16, seed=1).rows)
    assert not torch.equal(rows, KeyQueue(2000, 16, seed=2).rows)


@pytest.mark.parametrize("count", [3, 8, 20])
def test_a_saved_ring_goes_on_where_it_was(count):
    first = KeyQueue(8, 4, seed=0)
    first.push(torch.randn(5, 4), torch.arange(5))
    second = KeyQueue(8, 4, seed=9)
    second.load_state_dict(first.state_dict())
    keys, index = torch.randn(count, 4), torch.arange(100, 100 + count)
    for queue in (first, second):
        queue.push(keys, index)
    assert torch.equal(first.rows, second.rows)
    assert torch.equal(first.index, second.index)
    assert first.head == second.head
