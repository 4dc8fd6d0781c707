import dataclasses
import re

import numpy as np
import pytest

from dilo.augment import CopyPasteConfig, train_view, view_chain, view_rng
from dilo.augment.sources import Sources
from dilo.cli import main
from dilo.data.synthetic import SceneConfig, make_scene, write_scenes
from dilo.errors import InputError
from dilo.pretrain.cost import CostConfig, CostReport, measure_cost
from dilo.pretrain.view_timer import STAGES, ViewTimer

QUICK = CostConfig(arch="conv6", crop_size=32, chain="moco_v2", views=2, batch_size=2)
REPORT = CostReport(
    stages=dict.fromkeys(STAGES, 1 / len(STAGES)),  # 1000 views a second
    images=1,
    mapped=1,
    failures={},
    network=2500.0,
    device="cuda",
    cores=4,
)


@pytest.fixture
def scenes(tmp_path):
    write_scenes(tmp_path, SceneConfig(size=32), 6)
    return tmp_path


def test_every_stage_takes_time_and_what_cannot_be_read_is_named(scenes):
    (scenes / "images" / "broken.png").write_bytes(b"no image")
    report = measure_cost(scenes / "images", scenes / "masks", QUICK)
    assert tuple(report.stages) == STAGES
    assert all(np.isfinite(taken) and taken > 0 for taken in report.stages.values())
    assert report.images == report.mapped == 6
    assert list(report.failures) == ["broken.png"]
    assert report.network > 0


def test_the_network_is_the_bottleneck_where_the_cores_keep_up():
    assert REPORT.workers == 3
    assert REPORT.verdict().startswith("the network is the bottleneck")
    assert REPORT.verdict().endswith("--workers 3 keeps it busy")


def test_the_loader_is_the_bottleneck_where_they_do_not():
    starved = dataclasses.replace(REPORT, cores=2)
    assert starved.verdict().startswith("the loader is the bottleneck")
    assert "It would take 3 cores" in starved.verdict()
    assert "--workers 2" in starved.verdict()


@pytest.mark.parametrize("chain", ["instdisc", "moco_v2", "table1_centre_crop"])
def test_what_is_timed_is_what_is_trained_on(chain):
    scene = make_scene(SceneConfig(size=48), 1)
    saliency = scene.mask.astype(np.float32)
    config = view_chain(chain, CopyPasteConfig(ramp=0.0, min_cover=0.5, shift=0.1))
    timer = ViewTimer(config, 24, 1, 0, Sources())
    for index in range(20):
        made = train_view(scene.image, saliency, 24, config, view_rng(0, 0, index))
        timed = timer.time_view(scene.image, saliency, view_rng(0, 0, index))
        np.testing.assert_array_equal(timed, made)


@pytest.mark.parametrize("background", ["procedural", "other", "painted_out"])
def test_what_is_pasted_on_is_timed_too(scenes, background):
    pasting = CopyPasteConfig(ramp=0.0, background=background)
    config = dataclasses.replace(QUICK, copy_paste=pasting)
    report = measure_cost(scenes / "images", scenes / "masks", config)
    assert not report.failures
    assert report.stages["crop and paste"] > 0


def test_a_damaged_file_is_named_and_left_out(scenes):
    damaged = sorted((scenes / "images").iterdir())[0]
    damaged.write_bytes(damaged.read_bytes()[:60])
    report = measure_cost(scenes / "images", scenes / "masks", QUICK)
    assert list(report.failures) == [damaged.name]
    assert str(damaged) in report.failures[damaged.name]


def test_images_without_any_map_are_refused(scenes):
    for path in (scenes / "masks").iterdir():
        path.rename(path.with_name(f"other-{path.name}"))
    with pytest.raises(InputError, match="no map with a foreground of 6 images"):
        measure_cost(scenes / "images", scenes / "masks", QUICK)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("crop_size", 0, "crop_size must be positive"),
        ("batch_size", 1, "batch_size must be at least 2"),
        ("chain", "simclr", "chain of views must be one of"),
        ("arch", "vgg", "no backbone 'vgg'"),
    ],
)
def test_bad_values_are_refused(field, value, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(QUICK, **{field: value})


def test_the_command_prints_a_row_for_every_stage_and_a_verdict(scenes, capsys):
    words = ["augment-cost", str(scenes / "images"), str(scenes / "masks")]
    words += ["--arch", "conv6", "--crop-size", "32", "--batch-size", "2"]
    assert main(words) == 0
    said = capsys.readouterr().out
    stages = {re.split(r"  +", line.strip())[0] for line in said.splitlines()}
    assert stages >= {*STAGES, "whole view"} - {"blur"}
    assert "blur" not in stages  # instdisc has none
    assert "bottleneck" in said.splitlines()[-1]


def test_a_network_that_cannot_take_the_views_is_refused():
    with pytest.raises(InputError, match="vgg16 cannot take images of 16 px"):
        CostConfig(arch="vgg16", crop_size=16)
