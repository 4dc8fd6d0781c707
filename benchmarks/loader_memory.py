"""Images per second of pretraining's own loader, and the memory of its workers."""

import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dilo.augment import CopyPasteConfig, view_chain
from dilo.data.image_set import Example, Examples, FolderSet
from dilo.data.sampler import BatchSampler
from dilo.folder import Names
from dilo.pretrain.pretrain import Maps
from dilo.pretrain.views import ViewLoader, Views
from loader_rivals import SIDE, Files

WORKERS = os.cpu_count() or 1
BATCH = 64
INDICES = 1_000_000
SEEN = (50_000, INDICES)  # after so many, memory is read


@dataclass(frozen=True, kw_only=True)
class ManyNames:
    """A million images, of which each is the same small one."""

    names: Sequence[str]

    def __getitem__(self, index: int) -> Example:
        """Look the name up, as the folder does, and give the image with a map."""
        assert self.names[index]
        image = np.full((4, 4, 3), index % 256, np.uint8)
        return Example(image=image, saliency=np.ones((4, 4), np.float32))


def measure_rates(images: Path, files: Files) -> dict[str, float]:
    """Images a second, one view each, in as many workers as there are processors."""
    repeated = Names(
        name for _ in range(2000 // len(files.names)) for name in files.names
    )
    maps = {"without copy-paste": None, "with copy-paste": Maps(files.store)}
    rates = dict.fromkeys(maps, 0.0)
    for _ in range(2):  # alternating, for the machine is shared
        for name, find_map in maps.items():
            examples = FolderSet(root=images, names=repeated, find_map=find_map)
            batches = loader(examples, side=SIDE, batch=BATCH)(0)
            next(iter(batches))  # workers have started
            start = time.perf_counter()
            seen = sum(len(batch.index) for batch in batches)
            rates[name] = max(rates[name], seen / (time.perf_counter() - start))
    return {
        "workers": WORKERS,
        **{name: round(rate, 1) for name, rate in rates.items()},
    }


def measure_memory() -> dict[str, float]:
    """Private memory of the largest worker after few and after a million indices."""
    names = Names(f"n{place % 1000:08d}/{place:012d}.JPEG" for place in range(INDICES))
    batches = loader(ManyNames(names=names), side=8, batch=500)(0)
    megabytes: dict[str, float] = {}
    seen = 0
    for batch in batches:
        seen += len(batch.index)
        if seen in SEEN:
            workers = multiprocessing.active_children()
            private = max(anonymous_memory(worker.pid or 0) for worker in workers)
            megabytes[f"MB after {seen} indices"] = round(private, 1)
    return megabytes


def loader(examples: Examples, side: int, batch: int) -> ViewLoader:
    """Give the loader of a pretraining of one epoch."""
    count = len(examples.names)
    views = Views(
        examples=examples,
        crop_size=side,
        config=view_chain("moco_v2", CopyPasteConfig(ramp=0.0)),
        seed=0,
        epochs=1,
    )

    def sampler(first_step: int) -> BatchSampler:
        return BatchSampler(count=count, batch_size=batch, epochs=1, seed=0)

    return ViewLoader(views, sampler, WORKERS)


def anonymous_memory(process: int) -> float:
    """Memory that a process shares with no file, MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("RssAnon"))
    return float(kilobytes) / 1000
