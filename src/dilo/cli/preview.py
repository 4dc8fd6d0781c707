"""The command preview."""

from pathlib import Path

from dilo.cli.output import say


def preview(
    images: Path,
    masks: Path,
    /,
    *,
    out: Path,
    count: int = 8,
    seed: int = 0,
    alpha_low: float = 0.1,
    alpha_high: float = 0.4,
) -> None:
    """Draw a contact sheet: images, their maps, composites and training views.

    Look at it before a long training: are the maps on the objects, and do the
    composites show them? Images are drawn at random, not picked. Of an image without
    a map, or without any foreground in it, the sheet says so.

    Examples:
        dilo preview photos masks --out preview.png
        dilo preview photos masks --out preview.png --count 20 --alpha-low 0.2

    Args:
        images: folder of photographs, at any depth.
        masks: mask store, or any folder of grey maps.
        out: the PNG file to write.
        count: how many images are drawn.
        seed: of the choice of images, the backgrounds and the views.
        alpha_low: maps up to this value are background.
        alpha_high: maps from this value on are foreground.
    """
    from dilo.augment import CopyPasteConfig, ViewConfig
    from dilo.diagnose.preview import PreviewConfig
    from dilo.diagnose.preview import preview as write_preview
    from dilo.masks import MaskStore

    copy_paste = CopyPasteConfig(alpha_low=alpha_low, alpha_high=alpha_high)
    view = ViewConfig(copy_paste=copy_paste)
    config = PreviewConfig(count=count, seed=seed, view=view)
    write_preview(images, MaskStore.open(masks), out, config)
    say(str(out))
