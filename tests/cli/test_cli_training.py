import inspect

import numpy as np
import PIL.Image

import dilo.pretrain
from dilo.augment import view_chain
from dilo.cli import dispatch, main
from dilo.cli.training import pretrain
from dilo.errors import InputError, StoppedError
from dilo.models import BACKBONES
from dilo.pretrain import OBJECTIVES, RECIPES, recipe

# Names that are no field of the config, or mean something else there.
OWN = ("images", "out", "set", "chain", "knn", "knn_epochs")


def published(objective: str) -> dict[str, object]:
    config = recipe(objective, images="")
    return {**vars(config), **vars(config.view.copy_paste), "objective": "instdisc"}


def test_flags_have_the_names_of_fields_and_their_default_or_the_recipe():
    flags = inspect.signature(pretrain).parameters
    paper, *others = (published(objective) for objective in RECIPES)
    for name in set(flags) - set(OWN):
        same = all(other[name] == paper[name] for other in others)
        assert flags[name].default == (paper[name] if same else None), name


def test_the_help_says_what_was_published():
    text = " ".join((pretrain.__doc__ or "").partition("Args:")[2].split())
    paper = published("instdisc")
    for name, flag in inspect.signature(pretrain).parameters.items():
        if name in OWN or flag.default is not None or paper[name] is None:
            continue
        assert f"published {paper[name]}" in text
        for objective in RECIPES:
            value = published(objective)[name]
            if value != paper[name]:
                assert f"{objective} {value}" in text, name
    assert all(f" {objective}" in text for objective in OBJECTIVES)
    assert set(OBJECTIVES) <= set(RECIPES)


def test_flags_change_the_recipe(monkeypatch, tmp_path):
    configs = []

    def catch(config, out, after_epoch):
        configs.append(config)
        raise InputError("caught")

    monkeypatch.setattr(dilo.pretrain, "pretrain", catch)
    words = ["pretrain", str(tmp_path), "--out", "run", "--objective", "moco_v2"]
    assert main(words) == 2
    assert main([*words, "--chain", "instdisc", "--ramp", "0", "--lr", "0.06"]) == 2
    assert main([*words, "--probability", "0.5", "--set", "lr=0.01"]) == 2
    plain, chained, pasted = configs
    assert plain == recipe("moco_v2", images=str(tmp_path))
    assert chained.view == view_chain("instdisc", chained.view.copy_paste)
    assert chained.view.copy_paste.probability == 0.3
    assert (chained.view.copy_paste.ramp, chained.lr) == (0.0, 0.06)
    assert (pasted.view.copy_paste.probability, pasted.lr) == (0.5, 0.01)


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


def test_a_wrong_field_is_named_with_the_choices(tmp_path, capsys):
    words = ["pretrain", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main([*words, "--set", "view.copy_paste.probabilty=0.3"]) == 2
    assert "there are: probability," in capsys.readouterr().err


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


def test_the_help_names_every_backbone():
    text = pretrain.__doc__ or ""
    assert all(f" {name}" in text for name in BACKBONES)
