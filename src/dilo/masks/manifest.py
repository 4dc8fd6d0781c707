"""The file `masks.json`: how the maps of a store were made, and what became of each."""

import json
import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import dilo
from dilo.config import from_dict, to_dict
from dilo.errors import InputError, StoreError
from dilo.files import write_json_atomic

MANIFEST = "masks.json"
FORMAT = 1

Supervision = Literal["none", "foreground masks", "class labels"]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """How maps were made; all maps of one store have the same origin."""

    method: str
    parameters: dict[str, Any] = field(default_factory=dict)
    supervision: Supervision = "none"  # what the method learned from
    weights: str | None = None  # SHA-256 of a network's weights file


@dataclass
class Manifest:
    """The content of `masks.json`. Names are image names relative to the images."""

    origin: Origin
    maps: set[str] = field(default_factory=set)
    empty: set[str] = field(default_factory=set)  # maps without any foreground
    failures: dict[str, str] = field(default_factory=dict)  # name -> reason

    def write(self, folder: Path) -> None:
        """Write `masks.json` into `folder`; a crash leaves the previous one whole.

        Raises:
            OSError: the disk is full or the folder cannot be written.
        """
        content = {
            "format": FORMAT,
            "dilo": dilo.__version__,
            **to_dict(self.origin),
            "counts": {
                "maps": len(self.maps),
                "empty": len(self.empty),
                "failures": len(self.failures),
            },
            "failures": dict(sorted(self.failures.items())),
            "empty": sorted(self.empty),
            "maps": sorted(self.maps),
        }
        write_json_atomic(folder / MANIFEST, content)

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read `masks.json` of `folder`.

        Raises:
            StoreError: it is damaged, or of a later format than this package knows.
        """
        path = folder / MANIFEST
        try:
            content = json.loads(path.read_bytes())
            if content["format"] != FORMAT:
                raise StoreError(
                    f"{path}: format {content['format']} is not format {FORMAT}, "
                    f"which this version of dilo reads; update dilo"
                )
            fields = Origin.__dataclass_fields__
            origin = from_dict(Origin, {key: content[key] for key in fields})
            maps = {check_name(name) for name in content["maps"]}
            failures = {str(key): str(why) for key, why in content["failures"].items()}
            return cls(origin, maps, set(content["empty"]) & maps, failures)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(
                f"{path}: damaged ({error}); delete it and the maps, and run again"
            ) from error


def check_name(name: str) -> str:
    """Return `name` if it stays within the folder it is relative to.

    Raises:
        InputError: it is empty, absolute, or climbs out by "..".
    """
    parts = name.replace("\\", "/").split("/")
    outside = not parts[0] or parts[0].endswith(":") or ".." in parts
    if outside or parts[-1] in ("", ".") or "\0" in name:
        raise InputError(
            f"an image name is relative to the folder of images, as in 'a/b.jpg', "
            f"got {name!r}"
        )
    return name


def stem(name: str) -> str:
    """Drop the suffix of an image name: a/b.jpg -> a/b."""
    return posixpath.splitext(check_name(name))[0]
