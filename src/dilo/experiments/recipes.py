"""Complete configs: one function a training of the paper, or of our own tables."""

from dilo.pretrain import PretrainConfig


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
