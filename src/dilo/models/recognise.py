"""Find out which network a table of weights belongs to, by its names and shapes."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dilo.errors import InputError, shortened
from dilo.models.backbones import BACKBONES, backbone

# What others publish most and we do not train. Files of these, and of ours, need not
# say which network they are of.
WELL_KNOWN = (
    "torchvision/alexnet",
    "torchvision/vgg16",
    "torchvision/resnet34",
    "torchvision/resnet101",
    "torchvision/resnet152",
    "torchvision/wide_resnet50_2",
)

# Classifiers whose names begin like those of layers that we keep.
_CLASSIFIER = re.compile(r"(classifier\.\d+|head\.fc|heads\.head)\.(weight|bias)")
# Old files lack these counts, which nothing but batch norm without momentum reads.
_COUNT = "num_batches_tracked"
# Of a network and its moving average in one file, the network itself is meant.
_AVERAGE = re.compile(r"encoder_k|key|momentum|target|ema")

SHOWN = 3  # names in a message


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How well weights fit a network; they do if nothing is listed."""

    arch: str
    small_stem: bool
    tensors: Mapping[str, Tensor]  # by the network's names
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    reshaped: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every weight has its place, and every place its weight."""
        return not (self.missing or self.unexpected or self.reshaped)

    @property
    def matches(self) -> int:
        """Count the weights that fit, less those that do not."""
        return len(self.tensors) - 2 * len(self.reshaped) - len(self.unexpected)

    def complaint(self) -> str:
        """Name the first of what does not fit."""
        kinds = {
            "missing": self.missing,
            "unexpected": self.unexpected,
            "of another shape": self.reshaped,
        }
        parts = [
            f"{kind}: {', '.join(shortened(names, SHOWN))}"
            for kind, names in kinds.items()
            if names
        ]
        return "; ".join(parts)


def recognise(tables: Iterable[Mapping[str, Tensor]], arch: str | None = None) -> Fit:
    """Find the network whose names and shapes the weights have.

    Names may stand behind a prefix, such as `module.encoder_q.`; other weights of the
    file, classifiers and heads are left out.

    Args:
        tables: weights by name; the first that fits is taken.
        arch: the network, if it is known; by default those of `BACKBONES` and
            `WELL_KNOWN` are tried.

    Returns:
        The first whole fit, or the best one.
    """
    best = Fit(arch=arch or "", small_stem=False, tensors={}, missing=("every weight",))
    for table in tables:
        for name, small_stem in _candidates(arch):
            for candidate in _fits(table, name, small_stem):
                if candidate.is_whole:
                    return candidate
                best = max(best, candidate, key=lambda one: one.matches)
    return best


def fit(
    tensors: Mapping[str, Tensor],
    arch: str,
    small_stem: bool = False,
    crop_size: int | None = None,
) -> Fit:
    """Compare weights with what the network `backbone(arch, ...)` has."""
    expected = shapes(arch, small_stem, crop_size)
    blocks = {name.partition(".")[0] for name in expected}
    return Fit(
        arch=arch,
        small_stem=small_stem,
        tensors={name: tensors[name] for name in expected if name in tensors},
        missing=tuple(
            name
            for name in expected
            if name not in tensors and not name.endswith(_COUNT)
        ),
        # A block that the network does not know is a head.
        unexpected=tuple(
            name
            for name in tensors
            if name not in expected
            and name.partition(".")[0] in blocks
            and not _CLASSIFIER.fullmatch(name)
        ),
        reshaped=tuple(
            name
            for name, shape in expected.items()
            if name in tensors and tensors[name].shape != shape
        ),
    )


@functools.cache
def shapes(
    arch: str, small_stem: bool = False, crop_size: int | None = None
) -> Mapping[str, torch.Size]:
    """Give the names and shapes of a network's weights, without making any."""
    with torch.device("meta"):
        state = backbone(arch, small_stem, crop_size).state_dict()
    return {name: tensor.shape for name, tensor in state.items()}


def _candidates(arch: str | None) -> Iterator[tuple[str, bool]]:
    """Give the networks and stems that a file may be of."""
    for name in (*BACKBONES, *WELL_KNOWN) if arch is None else (arch,):
        yield name, False
        if _has_two_shapes(name):
            yield name, True


def _has_two_shapes(arch: str) -> bool:
    """Whether weights with the small stem differ in shape from those without."""
    try:
        return shapes(arch, True) != shapes(arch)
    except InputError:
        return False


def _fits(table: Mapping[str, Tensor], arch: str, small_stem: bool) -> Iterator[Fit]:
    """Try every prefix at which the network's first weight is found."""
    anchor = next(iter(shapes(arch, small_stem)))
    prefixes = [
        name.removesuffix(anchor)
        for name in table
        if name == anchor or name.endswith(f".{anchor}")
    ]
    for prefix in sorted(prefixes, key=lambda text: bool(_AVERAGE.search(text))):
        behind = {
            name.removeprefix(prefix): tensor
            for name, tensor in table.items()
            if name.startswith(prefix)
        }
        yield fit(behind, arch, small_stem)
