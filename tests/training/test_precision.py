import pytest
import torch

from dilo.training.processes import resolve_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize("fast", [True, False])
def test_auto_takes_bf16_where_the_processor_multiplies_it(monkeypatch, fast):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: fast, raising=False)
    assert resolve_precision("auto", CPU) == ("bf16-mixed" if fast else "32-true")


def test_a_given_precision_is_kept():
    assert resolve_precision("32-true", CPU) == "32-true"
    assert resolve_precision("bf16-mixed", CPU) == "bf16-mixed"
