import pytest
import torch
from torch import nn

from dilo.errors import InputError
from dilo.models import BACKBONES, backbone
from dilo.models.inference import device_of, evaluating, find_device
from dilo.models.weights import load_backbone
from fake_device import second_device


@pytest.mark.parametrize(
    ("usable", "kind"),
    [
        ((), "cpu"),
        (("mps",), "mps"),
        (("xpu",), "xpu"),
        (("cuda", "mps", "xpu"), "cuda"),
    ],
)
def test_auto_is_the_accelerator_that_is_there(usable, kind, monkeypatch):
    backends = {"cuda": torch.cuda, "mps": torch.backends.mps, "xpu": torch.xpu}
    for name, backend in backends.items():
        there = name in usable
        monkeypatch.setattr(backend, "is_available", lambda there=there: there)
    assert find_device("auto") == torch.device(kind)


def test_a_named_device_is_that_device():
    assert find_device("cpu") == torch.device("cpu")
    assert find_device("meta") == torch.device("meta")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "cpu,"])
def test_a_device_that_is_not_there_is_refused_with_the_remedy(name):
    with pytest.raises(InputError, match=f"^device {name} cannot be used .* give cpu"):
        find_device(name)


def test_the_device_of_a_module_is_that_of_its_weights():
    assert device_of(nn.Linear(2, 2, device="meta")) == torch.device("meta")
    assert device_of(nn.ReLU()) == torch.device("cpu")


def test_a_loaded_backbone_is_on_the_device_that_was_asked_for(monkeypatch):
    here = load_backbone("random/conv6")
    with second_device(monkeypatch) as device:
        there = load_backbone("random/conv6", "meta").module
        state = there.state_dict()
        assert {tensor.device for tensor in state.values()} == {device}
        for name, tensor in here.module.state_dict().items():
            assert torch.equal(state[name].cpu(), tensor)
    assert device_of(here.module) == torch.device("cpu")


class Parts(nn.Module):
    """A network in training, one part of which stays in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.fixed, self.free = nn.BatchNorm1d(2).eval(), nn.BatchNorm1d(2)

    def modes(self) -> list[bool]:
        return [self.training, self.fixed.training, self.free.training]


def test_evaluating_puts_every_part_back_as_it_was():
    module = Parts()
    with evaluating(module):
        assert module.modes() == [False, False, False]
    assert module.modes() == [True, False, True]


def test_evaluating_puts_it_back_after_an_error_too():
    module = Parts()
    with pytest.raises(ZeroDivisionError), evaluating(module):
        _ = 1 / int(module.training)
    assert module.modes() == [True, False, True]


@pytest.mark.parametrize("name", [*BACKBONES, "timm/test_resnet", "timm/test_vit"])
def test_no_network_holds_float64_which_apples_devices_lack(name):
    with torch.device("meta"):
        module = backbone(name)
    tensors = [*module.parameters(), *module.buffers()]
    assert torch.float64 not in {tensor.dtype for tensor in tensors}
