import os
import signal
import threading
import time

import pytest
import torch

from dilo.training.preemption import SIGNALS, Preemption, stopped

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def heeded():
    """Ctrl-C ends the program, although a shell may have it ignored."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_the_former_handler_comes_back(number):
    former = signal.getsignal(number)
    with Preemption(CPU) as preemption:
        assert preemption.agreed(1) is None
        os.kill(os.getpid(), number)
        assert preemption.agreed(1) is number
    assert signal.getsignal(number) is former


def test_handlers_come_back_after_an_error_too():
    former = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(KeyError), Preemption(CPU):
        raise KeyError
    assert [signal.getsignal(number) for number in SIGNALS] == former


def test_another_thread_handles_no_signals():
    noted = []

    def train() -> None:
        with Preemption(CPU) as preemption:
            noted.append(preemption.agreed(1))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert noted == [None]


def test_processes_ask_less_often_the_longer_a_step_is():
    assert [Preemption(CPU, accumulate).every for accumulate in (1, 3, 100)] == [
        8,
        2,
        1,
    ]


def test_the_status_is_that_of_a_program_ended_by_the_signal():
    stop = stopped(signal.SIGTERM, "runs/a: after step 3 of 9")
    assert stop.status == 143
    assert str(stop) == (
        "runs/a: after step 3 of 9: stopped by SIGTERM; the same command goes on from "
        "there"
    )
    silent = stopped(signal.SIGUSR1, "")
    assert (str(silent), silent.status) == ("", 138)


def test_what_a_shell_has_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Preemption(CPU) as preemption:
        os.kill(os.getpid(), signal.SIGINT)
        assert preemption.agreed(1) is None


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_wait_for_a_batch(number):
    def hanging():
        yield 1
        os.kill(os.getpid(), number)
        try:
            time.sleep(60)
        except Exception:  # as of a decoder
            yield 2

    with Preemption(CPU) as preemption:
        assert list(preemption.over(hanging())) == [1]
        assert preemption.received is number


def test_a_signal_within_a_step_ends_the_batches_before_the_next_wait():
    with Preemption(CPU) as preemption:
        for batch in preemption.over([1, 2]):
            os.kill(os.getpid(), signal.SIGTERM)
            assert batch == 1
