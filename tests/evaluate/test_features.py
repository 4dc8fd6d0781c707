import functools

import numpy as np
import PIL.Image
import pytest
import torch
from torch import nn

from dilo.augment import centre_view
from dilo.data.labels import read_labels
from dilo.errors import ImageError, InputError
from dilo.evaluate.features import embed, extract
from dilo.models.inference import LoadedBackbone
from dilo.models.normalise import normalise


class Tiny(nn.Module):
    dim = 3

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images):
        return self.norm(images).mean(dim=(2, 3))


def tiny(crop_size: int = 8) -> LoadedBackbone:
    return LoadedBackbone(module=Tiny(), arch="tiny", crop_size=crop_size)


def random_images(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (12, 10 + i % 5, 3), np.uint8) for i in range(count)]


def test_features_are_the_backbone_on_test_views(monkeypatch):
    monkeypatch.setattr("dilo.evaluate.features.BATCH_SIZE", 3)
    images = random_images(7)
    loaded = tiny()
    loaded.module.eval()
    features = extract(loaded, images, workers=2)
    views = torch.from_numpy(np.stack([centre_view(image, 8) for image in images]))
    expected = loaded.module(normalise(views))
    torch.testing.assert_close(features.values, expected)
    assert features.values.dtype == torch.float32
    assert features.labels.tolist() == list(range(7))


def test_extraction_leaves_the_mode_and_the_statistics_alone():
    loaded = tiny()
    loaded.module.train()
    before = loaded.module.norm.running_mean.clone()
    extract(loaded, random_images(4))
    assert loaded.module.training
    torch.testing.assert_close(loaded.module.norm.running_mean, before)


def test_autocast_of_the_caller_does_not_reach_the_features():
    module = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    views = torch.randint(0, 256, (2, 4, 4, 3), dtype=torch.uint8)
    plain = embed(module, views)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(embed(module, views), plain, rtol=0, atol=0)


def test_an_unreadable_image_is_named_and_goes_with_its_label(tmp_path):
    for name, shade in (("a/1.png", 10), ("a/2.png", 20), ("b/3.png", 30)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        PIL.Image.new("RGB", (9, 9), (shade, 0, 0)).save(tmp_path / name)
    (tmp_path / "a/2.png").write_bytes(b"no image")
    images = read_labels(tmp_path, "train")
    result = extract(tiny(), images.paths(), images.labels)
    assert result.labels.tolist() == [0, 1]
    assert result.values.shape == (2, 3)
    assert len(result.failures) == 1
    assert "2.png" in result.failures[0]


def test_items_made_on_demand_may_fail():
    def make(index):
        if index % 2:
            raise ImageError(f"item {index}")
        return np.zeros((9, 9, 3), np.uint8)

    features = extract(tiny(), [functools.partial(make, i) for i in range(4)])
    assert features.labels.tolist() == [0, 2]
    assert features.failures == ("item 1", "item 3")


def test_no_image_at_all_is_refused():
    with pytest.raises(InputError, match="the list of images is empty"):
        extract(tiny(), [])


def test_only_unreadable_images_are_refused_with_the_first_reason(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.png"):
        extract(tiny(), [tmp_path / "nothing.png"])
