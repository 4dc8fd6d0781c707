"""Networks of timm, by the names `timm/NAME`."""

import difflib
from typing import Any

from torch import nn

from dilo.errors import InputError
from dilo.models.inputs import Published


def check(name: str) -> None:
    """Check that timm has a network `name`, which may end in the tag of its weights.

    Raises:
        InputError: it has not; the message lists names that are close.
        ModuleNotFoundError: timm is not installed.
    """
    import timm  # here, for it takes seconds

    network = name.partition(".")[0]
    if not timm.is_model(name):
        close = difflib.get_close_matches(network, timm.list_models())
        hint = f"; close are: {', '.join(close)}" if close else ""
        raise InputError(f"timm has no network {name!r}{hint}")
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        tags = ", ".join(timm.list_pretrained(network)) or "none"
        raise InputError(f"timm has no weights {name!r}; there are: {tags}") from error


def build(
    name: str, crop_size: int | None = None, pretrained: bool = False
) -> nn.Module:
    """Build a network of timm up to the pooled features.

    Args:
        name: as timm has it.
        crop_size: side of the images in pixels, for networks that must know it, such
            as vision transformers; by default what timm trained with.
        pretrained: with timm's weights, which it downloads or finds on disk.

    Raises:
        InputError: there is no such network.
        ModuleNotFoundError: timm is not installed.
        OSError, RuntimeError: the weights do not exist or cannot be downloaded.
    """
    check(name)
    import timm

    size: dict[str, Any] = {}
    if crop_size is not None and has_fixed_size(name):
        size = {"img_size": crop_size}
    network = timm.create_model(name, pretrained=pretrained, num_classes=0, **size)
    # Wider than num_features where layers follow the pooling, as in MobileNet v3.
    network.dim = network.head_hidden_size
    return network


def has_fixed_size(name: str) -> bool:
    """Report whether the network must know the size of its images when it is built."""
    return bool(_config(name).fixed_input_size)


def published(name: str) -> Published:
    """Say how timm's weights of a network were trained, and where they are."""
    config = _config(name)
    url = config.url or "its weights, if there are any"
    if config.hf_hub_id:
        url = f"https://huggingface.co/{config.hf_hub_id} (model.safetensors)"
    return Published(
        crop_size=config.input_size[-1], mean=config.mean, std=config.std, url=url
    )


def _config(name: str) -> Any:
    import timm

    return timm.get_pretrained_cfg(name)
