import pytest
import torch
import torchvision
from torch import nn

from dilo.pretrain.grouped import GroupedBatchNorm

SIZES = [3, 2, 3]


def images(channels_last: bool = False) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(8, 5, 4, 3, generator=generator)
    order = torch.channels_last if channels_last else torch.contiguous_format
    return values.contiguous(memory_format=order).requires_grad_()


def by_hand(norm: nn.Module, values: torch.Tensor) -> torch.Tensor:
    return torch.cat([norm(part) for part in values.split(SIZES)])


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("affine", [False, True])
def test_values_and_gradients_are_those_of_the_parts(channels_last, affine):
    torch.manual_seed(0)
    results = []
    for grouped in (True, False):
        values = images(channels_last)
        norm = nn.BatchNorm2d(5, affine=affine)
        if affine:
            nn.init.normal_(norm.weight, generator=torch.Generator().manual_seed(1))
        if grouped:
            with GroupedBatchNorm(SIZES):
                output = norm(values)
            assert output.stride() == values.stride()
        else:
            output = by_hand(norm, values)
        (output.sin() * torch.arange(3.0)).sum().backward()
        results.append([output, values.grad, *(p.grad for p in norm.parameters())])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_derivative_is_right_to_many_digits():
    norm = nn.BatchNorm1d(3, track_running_stats=False).double()
    nn.init.normal_(norm.weight, generator=torch.Generator().manual_seed(1))
    values = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)

    def grouped(*inputs):
        with GroupedBatchNorm(SIZES):
            return norm(inputs[0])

    assert torch.autograd.gradcheck(grouped, (values, *norm.parameters()))


def test_running_averages_move_by_equal_parts_of_each_group():
    norm = nn.BatchNorm2d(5, momentum=0.3)
    values = images().detach() * 3 + 1
    with GroupedBatchNorm(SIZES):
        norm(values)
    mean, variance = torch.zeros(5), torch.ones(5)
    for part in values.split(SIZES):
        mean.lerp_(part.mean(dim=(0, 2, 3)), 0.1)
        variance.lerp_(part.var(dim=(0, 2, 3)), 0.1)
    torch.testing.assert_close(norm.running_mean, mean)
    torch.testing.assert_close(norm.running_var, variance)
    assert norm.num_batches_tracked == 1


def test_evaluation_is_left_alone():
    norm = nn.BatchNorm2d(5).eval()
    values = images()
    with GroupedBatchNorm(SIZES):
        assert torch.equal(norm(values), norm(values))
    before = norm(values)
    with GroupedBatchNorm(SIZES):
        assert torch.equal(norm(values), before)


def test_bf16_activations_have_float32_statistics():
    norm = nn.BatchNorm2d(5)
    values = images(channels_last=True).detach().bfloat16()
    with GroupedBatchNorm(SIZES):
        output = norm(values)
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output, by_hand(norm, values))


def test_whole_networks_are_as_if_called_group_by_group():
    torch.manual_seed(0)
    network = torchvision.models.resnet18(num_classes=4)
    batch = torch.randn(8, 3, 32, 32)
    with GroupedBatchNorm(SIZES):
        together = network(batch)
    apart = torch.cat([network(part) for part in batch.split(SIZES)])
    torch.testing.assert_close(together, apart, rtol=1e-3, atol=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_gpu_agrees():
    values = images(channels_last=True).detach()
    norm = nn.BatchNorm2d(5)
    with GroupedBatchNorm(SIZES):
        expected = norm(values)
        found = norm.cuda()(values.cuda())
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-5)
