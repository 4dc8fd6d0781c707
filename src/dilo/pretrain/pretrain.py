"""Pretraining from unlabelled images: the main job (paper, section 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from lightning.fabric import Fabric

from dilo.augment import open_sources
from dilo.augment.background_sources import BackgroundSources
from dilo.config import to_dict
from dilo.data.image_set import Examples
from dilo.data.sampler import BatchSampler, steps_per_epoch
from dilo.data.sources import open_source
from dilo.errors import InputError
from dilo.models import backbone
from dilo.models.inputs import with_input
from dilo.models.weights import save_backbone
from dilo.pretrain.config import FREE_FIELDS, PretrainConfig
from dilo.pretrain.material import open_maps, read_examples
from dilo.pretrain.monitor import Monitor, collapse_warning
from dilo.pretrain.objectives import PretrainObjective, find_objective
from dilo.pretrain.subject import find_subject
from dilo.pretrain.survey import Surveyor
from dilo.pretrain.views import ViewLoader, Views
from dilo.pretrain.watch import Follow, Watch
from dilo.progress import format_seconds
from dilo.runs import Run
from dilo.training.loop import Between, train
from dilo.training.plan import Plan
from dilo.training.processes import launch, union
from dilo.training.waiting import loader_warning, waited

SHOWN = 5  # failures named in a summary; the report has them all


@dataclass(frozen=True, kw_only=True)
class PretrainReport:
    """What a pretraining did."""

    run: Run
    images: int
    mapped: int  # images that have a foreground to paste
    failures: Mapping[str, str]  # unusable images and pictures, and why
    warnings: Sequence[str] = ()  # what may have spoiled or slowed the training

    def summary(self) -> str:
        """Say in a few lines what came out, and what was left out."""
        lines = [f"{self.run.folder}: pretrained on {self.images} images"]
        if self.run.config["masks"] is not None:
            without = self.images - self.mapped
            lines[0] += f", {self.mapped} with a foreground to paste"
            if without:
                lines.append(f"{without} images have no map and stayed as they are")
        last = self.run.metrics[-1]
        lines.append(
            f"loss {last['loss']:.3f} (chance {last['chance']:.3f}) after "
            f"{format_seconds(last['seconds'])}"
        )
        lines += [f"WARNING: {warning}" for warning in self.warnings]
        if self.failures:
            lines.append(f"{len(self.failures)} files could not be used, such as")
            lines += [f"  {why}" for why in list(self.failures.values())[:SHOWN]]
        lines.append(f"the backbone is {self.run.backbone}")
        return "\n".join(lines)


def pretrain(
    config: PretrainConfig, out: Path, *, after_epoch: Follow | None = None
) -> PretrainReport:
    """Pretrain a backbone, or go on with a pretraining that was stopped.

    Args:
        config: everything that the result depends on.
        out: the run folder, made if missing. Its backbone.safetensors is the result.
        after_epoch: called on one process after every epoch, with the number of those
            that are over, the backbone in evaluation mode, and the run. The numbers it
            returns go into the run's metrics; it cannot change what is trained.

    Raises:
        InputError: the config, the images, the labels or the masks cannot be used.
        StoreError: there is no mask store where the config says.
        RunError: the folder holds another run, or the training broke down.
        StoppedError: SIGTERM or SIGUSR1 asked it to stop; called again, it goes on.
    """
    build = find_objective(config.objective)
    run = Run.check(out, to_dict(config), free=FREE_FIELDS)
    if run.report is not None and run.backbone.exists():
        return PretrainReport(run=run, **run.report)
    source = open_source(config.images)
    maps = open_maps(config, source)
    examples, failures = read_examples(config, source, maps)
    labels = None if config.labels is None else Path(config.labels)
    subject = find_subject(source.root, examples.names, labels)
    sources = open_sources(config.view.copy_paste, examples)
    fabric = launch(config.precision)
    plan = _plan(config, len(examples.names), fabric.world_size)
    # The only use of torch's global stream: the first weights.
    torch.manual_seed(config.seed)
    network = backbone(config.arch, config.small_stem, config.crop_size)
    objective = build(network, subject, config)
    if fabric.is_global_zero:
        Run.create(out, to_dict(config), free=FREE_FIELDS)
    fabric.barrier()
    method = cast(PretrainObjective, objective)
    with_input(network, method.input)
    objective.to(memory_format=torch.channels_last)
    views = _views(config, examples, sources, method.views)
    loader = _loader(config, views, fabric)
    survey = Surveyor(network, examples, config, fabric)
    monitor = Monitor(network, views, fabric)
    watch = Watch(run, config, monitor, after_epoch)
    between = Between(survey=survey, after_epoch=watch)
    train(fabric, objective, loader, plan, run, between)
    report = PretrainReport(
        run=run,
        images=len(examples.names),
        mapped=0 if maps is None else sum(name in maps for name in examples.names),
        failures={**failures, **union(loader.failures)},
    )
    if fabric.is_global_zero:
        report = replace(report, warnings=_warnings(run))
        _finish(report, method, config)
        watch.curves.redraw(at_once=True)
    return report


def _warnings(run: Run) -> tuple[str, ...]:
    """Say what is wrong with a training, by its metrics."""
    metrics = run.metrics
    last = metrics[-1]
    loader = loader_warning(waited(metrics), last["seconds"], last["step"])
    return tuple(filter(None, (collapse_warning(metrics), loader)))


def _finish(
    report: PretrainReport, method: PretrainObjective, config: PretrainConfig
) -> None:
    """Export the backbone, then mark the run as finished."""
    save_backbone(
        report.run.backbone,
        method.backbone,
        config.arch,
        config.small_stem,
        config.crop_size,
        method.input,
    )
    report.run.finish(
        {
            "images": report.images,
            "mapped": report.mapped,
            "warnings": list(report.warnings),
            "failures": dict(report.failures),
        }
    )


def _views(
    config: PretrainConfig, examples: Examples, sources: BackgroundSources, views: int
) -> Views:
    return Views(
        examples=examples,
        crop_size=config.crop_size,
        config=config.view,
        seed=config.seed,
        epochs=config.epochs,
        sources=sources,
        views=views,
    )


def _loader(config: PretrainConfig, views: Views, fabric: Fabric) -> ViewLoader:
    count = len(views.examples.names)
    steps = steps_per_epoch(count, config.batch_size, fabric.world_size)

    def sampler(first_step: int) -> BatchSampler:
        return BatchSampler(
            count=count,
            batch_size=config.batch_size,
            epochs=config.epochs,
            seed=config.seed,
            first_epoch=first_step // steps,
            first_step=first_step % steps,
            process=fabric.global_rank,
            processes=fabric.world_size,
        )

    return ViewLoader(views, sampler, config.workers)


def _plan(config: PretrainConfig, count: int, processes: int) -> Plan:
    steps = steps_per_epoch(count, config.batch_size, processes)
    if steps == 0:
        raise InputError(
            f"{count} images in batches of {config.batch_size} leave {processes} "
            "processes less than two images each, which batch norm needs"
        )
    return Plan(
        epochs=config.epochs,
        steps_per_epoch=steps,
        images_per_epoch=count,
        optimizer=config.optimizer(),
        accumulate=config.accumulate,
        log_every=config.log_every,
        checkpoint_epochs=config.checkpoint_epochs,
        checkpoint_minutes=config.checkpoint_minutes,
    )
