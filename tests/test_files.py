import errno
import json
import os
from pathlib import Path

import pytest

from dilo.errors import RunError
from dilo.files import naming_folder, partial_path, write_atomic, write_json_atomic


def test_content_arrives_and_nothing_else_stays(tmp_path):
    path = tmp_path / "a/b/c.bin"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
@pytest.mark.parametrize(("owner", "step"), [(os, "fsync"), (Path, "replace")])
def test_a_failure_leaves_the_old_file_whole(tmp_path, monkeypatch, error, owner, step):
    path = tmp_path / "a.json"
    write_json_atomic(path, {"old": 1})

    def fail(*arguments):
        raise error

    monkeypatch.setattr(owner, step, fail)
    with pytest.raises(type(error)):
        write_json_atomic(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    assert os.listdir(tmp_path) == ["a.json"]


def test_content_is_on_the_disk_before_the_old_file_goes_unless_it_may_be_lost(
    tmp_path, monkeypatch
):
    steps = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: (steps.append("sync"), fsync(file)))
    monkeypatch.setattr(
        Path, "replace", lambda old, new: (steps.append("rename"), replace(old, new))
    )
    write_atomic(tmp_path / "a", b"content")
    write_atomic(tmp_path / "b", b"content", durable=False)
    assert steps == ["sync", "rename", "rename"]


def test_values_that_are_no_json_leave_the_old_file_whole(tmp_path):
    write_json_atomic(tmp_path / "a.json", [1])
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json_atomic(tmp_path / "a.json", object())
    assert json.loads((tmp_path / "a.json").read_text()) == [1]


def test_a_name_as_long_as_the_system_allows_can_be_written(tmp_path):
    for letter in ("x", "é"):
        size = 251 // len(letter.encode())
        path = tmp_path / (letter * size + ".png")
        write_atomic(path, b"content")
        assert path.read_bytes() == b"content"


def test_unfinished_files_are_hidden_and_of_one_process(tmp_path):
    partial = partial_path(tmp_path / "a.png")
    assert partial.parent == tmp_path
    assert partial.name.startswith(".")
    assert str(os.getpid()) in partial.name
    assert partial != partial_path(tmp_path / "b.png")


@pytest.mark.parametrize(("owner", "step"), [(os, "fsync"), (Path, "replace")])
def test_an_error_names_the_file_that_was_asked_for(tmp_path, monkeypatch, owner, step):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, "full")  # the system names no file

    monkeypatch.setattr(owner, step, fail)
    with pytest.raises(OSError, match="full") as error:
        write_atomic(tmp_path / "a.json", b"")
    assert error.value.filename == str(tmp_path / "a.json")
    message = rf"^{tmp_path}: cannot write: full; make room"
    with pytest.raises(RunError, match=message), naming_folder(tmp_path, RunError):
        write_atomic(tmp_path / "a.json", b"")


def test_an_error_of_another_folder_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError), naming_folder(tmp_path / "a", RunError):
        (tmp_path / "b").read_bytes()
