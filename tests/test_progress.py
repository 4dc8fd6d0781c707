"""Progress: what is said, and when."""

import time

import dilo.progress
from dilo.progress import announced


def test_only_what_takes_long_is_announced(capsys, monkeypatch):
    with announced("patience"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(dilo.progress, "SECONDS_OF_SILENCE", 0.01)
    with announced("patience"):
        time.sleep(0.2)
    assert capsys.readouterr().err == "patience\n"
