import re

import numpy as np
import PIL.Image
import pytest
import torch

from dilo.cli import main
from dilo.evaluate import features
from dilo.models import backbone
from dilo.models.inference import device_of
from fake_device import second_device
from saved import save_backbone

COLOURS = {"blue": (0, 0, 250), "green": (0, 250, 0), "red": (250, 0, 0)}


@pytest.fixture
def run_folder(tmp_path):
    torch.manual_seed(0)
    module = backbone("conv6").eval()
    folder = tmp_path / "run"
    save_backbone(folder / "backbone.safetensors", module, "conv6", False, 16)
    return folder


@pytest.fixture
def photos(tmp_path):
    """Noisy images of three colours: any network tells the classes apart."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        for name, colour in COLOURS.items():
            folder = tmp_path / "photos" / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                noise = rng.integers(-9, 10, (20, 24, 3))
                image = np.clip(noise + colour, 0, 255).astype(np.uint8)
                PIL.Image.fromarray(image).save(folder / f"{index}.png")
    return tmp_path / "photos"


@pytest.mark.parametrize("command", ["knn", "linear"])
def test_easy_classes_are_told_apart(command, run_folder, photos, capsys):
    arguments = [command, str(run_folder), str(photos / "train"), str(photos / "val")]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "9 images" in out
    assert re.search(r"top-1 +1\.0000", out)
    assert re.search(r"per class +1\.0000", out)


@pytest.mark.parametrize("command", ["knn", "linear"])
def test_the_device_of_the_command_does_the_work(
    command, run_folder, photos, monkeypatch, capsys
):
    batches = []
    embed = features.embed

    def watch(module, views):
        batches.append((device_of(module), views.device))
        return embed(module, views)

    monkeypatch.setattr(features, "embed", watch)
    arguments = [command, str(run_folder), str(photos), str(photos), "--device"]
    with second_device(monkeypatch) as device:
        assert main([*arguments, device.type]) == 0
    assert batches == [(device, device)] * 2
    assert re.search(r"top-1 +1\.0000", capsys.readouterr().out)


def test_unreadable_images_are_named(run_folder, photos, capsys):
    (photos / "val/red/0.png").write_bytes(b"no image")
    assert main(["knn", str(run_folder), str(photos), str(photos), "--k", "3"]) == 0
    out = capsys.readouterr().out
    assert "8 images" in out
    assert "Left out: 1" in out
    assert re.search(r"red.0\.png", out)


def test_backgrounds_shows_every_variant_and_the_gap(run_folder, photos, capsys):
    mask = np.zeros((20, 24), np.uint8)
    mask[5:12, 6:15] = 255
    for path in (photos / "val").glob("*/*.png"):
        truth = photos.parent / "truth" / path.relative_to(photos / "val")
        truth.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(mask).save(truth)
    folders = [str(photos), str(photos.parent / "truth")]
    assert main(["backgrounds", str(run_folder), *folders]) == 0
    out = capsys.readouterr().out
    assert re.search(r"original +1\.0000 +1\.0000", out)
    for name in ("mixed_same", "mixed_rand", "only_fg", "only_bg", "background gap"):
        assert name in out
    assert "of the background's class (chance 33.3%)" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["knn", "nowhere", "{photos}", "{photos}"], "nowhere"),
        (["linear", "{run}", "{photos}/nothing", "{photos}"], "no such file or folder"),
        (["knn", "{run}", "{photos}", "{photos}", "--k", "0"], "k must be at least 1"),
        (
            ["linear", "{run}", "{photos}", "{photos}", "--device", "fpga"],
            "device fpga cannot be used here",
        ),
        (
            ["backgrounds", "{run}", "{photos}", "{photos}", "--device", "tpu:x"],
            "device tpu:x cannot be used here",
        ),
    ],
)
def test_bad_input_is_one_line_and_status_two(
    arguments, message, run_folder, photos, capsys
):
    filled = [text.format(run=run_folder, photos=photos) for text in arguments]
    assert main(filled) == 2
    error = capsys.readouterr().err
    assert error.startswith("dilo: error: ")
    assert error.count("\n") == 1
    assert message in error
