"""A pretraining small enough to be run many times."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from dilo.config import replace
from dilo.data.synthetic import SceneConfig, write_scenes
from dilo.pretrain import PretrainConfig


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
    config = PretrainConfig(
        images=str(scenes / "images"),
        masks=str(scenes / "masks"),
        arch="conv6",
        epochs=3,
        batch_size=8,
        crop_size=16,
        negatives=8,
        embedding_dim=16,
        shuffle_groups=2,
        clusters=4,
        cluster_runs=2,
        close_neighbours=6,
        warmup_epochs=1,
        workers=0,
        precision="32-true",
        log_every=2,  # an epoch ends within a line
        checkpoint_minutes=1e9,
        monitor_epochs=0,  # what is told at an epoch's end would end the line
    )

    def change(**changes: object) -> PretrainConfig:
        if changes.get("objective") == "supervised":
            changes.setdefault("labels", str(scenes / "labels.csv"))
        return replace(config, **changes)

    return change
