"""Complete configs: one function a training of the paper, or of our own tables."""

from dilo.config import replace
from dilo.pretrain import PretrainConfig
from dilo.pretrain.recipes import recipe


def instdisc_photographs(images: str, masks: str | None = None) -> PretrainConfig:
    """InstDisc on some 10,000 photographs in ten minutes on one CPU core.

    A plain convolutional network at 56 px with the exact softmax over the bank, because
    a ResNet at 224 px would take days on a CPU. Recipe of the photographs table in
    docs/RESULTS.md.
    """
    return PretrainConfig(
        images=images,
        masks=masks,
        arch="conv7",
        epochs=50,
        batch_size=128,
        crop_size=56,
        cache_size=76,
        lr=0.05,
        schedule="cosine",
        temperature=0.1,
        negatives=1_000_000,  # all others
        workers=0,
    )


def moco_photographs(images: str, masks: str | None = None) -> PretrainConfig:
    """MoCo v2 where `instdisc_photographs` stands; twice its time.

    The queue, the temperature and the faster key encoder are those of MoCo's own recipe
    for small images; the blur is that of 224 px, in proportion.
    """
    return replace(
        recipe("moco_v2", images=images, masks=masks),
        arch="conv7",
        epochs=50,
        batch_size=128,
        crop_size=56,
        cache_size=76,
        lr=0.05,
        temperature=0.1,
        negatives=4096,
        key_momentum=0.99,
        workers=0,
        **{"view.blur_sigma": (0.1, 0.5)},
    )


def rotation_photographs(images: str, masks: str | None = None) -> PretrainConfig:
    """Rotation where `instdisc_photographs` stands; three times its time."""
    return replace(
        recipe("rotation", images=images, masks=masks),
        arch="conv7",
        epochs=50,
        batch_size=128,
        crop_size=56,
        cache_size=76,
        lr=0.05,
        schedule="cosine",
        workers=0,
    )


def instdisc_scenes(images: str, masks: str | None = None) -> PretrainConfig:
    """InstDisc on 2,000 synthetic scenes in some two minutes on one CPU core.

    Recipe of the demo and of the scenes table in docs/RESULTS.md. Steps matter, not
    epochs: after 300 steps nothing is learned, after 3,200 the effect is plain.
    """
    return PretrainConfig(
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
        negatives=1_000_000,  # all others
        workers=0,
        checkpoint_epochs=10,
    )
