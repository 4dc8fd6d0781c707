"""The command preview."""

from pathlib import Path
from typing import Literal

from dilo.cli.output import say


def preview(
    images: Path,
    masks: Path,
    /,
    *,
    out: Path,
    count: int = 8,
    seed: int = 0,
    background: str = "grey",
    textures: Path | None = None,
    bank: Path | None = None,
    blending: Literal["none", "gaussian", "mix"] = "mix",
    blur: float = 0.0133,
    probability: float = 0.5,
    alpha_low: float = 0.1,
    alpha_high: float = 0.4,
    shift: float = 0.0,
    max_scale: float = 1.0,
    min_cover: float = 0.0,
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
        images: folder of photographs, at any depth.
        masks: mask store, or any folder of grey maps.
        out: the PNG file to write.
        count: how many images are drawn.
        seed: of the choice of images, the backgrounds and the views.
        background: of the training views; see `dilo pretrain --help`.
        textures: folder of pictures for the background texture.
        bank: folder that `dilo mine-backgrounds` made, for the background mined.
        blending: of the training views.
        blur: sigma of the gaussian, as a share of the image's short side.
        probability: of pasting, for each training view.
        alpha_low: maps up to this value are background.
        alpha_high: maps from this value on are foreground.
        shift: move the object by up to this share of the view, in each direction.
        max_scale: scale the object by up to this factor, up or down.
        min_cover: least share of the object that a view shows, where it can.
        chain: of augmentations, for the training views: instdisc, moco_v1, moco_v2,
            or a step of the paper's table 1, such as table1_flip.
    """
    from dilo.augment import CopyPasteConfig
    from dilo.augment.chain import view_chain
    from dilo.diagnose.preview import PreviewConfig
    from dilo.diagnose.preview import preview as write_preview
    from dilo.masks import MaskStore

    copy_paste = CopyPasteConfig(
        probability=probability,
        background=background,
        textures=None if textures is None else str(textures),
        bank=None if bank is None else str(bank),
        blending=blending,
        blur=blur,
        alpha_low=alpha_low,
        alpha_high=alpha_high,
        shift=shift,
        max_scale=max_scale,
        min_cover=min_cover,
    )
    view = view_chain(chain, copy_paste)
    config = PreviewConfig(count=count, seed=seed, view=view)
    failures = write_preview(images, MaskStore.open(masks), out, config)
    say(str(out))
    for reason in failures.values():
        say(f"passed over: {reason}")
