"""Names of maps: those of their images, of which the suffix plays no part."""

import hashlib
import posixpath
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError


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


def digest(text: str) -> int:
    """Shorten a text to 64 bits, enough to distinguish millions of names.

    Among ten million, two agree with a probability of 3 in a million.
    """
    data = text.encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def digests(texts: Iterable[str], count: int = -1) -> NDArray[np.uint64]:
    """Shorten many texts, (N,); knowing their `count` saves memory."""
    return np.fromiter(map(digest, texts), np.uint64, count)
