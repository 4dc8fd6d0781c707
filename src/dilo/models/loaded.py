"""What loading a backbone gives."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, kw_only=True)
class LoadedBackbone:
    """A backbone with its weights, and what one must know to use it."""

    module: nn.Module
    arch: str
    crop_size: int  # side in pixels of the views it was trained on
    small_stem: bool = False
    # What the module sees of the colours, a name of `dilo.models.inputs`; it hides the
    # rest by itself.
    input: str = "rgb"
