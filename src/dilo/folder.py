"""List the image files below a folder."""

import os
from pathlib import Path, PurePosixPath

from dilo.errors import InputError

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff"}
)


def list_images(root: Path) -> list[str]:
    """List every image file below `root`, at any depth, as sorted relative names.

    Names use forward slashes on every system. Hidden files and folders are passed
    over; links to folders are not followed, so that a loop cannot hang the job.

    Raises:
        InputError: `root` is not a folder, or no image file lies below it.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root}: not a folder")
    names: list[str] = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        prefix = Path(folder).relative_to(root).as_posix()
        prefix = "" if prefix == "." else prefix + "/"
        names += [prefix + name for name in files if is_image_name(name)]
    if not names:
        kinds = " ".join(sorted(IMAGE_SUFFIXES))
        raise InputError(f"{root}: no image files below this folder ({kinds})")
    return sorted(names)


def is_image_name(name: str) -> bool:
    """Tell an image file by its name."""
    path = PurePosixPath(name)
    return not path.name.startswith(".") and path.suffix.lower() in IMAGE_SUFFIXES
