"""The one table of methods that make maps: saliency here, networks beside it.

A network folder or an attribution is added by one line in `METHODS`: its name, and a
function that makes it. That function imports what it needs itself, so that torch is
imported only if a method that needs it is asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dilo import saliency
from dilo.errors import InputError
from dilo.image import Map
from dilo.masks import BatchMethod
from dilo.masks.manifest import Supervision
from dilo.saliency.confidence import confidence


@dataclass(frozen=True)
class MapMethod:
    """A method, ready for `dilo.masks.compute_masks`, and what a store says of it."""

    estimate: Callable[[Path], Map] | BatchMethod
    confidence: Callable[[Map], float] | None = None  # of a map, in [0, 1]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    supervision: Supervision = "none"  # what it learned from
    weights: str | None = None  # SHA-256 of its weights file


def _saliency(name: str, *, exact: bool) -> MapMethod:
    estimate = partial(saliency.estimate, method=name, exact=exact)
    return MapMethod(estimate, confidence, {"exact": True} if exact else {})


# Name -> a function that makes the method; `exact` asks for work at full size.
METHODS: dict[str, Callable[..., MapMethod]] = {
    **{name: partial(_saliency, name) for name in saliency.METHODS},
}


def load_method(name: str, *, exact: bool = False) -> MapMethod:
    """Make the method of this name.

    Raises:
        InputError: there is no such method.
    """
    if name not in METHODS:
        choices = ", ".join(METHODS)
        raise InputError(f"--method must be one of {choices}, got {name!r}")
    return METHODS[name](exact=exact)
