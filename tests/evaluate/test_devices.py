"""The backbone's device does the work: nothing stays behind on the CPU."""

import copy

import numpy as np
import PIL.Image
import pytest
import torch

from dilo.attribution.gradient import gradient_map
from dilo.data.labels import read_train_val
from dilo.evaluate.backgrounds import background_scores
from dilo.evaluate.features import extract
from dilo.evaluate.knn import knn, knn_predict, nearest
from dilo.evaluate.linear import choose_probe, linear
from dilo.masks import MaskStore
from dilo.models import backbone
from dilo.models.inference import LoadedBackbone, device_of
from dilo.models.inputs import with_input
from fake_device import second_device


@pytest.fixture
def there(monkeypatch):
    with second_device(monkeypatch) as device:
        yield device


@pytest.fixture
def here() -> LoadedBackbone:
    torch.manual_seed(0)
    module = with_input(backbone("conv6", small_stem=True).eval(), "grey")
    return LoadedBackbone(module=module, arch="conv6", crop_size=12)


def moved(loaded: LoadedBackbone, device: torch.device) -> LoadedBackbone:
    module = copy.deepcopy(loaded.module).to(device)
    return LoadedBackbone(module=module, arch=loaded.arch, crop_size=loaded.crop_size)


@pytest.fixture
def splits(tmp_path):
    """Two classes of noisy squares, and where the squares are."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 7), ("val", 4)):
        for label in range(2):
            for index in range(count):
                image = rng.integers(0, 99, (16, 16, 3)).astype(np.uint8)
                image[4:10, 5:11] += np.uint8(60 + 60 * label)
                mask = np.zeros((16, 16), np.uint8)
                mask[4:10, 5:11] = 255
                for folder, pixels in (("images", image), ("truth", mask)):
                    path = tmp_path / folder / split / f"c{label}" / f"{index}.png"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    PIL.Image.fromarray(pixels).save(path)
    train, val = read_train_val(tmp_path / "images", tmp_path / "images")
    return train, val, MaskStore.open(tmp_path / "truth/val")


def images(count: int = 5) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (14, 15, 3), np.uint8) for _ in range(count)]


def test_the_second_device_mixes_with_no_other_and_has_no_float64(there):
    tensor = torch.ones(3, device=there)
    with pytest.raises(RuntimeError, match="tensors on two devices"):
        _ = tensor + torch.ones(3)
    with pytest.raises(TypeError, match="no float64"):
        tensor.double()
    assert (tensor + 1).sum().item() == 6
    assert device_of(torch.nn.Linear(2, 2).to(there)) == there


def test_features_and_labels_are_on_the_backbones_device(here, splits, there):
    features = extract(moved(here, there), images())
    assert features.values.device == there
    expected = extract(here, images()).values
    torch.testing.assert_close(features.values.cpu(), expected, rtol=0, atol=0)
    train = splits[0]
    labelled = extract(moved(here, there), train.paths(), train.labels)
    assert labelled.values.device == labelled.labels.device == there


def test_neighbours_votes_and_probes_are_on_the_features_device(there):
    torch.manual_seed(0)
    values, labels = torch.randn(20, 4), torch.arange(20) % 2
    far, far_labels = values.to(there), labels.to(there)
    similarity, index = nearest(far, None, 3)
    votes = knn_predict(far, far, far_labels, 5)
    probe = choose_probe(far, far_labels)
    predictions = probe.predict(far)
    for result in (similarity, index, votes, probe.weight, probe.bias, predictions):
        assert result.device == there
    assert torch.equal(votes.cpu(), knn_predict(values, values, labels, 5))
    assert torch.equal(predictions.cpu(), choose_probe(values, labels).predict(values))


@pytest.mark.parametrize("classify", [knn, linear])
def test_scores_are_those_of_the_cpu(classify, here, splits, there):
    far = moved(here, there)
    assert classify(far, *splits[:2]) == classify(here, *splits[:2])
    assert device_of(far.module) == there


def test_background_scores_are_those_of_the_cpu(here, splits, there):
    far = background_scores(moved(here, there), *splits)
    assert far == background_scores(here, *splits)


def test_gradient_maps_are_those_of_the_cpu(here, there):
    torch.manual_seed(0)
    pixels, weights = torch.randn(3, 3, 12, 12), torch.randn(3, 128)
    far = moved(here, there).module
    expected = gradient_map(here.module, pixels, weights)
    maps = gradient_map(far, pixels.to(there), weights.to(there))
    assert isinstance(maps, np.ndarray)
    np.testing.assert_array_equal(maps, expected)
