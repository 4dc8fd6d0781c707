"""The file `masks.json`: how the maps of a store were made and kept, and what failed.

What is known of each single map stands in the part files (`parts.py`).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import dilo
from dilo.config import Rule, check, difference, from_dict, setting, to_dict
from dilo.errors import StoreError
from dilo.files import write_json_atomic

MANIFEST = "masks.json"
FORMAT = 2

# Many parts let many workers finish together; large ones keep the files few: 1,250 for
# the 1.28 million images of ImageNet.
PARTS = 128
SMALLEST_PART, LARGEST_PART = 8, 1024

Supervision = Literal["none", "foreground masks", "class labels"]
Format = Literal["png", "arrow"]
SIDE: Rule = ("must be from 1 to 65535", lambda side: 1 <= side <= 65535)
BITS: Rule = ("must be 4 or 8", lambda bits: bits in (4, 8))


@dataclass(frozen=True, kw_only=True)
class Origin:
    """How maps were made; all maps of one store have the same origin."""

    method: str
    parameters: dict[str, Any] = field(default_factory=dict)
    supervision: Supervision = "none"  # what the method learned from
    weights: str | None = None  # SHA-256 of a network's weights file


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How maps are kept: files of full size, or parts that hold small maps."""

    format: Format = "png"
    side: int = setting(128, SIDE)  # pixels of the longer side; arrow only
    bits: int = setting(4, BITS)  # 16 levels, less than a map is wrong by; arrow only

    def __post_init__(self) -> None:
        check(self)

    def fields(self) -> dict[str, Any]:
        """Say how to read a map, for files."""
        return {"format": "png"} if self.format == "png" else to_dict(self)


class MethodError(NamedTuple):
    """What a method raised at an image, other than that it cannot be read."""

    image: str  # the first by name of those at which it was raised
    traceback: str


def first_errors(
    errors: Iterable[tuple[str, MethodError]],
) -> dict[str, MethodError]:
    """Keep of each kind of error, named by its kind and place, the first by image."""
    return dict(sorted(errors, reverse=True))


@dataclass
class Manifest:
    """The content of `masks.json`. Names are image names relative to the images."""

    origin: Origin
    layout: Layout
    part_size: int = 0  # images in a part of the present job; 0 before the first
    maps: int = 0
    empty: int = 0  # maps without any foreground
    failures: dict[str, str] = field(default_factory=dict)  # name -> reason
    # What the method raised, by its kind and place; each once.
    errors: dict[str, MethodError] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write `masks.json` into `folder`; a crash leaves the previous one whole."""
        content = {
            "format": FORMAT,
            "dilo": dilo.__version__,
            **to_dict(self.origin),
            "layout": self.layout.fields(),
            "part_size": self.part_size,
            "counts": {
                "maps": self.maps,
                "empty": self.empty,
                "failures": len(self.failures),
            },
            "failures": dict(sorted(self.failures.items())),
        }
        errors = sorted(self.errors.items())
        if errors:
            content["errors"] = {kind: error._asdict() for kind, error in errors}
        write_json_atomic(folder / MANIFEST, content)

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read `masks.json` of `folder`.

        Raises:
            StoreError: it is damaged, or of another format than this package knows.
        """
        path = folder / MANIFEST
        try:
            content = json.loads(path.read_bytes())
            if content["format"] != FORMAT:
                raise StoreError(
                    f"{path}: format {content['format']} is not format {FORMAT}, "
                    f"which this version of dilo reads; update dilo"
                )
            origin = {key: content[key] for key in Origin.__dataclass_fields__}
            counts, errors = content["counts"], content.get("errors", {})
            return cls(
                from_dict(Origin, origin),
                from_dict(Layout, content["layout"]),
                part_size=int(content["part_size"]),
                maps=int(counts["maps"]),
                empty=int(counts["empty"]),
                failures=dict(content["failures"]),
                errors={kind: MethodError(**error) for kind, error in errors.items()},
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(
                f"{path}: damaged ({error}); delete it and the maps, and run again"
            ) from error

    def check_same(self, folder: Path, origin: Origin, layout: Layout) -> None:
        """Refuse to go on with maps that were made or are kept in another way.

        Raises:
            StoreError: something differs.
        """
        if changes := difference(to_dict(self.origin), to_dict(origin)):
            raise StoreError(
                f"{folder}: holds maps made in another way ({'; '.join(changes)}); "
                f"give another folder"
            )
        if changes := difference(self.layout.fields(), layout.fields()):
            raise StoreError(
                f"{folder}: keeps maps in another way ({'; '.join(changes)}); give "
                f"another folder, or make one from it with `dilo convert`"
            )

    def grow_parts(self, todo: int, batch_size: int = 1) -> None:
        """Fit the size of the parts to a job of `todo` images, done in batches.

        It depends on nothing else, and what is left of a job never changes it: the
        same parts come about however often the job is stopped.
        """
        least = max(SMALLEST_PART, min(batch_size, LARGEST_PART))
        wanted = min(max(todo // PARTS, least), LARGEST_PART)
        self.part_size = max(self.part_size, wanted)


def check_free(folder: Path) -> None:
    """Refuse to write among files that are not ours: they might be ground truth.

    Raises:
        StoreError: the folder holds files, or is one.
    """
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder}: is a file; give a folder for the maps")
    first = next(folder.glob("[!.]*"), None)
    if first is not None:
        raise StoreError(
            f"{folder}: holds other files ({first.name}) and is no mask store; "
            f"give a new or empty folder"
        )
