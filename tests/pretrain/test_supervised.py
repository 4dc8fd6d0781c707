import math

import pytest
import torch
import torch.nn.functional as F

from dilo.errors import InputError
from dilo.models import backbone
from dilo.models.normalise import normalise
from dilo.pretrain import PretrainConfig
from dilo.pretrain.subject import Subject
from dilo.pretrain.supervised import Supervised

CONFIG = PretrainConfig(images="", arch="conv6", objective="supervised")
LABELS = torch.tensor([0, 2, 1, 1, 0, 2, 2, 1])


def objective(**fields: object) -> Supervised:
    torch.manual_seed(0)
    subject = Subject(count=8, **{"labels": LABELS, **fields})
    return Supervised(backbone("conv6"), subject, CONFIG)


def test_the_loss_is_the_cross_entropy_of_the_images_own_labels():
    method = objective().eval()
    views = torch.randint(0, 256, (1, 3, 16, 16, 3), dtype=torch.uint8)
    loss, features = method(views, torch.tensor([7, 0, 1]))
    logits = method.head(method.backbone(normalise(views[0])))
    torch.testing.assert_close(loss, F.cross_entropy(logits, torch.tensor([1, 0, 2])))
    assert features.shape == (3, 128)
    assert not features.requires_grad


def test_classes_without_an_image_count_too():
    assert objective().chance == math.log(3)
    assert objective(classes=("a", "b", "c", "d")).chance == math.log(4)


def test_missing_labels_and_a_single_class_are_refused():
    with pytest.raises(InputError, match="needs labels"):
        objective(labels=None)
    with pytest.raises(InputError, match="at least 2 classes, got 1"):
        objective(labels=torch.zeros(8, dtype=torch.long))
