import dataclasses
import inspect

import numpy as np
import PIL.Image

from dilo.augment import CopyPasteConfig
from dilo.cli import dispatch, main
from dilo.cli.training import pretrain
from dilo.pretrain import PretrainConfig


def test_flags_have_the_names_and_defaults_of_the_config():
    fields = {
        field.name: field.default
        for config in (CopyPasteConfig, PretrainConfig)
        for field in dataclasses.fields(config)
    }
    flags = inspect.signature(pretrain).parameters
    own = {"images", "out", "set"}
    assert {name: flags[name].default for name in flags if name not in own} == {
        name: fields[name] for name in flags if name not in own
    }


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


def test_a_missing_package_is_named_with_what_to_install(monkeypatch, capsys):
    def missing(words):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(dispatch, "_dispatch", missing)
    assert main(["pretrain", "photos", "--out", "run"]) == 2
    assert "needs torch" in (said := capsys.readouterr().err)
    assert "pip install 'dilo[train]'" in said
