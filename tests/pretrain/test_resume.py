"""A run that was stopped and continued equals one that was not, bit for bit."""

import gc
import itertools
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import dilo.runs
from dilo.config import replace, to_dict
from dilo.errors import RunError, StoppedError
from dilo.pretrain import PretrainConfig, pretrain
from dilo.pretrain.instdisc import InstDisc
from dilo.runs import Run
from dilo.training.checkpoint import load_checkpoint, save_checkpoint
from dilo.training.loader import Loader

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available(), reason="equality to the bit is promised on CPU"
)
TIMINGS = ("seconds", "images_per_second", "waiting")

# Pretrains the configs of a JSON text, each in a process that gets a signal in the
# middle of a step; prints how they ended. They are forked, to import torch only once.
KILLED = """
import json, os, sys
import torch
from dilo.config import from_dict
from dilo.pretrain import PretrainConfig, pretrain
from dilo.pretrain.instdisc import InstDisc

torch.set_num_threads(int(sys.argv[1]))
update = InstDisc.update

for config, out, number in json.loads(sys.argv[2]):
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        continue

    def die(self, features, index):
        if self.step + 1 == 5:
            os.kill(os.getpid(), number)
        update(self, features, index)

    InstDisc.update = die
    pretrain(from_dict(PretrainConfig, config), out)
"""


@pytest.fixture(scope="module")
def straight(
    tiny: Callable[..., PretrainConfig], tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """The undisturbed run."""
    return pretrain(tiny(), tmp_path_factory.mktemp("straight") / "run").run


def lines(run: Run) -> list[dict[str, float]]:
    return [
        {name: value for name, value in line.items() if name not in TIMINGS}
        for line in run.metrics
    ]


def assert_equal(run: Run, other: Run) -> None:
    assert run.backbone.read_bytes() == other.backbone.read_bytes()
    ours, theirs = (load_checkpoint(each.checkpoint)["task"] for each in (run, other))
    assert ours.keys() == theirs.keys()
    assert torch.equal(ours["bank.rows"], theirs["bank.rows"])
    assert all(torch.equal(ours[name], theirs[name]) for name in ours if "." in name)
    assert lines(run) == lines(other)


def interrupt(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Make the next pretraining stop in the middle of a step."""
    update = InstDisc.update

    def stop(self: InstDisc, features: torch.Tensor, index: torch.Tensor) -> None:
        if self.step + 1 == step:
            raise KeyboardInterrupt
        update(self, features, index)

    monkeypatch.setattr(InstDisc, "update", stop)


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Make the next pretraining stop when so many steps are over."""
    load = Loader.__call__

    def cut(self: Loader, first_step: int):
        yield from itertools.islice(load(self, first_step), steps)
        raise KeyboardInterrupt

    monkeypatch.setattr(Loader, "__call__", cut)


def test_the_lines_cover_the_whole_training(straight):
    assert [line["step"] for line in straight.metrics] == [2, 4, 6, 8, 9]
    assert straight.metrics[-1]["epoch"] == 3


@pytest.mark.slow
def test_killed_in_the_middle_of_an_epoch(tiny, straight, tmp_path):
    # A checkpoint after every step, so also in the middle of the second epoch; SIGTERM
    # lets the step end and saves by itself.
    killed, asked = Run(tmp_path / "killed"), Run(tmp_path / "asked")
    jobs = [
        (to_dict(tiny(checkpoint_minutes=0.0)), str(killed.folder), signal.SIGKILL),
        (to_dict(tiny()), str(asked.folder), signal.SIGTERM),
    ]
    threads = str(torch.get_num_threads())
    result = subprocess.run(
        [sys.executable, "-c", KILLED, threads, json.dumps(jobs)],
        env={**os.environ, "OMP_NUM_THREADS": threads},
        capture_output=True,
        text=True,
    )
    assert result.stdout.split() == [str(-signal.SIGKILL), "1"], result.stderr
    for run, saved in ((killed, 4), (asked, 5)):
        assert load_checkpoint(run.checkpoint)["log"]["step"] == saved
        assert not run.backbone.exists()
        pretrain(tiny(), run.folder)
        assert_equal(run, straight)


@pytest.mark.parametrize(
    ("step", "saved"),
    [(2, None), (6, 3), (9, 6)],
    ids=["before a checkpoint", "after an epoch", "at the end"],
)
def test_stopped_between_checkpoints(
    tiny, straight, tmp_path, monkeypatch, step, saved
):
    run = Run(tmp_path / "run")
    with monkeypatch.context() as patch:
        interrupt(patch, step)
        with pytest.raises(KeyboardInterrupt):
            pretrain(tiny(log_every=1), run.folder)
    assert len(run.metrics) == step - 1
    if saved is None:
        assert not run.checkpoint.exists()
    else:
        assert load_checkpoint(run.checkpoint)["log"]["step"] == saved
    pretrain(tiny(log_every=1), run.folder)
    assert [line["step"] for line in run.metrics] == list(range(1, 10))
    assert run.backbone.read_bytes() == straight.backbone.read_bytes()


def ask(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Signal the next pretraining and its workers in step 5, as schedulers do."""
    update = InstDisc.update

    def ask(self: InstDisc, features: torch.Tensor, index: torch.Tensor) -> None:
        if self.step + 1 == 5:
            workers = [child.pid for child in multiprocessing.active_children()]
            for process in (*workers, os.getpid()):
                os.kill(process, number)
        update(self, features, index)

    monkeypatch.setattr(InstDisc, "update", ask)


@pytest.mark.parametrize(
    ("number", "workers"),
    [
        (signal.SIGTERM, 0),
        (signal.SIGUSR1, 0),
        pytest.param(signal.SIGTERM, 2, marks=pytest.mark.slow),
    ],
)
def test_asked_by_a_signal_it_saves_first(
    tiny, straight, tmp_path, monkeypatch, number, workers
):
    run = Run(tmp_path / "run")
    with monkeypatch.context() as patch:
        ask(patch, number)
        with pytest.raises(StoppedError, match="after step 5 of 9: stopped by") as stop:
            pretrain(tiny(workers=workers), run.folder)
    assert stop.value.status == 128 + number
    assert load_checkpoint(run.checkpoint)["log"]["step"] == 5
    pretrain(tiny(), run.folder)
    assert_equal(run, straight)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
# Torch's iterator may complain of its killed worker once more when it is deleted.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_killed_worker_is_one_line_and_the_training_goes_on(
    tiny, straight, tmp_path, monkeypatch
):
    run = Run(tmp_path / "run")
    update = InstDisc.update

    def kill(self: InstDisc, features: torch.Tensor, index: torch.Tensor) -> None:
        update(self, features, index)
        if self.step == 2:  # not all batches are made
            for worker in multiprocessing.active_children():
                worker.kill()

    with monkeypatch.context() as patch:
        patch.setattr(InstDisc, "update", kill)
        with pytest.raises(RunError, match="a worker was killed"):
            pretrain(tiny(workers=2), run.folder)
    gc.collect()  # the complaint comes now, and not in another test
    pretrain(tiny(workers=2), run.folder)
    assert_equal(run, straight)


def test_a_signal_while_a_batch_is_awaited_saves(tiny, straight, tmp_path, monkeypatch):
    run = Run(tmp_path / "run")
    load = Loader.__call__

    def hang(self: Loader, first_step: int):
        yield from itertools.islice(load(self, first_step), 4)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    with monkeypatch.context() as patch:
        patch.setattr(Loader, "__call__", hang)
        with pytest.raises(StoppedError, match="after step 4 of 9: stopped by SIGTERM"):
            pretrain(tiny(), run.folder)
    pretrain(tiny(), run.folder)
    assert_equal(run, straight)


@pytest.mark.slow
def test_continued_with_workers(tiny, straight, tmp_path, monkeypatch):
    run = Run(tmp_path / "run")
    with monkeypatch.context() as patch:
        interrupt(patch, 6)
        with pytest.raises(KeyboardInterrupt):
            pretrain(tiny(checkpoint_minutes=0.0), run.folder)
    pretrain(tiny(workers=2), run.folder)
    assert_equal(run, straight)
    assert run.field("workers") == 2


def test_mixed_precision_and_images_in_memory_resume_alike(tiny, tmp_path, monkeypatch):
    config = tiny(precision="bf16-mixed", cache_size=24, schedule="cosine", epochs=2)
    whole = pretrain(config, tmp_path / "whole").run
    run = Run(tmp_path / "run")
    with monkeypatch.context() as patch:
        interrupt(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            pretrain(config, run.folder)
    pretrain(config, run.folder)
    assert_equal(run, whole)


@pytest.mark.skipif(sys.platform != "linux", reason="limits files as Linux does")
def test_without_room_for_a_checkpoint_it_ends_and_goes_on_later(
    tiny, straight, tmp_path, monkeypatch
):
    run = unfinished(tiny, tmp_path / "run", monkeypatch)
    before = run.checkpoint.read_bytes()
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, former[1]))
    message = r"cannot be written \(File too large\); the one before is whole"
    try:
        with pytest.raises(RunError, match=message):
            pretrain(tiny(), run.folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    assert run.checkpoint.read_bytes() == before
    pretrain(tiny(), run.folder)
    assert_equal(run, straight)


def test_a_finished_run_returns_at_once(tiny, straight, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in straight.folder.iterdir()}
    monkeypatch.setattr("dilo.data.image_set.read_image", None)  # nothing is read
    report = pretrain(tiny(), straight.folder)
    assert (report.images, report.mapped, dict(report.failures)) == (22, 22, {})
    after = {path: path.stat().st_mtime_ns for path in straight.folder.iterdir()}
    assert after == before


def test_a_run_of_version_0_1_goes_on_and_stays_readable(
    tiny, straight, tmp_path, monkeypatch
):
    run = unfinished(tiny, tmp_path / "run", monkeypatch)
    groups = run.config
    others = {"clusters": 10000, "sobel": True, "key_momentum": 0.999}
    flat = {"objective": "instdisc", "view": groups.pop("view"), **others}
    flat["monitor_epochs"] = groups.pop("monitor_epochs")
    for group in groups.values():
        flat |= {name: value for name, value in group.items() if name != "name"}
    (run.folder / "config.json").write_text(json.dumps(flat))
    (run.folder / "environment.json").write_text('{"dilo": "0.1.0"}')
    pretrain(tiny(), run.folder)
    assert_equal(run, straight)
    assert run.environments[0] == {"dilo": "0.1.0"}
    (run.folder / "config.json").write_text(json.dumps(flat))
    assert "pretrained on 22 images, 22 with" in pretrain(tiny(), run.folder).summary()


def test_another_config_is_refused_before_the_images_are_read(
    tiny, straight, monkeypatch
):
    monkeypatch.setattr("dilo.data.image_set.read_image", None)
    with pytest.raises(
        RunError, match=r"another config \(optimizer.lr: 0\.03 -> 0\.1\)"
    ):
        pretrain(tiny(lr=0.1), straight.folder)


def unfinished(
    tiny: Callable[..., PretrainConfig], folder: Path, patch: pytest.MonkeyPatch
) -> Run:
    with patch.context() as context:
        interrupt(context, 5)
        with pytest.raises(KeyboardInterrupt):
            pretrain(tiny(), folder)
    return Run(folder)


def test_a_training_whose_run_another_writes_is_refused(
    tiny, straight, tmp_path, monkeypatch
):
    monkeypatch.setattr(dilo.runs, "SECONDS_OF_PATIENCE", 0.1)
    run = unfinished(tiny, tmp_path / "run", monkeypatch)
    before = {path: path.read_bytes() for path in run.folder.glob("*.json*")}
    with run.locked(), pytest.raises(RunError, match="another training is writing"):
        pretrain(tiny(), run.folder)
    assert {path: path.read_bytes() for path in run.folder.glob("*.json*")} == before
    pretrain(tiny(), run.folder)
    assert_equal(run, straight)
    assert not list(run.folder.glob(".*"))


@pytest.mark.parametrize("file", ["metrics.jsonl", "environment.json", "checkpoint.pt"])
def test_a_run_from_which_a_file_is_missing_goes_on(
    tiny, straight, tmp_path, monkeypatch, capsys, file
):
    run = unfinished(tiny, tmp_path / "run", monkeypatch)
    (run.folder / file).unlink()
    report = pretrain(tiny(), run.folder)
    again = "checkpoint.pt: no such file; the training starts again"
    assert (again in capsys.readouterr().err) == (file == "checkpoint.pt")
    assert run.backbone.read_bytes() == straight.backbone.read_bytes()
    (run.folder / "metrics.jsonl").unlink()
    assert "loss" not in report.summary()
    assert "loss" not in pretrain(tiny(), run.folder).summary()


def test_a_hostile_checkpoint_is_refused_without_running_it(
    tiny, tmp_path, monkeypatch
):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    run = unfinished(tiny, tmp_path / "run", monkeypatch)
    torch.save({"task": Hostile()}, run.checkpoint)
    with pytest.raises(RunError, match=r"checkpoint\.pt: not loaded"):
        pretrain(tiny(), run.folder)
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_of_fewer_images_is_refused(tiny, tmp_path, monkeypatch):
    run = unfinished(tiny, tmp_path / "run", monkeypatch)
    state = load_checkpoint(run.checkpoint)
    state["task"]["bank.rows"] = state["task"]["bank.rows"][:-1]
    save_checkpoint(run.checkpoint, state)
    with pytest.raises(RunError, match="were images added or removed"):
        pretrain(tiny(), run.folder)


@pytest.mark.parametrize("objective", ["instdisc", "moco_v2"])
def test_other_images_are_refused_unless_they_are_allowed(
    tiny, scenes, tmp_path, monkeypatch, objective
):
    """As many, but at other places: no tensor has another shape."""
    shutil.copytree(scenes / "images", tmp_path / "images")
    images = {"images": str(tmp_path / "images"), "objective": objective}
    with monkeypatch.context() as patch:
        stop_after(patch, steps=4)
        with pytest.raises(KeyboardInterrupt):
            pretrain(tiny(**images), tmp_path / "run")
    first = min((tmp_path / "images").iterdir())
    first.rename(first.with_name(f"zz_{first.name}"))
    with pytest.raises(RunError, match="images or masks are others than"):
        pretrain(tiny(**images), tmp_path / "run")
    assert len(Run(tmp_path / "run").environments) == 1
    config = tiny(**images, other_data=True)
    assert pretrain(config, tmp_path / "run").images == 22
    assert len(Run(tmp_path / "run").environments) == 2


@pytest.mark.parametrize("objective", ["instdisc", "rotation"])
def test_a_run_of_version_0_1_goes_on(tiny, tmp_path, monkeypatch, objective):
    """Its config had no groups, and the parts of its checkpoint had other names."""
    config = tiny(objective=objective)
    straight = pretrain(config, tmp_path / "straight").run
    run = Run(tmp_path / "run")
    with monkeypatch.context() as patch:
        stop_after(patch, steps=4)
        with pytest.raises(KeyboardInterrupt):
            pretrain(replace(config, checkpoint_minutes=0.0), run.folder)
    state = load_checkpoint(run.checkpoint)
    if objective == "rotation":
        del state["task"]["_extra_state"]
    old = {"objective": state["task"], "diary": state["log"]}
    save_checkpoint(run.checkpoint, {**old, "optimizer": state["optimizer"]})
    groups = to_dict(config)
    flat = {"objective": objective, "view": groups["view"], "monitor_epochs": 0}
    for name in ("data", "model", "optimizer", "loop"):
        flat |= groups[name]
    flat |= {k: v for k, v in groups["objective"].items() if k != "name"}
    flat |= {"clusters": 10000, "sobel": True}  # of other objectives
    del flat["device"]  # is younger
    (run.folder / "config.json").write_text(json.dumps(flat))
    pretrain(config, run.folder)
    assert run.backbone.read_bytes() == straight.backbone.read_bytes()
    assert lines(run) == lines(straight)
