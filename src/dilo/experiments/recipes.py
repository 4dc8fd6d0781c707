"""Complete configs: one function a training of the paper, or of our own tables."""

from collections.abc import Mapping
from typing import Any

from dilo.pretrain import PretrainConfig
from dilo.pretrain.recipes import recipe

ALL_OTHERS = 1_000_000  # negatives, of smaller sets


# A plain convolutional network at 56 px, because a ResNet at 224 px would take days on
# a CPU: some 10,000 photographs in ten minutes to half an hour of one core.
_PHOTOGRAPHS: Mapping[str, Any] = {
    "arch": "conv7",
    "epochs": 50,
    "batch_size": 128,
    "crop_size": 56,
    "cache_size": 76,
    "lr": 0.05,
    "schedule": "cosine",
    "workers": 0,
}


def instdisc_photographs(images: str, masks: str | None = None) -> PretrainConfig:
    """InstDisc on photographs, with the exact softmax over the bank.

    Recipe of the photographs table in docs/RESULTS.md.
    """
    changes = {**_PHOTOGRAPHS, "temperature": 0.1, "negatives": ALL_OTHERS}
    return recipe("instdisc", images=images, masks=masks, **changes)


def moco_photographs(images: str, masks: str | None = None) -> PretrainConfig:
    """MoCo v2 where `instdisc_photographs` stands.

    The queue, the temperature and the faster key encoder are those of MoCo's own recipe
    for small images; the blur is that of 224 px, in proportion.
    """
    changes = {
        **_PHOTOGRAPHS,
        "temperature": 0.1,
        "negatives": 4096,
        "key_momentum": 0.99,
        "view.blur_sigma": (0.1, 0.5),
    }
    return recipe("moco_v2", images=images, masks=masks, **changes)


def rotation_photographs(images: str, masks: str | None = None) -> PretrainConfig:
    """Rotation where `instdisc_photographs` stands."""
    return recipe("rotation", images=images, masks=masks, **_PHOTOGRAPHS)


def instdisc_scenes(images: str, masks: str | None = None) -> PretrainConfig:
    """InstDisc on 2,000 synthetic scenes in some two minutes on one CPU core.

    Recipe of the demo and of the scenes table in docs/RESULTS.md. Steps matter, not
    epochs: after 300 steps nothing is learned, after 3,200 the effect is plain.
    """
    return recipe(
        "instdisc",
        images=images,
        masks=masks,
        arch="conv6",
        epochs=100,
        batch_size=64,
        crop_size=40,
        cache_size=48,
        lr=0.06,
        schedule="cosine",
        temperature=0.1,
        negatives=ALL_OTHERS,
        workers=0,
        checkpoint_epochs=10,
    )
