"""Run a training of any kind: run folder, processes, seed, resuming, curves, report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning.fabric import Fabric

from dilo.data.sampler import BatchSampler, steps_per_epoch
from dilo.errors import InputError, shortened
from dilo.progress import format_seconds, notify
from dilo.runs import Run
from dilo.training.config import LoopConfig, OptimizerConfig
from dilo.training.curves import Curves
from dilo.training.data_identity import check_data, name_images
from dilo.training.loader import Loader, MapDataset, loader_warning, waited
from dilo.training.logger import format_loss
from dilo.training.loop import Measure, Training, train
from dilo.training.processes import describe, launch, union
from dilo.training.task import Task
from dilo.training.worker_memory import check_shared_memory, workers_explained

RESULT = "backbone.safetensors"


class TrainingConfig(Protocol):
    """What every training's config holds, beside what its task and data need."""

    @property
    def loop(self) -> LoopConfig:
        """How long, in what batches, on what device."""
        ...

    @property
    def optimizer(self) -> OptimizerConfig:
        """How the weights are moved."""
        ...


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is particular to a training, made on every process."""

    task: Task
    dataset: MapDataset
    # On one process at the end: writes the result, and gives what the report is to say
    # besides; `warnings` among it are joined with those of the loop.
    finish: Callable[[Run], Mapping[str, Any]]
    measure: Measure | None = None  # on one process, after every epoch
    failures: Mapping[str, str] = field(default_factory=dict)  # found beforehand
    # Where what the data set gives beside images comes from, ready for JSON: a run does
    # not go on with another origin.
    origin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """What a training did."""

    run: Run
    images: int
    failures: Mapping[str, str]  # unusable images and pictures, and why
    warnings: Sequence[str] = ()  # what may have spoiled or slowed the training
    facts: Mapping[str, Any]  # what its task has to say

    def summary(self, title: str) -> str:
        """Say in a few lines what came out, and what was left out."""
        last = self.run.losses[-1]
        lines = [
            f"{self.run.folder}: {title}",
            f"{format_loss(last)} after {format_seconds(last['seconds'])}",
            *(f"WARNING: {warning}" for warning in self.warnings),
        ]
        if self.failures:
            lines.append(f"{len(self.failures)} files could not be used:")
            lines += [f"  {why}" for why in shortened(self.failures.values(), 5)]
        return "\n".join(lines)


def run_training(
    config: TrainingConfig,
    out: Path,
    prepare: Callable[[Fabric], Job],
    result: str = RESULT,
) -> TrainingReport:
    """Train, or go on with a training that was stopped.

    Args:
        config: a dataclass of everything that the result depends on.
        out: the run folder, made if missing.
        prepare: makes the task and opens the data. Called once the processes have
            started, and torch's global stream, for the first weights, has its seed.
        result: the file in `out` that `Job.finish` writes; without it a run is not
            finished.

    Raises:
        InputError: the config or the data cannot be used.
        RunError: the folder holds another run, or one of other data, or the training
            broke down.
        StoppedError: SIGTERM, SIGUSR1 or Ctrl-C asked it to stop; called again, it goes
            on.
    """
    run = Run.check(Path(out), config)
    if run.report is not None and (run.folder / result).exists():
        return _report(run, run.report)
    loop = config.loop
    fabric = launch(loop.precision, loop.device)
    torch.manual_seed(loop.seed)
    job = prepare(fabric)
    images = len(job.dataset.names)
    steps = steps_per_epoch(images, loop.batch_size, fabric.world_size)
    if steps == 0:
        raise InputError(
            f"{images} images in batches of {loop.batch_size} leave "
            f"{fabric.world_size} processes less than two images each, which batch "
            "norm needs"
        )
    data = {**name_images(job.dataset.names), **job.origin}
    if not loop.other_data:
        check_data(run, data)
    item_bytes = getattr(job.dataset, "item_bytes", 0)
    share = min(loop.batch_size, images) // fabric.world_size
    check_shared_memory(item_bytes * share, loop.workers)
    if fabric.is_global_zero:
        _start(run, config, {**describe(fabric, loop.precision), "data": data})
    fabric.barrier()
    loader = Loader(job.dataset, _sampler(images, steps, loop, fabric), loop.workers)
    curves = Curves(run)

    def measure(epoch: int) -> Mapping[str, float]:
        numbers = job.measure(epoch) if job.measure else {}
        curves.redraw()
        return numbers

    training = Training(
        task=job.task,
        batches=loader,
        steps_per_epoch=steps,
        images_per_epoch=images,
        loop=loop,
        optimizer=config.optimizer,
        measure=measure,
    )
    with workers_explained():
        train(fabric, training, run)
    report: dict[str, Any] = {
        "images": images,
        "failures": {**job.failures, **union(loader.failures)},
        "warnings": [],
    }
    if fabric.is_global_zero:
        facts = dict(job.finish(run))
        found = (*facts.pop("warnings", ()), _loader_warning(run))
        report |= facts | {"warnings": list(filter(None, found))}
        run.finish(report)
        curves.redraw(at_once=True)
    return _report(run, report)


def _start(run: Run, config: TrainingConfig, facts: Mapping[str, Any]) -> None:
    """Write config and environment; say what differs from an earlier sitting."""
    before = run.environments[-1].get("processes") if run.environments else None
    if before not in (None, facts["processes"]):
        notify(
            f"{run.folder.name}: continued on {facts['processes']} processes instead "
            f"of {before}: batch norm averages over other groups of images from here on"
        )
    Run.create(run.folder, config, facts)


def _sampler(
    images: int, steps: int, loop: LoopConfig, fabric: Fabric
) -> Callable[[int], BatchSampler]:
    def sampler(first_step: int) -> BatchSampler:
        return BatchSampler(
            count=images,
            batch_size=loop.batch_size,
            epochs=loop.epochs,
            seed=loop.seed,
            first_epoch=first_step // steps,
            first_step=first_step % steps,
            process=fabric.global_rank,
            processes=fabric.world_size,
        )

    return sampler


def _loader_warning(run: Run) -> str | None:
    last = run.losses[-1]
    return loader_warning(waited(run.losses), last["seconds"], last["step"])


def _report(run: Run, report: Mapping[str, Any]) -> TrainingReport:
    known = ("images", "failures", "warnings")
    facts = {name: value for name, value in report.items() if name not in known}
    return TrainingReport(
        run=run,
        images=report["images"],
        failures=report["failures"],
        warnings=report.get("warnings", ()),
        facts=facts,
    )
