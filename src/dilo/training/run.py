"""Run a training of any kind: run folder, processes, seed, resuming, curves, report."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning.fabric import Fabric

from dilo.data.sampler import BatchSampler, steps_per_epoch
from dilo.errors import RunError, shortened
from dilo.files import naming_folder
from dilo.progress import format_seconds
from dilo.runs import Run
from dilo.training.config import LoopConfig, OptimizerConfig
from dilo.training.curves import Curves
from dilo.training.loader import Loader, MapDataset, loader_warning, waited
from dilo.training.logger import format_loss
from dilo.training.loop import Measure, Training, train
from dilo.training.processes import describe, launch, union
from dilo.training.start import check_start, note_sitting
from dilo.training.task import Task
from dilo.training.worker_memory import workers_explained

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
    # On one process at the end, with the names of the images that could be read: writes
    # the result, and gives what the report is to say besides; `warnings` among it are
    # joined with those of the loop.
    finish: Callable[[Run, Sequence[str]], Mapping[str, Any]]
    measure: Measure | None = None  # on one process, after every epoch
    failures: Mapping[str, str] = field(default_factory=dict)  # found beforehand
    # Where what the data set gives beside images comes from, ready for JSON: a run does
    # not go on with another origin.
    origin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """What a training did."""

    run: Run
    images: int  # that could be read
    failures: Mapping[str, str]  # unusable images and pictures, and why
    warnings: Sequence[str] = ()  # what may have spoiled or slowed the training
    facts: Mapping[str, Any]  # what its task has to say

    def summary(self, title: str) -> str:
        """Say in a few lines what came out, and what was left out."""
        lines = [f"{self.run.folder}: {title}"]
        for last in self.run.losses[-1:]:  # of a damaged run there is none
            seconds = format_seconds(last["seconds"])
            lines.append(f"{format_loss(last)} after {seconds}")
        lines += [f"WARNING: {warning}" for warning in self.warnings]
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
    data = check_start(run, job.dataset, job.origin, loop, fabric.world_size)
    writes = fabric.is_global_zero
    with (
        naming_folder(run.folder, RunError),
        run.locked() if writes else nullcontext(),
        workers_explained(),
    ):
        if writes:
            facts = {**describe(fabric, loop.precision), "data": data}
            note_sitting(run, config, data["images"], facts, loop.batch_size)
        fabric.barrier()
        return _report(run, _train(fabric, config, job, run))


def _train(
    fabric: Fabric, config: TrainingConfig, job: Job, run: Run
) -> dict[str, Any]:
    """Train to the end, and give what the report says."""
    loop, images = config.loop, len(job.dataset.names)
    steps = steps_per_epoch(images, loop.batch_size, fabric.world_size)
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
    train(fabric, training, run)
    failures = {**job.failures, **union(loader.failures)}
    usable = [name for name in job.dataset.names if name not in failures]
    report: dict[str, Any] = {"images": len(usable), "failures": failures}
    if fabric.is_global_zero:
        facts = dict(job.finish(run, usable))
        found = (*facts.pop("warnings", ()), _loader_warning(run))
        report |= facts | {"warnings": list(filter(None, found))}
        run.finish(report)
        curves.redraw(at_once=True)
    return report


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
    losses = run.losses
    if not losses:
        return f"{run.folder}/metrics.jsonl holds no loss; was it deleted or changed?"
    last = losses[-1]
    return loader_warning(waited(losses), last["seconds"], last["step"])


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
