import time

import pytest

from dilo.training import loader
from dilo.training.loader import Waiting, loader_warning, waited


def test_only_the_time_until_the_next_batch_counts_but_for_the_first():
    def slow():
        for number in range(4):
            time.sleep(0.03)
            yield number

    watch = Waiting()
    for _ in watch.over(slow()):
        time.sleep(0.01)
    assert 0.09 <= watch.take() < 0.2
    assert watch.take() == 0


def test_shares_of_lines_sum_up_to_seconds():
    lines = [
        {"step": 1, "seconds": 10.0, "waiting": 0.5},
        {"step": 2, "seconds": 30.0, "waiting": 0.1},
        {"step": 3, "seconds": 31.0},
    ]
    assert waited(lines) == pytest.approx(7)
    assert waited([]) == 0


def test_the_loader_is_the_limit_where_a_quarter_of_enough_time_was_waited_away():
    message = loader_warning(30.0, 100.0, 500)
    assert "the loader is the limit: 30% of the time" in message
    assert "--workers" in message
    assert "--cache-size" in message
    assert loader_warning(loader.LIMIT * 99, 100.0, 500) is None
    assert loader_warning(9.0, 9.5, 500) is None
    assert loader_warning(90.0, 100.0, loader.ENOUGH_STEPS - 1) is None
