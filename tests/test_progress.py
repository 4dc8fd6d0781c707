"""Progress: what is said, and when."""

import sys
import time

import pytest

import dilo.progress
from dilo.progress import Progress, notify_if_slow


def test_only_what_takes_long_is_said(capsys, monkeypatch):
    with notify_if_slow("patience"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(dilo.progress, "SECONDS_OF_SILENCE", 0.01)
    with notify_if_slow("patience"):
        time.sleep(0.2)
    assert capsys.readouterr().err == "patience\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_a_pause_is_not_counted(monkeypatch, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with Progress("masks", total=4) as progress:
        progress.advance()
        time.sleep(0.01)
        before = progress.rate
        with progress.paused():
            time.sleep(0.1)
        assert progress.rate > before / 5  # else it would be below a tenth
        progress.advance()
