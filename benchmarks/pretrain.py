"""Time a step of pretraining beside the bare passes of the network that it needs.

    python benchmarks/pretrain.py [--device cuda] [--objectives moco_v2 ...] [--out DIR]

A whole step is objective, backward, optimizer and update, from uint8 views on. The bare
passes take the same views, normalised beforehand: forward and backward of backbone and
head, for MoCo also the forward of the slow copy without gradient, and the optimizer's
step. Both take turns in one run, and the median of the ratios of all rounds is what an
objective costs; that of the least times is less disturbed by others. "In groups"
are bare passes whose batch norm sees the groups of MoCo's shuffled batch norm; without
it they see the whole batch.

On a CPU: one thread, CPU time. With --device cuda also the share of the matrix peak is
given, from operations counted in the bare passes, and a step that waits for the GPU is
an error.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from operator import truediv
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from dilo.config import lookup, to_dict
from dilo.models import backbone
from dilo.models.normalise import normalise
from dilo.pretrain import OBJECTIVES, PretrainConfig, recipe
from dilo.pretrain.grouped import encode_groups
from dilo.pretrain.moco import MoCo
from dilo.pretrain.objective import ImageSetInfo
from dilo.training.optimizer import make_optimizer
from dilo.training.processes import resolve_precision
from record import RESULTS, record

IMAGES = 100_000  # of the set, for banks
PEAK = 989e12  # bf16 operations a second of an H100 or H200, dense


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is timed on a kind of device unless the command says otherwise."""

    arch: str
    crops: Sequence[int]
    batch: int
    negatives: int
    rounds: int
    steps: int  # of each turn


SETTINGS = {
    "cpu": Setting(
        arch="resnet18", crops=(64, 112), batch=64, negatives=4096, rounds=11, steps=1
    ),
    "cuda": Setting(
        arch="resnet50", crops=(224,), batch=256, negatives=65536, rounds=10, steps=5
    ),
}
TIMED = ("instdisc", "instdisc_nce", "moco_v2")
WHOLE, GROUPED, BARE = "whole step", "bare passes in groups", "bare passes"


def main() -> None:
    """Time every objective, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=list(SETTINGS), default="cpu")
    parser.add_argument("--objectives", nargs="+", default=TIMED)
    parser.add_argument("--crops", type=int, nargs="+", help="side of the views")
    parser.add_argument("--batch", type=int, help="images of a step")
    parser.add_argument("--negatives", type=int, help="InstDisc's K, MoCo's queue")
    parser.add_argument("--groups", type=int, default=8, help="of MoCo's batch norm")
    parser.add_argument("--rounds", type=int, help="turns of each")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON")
    words = parser.parse_args()
    setting = SETTINGS[words.device]
    torch.set_num_threads(1)
    figures = {}
    for crop in words.crops or setting.crops:
        for name in words.objectives:
            config = recipe(
                name,
                images="",
                arch=setting.arch,
                crop_size=crop,
                batch_size=words.batch or setting.batch,
                negatives=words.negatives or setting.negatives,
                **({"shuffle_groups": words.groups} if "moco" in name else {}),
            )
            case = Case(config, torch.device(words.device))
            title = (
                f"{name}, {setting.arch}, {crop} px, batch {config.loop.batch_size}, "
                f"K {lookup(to_dict(config), 'negatives')}"
            )
            figures[title] = case.measure(words.rounds or setting.rounds, setting.steps)
            show(title, figures[title])
    suffix = "" if words.device == "cpu" else f"_{words.device}"
    print(record(f"pretrain{suffix}", figures, words.out))


class Case:
    """An objective and an optimizer on one synthetic batch."""

    def __init__(self, config: PretrainConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        torch.manual_seed(0)
        network = backbone(config.model.arch)
        build = OBJECTIVES[config.objective.name]
        module = build(
            network, ImageSetInfo(count=IMAGES), config.objective, config.loop
        ).to(device)
        self.module = module.to(memory_format=torch.channels_last)
        self.optimizer = make_optimizer(module.parameters(), config.optimizer)
        self.precision = resolve_precision("auto", device)
        side, count = config.model.crop_size, config.loop.batch_size
        shape = (count, module.views, side, side, 3)
        self.views = torch.randint(256, shape, dtype=torch.uint8, device=device)
        self.index = torch.randperm(IMAGES)[:count].to(device)
        self.images = [normalise(self.views[:, view]) for view in range(module.views)]
        # What reaches the head's output: about the loss's own gradient.
        dim = lookup(to_dict(config), "embedding_dim")
        self.gradient = torch.randn(count, dim, device=device) / count
        self.grouped = isinstance(module, MoCo) and module.groups > 1

    def measure(self, rounds: int, steps: int) -> dict[str, Any]:
        """Give medians of milliseconds a step, and ratios."""
        kinds: dict[str, Callable[[], None]] = {WHOLE: self.whole}
        if self.grouped:
            kinds[GROUPED] = self.bare_in_groups
        kinds[BARE] = self.bare
        for run in (*kinds.values(), *kinds.values()):
            run()  # libraries choose their kernels
        with self._no_waiting():
            self.whole()
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind, run in kinds.items():
                times[kind].append(self._time(run, steps) * 1000)
        milliseconds = {kind: statistics.median(times[kind]) for kind in kinds}
        least = {kind: min(times[kind]) for kind in kinds}  # of the quietest turn
        whole = milliseconds[WHOLE]
        return {
            "milliseconds": milliseconds,
            "ratios": {
                f"{of} / {by}": statistics.median(map(truediv, times[of], times[by]))
                for of, by in combinations(kinds, 2)
            },
            "ratios of the least times": {
                f"{of} / {by}": least[of] / least[by]
                for of, by in combinations(kinds, 2)
            },
            "images per second": 1000 * self.config.loop.batch_size / whole,
            "precision": self.precision,
            **self._share_of_peak(whole / 1000),
        }

    def whole(self) -> None:
        """Take a step as the loop does."""
        with self._autocast():
            loss, *outputs = self.module(self.views, self.index)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.module.update(*outputs)

    def bare(self, groups: int = 1) -> None:
        """Do the passes through networks and the optimizer's step, nothing else."""
        method = cast(Any, self.module)
        with self._autocast():
            features = encode_groups(self._encode, self.images[0], groups)
            if isinstance(self.module, MoCo):
                with torch.no_grad():
                    encode_groups(method.key_encoder, self.images[1], groups)
        self.optimizer.zero_grad()
        features.backward(self.gradient.to(features.dtype))
        self.optimizer.step()

    def bare_in_groups(self) -> None:
        """Do the passes group by group."""
        self.bare(cast(MoCo, self.module).groups)

    def _encode(self, images: Tensor) -> Tensor:
        method = cast(Any, self.module)
        return method.head(method.backbone(images))

    def _autocast(self) -> torch.autocast:
        half = self.precision == "bf16-mixed"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half)

    def _time(self, run: Callable[[], None], steps: int) -> float:
        """Give seconds a step."""
        if self.device.type == "cpu":
            start = time.process_time()
            for _ in range(steps):
                run()
            return (time.process_time() - start) / steps
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(steps):
            run()
        torch.cuda.synchronize()
        return (time.perf_counter() - start) / steps

    @contextmanager
    def _no_waiting(self) -> Iterator[None]:
        """Make it an error to wait for the GPU."""
        if self.device.type != "cuda":
            yield
            return
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")

    def _share_of_peak(self, seconds: float) -> dict[str, float]:
        if self.device.type != "cuda":
            return {}
        with FlopCounterMode(display=False) as counter:
            self.bare()
        operations = counter.get_total_flops()
        return {
            "operations": operations,
            "share of bf16 peak": operations / seconds / PEAK,
        }


def show(title: str, figures: dict[str, Any]) -> None:
    """Print a case."""
    print(title, figures["precision"])
    for kind, value in figures["milliseconds"].items():
        print(f"  {kind:40}{value:10.1f} ms")
    for kind, value in figures["ratios"].items():
        least = figures["ratios of the least times"][kind]
        print(f"  {kind:40}{value:10.3f}   least {least:.3f}")
    for name in ("images per second", "share of bf16 peak"):
        if name in figures:
            print(f"  {name:40}{figures[name]:10.3g}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
