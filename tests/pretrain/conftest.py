"""A pretraining small enough to be run many times."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from small import objective_fields, small_objective

from dilo.config import replace
from dilo.data.synthetic import SceneConfig, write_scenes
from dilo.pretrain import PretrainConfig, recipe
from dilo.pretrain.objective_configs import OBJECTIVE_CONFIGS


@pytest.fixture(autouse=True)
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the picture of the curves empty, which takes longer than the training."""
    monkeypatch.setattr("dilo.training.curves.draw_curves", lambda metrics: b"")


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images/ and masks/ of 22 scenes."""
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder, SceneConfig(size=32), 22)
    return folder


@pytest.fixture(scope="module")
def free_port() -> int:
    """A port at which two processes can meet."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="session")
def tiny(scenes: Path) -> Callable[..., PretrainConfig]:
    """Make the config of a training of 9 steps, 3 each epoch, with fields changed."""
    config = recipe(
        "instdisc",
        images=str(scenes / "images"),
        masks=str(scenes / "masks"),
        arch="conv6",
        epochs=3,
        batch_size=8,
        crop_size=16,
        workers=0,
        precision="32-true",
        log_every=2,  # an epoch ends within a line
        checkpoint_minutes=1e9,
        monitor_epochs=0,  # what is told at an epoch's end would end the line
    )

    def change(objective: str = "instdisc", **changes: object) -> PretrainConfig:
        if objective == "supervised":
            changes.setdefault("labels", str(scenes / "labels.csv"))
        special = set().union(*map(objective_fields, OBJECTIVE_CONFIGS))
        own = {name: changes.pop(name) for name in special & set(changes)}
        return replace(config, objective=small_objective(objective, **own), **changes)

    return change
