"""What views cost beside the network: which of the two does a training wait for?"""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import torch

from dilo.augment import CopyPasteConfig, view_chain
from dilo.augment.copy_paste import open_sources
from dilo.data.image_set import SourceSet
from dilo.data.sources import ImageFiles
from dilo.errors import DiloError, InputError
from dilo.folder import scan_images
from dilo.masks import MaskStore
from dilo.masks.workers import default_workers
from dilo.models import backbone, check_arch
from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.instdisc import InstDisc
from dilo.pretrain.material import Maps
from dilo.pretrain.subject import Subject
from dilo.pretrain.view_timer import ViewTimer
from dilo.training.optimizer import make_optimizer
from dilo.training.precision import resolve_precision

STEPS = 3  # of training, of which the fastest counts
CPU_BATCH, GPU_BATCH = 8, 128  # images of such a step
BANK = 10_000  # images in the memory bank: enough for all the negatives


@dataclass(frozen=True, kw_only=True)
class CostConfig:
    """What is timed."""

    arch: str = "resnet50"
    crop_size: int = 224
    chain: str = "instdisc"  # one of `augment.VIEW_CHAINS`
    copy_paste: CopyPasteConfig = field(  # without a ramp: what costs most
        default_factory=lambda: CopyPasteConfig(ramp=0.0)
    )
    views: int = 1  # of an image each time that it is read: 1 InstDisc, 2 MoCo
    count: int = 64  # images that are timed at most, evenly from the whole folder
    batch_size: int | None = None  # of the training step; None fits it to the device
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            InputError: a value lies outside its range, or a name is unknown.
        """
        for name in ("crop_size", "views", "count"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be positive, got {getattr(self, name)}")
        if self.batch_size is not None and self.batch_size < 2:
            raise InputError(f"batch_size must be at least 2, got {self.batch_size}")
        view_chain(self.chain)
        check_arch(self.arch, crop_size=self.crop_size)


@dataclass(frozen=True, kw_only=True)
class CostReport:
    """Times on this machine, with these images."""

    stages: Mapping[str, float]  # ms of one core for one view, in the order of work
    images: int
    mapped: int  # of them, that have a foreground to paste
    failures: Mapping[str, str]  # what could not be read, and why
    network: float  # views a second that a training step takes in
    device: str
    cores: int

    @property
    def per_core(self) -> float:
        """Give the views a second that one core makes."""
        return 1000 / sum(self.stages.values())

    @property
    def workers(self) -> int:
        """Count the workers that keep up with the network."""
        return max(1, math.ceil(self.network / self.per_core))

    def verdict(self) -> str:
        """Say what a training waits for, and how many workers to give it."""
        rates = (
            f"the network takes {self.network:.4g} views a second on {self.device}, "
            f"one core makes {self.per_core:.4g}, {self.cores} cores "
            f"{self.per_core * self.cores:.4g}"
        )
        if self.workers <= self.cores:
            return (
                f"the network is the bottleneck: {rates}. "
                f"--workers {self.workers} keeps it busy"
            )
        return (
            f"the loader is the bottleneck: {rates}. It would take {self.workers} "
            f"cores to keep the network busy. Give --workers {self.cores}, and let "
            "less be decoded: reduce the files to a short side of 1.5 crops, or keep "
            "them decoded in memory with --cache-size"
        )


def measure_cost(images: Path, masks: Path, config: CostConfig) -> CostReport:
    """Time the stages of the views of a folder, and a training step of a network.

    Args:
        images: folder of photographs, at any depth.
        masks: mask store, or any folder of masks.
        config: what is timed.

    Raises:
        InputError: there are no images, none can be read, or none has a map.
        StoreError: there is no mask store.
    """
    names = scan_images(images)
    chosen = range(0, len(names), math.ceil(len(names) / config.count))
    maps = Maps(MaskStore.open(masks))
    failures: dict[str, str] = {}
    mapped = 0
    with _one_thread():
        examples = SourceSet(source=ImageFiles(images, names), find_map=maps)
        timer = ViewTimer(
            view_chain(config.chain, config.copy_paste),
            config.crop_size,
            config.views,
            config.seed,
            open_sources(config.copy_paste, examples),
        )
        for index in chosen:
            name = names[index]
            try:
                mapped += timer.time_item(images / name, name, maps, index)
            except (DiloError, OSError) as error:
                failures[name] = str(error)
    pictures = timer.sources.take_failures()
    read = len(chosen) - len(failures)
    if not read:
        raise InputError(f"none of {len(chosen)} images can be read: {failures}")
    if not mapped:
        raise InputError(
            f"{masks} has no map with a foreground of {read} images below {images}"
        )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return CostReport(
        stages=timer.milliseconds(read * config.views),
        images=read,
        mapped=mapped,
        failures=failures | pictures,
        network=network_rate(config, device),
        device=device.type,
        cores=default_workers(),
    )


def network_rate(config: CostConfig, device: torch.device) -> float:
    """Time training steps of InstDisc; give the views a second that they take in."""
    batch = config.batch_size or (GPU_BATCH if device.type == "cuda" else CPU_BATCH)
    side = config.crop_size
    recipe = PretrainConfig(
        images="", arch=config.arch, batch_size=batch, crop_size=side
    )
    network = backbone(config.arch, crop_size=side)
    objective = InstDisc(network, Subject(count=BANK), recipe)
    objective.to(device)
    objective.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(objective.parameters(), recipe.optimizer())
    shape = (batch, side, side, 3)
    views = torch.randint(256, shape, dtype=torch.uint8, device=device)
    index = torch.arange(batch, device=device)
    half = resolve_precision("auto", device) == "bf16-mixed"
    best = math.inf
    for _ in range(1 + STEPS):  # the first one prepares much
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            loss, _ = objective(views[None], index)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # waits for a GPU
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return batch / best


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep OpenCV to one thread, as in a worker."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
