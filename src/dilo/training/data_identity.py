"""What a training's data are, so that it does not go on with others unawares.

A bank's rows belong to images by their place in the sorted names, and a step counts in
epochs of so many images: with other images both would be wrong in silence.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from dilo.config import difference
from dilo.errors import RunError
from dilo.runs import Run


def name_images(names: Sequence[str]) -> dict[str, Any]:
    """Give the number of images and a digest of their names, ready for JSON."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(os.fsencode(name) + b"\0")
    return {"images": len(names), "digest of their names": digest.hexdigest()[:16]}


def check_data(run: Run, data: Mapping[str, Any]) -> None:
    """Refuse to go on from a checkpoint of other data.

    A run of an older version, which did not note its data, goes on with any.

    Raises:
        RunError: they differ from those of the run's last sitting.
    """
    noted = (entry.get("data") for entry in reversed(run.environments))
    before = next(filter(None, noted), None)
    if before is None or not run.checkpoint.exists():
        return
    if changes := difference(before, data):
        raise RunError(
            f"{run.folder}: the images or masks are others than those it was trained "
            f"on ({'; '.join(changes)}); bring them back, choose another folder, or go "
            "on with these: --set other_data=true"
        )
