import math

import torch
import torch.nn.functional as F

from dilo.models import backbone
from dilo.models.normalise import normalise
from dilo.pretrain import PretrainConfig
from dilo.pretrain.instdisc import InstDisc
from dilo.pretrain.subject import Subject


def objective(count: int = 12, **fields: object) -> InstDisc:
    torch.manual_seed(0)
    config = PretrainConfig(images="", arch="conv6", embedding_dim=16, **fields)
    return InstDisc(backbone("conv6"), Subject(count=count), config)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    views = torch.randint(0, 256, (1, 4, 16, 16, 3), dtype=torch.uint8)
    return views, torch.tensor([3, 11, 0, 5])


def test_the_loss_is_the_softmax_of_the_head_over_the_bank():
    method = objective(temperature=0.2)
    views, index = batch()
    loss, features = method(views, index)
    embedded = F.normalize(method.head(method.backbone(normalise(views[0]))), dim=1)
    expected = F.cross_entropy(embedded @ method.bank.rows.T / 0.2, index)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(features, embedded.detach())
    assert not features.requires_grad


def test_forward_remembers_nothing_and_update_moves_the_rows():
    method = objective()
    views, index = batch()
    before = method.bank.rows.clone()
    _, features = method(views, index)
    assert torch.equal(method.bank.rows, before)
    assert method.step == 0
    method.update(features, index)
    assert method.step == 1
    moved = (method.bank.rows != before).any(dim=1)
    assert sorted(moved.nonzero()[:, 0].tolist()) == [0, 3, 5, 11]


def test_chance_is_the_log_of_the_choices_there_are():
    assert objective(negatives=4).chance == math.log(5)
    assert objective(negatives=4096).chance == math.log(12)


def test_the_step_survives_saving():
    method = objective()
    method.update(*reversed((batch()[1], torch.randn(4, 16))))
    other = objective()
    other.load_state_dict(method.state_dict())
    assert other.step == 1
    assert torch.equal(other.bank.rows, method.bank.rows)
