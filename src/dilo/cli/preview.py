"""The command preview."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from dilo.augment.chain import ViewConfig, view_chain
from dilo.cli.output import say
from dilo.cli.usage import FromWords, flag_value


def _view(words: Sequence[str]) -> ViewConfig:
    """Give the defaults: the chain among the words."""
    return view_chain(flag_value(words, "--chain") or "instdisc")


def preview(
    images: Path,
    masks: Path,
    /,
    *,
    view: Annotated[ViewConfig, FromWords(_view), tyro.conf.arg(name="")],
    out: Path,
    count: int = 8,
    seed: int = 0,
    chain: str = "instdisc",
) -> None:
    """Draw a contact sheet: images, their maps, composites and training views.

    Look at it before a long training: are the maps on the objects, and do the
    composites show them? Images are drawn at random, not picked. Of an image without
    a map, or without any foreground in it, the sheet says so. The composites stand on
    every background with every blending, the views are what a network will see with
    these settings.

    Examples:
        dilo preview photos masks --out preview.png
        dilo preview photos masks --out preview.png --count 20 --alpha-low 0.2
        dilo preview photos masks --out preview.png --background mined --bank bank

    Args:
        view: how training views are made.
        images: folder of photographs, at any depth.
        masks: mask store, or any folder of grey maps.
        out: the PNG file to write.
        count: how many images are drawn.
        seed: of the choice of images, the backgrounds and the views.
        chain: how views are cropped and recoloured: instdisc, moco_v1, moco_v2, or a
            step of the paper's table 1, such as table1_flip. It sets what follows.
    """
    from dilo.masks import MaskStore
    from dilo.report.preview import PreviewConfig
    from dilo.report.preview import preview as write_preview

    config = PreviewConfig(count=count, seed=seed, view=view)
    failures = write_preview(images, MaskStore.open(masks), out, config)
    say(str(out))
    for reason in failures.values():
        say(f"passed over: {reason}")
