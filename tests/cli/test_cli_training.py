import dataclasses
import inspect
import itertools
import re

import numpy as np
import PIL.Image
import pytest

import dilo.pretrain
from dilo.augment import VIEW_CHAINS, view_chain
from dilo.cli import dispatch, main
from dilo.errors import InputError, StoppedError
from dilo.models import BACKBONES
from dilo.pretrain import OBJECTIVES, recipe
from dilo.pretrain.objective_configs import OBJECTIVE_CONFIGS

# What the documents promise.
FLAGS = """
--out --masks --labels --knn --knn-epochs --objective --arch --small-stem --epochs
--batch-size --accumulate --crop-size --cache-size --lr --schedule --temperature
--negatives --chain --probability --ramp --background --textures --bank --blending
--blur --alpha-low --alpha-high --shift --max-scale --min-cover --missing --seed
--workers --precision --device --set
"""


def help_of(monkeypatch, capsys, *words: str, width: int = 100) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def configs_of(monkeypatch, *commands: list[str]) -> list[dilo.pretrain.PretrainConfig]:
    """Give the config that each command line asks for."""
    configs = []

    def catch(config, out, after_epoch):
        configs.append(config)
        raise InputError("caught")

    monkeypatch.setattr(dilo.pretrain, "pretrain", catch)
    assert [main(words) for words in commands] == [2] * len(commands)
    return configs


def config_classes(config) -> list[type]:
    """The classes of a config, and of those within it."""
    inner = [getattr(config, field.name) for field in dataclasses.fields(config)]
    found = [config_classes(each) for each in inner if dataclasses.is_dataclass(each)]
    return [type(config), *(each for classes in found for each in classes)]


def test_the_promised_flags_are_there(monkeypatch, capsys):
    text = help_of(monkeypatch, capsys, "pretrain")
    assert [flag for flag in FLAGS.split() if f" {flag}" not in text] == []


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_help_shows_the_settings_of_the_objective_alone(
    monkeypatch, capsys, objective
):
    text = help_of(monkeypatch, capsys, "pretrain", "--objective", objective)
    own = {field.name for field in dataclasses.fields(OBJECTIVE_CONFIGS[objective])}
    for kind in OBJECTIVE_CONFIGS.values():
        for field in dataclasses.fields(kind):
            flag = f" --{field.name.replace('_', '-')}"
            there = re.search(rf"{flag}\b(?!-)", text) is not None
            assert there == (field.name in own and field.init), flag
    config = recipe(objective, images="a")
    assert f"(default: {config.optimizer.lr:.4g})" in text
    assert f"(default: {config.loop.epochs})" in text
    assert not re.search(r"0\.\d{6}|None", text)


@pytest.mark.parametrize("command", dispatch.COMMANDS)
def test_every_line_of_the_help_is_filled(monkeypatch, capsys, command):
    """No text is broken where its docstring was: the next word would not fit."""
    text = help_of(monkeypatch, capsys, command, width=90)
    lines = [line.replace("│", " ") for line in text.splitlines()]
    start = next(line.index("show this") for line in lines if "show this" in line)
    continued = 0
    for line, following in itertools.pairwise(lines):
        begun = line[start - 2 : start] == "  " and line[start : start + 1].strip()
        if begun and not following[:start].strip() and following[start:].strip():
            word = following.split()[0]
            assert len(f"{line.rstrip()} {word}") > 88, line
            continued += 1
    assert continued > (20 if command == "pretrain" else 0) or command == "demo"
    assert all(len(line) <= 90 or line.startswith("usage") for line in lines)


@pytest.mark.parametrize("kind", config_classes(recipe("instdisc", images="")))
def test_every_config_explains_itself(kind):
    assert inspect.getdoc(kind)


def test_the_help_names_every_objective_chain_and_backbone(monkeypatch, capsys):
    assert set(OBJECTIVES) == set(OBJECTIVE_CONFIGS)
    lines = help_of(monkeypatch, capsys, "pretrain").splitlines()
    text = " ".join(" ".join(line.strip("│ ") for line in lines).split())
    chains = [name.replace("table1", "") for name in VIEW_CHAINS]
    for name in (*OBJECTIVES, *BACKBONES, *chains):
        assert name in text


def test_flags_change_the_recipe(monkeypatch, tmp_path):
    words = ["pretrain", str(tmp_path), "--out", "run", "--objective", "moco_v2"]
    plain, chained, pasted = configs_of(
        monkeypatch,
        words,
        [*words, "--chain", "instdisc", "--ramp", "0", "--lr=0.06", "--device", "cpu"],
        [*words, "--probability", "0.5", "--negatives", "8", "--set", "lr=0.01"],
    )
    assert plain == recipe("moco_v2", images=str(tmp_path))
    assert chained.view == view_chain("instdisc", chained.view.copy_paste)
    assert chained.view.copy_paste.probability == 0.3
    assert (chained.view.copy_paste.ramp, chained.optimizer.lr) == (0.0, 0.06)
    assert chained.loop.device == "cpu"
    assert (pasted.view.copy_paste.probability, pasted.optimizer.lr) == (0.5, 0.01)
    assert pasted.objective.negatives == 8


def test_any_field_is_set_by_its_name_or_its_path(monkeypatch, tmp_path):
    words = ["pretrain", str(tmp_path), "--out", "run"]
    short, path, flag = configs_of(
        monkeypatch,
        [*words, "--set", "checkpoint_minutes=5", "min_area=0.3"],
        [*words, "--set", "loop.checkpoint_minutes=5", "--set", "view.min_area=0.3"],
        [*words, "--checkpoint-minutes", "5", "--min-area", "0.3"],
    )
    assert short.loop.checkpoint_minutes == 5.0
    assert short.view.min_area == 0.3
    assert short == path == flag


def test_paths_are_stored_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = ["pretrain", "photos", "--out", "run", "--masks", "m", "--bank", "b"]
    (config,) = configs_of(monkeypatch, words)
    assert config.data.images == str(tmp_path / "photos")
    assert config.data.masks == str(tmp_path / "m")
    assert config.data.labels is None
    assert config.view.copy_paste.bank == str(tmp_path / "b")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--set checkpoint_minute=5", "did you mean 'checkpoint_minutes'?); there are"),
        ("--set view.copy_paste.probabilty=1", "'view.copy_paste.probability'?)"),
        ("--learning-rat 1", "unrecognized: --learning-rat 1 (did you mean '--lr'?)"),
        ("--epoch 1", "unrecognized: --epoch 1 (did you mean '--epochs'?)"),
        ("--clusters 3", "--clusters belongs to --objective deepcluster or local_aggr"),
        ("--no-sobel", "--sobel belongs to --objective deepcluster, not to instdisc"),
        (
            "--objective moco_v2 --bank-momentum=0",
            "instdisc_nce or local_aggregation, n",
        ),
        ("--lr fast", "--lr needs FLOAT (see"),
        ("--objective", "--objective needs STR (see"),
        ("--epochs 0", "epochs must be positive, got 0"),
        ("--arch resnet5", "no backbone 'resnet5'"),
        ("--objective simclr", "objective must be one of instdisc, instdisc_nce, moco"),
        ("--chain simclr", "must be one of instdisc, moco_v1"),
        ("--schedule linear", "--schedule must be one of step, cosine, got 'linear'"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, capsys, words, message):
    out = tmp_path / "run"
    assert main(["pretrain", str(tmp_path), "--out", str(out), *words.split()]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.startswith("dilo: error: ")
    assert said.count("\n") == 1
    assert not out.exists()


def test_pretrain_says_what_came_out(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for number in range(4):
        image = rng.integers(0, 256, (24, 24, 3)).astype(np.uint8)
        path = tmp_path / "images" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        PIL.Image.fromarray(image).save(path)
    (tmp_path / "images" / "broken.jpg").write_bytes(b"no image")
    flags = "--arch conv6 --epochs 1 --batch-size 4 --crop-size 16 --cache-size 24"
    words = ["pretrain", str(tmp_path / "images"), "--out", str(tmp_path / "run")]
    words += [*flags.split(), "--workers", "0", "--set", "precision=32-true"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "pretrained on 4 images" in said
    assert "broken.jpg: not an image" in said
    assert (tmp_path / "run" / "backbone.safetensors").exists()
    assert main([*words, "--lr", "0.5"]) == 2
    assert "lr: 0.03 -> 0.5" in capsys.readouterr().err


def test_a_stopped_training_says_one_line_and_has_the_status_of_the_signal(
    monkeypatch, capsys, tmp_path
):
    def stop(config, out, after_epoch):
        raise StoppedError("run: after step 3 of 9: stopped by SIGTERM", 143)

    monkeypatch.setattr(dilo.pretrain, "pretrain", stop)
    assert main(["pretrain", str(tmp_path), "--out", "run"]) == 143
    said = capsys.readouterr()
    assert said.err == "dilo: run: after step 3 of 9: stopped by SIGTERM\n"
    assert said.out == ""


def test_knn_is_checked_before_anything_is_written(capsys, tmp_path):
    words = ["pretrain", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main([*words, "--knn", "nowhere", "nowhere"]) == 2
    assert "nowhere: no such file or folder; give class" in capsys.readouterr().err
    assert main([*words, "--knn", "a", "b", "--knn-epochs", "0"]) == 2
    assert "knn_epochs must be at least 1, got 0" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_missing_package_is_named_with_what_to_install(monkeypatch, capsys):
    def missing(words):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(dispatch, "_dispatch", missing)
    assert main(["pretrain", "photos", "--out", "run"]) == 2
    assert "needs torch" in (said := capsys.readouterr().err)
    assert "pip install 'dilo[train]'" in said


def test_preview_takes_the_settings_of_pretrain(monkeypatch, capsys, tmp_path):
    """The same flags with the same defaults, of the same chain."""
    of_preview = help_of(monkeypatch, capsys, "preview", "--chain", "moco_v2")
    of_pretrain = help_of(monkeypatch, capsys, "pretrain", "--chain", "moco_v2")
    flags = re.compile(r"│ (--[a-z-]+)")
    assert set(flags.findall(of_preview)) - {"--out", "--count"} <= set(
        flags.findall(of_pretrain)
    )
    for text in (of_preview, of_pretrain):
        assert "(default: 0.4 0.4 0.4 0.1)" in text
