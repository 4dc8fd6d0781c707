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
    monkeypatch.setattr(dilo.progress, "SECONDS_BEFORE_RATE", 0.0)
    with Progress("masks", total=4) as progress:
        progress.advance()
        time.sleep(0.01)
        progress.advance()
        before = progress.rate
        with progress.paused():
            time.sleep(0.1)
        assert progress.rate > before / 5  # else it would be below a tenth
        progress.advance()


def test_the_time_left_does_not_count_what_the_first_piece_compiled(
    monkeypatch, capsys
):
    clock = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    with Progress("masks", total=1000, unit="images", done=100) as progress:
        for clock, pieces in ((60.0, 8), (60.5, 8), (71.0, 8), (82.0, 16)):  # noqa: B007
            progress.advance(pieces)
    assert capsys.readouterr().err.splitlines() == [
        "masks: 108/1000 images",
        "masks: 124/1000 images, 1.5/s, 10:02 min left",
        "masks: 140/1000 images, 1.5/s, 9:51 min left",
        "masks: 140/1000 images, 1.5/s, 9:51 min left",
    ]


def test_a_title_is_no_markup(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    progress = Progress("[red]run[/bold]", 3)
    text, *_ = progress._bar.columns
    with progress:
        assert str(text.render(progress._bar.tasks[0])) == "[red]run[/bold]"
