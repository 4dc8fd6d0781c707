"""The command mine-backgrounds."""

from pathlib import Path

from dilo.cli.output import say


def mine_backgrounds(
    images: Path,
    masks: Path,
    /,
    *,
    out: Path,
    threshold: float = 0.05,
    min_side: float = 0.3,
    side: int = 256,
    quality: int = 92,
) -> None:
    """Collect background crops of a folder of images: parts without saliency response.

    Of each image whose map holds a foreground, the largest square is taken in which no
    pixel of the map exceeds --threshold, if it is at least --min-side of the image's
    short side. On photographs with an object (DUTS, RBD maps) 77 % of the images give
    a crop, and one crop in eight shows more than 1 % of true foreground; look at some.
    a/b.jpg gives OUT/a/b.jpg.jpg; bank.json holds the rule and the yield. Can be
    stopped at any time: the same command goes on.

    Examples:
        dilo mine-backgrounds photos masks --out bank
        dilo pretrain photos --masks masks --background mined --bank bank --out run

    Args:
        images: folder of photographs, at any depth.
        masks: mask store, or any folder of grey maps.
        out: new folder for the crops, or the one of an interrupted call.
        threshold: the largest value of the map inside a crop; higher finds more crops,
            with more of the objects in them.
        min_side: least side of a crop, as a share of the image's short side.
        side: larger crops are reduced to this, in pixels.
        quality: of the JPEG files, up to 100.
    """
    from dilo.augment.bank import MiningConfig
    from dilo.augment.mining import mine_backgrounds as mine
    from dilo.masks import MaskStore

    config = MiningConfig(
        threshold=threshold, min_side=min_side, side=side, quality=quality
    )
    say(mine(images, MaskStore.open(masks), out, config).summary())
