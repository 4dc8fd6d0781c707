"""Which arithmetic a training uses."""

from typing import Literal

import torch

from dilo.training.config import Precision

Arithmetic = Literal["32-true", "bf16-mixed"]


def resolve_precision(precision: Precision, device: torch.device) -> Arithmetic:
    """Choose bf16 autocast where the hardware multiplies bf16 faster than float32.

    With channels_last it makes a training step 1.5 to 2.5 times faster on processors
    with AVX512-BF16 or AMX, and more on GPUs since Ampere; elsewhere it is emulated and
    slower.
    """
    if precision != "auto":
        return precision
    return "bf16-mixed" if _has_fast_bf16(device) else "32-true"


def _has_fast_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # Private, but there is no public way to ask; absent ones count as no.
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, bool)() for name in names)
    return False
