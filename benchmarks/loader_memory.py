"""Measure the memory of pretraining's workers over a million indices.

    python benchmarks/loader_memory.py

The images are made up and tiny, for what may grow is what belongs to an index: names,
order, parameters. Takes two to six minutes.
"""

import multiprocessing
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dilo.augment import CopyPasteConfig, view_chain
from dilo.data.image_set import Examples, SourceSet
from dilo.data.sampler import BatchSampler
from dilo.data.sources import ImageFiles
from dilo.folder import Names
from dilo.image import encode_image
from dilo.pretrain.views import Views
from dilo.training.loader import Loader
from record import record

WORKERS = os.cpu_count() or 1
INDICES = 1_000_000
SEEN = (50_000, INDICES)  # after so many, memory is read


@dataclass(frozen=True)
class ManyNames(ImageFiles):
    """A million images, of which each is the same small one."""

    content: bytes

    def read(self, index: int) -> bytes:  # type: ignore[override]
        """Look the name up, as the folder does, and give the file."""
        assert self.names[index]
        return self.content


def main() -> None:
    """Measure, print and record."""
    megabytes = measure_memory()
    print(megabytes)
    print(record("loader_memory", {"workers": WORKERS, **megabytes}))


def measure_memory() -> dict[str, float]:
    """Private memory of the largest worker after few and after a million indices."""
    names = Names(f"n{place % 1000:08d}/{place:012d}.JPEG" for place in range(INDICES))
    image = np.full((4, 4, 3), 99, np.uint8)
    examples = SourceSet(
        source=ManyNames(Path(), names, encode_image(image)),
        find_map=lambda name: np.ones((4, 4), np.float32),
    )
    batches = loader(examples, side=4, batch=500, workers=WORKERS)(0)
    megabytes: dict[str, float] = {}
    seen = 0
    for _, index in batches:
        seen += len(index)
        if seen in SEEN:
            workers = multiprocessing.active_children()
            private = max(anonymous_memory(worker.pid or 0) for worker in workers)
            megabytes[f"MB after {seen} indices"] = round(private, 1)
    return megabytes


def loader(examples: Examples, side: int, batch: int, workers: int) -> Loader:
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

    return Loader(views, sampler, workers)


def anonymous_memory(process: int) -> float:
    """Memory that a process shares with no file, MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("RssAnon"))
    return float(kilobytes) / 1000


if __name__ == "__main__":
    main()
