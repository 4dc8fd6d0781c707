import copy

import numpy as np
import pytest
import torch

from dilo.data.synthetic import SceneConfig, write_scenes
from dilo.experiments.evaluation import SceneSet, evaluate_backbone, read_scenes
from dilo.models import backbone
from dilo.models.inference import LoadedBackbone
from fake_device import second_device


@pytest.fixture
def sets(tmp_path) -> dict[str, SceneSet]:
    for name, split, count in (
        ("train", "train", 12),
        ("natural", "val", 4),
        ("swapped", "val", 4),
    ):
        write_scenes(tmp_path / name, SceneConfig(size=24), count, split)
    return read_scenes(tmp_path)


def loaded(module: torch.nn.Module) -> LoadedBackbone:
    return LoadedBackbone(module=module, arch="conv6", crop_size=16)


def test_an_evaluation_is_the_same_on_every_device(sets, monkeypatch):
    torch.manual_seed(0)
    module = backbone("conv6").eval()
    here = evaluate_backbone(loaded(module), sets)
    with second_device(monkeypatch) as device:
        far = loaded(copy.deepcopy(module).to(device))
        there = evaluate_backbone(far, sets)
        assert there.swapped.device == device
    assert there.percentages() == here.percentages()
    np.testing.assert_array_equal(there.energy.energy, here.energy.energy)


def test_the_share_of_a_gradient_on_the_object_is_between_none_and_all(sets):
    torch.manual_seed(0)
    result = evaluate_backbone(loaded(backbone("conv6").eval()), sets)
    assert result.energy.energy.shape == (4,)
    assert 0 < result.energy.mean_area < 1
    assert all(0 <= value <= 100 for value in result.percentages().values())
