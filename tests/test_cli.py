import importlib
import os
import re
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import PIL.Image
import pytest

from dilo.cli import main, usage
from dilo.cli.dispatch import COMMANDS
from dilo.errors import StoreError
from dilo.saliency import METHODS


@pytest.fixture
def images(tmp_path):
    """A dark square on a bright ground, and a file that is no image."""
    scene = np.full((80, 100, 3), 220, np.uint8)
    scene[30:55, 40:70] = (40, 60, 200)
    (tmp_path / "images/sub").mkdir(parents=True)
    (tmp_path / "truth/sub").mkdir(parents=True)
    PIL.Image.fromarray(scene).save(tmp_path / "images/sub/scene.png")
    truth = (scene[..., 0] == 40).astype(np.uint8) * 255
    PIL.Image.fromarray(truth).save(tmp_path / "truth/sub/scene.png")
    (tmp_path / "images/bad.jpg").write_text("no image")
    return tmp_path / "images"


def run(*arguments):
    return main([str(argument) for argument in arguments])


def status_of(*arguments):
    with pytest.raises(SystemExit) as exit_info:
        run(*arguments)
    return exit_info.value.code


def test_masks_then_score(images, tmp_path, capsys):
    masks = tmp_path / "masks"
    assert run("masks", images, masks, "--method", "rbd", "--workers", 1) == 0
    out = capsys.readouterr().out
    assert "1 of 2 images have a map" in out
    assert "bad.jpg: not an image" in out
    assert (masks / "sub/scene.png").is_file()
    assert run("score", masks, tmp_path / "truth") == 0
    out = capsys.readouterr().out
    max_f = re.search(r"maxF +(\S+)", out)
    assert float(max_f[1]) > 0.9
    for name in ("adaptive F", "MAE", "S-measure"):
        assert name in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["masks", "none", "m"], "none: not a folder"),
        (["masks", ".", "../m", "--method", "magic"], "--method must be one of rbd"),
        (["masks", ".", "../m", "--workers", "0"], "workers must be at least 1, got 0"),
        (["score", "none", "."], "none: not a folder"),
        (["frobnicate"], "no command 'frobnicate'; there are: demo, masks, "),
        (["pretrian"], "no command 'pretrian' (did you mean 'pretrain'?); there"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    images, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(images)
    before = sorted(images.parent.rglob("*"))
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("dilo: error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert sorted(images.parent.rglob("*")) == before  # nothing half-written


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("masks a", "missing: MASKS (see"),
        ("masks a b c", "unrecognized: c (see"),
        ("masks a b --worker 3", "--worker 3 (did you mean '--workers'?) (see"),
        ("masks a b --workers x", "--workers needs INT (see"),
        ("masks a b --workers", "--workers needs INT (see"),
    ],
)
def test_a_wrong_usage_is_one_line_and_status_2(arguments, message, capsys):
    assert run(*arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("dilo: error: ")
    assert message in captured.err
    assert "(see `dilo masks --help`)" in captured.err
    assert captured.err.count("\n") == 1


def test_a_wrong_usage_has_status_2_where_tyro_has_no_hook(monkeypatch, capsys):
    monkeypatch.setattr(usage, "on_parse_error", nullcontext)
    assert status_of("masks", "a", "b", "--workers", "x") == 2
    assert "--workers" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    assert status_of(*name.split(), "--help") == 0
    out = capsys.readouterr().out
    assert "Examples:" in out
    assert f"dilo {name}" in out
    usage = out.partition("usage:")[2].partition("\n\n")[0].replace("--out PATH", "")
    assert "PATH" not in usage  # positionals have their names


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_overview(name, capsys):
    assert run("--help") == 0
    out = capsys.readouterr().out
    assert f"  {name} " in out
    target, summary = COMMANDS[name]
    assert summary in out
    module, _, function = target.partition(":")
    assert callable(getattr(importlib.import_module(f"dilo.cli.{module}"), function))


def test_the_help_of_masks_names_every_method(capsys):
    status_of("masks", "--help")
    lines = capsys.readouterr().out.splitlines()
    out = " ".join(" ".join(line.strip("│ ") for line in lines).split())
    assert all(re.search(rf"\b{name}\b \(", out) for name in METHODS)


def test_no_command_shows_the_overview_and_fails(capsys):
    assert run() == 2
    assert "usage: dilo COMMAND" in capsys.readouterr().out


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("dilo 0.")


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (StoreError("m: no maps"), 2, "dilo: error: m: no maps\n"),
        (OSError(28, "No space left on device", "m/x"), 2, "m/x: No space left"),
        (KeyboardInterrupt(), 130, "give the same command again to continue"),
    ],
)
def test_what_a_user_can_cause_has_no_traceback(
    monkeypatch, capsys, error, status, line
):
    def fail(target):
        raise error

    monkeypatch.setattr("dilo.cli.dispatch._load", fail)
    assert run("score", "a", "b") == status
    assert line in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr("dilo.cli.dispatch._load", lambda target: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("score", "a", "b")


def test_the_overview_imports_nothing_heavy():
    code = (
        "import sys; from dilo.cli import main; main(['--help']); "
        "print([m for m in ('torch', 'numba', 'cv2', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("[]\n")


def test_a_name_that_is_no_valid_text_can_be_printed(images, tmp_path):
    (images / os.fsdecode(b"caf\xe9.jpg")).touch()
    command = [sys.executable, "-m", "dilo", "masks", images, tmp_path / "m"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert "caf\\udce9.jpg: the file is empty" in done.stdout


def test_a_reader_that_leaves_is_no_error(images):
    command = f"{sys.executable} -m dilo --help | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stderr == ""


def test_the_home_folder_is_found_behind_an_equals_sign(images, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run("masks", images, tmp_path / "masks") == 0
    assert run("preview", images, tmp_path / "masks", "--out=~/sheet.png") == 0
    assert (tmp_path / "sheet.png").is_file()
