"""A task of any kind trains through one function: here (image, mask) -> loss."""

import multiprocessing
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dilo.data.synthetic import SceneConfig, make_scene
from dilo.errors import ImageError
from dilo.models.normalise import normalise
from dilo.runs import Run
from dilo.training.config import LoopConfig, OptimizerConfig
from dilo.training.run import Job, run_training
from dilo.training.task import Task


@dataclass(frozen=True, kw_only=True)
class Config:
    loop: LoopConfig
    optimizer: OptimizerConfig


LOOP = LoopConfig(epochs=3, batch_size=4, log_every=2, checkpoint_minutes=0.0)


class Scenes:
    names = tuple(f"{index}.png" for index in range(12))

    def __getitem__(self, sample: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        if sample[1] == 3:
            raise ImageError("3.png: the file is empty")
        scene = make_scene(SceneConfig(size=16), sample[1])
        return scene.image, scene.mask.astype(np.float32)


class Segmentation(Task):
    kill_at, step = None, 0

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 8, 5, 2, 2), nn.Conv2d(8, 4, 1))

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        logits = F.pixel_shuffle(self.net(normalise(images)), 2)[:, 0]
        return F.binary_cross_entropy_with_logits(logits, masks)

    def update(self) -> None:
        self.step += 1
        if self.step == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def train(out: Path, workers: int = 0, kill_at: int | None = None) -> Run:
    def prepare(fabric) -> Job:
        task = Segmentation()
        task.kill_at = kill_at
        save = lambda run, names: torch.save(task.state_dict(), out / "net.pt") or {}  # noqa: E731
        return Job(task=task, dataset=Scenes(), finish=save)

    config = Config(loop=replace(LOOP, workers=workers), optimizer=OptimizerConfig())
    return run_training(config, out, prepare, result="net.pt").run


@pytest.mark.slow
def test_a_segmentation_net_is_killed_and_resumed_bit_for_bit(tmp_path):
    straight, killed = train(tmp_path / "straight"), tmp_path / "killed"
    spawn = multiprocessing.get_context("spawn")
    (process := spawn.Process(target=train, args=(killed, 0, 5))).start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    resumed = train(killed, workers=2)
    ours, theirs = (torch.load(run.folder / "net.pt") for run in (straight, resumed))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    losses = [[line["loss"] for line in run.metrics] for run in (straight, resumed)]
    assert losses[0] == losses[1]
    assert resumed.report["failures"] == {"3.png": "3.png: the file is empty"}
