import math

import pytest
from torch import nn

from dilo.pretrain import pretrain
from dilo.runs import Run
from dilo.training.curves import draw_curves

NUMBERS = ("alignment", "uniformity", "spread", "effective_rank")


def test_the_features_are_measured_every_few_epochs_and_at_the_end(tiny, tmp_path):
    runs = {
        every: pretrain(tiny(monitor_epochs=every), tmp_path / str(every)).run
        for every in (0, 1, 2)
    }
    for every, steps in ((0, []), (1, [3, 6, 9]), (2, [6, 9])):
        told = [line for line in runs[every].metrics if "effective_rank" in line]
        assert [line["step"] for line in told] == steps
        assert all(math.isfinite(line[name]) for line in told for name in NUMBERS)
        assert all(0 <= line["waiting"] <= 1 for line in runs[every].losses)
    weights = [run.backbone.read_bytes() for run in runs.values()]
    assert weights.count(weights[0]) == 3
    again = pretrain(tiny(monitor_epochs=5), tmp_path / "1")  # may change: it is free
    assert list(again.warnings) == []


def test_a_collapse_is_told_once_an_epoch_and_in_the_report(
    tiny, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("dilo.pretrain.monitor.COLLAPSED_RANK", 1e9)
    report = pretrain(tiny(monitor_epochs=1), tmp_path / "run")
    message = "the features have collapsed: they hardly tell images apart after epoch"
    assert capsys.readouterr().err.count(f"run: {message}") == 3
    assert f"WARNING: {message} 3 (spread" in report.summary()
    (warning,) = Run.open(tmp_path / "run").report["warnings"]
    assert warning.startswith(f"{message} 3")


def test_a_slow_loader_is_told_once_and_in_the_report(
    tiny, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("dilo.training.loader.ENOUGH_SECONDS", 0.0)
    monkeypatch.setattr("dilo.training.loader.ENOUGH_STEPS", 2)
    monkeypatch.setattr("dilo.training.loader.LIMIT", 1e-9)
    report = pretrain(tiny(monitor_epochs=1), tmp_path / "run")
    assert capsys.readouterr().err.count("run: the loader is the limit") == 1
    assert "WARNING: the loader is the limit" in report.summary()


def test_knn_stands_in_the_progress_line_the_rest_in_the_curves(
    tiny, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("dilo.progress.SECONDS_BETWEEN_LINES", 0.0)

    def follow(epoch: int, network: nn.Module, run: Run) -> dict[str, float]:
        return {"knn": 0.25 * epoch}

    run = pretrain(tiny(monitor_epochs=1), tmp_path / "run", after_epoch=follow).run
    told = capsys.readouterr().err
    assert "knn 0.25" in told
    assert "effective_rank" not in told
    assert run.metrics[-1]["knn"] == 0.75
    assert draw_curves(run.metrics).startswith(b"\x89PNG")


@pytest.mark.parametrize("objective", ["moco_v2", "rotation"])
def test_every_objective_can_be_watched(tiny, tmp_path, objective):
    last = pretrain(
        tiny(objective=objective, monitor_epochs=1), tmp_path / "run"
    ).run.metrics[-1]
    assert last["effective_rank"] > 1.5
