"""What every objective owes the loop; a new one is held to it by being registered."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from overfit import overfit, scene_views
from torch import Tensor

from dilo.config import to_dict
from dilo.errors import RunError
from dilo.models import backbone
from dilo.models.inputs import with_input
from dilo.models.normalise import normalise
from dilo.pretrain import OBJECTIVES, PretrainConfig, pretrain
from dilo.pretrain.subject import Subject
from dilo.pretrain.views import ViewLoader
from dilo.runs import Run
from dilo.training.checkpoint import load_checkpoint
from dilo.training.loop import Batch
from dilo.training.preemption import ASK_EVERY

SCENES = 16
ON_CPU = pytest.mark.skipif(
    torch.cuda.is_available(), reason="equality to the bit is promised on CPU"
)

# A bank that hardly moves, for one that follows at once has all rows alike at first;
# and little noise, for it may be the image's own row.
EASIER = {"instdisc_nce": {"bank_momentum": 0.98, "negatives": 8}}

PASTED = {"view.copy_paste.probability": 0.5, "view.copy_paste.ramp": 0.0}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_loss_falls(objective):
    torch.manual_seed(0)
    fields = {"negatives": 32, "key_momentum": 0.9, **EASIER.get(objective, {})}
    config = PretrainConfig(
        images="",
        embedding_dim=16,
        temperature=0.2,
        shuffle_groups=2,
        clusters=4,
        close_neighbours=6,
        warmup_epochs=0,
        **fields,
    )
    labels = torch.arange(SCENES) % 4
    subject = Subject(count=SCENES, labels=labels, classes=("a", "b", "c", "d"))
    network = backbone("conv6")
    method = OBJECTIVES[objective](network, subject, config)
    with_input(network, method.input)
    scenes = scene_views(SCENES, size=20)
    views = torch.cat([scenes, scenes.flip(3)])[: method.views]
    method.start_epoch(0, lambda: network(normalise(scenes[0])).detach())
    losses = overfit(method, views, steps=18, lr=0.02)
    # A queue of random rows is easier than it will ever be again.
    assert sum(losses[-3:]) / 3 < 0.7 * max(losses)
    assert losses[-1] < method.chance


def stop_after(monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """Interrupt the next pretraining after so many batches."""
    load = ViewLoader.__call__

    def cut(self: ViewLoader, first_step: int) -> Iterator[Batch]:
        yield from itertools.islice(load(self, first_step), batches)
        raise KeyboardInterrupt

    monkeypatch.setattr(ViewLoader, "__call__", cut)


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """Name the places where two states differ in a single bit."""
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return [f"{place}: other keys"]
        found = [differences(one[key], other[key], f"{place}.{key}") for key in one]
    elif isinstance(one, (list, tuple)):
        pairs = zip(one, other, strict=True)
        found = [differences(*pair, f"{place}[]") for pair in pairs]
    elif isinstance(one, Tensor):
        return [] if torch.equal(one, other) else [place]
    else:
        return [] if one == other else [place]
    return list(itertools.chain(*found))


@ON_CPU
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_stopped_twice_it_ends_like_one_that_was_not(
    tiny, tmp_path, monkeypatch, objective
):
    config = tiny(objective=objective, epochs=2, checkpoint_minutes=0.0, **PASTED)
    report = pretrain(config, tmp_path / "straight")
    straight = report.run
    assert report.mapped == 22
    run = Run(tmp_path / "run")
    for batches in (3, 2):  # at the end of an epoch, then within one
        with monkeypatch.context() as patch:
            stop_after(patch, batches)
            with pytest.raises(KeyboardInterrupt):
                pretrain(config, run.folder)
    assert load_checkpoint(run.checkpoint)["diary"]["step"] == 5
    pretrain(config, run.folder)
    assert run.backbone.read_bytes() == straight.backbone.read_bytes()
    states = [load_checkpoint(each.checkpoint) for each in (straight, run)]
    for part in ("objective", "optimizer"):
        assert differences(*(state[part] for state in states)) == []
    losses = [[line["loss"] for line in each.metrics] for each in (straight, run)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_three_images_are_enough_for_the_published_numbers(
    tiny, scenes, tmp_path, objective
):
    """Fewer images than negatives, neighbours, clusters and a batch can be cut into."""
    (tmp_path / "images").mkdir()
    for path in sorted((scenes / "images").iterdir())[:3]:
        (tmp_path / "images" / path.name).symlink_to(path)
    names = ("negatives", "clusters", "close_neighbours", "shuffle_groups")
    published = {name: getattr(PretrainConfig(images=""), name) for name in names}
    labels = tmp_path / "labels.csv"
    rows = [f"{path.name},{path.name}" for path in (tmp_path / "images").iterdir()]
    labels.write_text("\n".join(["file,label", *rows]))
    # Batches of three, then of two and one, which batch norm must not get.
    for batch_size, steps in ((8, 2), (2, 2)):
        config = tiny(
            images=str(tmp_path / "images"),
            labels=str(labels),
            objective=objective,
            epochs=2,
            batch_size=batch_size,
            warmup_epochs=1,
            **published,
        )
        run = pretrain(config, tmp_path / str(batch_size)).run
        assert run.metrics[-1]["step"] == steps
        assert run.metrics[-1]["chance"] >= 0


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_loss_that_is_no_number_ends_it(tiny, tmp_path, objective):
    config = tiny(objective=objective, lr=1e20, log_every=100)
    message = (
        r"(the loss became|is no longer finite).* at step \d, learning rate 1e\+20"
    )
    with pytest.raises(RunError, match=message):
        pretrain(config, tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()  # of the first epoch


# Forks two processes in the way that torchrun starts them, but imports torch only once.
TWO = """
import json, os, signal, sys
from pathlib import Path
import torch
from dilo.config import from_dict
from dilo.errors import StoppedError
from dilo.pretrain import PretrainConfig, pretrain
from dilo.pretrain.instdisc import InstDisc

torch.set_num_threads(1)
child = os.fork()
rank = "0" if child else "1"
os.environ |= {"RANK": rank, "LOCAL_RANK": rank}
*jobs, last = json.loads(sys.argv[1])
for config, out in jobs:
    report = pretrain(from_dict(PretrainConfig, config), Path(out))
    assert len(report.failures) == (2 if out.endswith("damaged") else 0)

update = InstDisc.update

def ask(self, features, index):
    update(self, features, index)
    if self.step == 3 and rank == "1":
        os.kill(os.getpid(), signal.SIGTERM)

InstDisc.update = ask
folder = Path(last[1]).parent
try:
    pretrain(from_dict(PretrainConfig, last[0]), Path(last[1]))
except StoppedError as stop:
    place = str(stop).partition(": stopped")[0]
    with (folder / "ended.txt").open("a") as file:
        file.write(f"{rank} {stop.status} {place}\\n")
if child:
    sys.exit(os.waitpid(child, 0)[1])
"""


@pytest.fixture(scope="module")
def together(
    tiny: Callable[..., PretrainConfig],
    scenes: Path,
    tmp_path_factory: pytest.TempPathFactory,
    free_port: int,
) -> Path:
    """The folder of a run of each objective on two processes."""
    folder = tmp_path_factory.mktemp("together")
    jobs = [(to_dict(short(tiny, name)), str(folder / name)) for name in OBJECTIVES]
    damaged = shutil.copytree(scenes, folder / "scenes") / "images"
    for path in sorted(damaged.iterdir())[:2]:
        path.write_bytes(b"no image")
    config = short(tiny, "instdisc", images=str(damaged), masks=None)
    jobs.append((to_dict(config), str(folder / "damaged")))
    jobs.append((to_dict(short(tiny, "instdisc", epochs=200)), str(folder / "asked")))
    launched = {
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "GROUP_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port),
        "TORCHELASTIC_RUN_ID": "test",
        "OMP_NUM_THREADS": "1",
    }
    result = subprocess.run(
        [sys.executable, "-c", TWO, json.dumps(jobs)],
        env={**os.environ, **launched},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return folder


def short(
    tiny: Callable[..., PretrainConfig], objective: str, **changes: Any
) -> PretrainConfig:
    """One epoch: what follows is of features that batch norm has seen apart."""
    fields = {"epochs": 1, "warmup_epochs": 0, "log_every": 1, "lr": 0.01, **changes}
    return tiny(objective=objective, **fields)


@pytest.mark.slow
@ON_CPU
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_two_processes_equal_one_with_two_micro_batches(
    tiny, together, tmp_path, objective
):
    # MoCo cuts whole batches into the groups of batch norm by itself.
    accumulate = 1 if objective.startswith("moco") else 2
    config = short(tiny, objective, accumulate=accumulate)
    alone, both = pretrain(config, tmp_path).run, Run.open(together / objective)
    lines = zip(alone.metrics, both.metrics, strict=True)
    for one, two in lines:
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert two["epoch"] == one["epoch"]
    one, two = (load_checkpoint(run.checkpoint)["objective"] for run in (alone, both))
    assert one.keys() == two.keys()
    for name, value in one.items():
        # Batch norm's averages are of the images of one process; training sees none.
        averages = name.endswith(("running_mean", "running_var", "num_batches_tracked"))
        if isinstance(value, Tensor) and not averages:
            torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_two_processes_report_what_either_could_not_read(together):
    failures = Run.open(together / "damaged").report["failures"]
    assert sorted(failures) == ["train-000000.png", "train-000001.png"]


@pytest.mark.slow
def test_two_processes_stop_together_when_one_is_asked(together):
    run = Run.open(together / "asked")
    assert load_checkpoint(run.checkpoint)["diary"]["step"] == ASK_EVERY
    assert run.metrics[-1]["step"] == ASK_EVERY
    ended = (together / "ended.txt").read_text().splitlines()
    assert sorted(ended) == [f"0 143 {run.folder}: after step 8 of 600", "1 143 "]
