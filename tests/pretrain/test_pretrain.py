import math
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from torch import nn

from dilo.errors import InputError, RunError, StoreError
from dilo.models import backbone
from dilo.models.weights import load_backbone
from dilo.pretrain import pretrain
from dilo.runs import Run
from dilo.training.checkpoint import load_checkpoint

# A map is read only for a view that is pasted.
ALWAYS = {"view.copy_paste.probability": 1.0}


@pytest.fixture
def copy(scenes: Path, tmp_path: Path) -> Path:
    """The scenes in a folder of the test's own."""
    return Path(shutil.copytree(scenes, tmp_path / "scenes"))


def of(copy: Path) -> dict[str, str]:
    return {"images": str(copy / "images"), "masks": str(copy / "masks")}


def test_the_run_holds_everything(tiny, tmp_path):
    report = pretrain(tiny(), tmp_path / "run")
    assert {path.name for path in report.run.folder.iterdir()} == {
        "backbone.safetensors",
        "checkpoint.pt",
        "config.json",
        "curves.png",
        "environment.json",
        "metrics.jsonl",
        "report.json",
        "tensorboard",
    }
    line = report.run.metrics[-1]
    assert line["chance_level"] == math.log(9)
    assert line["step"] == 9


def test_what_follows_an_epoch_is_logged_and_changes_nothing(tiny, tmp_path):
    def follow(epoch: int, network: nn.Module, run: Run) -> dict[str, float]:
        assert run.folder == tmp_path / "followed"
        assert not network.training
        network(torch.rand(2, 3, 16, 16))
        return {"drawn": torch.rand(()).item()}

    runs = [
        pretrain(tiny(epochs=2), tmp_path / name, after_epoch=after).run
        for name, after in (("alone", None), ("followed", follow))
    ]
    assert [line["step"] for line in runs[1].metrics if "drawn" in line] == [3, 6]
    assert runs[0].backbone.read_bytes() == runs[1].backbone.read_bytes()


def test_the_loaded_backbone_gives_the_features_of_the_trained_one(tiny, tmp_path):
    run = pretrain(tiny(epochs=1, small_stem=True), tmp_path / "run").run
    state = load_checkpoint(run.checkpoint)["task"]
    trained = backbone("conv6", small_stem=True)
    trained.load_state_dict(
        {
            name.removeprefix("backbone."): value
            for name, value in state.items()
            if name.startswith("backbone.")
        }
    )
    loaded = load_backbone(run.folder)
    assert (loaded.arch, loaded.crop_size) == ("conv6", 16)
    images = torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(loaded.module(images), trained.eval()(images))


@pytest.mark.slow
def test_the_loss_falls_far_below_chance(tiny, tmp_path):
    gentle = {
        "view.min_area": 0.6,
        "view.jitter": (0.1, 0.1, 0.1, 0.0),
        "view.grey_probability": 0.0,
        "view.copy_paste.probability": 0.3,
    }
    config = tiny(
        epochs=55,
        batch_size=11,
        negatives=100,
        temperature=0.2,
        cache_size=20,
        **gentle,
    )
    metrics = pretrain(config, tmp_path / "run").run.metrics
    assert metrics[-1]["step"] == 110
    last = np.mean([line["loss"] for line in metrics[-10:]])
    assert last < metrics[-1]["chance_level"] - 0.6


def test_without_masks_it_is_the_baseline_and_masks_change_it(tiny, tmp_path):
    plain = pretrain(tiny(masks=None, epochs=1), tmp_path / "plain")
    never = tiny(epochs=1, **{"view.copy_paste.probability": 0.0})
    unpasted = pretrain(never, tmp_path / "never")
    pasted = pretrain(tiny(epochs=1), tmp_path / "pasted")
    weights = [each.run.backbone.read_bytes() for each in (plain, unpasted, pasted)]
    assert weights[0] == weights[1] != weights[2]
    assert [each.mapped for each in (plain, unpasted, pasted)] == [0, 22, 22]


def test_images_without_a_map_are_kept_as_they_are(tiny, copy, tmp_path):
    for path in sorted((copy / "masks").iterdir())[:-4]:
        path.unlink()
    empty = sorted((copy / "masks").iterdir())[0]
    PIL.Image.new("L", (32, 32)).save(empty)  # nothing to paste either
    report = pretrain(tiny(epochs=1, **of(copy)), tmp_path / "run")
    assert (report.images, report.mapped, dict(report.failures)) == (22, 3, {})


def test_images_without_a_map_can_be_refused(tiny, copy, tmp_path):
    sorted((copy / "masks").iterdir())[0].unlink()
    config = tiny(**of(copy), **{"view.copy_paste.missing": "refuse"})
    message = r"1 of 22 images have no map with a foreground, .*train-000000\.png"
    with pytest.raises(InputError, match=message):
        pretrain(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("background", ["border", "painted_out", "other", "procedural"])
def test_other_backgrounds_train_too(tiny, tmp_path, background):
    changed = {"view.copy_paste.background": background, "view.copy_paste.ramp": 0.0}
    report = pretrain(tiny(epochs=1, **changed), tmp_path / "run")
    assert report.mapped == 22


def test_a_missing_folder_of_textures_writes_nothing(tiny, tmp_path):
    changed = {
        "view.copy_paste.background": "texture",
        "view.copy_paste.textures": str(tmp_path / "nowhere"),
    }
    with pytest.raises(InputError, match=r"nowhere: not a folder; .*procedural"):
        pretrain(tiny(**changed), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_masks_of_other_images_are_refused(tiny, copy, tmp_path):
    for path in (copy / "masks").iterdir():
        path.rename(path.with_name("other-" + path.name))
    message = r"masks has no map of any image of .*train-000000\.png"
    with pytest.raises(InputError, match=message):
        pretrain(tiny(**of(copy)), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(StoreError, match="nowhere"):
        pretrain(tiny(masks="nowhere"), tmp_path / "run")


@pytest.mark.parametrize("cache_size", [24, None])
def test_unreadable_images_are_reported(tiny, copy, tmp_path, cache_size):
    names = sorted(path.name for path in (copy / "images").iterdir())[:2]
    for name in names:
        (copy / "images" / name).write_bytes(b"no image")
    config = tiny(cache_size=cache_size, epochs=1, **of(copy))
    report = pretrain(config, tmp_path / "run")
    assert sorted(report.failures) == names
    assert all("not an image" in reason for reason in report.failures.values())
    assert report.images == 20  # that could be read
    assert Run.open(tmp_path / "run").report["failures"] == dict(report.failures)


@pytest.mark.parametrize("cache_size", [24, None])
def test_not_one_readable_image_is_an_error(tiny, copy, tmp_path, cache_size):
    for path in (copy / "images").iterdir():
        path.write_bytes(b"no image")
    config = tiny(cache_size=cache_size, **of(copy))
    with pytest.raises((InputError, RunError), match=r"can be read.*\.png: not an"):
        pretrain(config, tmp_path / "run")


@pytest.mark.parametrize("cache_size", [24, None])
def test_a_map_of_another_shape_is_named(tiny, copy, tmp_path, cache_size):
    masks = sorted((copy / "masks").iterdir())
    PIL.Image.new("L", (32, 20), 255).save(masks[5])
    config = tiny(cache_size=cache_size, epochs=1, **of(copy), **ALWAYS)
    report = pretrain(config, tmp_path / "run")
    assert list(report.failures) == [masks[5].name]
    assert "its map is 32 x 20" in report.failures[masks[5].name]


def test_a_damaged_mask_is_named_and_does_not_end_the_job(tiny, copy, tmp_path):
    mask = sorted((copy / "masks").iterdir())[3]
    mask.write_bytes(mask.read_bytes()[:40])
    report = pretrain(tiny(epochs=1, **of(copy), **ALWAYS), tmp_path / "run")
    assert list(report.failures) == [mask.name]
    assert report.mapped == 21


def test_a_single_image_is_refused(tiny, copy, tmp_path):
    for path in sorted((copy / "images").iterdir())[1:]:
        path.unlink()
    with pytest.raises(InputError, match="single image cannot be told from others"):
        pretrain(tiny(**of(copy)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("cause", ["loss", "weights"])
def test_a_broken_training_stops_and_keeps_the_last_good_checkpoint(
    tiny, tmp_path, monkeypatch, cause
):
    monkeypatch.setattr(
        "dilo.training.loop.learning_rate",
        lambda config, progress: 0.01 if progress < 4 / 9 else 1e38,
    )
    # A line is due long after; the checkpoint must not wait for it. At once after
    # the step the loss was still a number.
    minutes = {"loss": 1e9, "weights": 0.0}[cause]
    config = tiny(log_every=50, checkpoint_minutes=minutes)
    message = r"(the loss became|no longer finite).*at step \d.*smaller lr"
    with pytest.raises(RunError, match=message):
        pretrain(config, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    state = load_checkpoint(run.checkpoint)
    assert state["log"]["step"] >= 3
    values = [v for v in state["task"].values() if isinstance(v, torch.Tensor)]
    assert all(value.isfinite().all() for value in values)
    assert not run.backbone.exists()


def test_more_negatives_than_images_are_all_the_others(tiny, tmp_path):
    run = pretrain(tiny(negatives=10**6, epochs=1), tmp_path / "run").run
    assert run.metrics[-1]["chance_level"] == pytest.approx(np.log(22))
