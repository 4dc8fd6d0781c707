import copy
import math

import pytest
import torch
import torch.nn.functional as F

from dilo.models import backbone
from dilo.models.normalise import normalise
from dilo.pretrain.grouped import Shuffle, encode_groups
from dilo.pretrain.memory import EMPTY, KeyQueue
from dilo.pretrain.moco import MoCo, moco_v1, moco_v2
from dilo.pretrain.objective import ImageSetInfo
from dilo.pretrain.objective_configs import MoCoV1Config
from dilo.training.config import LoopConfig


def objective(build=moco_v1, **fields) -> MoCo:
    torch.manual_seed(0)
    fields = {"embedding_dim": 16, "negatives": 12, "shuffle_groups": 2, **fields}
    of_loop = {
        name: fields.pop(name) for name in ("accumulate", "seed") if name in fields
    }
    loop = LoopConfig(**of_loop)
    config = MoCoV1Config(**fields)
    return build(backbone("conv6"), ImageSetInfo(count=20), config, loop)


def batch(count: int = 8, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 2, 16, 16, 3)
    views = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return views, torch.randperm(20, generator=generator)[:count]


def step(method: MoCo, seed: int, lr: float = 0.1) -> torch.Tensor:
    """One step as the loop takes it."""
    views, index = batch(seed=seed)
    trained = [value for value in method.parameters() if value.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=lr)
    loss, keys, _ = method(views, index)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    method.update(keys, index)
    return loss.detach()


@pytest.mark.parametrize("build", [moco_v1, moco_v2])
def test_the_loss_is_a_naive_loop_over_choices(build):
    method = objective(build, temperature=0.2, shuffle_groups=1)
    method.queue.push(torch.ones(3, 16) / 4, torch.tensor([5, 6, 7]))
    views, index = batch()
    twin = copy.deepcopy(method)
    loss, keys, _ = method(views, index)
    query = F.normalize(twin.head(twin.backbone(normalise(views[:, 0]))), dim=1)
    own = F.normalize(twin.key_encoder(normalise(views[:, 1])), dim=1)
    torch.testing.assert_close(keys, own)
    losses = []
    for one, positive, image in zip(query, own, index.tolist(), strict=True):
        choices = [one @ positive]
        for row, other in zip(twin.queue.rows, twin.queue.index.tolist(), strict=True):
            if other != image:
                choices.append(one @ row)
        losses.append(-F.log_softmax(torch.stack(choices) / 0.2, dim=0)[0])
    torch.testing.assert_close(loss, torch.stack(losses).mean())
    assert not keys.requires_grad


def test_query_and_key_of_an_image_see_different_statistics(monkeypatch):
    views, index = batch()
    views[:, 1] = views[
        :, 0
    ]  # the slow copy is equal still: only company tells them apart

    def difference(method: MoCo) -> float:
        query = encode_groups(method._encode, views[:, 0], method.groups)
        _, keys, _ = method(views, index)
        return (F.normalize(query, dim=1) - keys).norm(dim=1).min().item()

    assert difference(objective(shuffle_groups=4)) > 0.05
    assert difference(objective(shuffle_groups=1)) == pytest.approx(0, abs=1e-5)
    still = Shuffle(deal=torch.arange(8), recall=torch.arange(8))
    monkeypatch.setattr(Shuffle, "draw", lambda *_: still)
    assert difference(objective(shuffle_groups=4)) == pytest.approx(0, abs=1e-5)


def test_the_slow_copy_starts_equal_and_follows():
    method = objective(key_momentum=0.9)
    start = copy.deepcopy(method.key_encoder.state_dict())
    assert all(map(torch.equal, method._slow, method._fast))
    step(method, seed=0)
    moved = 0
    for (name, slow), fast in zip(
        method.key_encoder.named_parameters(), method._fast, strict=True
    ):
        torch.testing.assert_close(slow.data, 0.9 * start[name] + 0.1 * fast.data)
        moved += not torch.equal(slow, start[name])
        assert not slow.requires_grad
        assert slow.grad is None
    assert moved > 10
    # Batch norm's averages are of the keys' own images, not copied.
    own = dict(method.key_encoder.named_buffers())["0.layers.0.1.running_mean"]
    assert not torch.equal(own, method.backbone.layers[0][1].running_mean)


def test_forward_changes_no_key_and_update_queues_them_with_their_images():
    method = objective()
    views, index = batch()
    before = method.queue.rows.clone()
    _, keys, _ = method(views, index)
    assert torch.equal(method.queue.rows, before)
    assert method.step == 0
    method.update(keys, index)
    assert torch.equal(method.queue.rows[:8], keys)
    assert method.queue.index.tolist() == [*index.tolist(), *[EMPTY] * 4]
    assert method.step == 1


def test_older_keys_of_the_same_image_are_no_negatives():
    method = objective(negatives=2, shuffle_groups=1)
    views, index = batch(2)
    method.queue.index[0] = index[0]
    method.queue.index[1] = index[1]
    losses = []
    for _ in range(2):
        loss, *_ = method(views, index)
        losses.append(loss.item())
        method.queue.rows.copy_(method.queue.rows.flip(0))
    method.queue.index[:] = EMPTY
    everyone, *_ = method(views, index)
    assert losses[0] != losses[1]  # which of the two counts matters
    assert everyone.item() > max(losses)


def test_an_image_alone_in_the_queue_gives_a_loss_of_zero():
    method = objective()
    views, index = batch(2)
    index[:] = 3
    method.queue.index[:] = 3
    loss, *_ = method(views, index)
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad.isfinite().all() for p in method._fast)


@pytest.mark.parametrize("count", [2, 3, 8])  # the queue has 5 places
def test_any_batch_fits_any_queue(count):
    method = objective(negatives=5, shuffle_groups=8)
    views, index = batch(count)
    for _ in range(3):
        loss, keys, _ = method(views, index)
        loss.backward()
        method.update(keys, index)
    assert loss.isfinite()
    assert method.chance_level == math.log(6)


def test_resumed_training_equals_an_uninterrupted_one():
    method = objective(moco_v2)
    step(method, seed=0)
    other = objective(moco_v2, seed=0)
    other.load_state_dict(method.state_dict())
    for number in (1, 2):
        assert torch.equal(step(method, number), step(other, number))
    ours, theirs = method.state_dict(), other.state_dict()
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, theirs[name]), name
    assert theirs["_extra_state"] == 3
    assert theirs["queue._extra_state"] == 0  # 3 x 8 keys into 12 places


def test_the_heads_are_those_of_the_two_versions():
    assert [type(part).__name__ for part in objective(moco_v1).head.modules()] == [
        "Linear"
    ]
    layers = objective(moco_v2).head
    assert [type(part).__name__ for part in layers] == ["Linear", "ReLU", "Linear"]
    assert layers[0].weight.shape == (128, 128)
    assert layers[2].weight.shape == (16, 128)


@pytest.mark.parametrize(
    ("groups", "accumulate", "expected"), [(8, 1, 8), (8, 2, 4), (8, 8, 2), (1, 2, 1)]
)
def test_micro_batches_share_the_groups(groups, accumulate, expected):
    method = objective(shuffle_groups=groups, accumulate=accumulate)
    assert method.groups == expected


def test_it_learns_to_tell_the_keys_apart():
    method = objective(moco_v2, temperature=0.2, key_momentum=0.9)
    first = torch.stack([step(method, 0) for _ in range(3)]).mean()
    for _ in range(20):
        step(method, 0)
    last = torch.stack([step(method, 0) for _ in range(3)]).mean()
    assert last < first - 0.3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_no_step_waits_for_the_gpu():
    method = objective(moco_v2).cuda()
    views, index = (tensor.cuda() for tensor in batch())
    try:
        for mode in ("default", "error"):  # the first step may prepare things
            torch.cuda.set_sync_debug_mode(mode)
            loss, keys, _ = method(views, index)
            loss.backward()
            method.update(keys, index)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("build", [moco_v1, moco_v2])
def test_the_queue_holds_no_more_keys_than_there_are_images_and_that_is_said(
    build, capsys
):
    method = objective(build, negatives=65536)
    assert "the queue holds 20 keys, not negatives=65536" in capsys.readouterr().err
    assert (len(method.queue), method.chance_level) == (20, math.log(21))
    assert len(objective(build, negatives=20).queue) == 20
    assert capsys.readouterr().err == ""


def test_a_longer_queue_of_an_older_version_goes_on():
    older = objective(negatives=20)
    older.queue = KeyQueue(50, 16, seed=0)
    method = objective(negatives=50)
    method.load_state_dict(older.state_dict())
    assert torch.equal(method.queue.rows, older.queue.rows)
    assert method.chance_level == math.log(51)
