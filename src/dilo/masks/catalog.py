"""What is known of each map of a store, whichever way it is written down."""

from collections.abc import Iterator, Set
from typing import NamedTuple, Protocol

from dilo.masks.index import Index, Place
from dilo.masks.naming import stem


class Entry(NamedTuple):
    """What is known of one map."""

    name: str  # as it was asked for; of the file, in a plain folder of masks
    shape: tuple[int, int] | None = None  # of the upright image; None: as the file
    empty: bool | None = None  # None: only the map can tell
    confidence: float = float("nan")
    place: Place | None = None


class Catalog(Protocol):
    """The maps of a store."""

    def __len__(self) -> int: ...

    def find(self, name: str) -> Entry | None:
        """Look up an image by its name up to the suffix."""
        ...

    def names(self) -> Iterator[str]:
        """Yield the names of all images that have a map."""
        ...


class Listed:
    """Maps known from a list: of a plain folder, or of a store of the first format."""

    def __init__(self, names: list[str], empty: Set[str] | None = None) -> None:
        """Take a list, and which of it are empty if that is known."""
        # Of files with one stem the .png is the mask: data sets such as MSRA10K keep
        # the photograph beside it as .jpg.
        names = sorted(names, key=lambda name: name.lower().endswith(".png"))
        self._names = {stem(name): name for name in names}
        self._empty = empty

    def __len__(self) -> int:
        return len(self._names)

    def find(self, name: str) -> Entry | None:
        """Look up an image by its name up to the suffix."""
        found = self._names.get(stem(name))
        if found is None:
            return None
        return Entry(found, empty=None if self._empty is None else found in self._empty)

    def names(self) -> Iterator[str]:
        """Yield the names of all files."""
        return iter(self._names.values())


class Recorded:
    """Maps that stand in parts."""

    def __init__(self, index: Index) -> None:
        """Look things up in `index`."""
        self.index = index

    def __len__(self) -> int:
        return len(self.index)

    def find(self, name: str) -> Entry | None:
        """Look up an image by its name up to the suffix."""
        place = self.index.find(name)
        if place is None:
            return None
        part, row = place
        return Entry(
            name,
            (int(part.heights[row]), int(part.widths[row])),
            bool(part.empty[row]),
            float(part.confidences[row]),
            place,
        )

    def names(self) -> Iterator[str]:
        """Yield the names of all images that have a map."""
        return self.index.names()
