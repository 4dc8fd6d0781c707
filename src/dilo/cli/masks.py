"""Commands on mask stores: masks, convert."""

from pathlib import Path
from typing import Literal

from dilo.cli.output import say
from dilo.errors import InputError, StoreError


def masks(
    images: Path,
    masks: Path,
    /,
    method: str = "rbd",
    exact: bool = False,
    workers: int | None = None,
    format: Literal["png", "arrow"] = "png",
    engine: Literal["local", "ray"] = "local",
    sheet: Path | None = None,
    mean: Path | None = None,
    verify: bool = False,
    repair: bool = False,
) -> None:
    """Estimate the foreground map of every image of a folder, without labels.

    Writes one 8-bit PNG for each image below IMAGES (a/b.jpg gives a/b.png; if an image
    a/b.png is there too, that gives a/b.png.png), or small maps packed together for
    millions of images. masks.json says how they were made and which images failed;
    part-*.arrow says which maps there are, how far each can be trusted, and which are
    empty. Can be stopped or killed at any time: the same command goes on with what is
    missing.

    Examples:
        dilo masks photos masks
        dilo masks photos masks --sheet sheet.png --mean mean.png
        dilo masks imagenet/train masks --format arrow --workers 16
        dilo masks photos masks --verify

    Args:
        images: folder of photographs, at any depth; see docs/inputs.md.
        masks: new folder for the maps, or the one of an interrupted run.
        method: saliency method: rbd (robust background detection), gs (geodesic
            saliency), mc (absorbing Markov chain) or consensus (the mean of the three).
        exact: work at full size, as the methods' authors do; half the size or less is
            as good and four times faster.
        workers: processes; one for each CPU core by default.
        format: png (maps of full size, as files) or arrow (of 128 pixels and 16
            levels, a kilobyte each, packed).
        engine: local (this machine) or ray (the cluster that RAY_ADDRESS names, or one
            started here; its machines share the folders).
        sheet: also draw a contact sheet of some maps into this .png file.
        mean: also draw the mean of all maps into this .png file.
        verify: compute nothing; check every map, and name what is bad.
        repair: with --verify, delete what is bad, so that the next run makes it again.
    """
    from dilo.masks import MaskStore, compute_masks
    from dilo.methods import load_method

    maker = load_method(method, exact=exact)
    if repair and not verify:
        raise InputError("--repair goes with --verify")
    for flag, path in (("--sheet", sheet), ("--mean", mean)):
        if path is not None and (path.suffix.lower() != ".png" or path.is_dir()):
            raise InputError(f"{flag} must be a .png file, got {path}")
    if verify:
        _verify(images, masks, workers, repair=repair)
    else:
        store = MaskStore.create(
            masks,
            method,
            maker.parameters,
            supervision=maker.supervision,
            weights=maker.weights,
            layout=format,
        )
        report = compute_masks(
            images, store, maker.estimate, workers, maker.confidence, engine
        )
        say(report.summary())
    _draw(images, masks, sheet, mean)


def convert(
    masks: Path,
    out: Path,
    /,
    format: Literal["png", "arrow"],
    side: int = 128,
    bits: Literal[4, 8] = 4,
    workers: int | None = None,
) -> None:
    """Copy a mask store into another format.

    Names, confidences, empty flags, failures and the origin of the maps stay. Maps
    that were kept small are enlarged to the size of their images. Can be stopped at any
    time: the same command goes on.

    Examples:
        dilo convert masks masks-packed --format arrow
        dilo convert masks-packed masks-files --format png

    Args:
        masks: mask store that `dilo masks` made.
        out: new folder for the copies.
        format: png (maps of full size, as files) or arrow (small maps, packed).
        side: pixels of the longer side of packed maps.
        bits: of the levels of packed maps.
        workers: processes; one for each CPU core by default.
    """
    from dilo.masks import Layout, MaskStore, convert_store

    layout = Layout(format=format, side=side, bits=bits)
    say(convert_store(MaskStore.open(masks), out, layout, workers).summary())


def _verify(images: Path, masks: Path, workers: int | None, *, repair: bool) -> None:
    """Check a store; if anything is wrong the command ends with status 2."""
    from dilo.masks import verify_store

    check = verify_store(images, masks, repair, workers)
    say(check.summary())
    if not check.is_sound:
        # What is only missing a job makes, also after a full disk.
        again = repair or not (check.bad or check.stray)
        remedy = "run again without --verify" if again else "mend it with --repair"
        raise StoreError(f"{masks}: not sound; {remedy}")


def _draw(images: Path, masks: Path, sheet: Path | None, mean: Path | None) -> None:
    """Draw what lets a person see whether the maps can be right."""
    from dilo.files import write_atomic
    from dilo.image import encode_drawing, to_bytes
    from dilo.masks import MaskStore, mean_map

    if sheet is not None:
        from dilo.report.preview import PreviewConfig, preview

        preview(images, MaskStore.open(masks), sheet, PreviewConfig())
        say(f"Contact sheet: {sheet}")
    if mean is not None:
        write_atomic(mean, encode_drawing(to_bytes(mean_map(MaskStore.open(masks)))))
        say(f"Mean map: {mean}")
