import dataclasses

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric

from dilo.augment import centre_view
from dilo.data.image_set import Example
from dilo.errors import ImageError
from dilo.models import backbone
from dilo.models.normalise import normalise
from dilo.pretrain import survey
from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.survey import Surveyor, undisturbed

CONFIG = PretrainConfig(images="", arch="conv6", crop_size=8, workers=0)


class Noise:
    """Images of noise, the fourth of which cannot be read."""

    names = tuple(f"{index}.png" for index in range(7))

    def __getitem__(self, index: int) -> Example:
        if index == 3:
            raise ImageError("3.png: the file is empty")
        shape = (12, 14 + index, 3)
        image = np.random.default_rng(index).integers(0, 256, shape, np.uint8)
        return Example(image=image, saliency=None)


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return backbone("conv6").train()


def surveyor(network: torch.nn.Module, **changes: object) -> Surveyor:
    config = dataclasses.replace(CONFIG, **changes)
    return Surveyor(network, Noise(), config, Fabric(accelerator="cpu", devices=1))


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_it_gives_the_features_of_central_crops(network, monkeypatch, workers):
    monkeypatch.setattr(survey, "BATCH_SIZE", 3)
    rows = surveyor(network, workers=workers)()
    assert rows.shape == (7, network.dim)
    assert rows.dtype == torch.float32
    assert not rows.requires_grad
    assert (rows[3] == 0).all()
    network.eval()
    for index in (0, 1, 2, 4, 5, 6):
        view = torch.from_numpy(centre_view(Noise()[index].image, 8))
        expected = network(normalise(view[None]))[0]
        torch.testing.assert_close(rows[index], expected)


def test_it_says_how_far_it_is_and_changes_nothing(network, monkeypatch, capsys):
    monkeypatch.setattr("dilo.progress.SECONDS_BETWEEN_LINES", 0.0)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    stream = torch.get_rng_state()
    surveyor(network)()
    assert "survey: 7/7 images" in capsys.readouterr().err
    assert all(torch.equal(network.state_dict()[name], state[name]) for name in state)
    assert torch.equal(torch.get_rng_state(), stream)
    assert all(module.training for module in network.modules())


def test_modes_are_restored_one_by_one(network):
    frozen = list(network.modules())[2].eval()
    stream = torch.get_rng_state()
    with undisturbed(network):
        assert not any(module.training for module in network.modules())
        torch.rand(3)
    assert network.training
    assert not frozen.training
    assert torch.equal(torch.get_rng_state(), stream)
