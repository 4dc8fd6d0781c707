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
    """How well weights fit a network; they do if nothing is amiss."""

    arch: str
    small_stem: bool
    tensors: Mapping[str, Tensor]  # by the network's names
    amiss: Mapping[str, list[str]]  # kind of fault -> names

    @property
    def is_whole(self) -> bool:
        """Whether every weight has its place, and every place its weight."""
        return not any(self.amiss.values())

    @property
    def matches(self) -> int:
        """Count the weights that fit, less those that do not."""
        reshaped, unexpected = self.amiss["of another shape"], self.amiss["unexpected"]
        return len(self.tensors) - 2 * len(reshaped) - len(unexpected)

    def complaint(self) -> str:
        """Name the first of what does not fit."""
        return "; ".join(
            f"{kind}: {', '.join(shortened(names, SHOWN))}"
            for kind, names in self.amiss.items()
            if names
        )


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
    amiss = {"missing": ["every weight"], "unexpected": [], "of another shape": []}
    best = Fit(arch=arch or "", small_stem=False, tensors={}, amiss=amiss)
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
    found = {name: tensors[name] for name in expected if name in tensors}
    missing = [name for name in expected if name not in tensors]
    # A block that the network does not know is a head.
    others = [name for name in tensors if name.partition(".")[0] in blocks]
    amiss = {
        "missing": [name for name in missing if not name.endswith(_COUNT)],
        "unexpected": [
            name
            for name in others
            if name not in expected and not _CLASSIFIER.fullmatch(name)
        ],
        "of another shape": [
            name for name, tensor in found.items() if tensor.shape != expected[name]
        ],
    }
    return Fit(arch=arch, small_stem=small_stem, tensors=found, amiss=amiss)


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
        try:
            if shapes(name, True) != shapes(name):
                yield name, True
        except InputError:
            pass  # it has no small stem


def _fits(table: Mapping[str, Tensor], arch: str, small_stem: bool) -> Iterator[Fit]:
    """Try every prefix at which the network's first weight is found."""
    expected = shapes(arch, small_stem)
    anchor = next(iter(expected))
    for prefix in _prefixes(table, anchor):
        yield fit(_behind(prefix, table), arch, small_stem)
    numbered = f"0.{anchor.partition('.')[2]}"
    for prefix in _prefixes(table, numbered):
        if table[prefix + numbered].shape == expected[anchor]:
            named = _named(_behind(prefix, table), expected)
            yield fit(named, arch, small_stem)


def _prefixes(table: Mapping[str, Tensor], anchor: str) -> list[str]:
    prefixes = [
        name.removesuffix(anchor)
        for name in table
        if name == anchor or name.endswith(f".{anchor}")
    ]
    return sorted(prefixes, key=lambda text: bool(_AVERAGE.search(text)))


def _behind(prefix: str, table: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in table.items()
        if name.startswith(prefix)
    }


def _named(table: Mapping[str, Tensor], expected: Iterable[str]) -> dict[str, Tensor]:
    """Give the blocks of `nn.Sequential(*network.children())` their names again.

    The numbers count layers without weights too, which some networks keep as modules
    and others do not; so the order of those with weights decides.
    """
    split = [(*name.partition(".")[::2], tensor) for name, tensor in table.items()]
    numbers = sorted({int(block) for block, _, _ in split if block.isdecimal()})
    blocks = dict.fromkeys(name.partition(".")[0] for name in expected)
    names = dict(zip(map(str, numbers), blocks, strict=False))
    return {
        f"{names.get(block, block)}.{rest}": tensor for block, rest, tensor in split
    }
