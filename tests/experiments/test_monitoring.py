from pathlib import Path

import pytest
import torch

from dilo.data.labels import read_train_val
from dilo.data.synthetic import SceneConfig, write_scenes
from dilo.errors import InputError
from dilo.evaluate.knn import knn
from dilo.experiments.monitoring import knn_every
from dilo.models import backbone
from dilo.models.inference import LoadedBackbone
from dilo.pretrain import recipe
from dilo.runs import Run


@pytest.fixture
def table(tmp_path: Path) -> tuple[Path, Path]:
    for split, count in (("train", 24), ("val", 12)):
        write_scenes(tmp_path / split, SceneConfig(size=24), count, split)
    return tmp_path / "train" / "labels.csv", tmp_path / "val" / "labels.csv"


def test_knn_is_measured_now_and_then_and_at_the_end(table, tmp_path):
    torch.manual_seed(0)
    network = backbone("conv6").eval()
    config = recipe("instdisc", images="", arch="conv6", crop_size=16, epochs=5)
    run = Run.create(tmp_path / "run", config)
    follow = knn_every(*table, epochs=2)
    found = {epoch: follow(epoch, network, run) for epoch in range(1, 6)}
    loaded = LoadedBackbone(module=network, arch="conv6", crop_size=16)
    expected = {"knn": knn(loaded, *read_train_val(*table)).top1}
    assert [epoch for epoch, numbers in found.items() if numbers] == [2, 4, 5]
    assert found[2] == found[4] == found[5] == expected


def test_bad_labels_are_refused_before_anything_starts(table, tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        knn_every(tmp_path / "nowhere", table[1])
    with pytest.raises(InputError, match="knn_epochs must be at least 1, got 0"):
        knn_every(*table, epochs=0)
