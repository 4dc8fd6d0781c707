import io
import os
import pickle
import resource

import pytest
import torch

from dilo.errors import RunError
from dilo.training.checkpoint import load_checkpoint, save_checkpoint


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_what_was_saved_comes_back(tmp_path):
    state = {"rows": torch.randn(3, 2), "log": {"step": 3, "loss": 0.1}}
    save_checkpoint(tmp_path / "checkpoint.pt", state)
    loaded = load_checkpoint(tmp_path / "checkpoint.pt")
    assert loaded["log"] == state["log"]
    assert torch.equal(loaded["rows"], state["rows"])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.fixture
def _room_for_little():
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, former[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, former)


@pytest.mark.usefixtures("_room_for_little")
def test_without_room_the_previous_one_stays_and_the_reason_is_named(tmp_path):
    path = tmp_path / "checkpoint.pt"
    large = {"rows": torch.zeros(100_000)}
    with pytest.raises(RunError, match=r"written \(File too large\)\. Make room"):
        save_checkpoint(path, large)
    assert list(tmp_path.iterdir()) == []
    save_checkpoint(path, {"step": 1})
    with pytest.raises(RunError, match=r"\(File too large\); the one before is whole"):
        save_checkpoint(path, large)
    assert load_checkpoint(path) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("a bug")])
def test_a_failure_while_writing_leaves_the_previous_one_whole(
    tmp_path, monkeypatch, error
):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})

    def fail(state, file):
        file.write(b"half")
        raise error

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises((KeyboardInterrupt, RuntimeError)):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["torch", "pickle"])
def test_a_hostile_checkpoint_is_refused_without_running_it(tmp_path, kind):
    path = tmp_path / "checkpoint.pt"
    hostile = {"task": Hostile(tmp_path / "ran")}
    if kind == "torch":
        torch.save(hostile, path)
    else:
        path.write_bytes(pickle.dumps(hostile, protocol=2))
    with pytest.raises(RunError, match=r"checkpoint\.pt: not loaded"):
        load_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def damaged() -> list[bytes]:
    state = {"rows": torch.arange(6.0), "log": {"step": 3, "loss": 0.1}}
    buffer = io.BytesIO()
    torch.save(state, buffer)
    whole = buffer.getvalue()
    cuts = [whole[: len(whole) * part // 8] for part in range(8)]
    return [*cuts, b"\x80\x02", b"\x80\x02}q\x00.", b"PK\x03\x04" + bytes(60), b"\x00"]


@pytest.mark.parametrize("content", damaged(), ids=range(12))
def test_a_damaged_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"not loaded|not a file that torch.save wrote"):
        load_checkpoint(path)
