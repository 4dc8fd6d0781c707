"""Pretraining from a folder of images: the main job (paper, section 5)."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies.ddp import DDPStrategy
from torch import nn

from dilo.augment.copy_paste import open_sources
from dilo.augment.sources import Sources
from dilo.config import to_dict
from dilo.data.image_set import Examples, FolderSet, load_into_memory
from dilo.data.sampler import BatchSampler, steps_per_epoch
from dilo.errors import InputError, StoreError
from dilo.folder import list_images
from dilo.image import Map
from dilo.masks import MaskStore, has_foreground
from dilo.models import backbone
from dilo.models.weights import save_backbone
from dilo.pretrain.config import FREE_FIELDS, PretrainConfig
from dilo.pretrain.objectives import OBJECTIVES
from dilo.pretrain.views import ViewLoader, Views
from dilo.progress import format_seconds
from dilo.runs import Run
from dilo.training.loop import Plan, train
from dilo.training.precision import resolve_precision

SHOWN = 5  # failures named in a summary; the report has them all


@dataclass(frozen=True, kw_only=True)
class PretrainReport:
    """What a pretraining did."""

    run: Run
    images: int
    mapped: int  # images that have a foreground to paste
    failures: Mapping[str, str]  # unreadable images, and why

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
        if self.failures:
            lines.append(f"{len(self.failures)} images could not be read, such as")
            lines += [f"  {why}" for why in list(self.failures.values())[:SHOWN]]
        lines.append(f"the backbone is {self.run.backbone}")
        return "\n".join(lines)


def pretrain(config: PretrainConfig, out: Path) -> PretrainReport:
    """Pretrain a backbone, or go on with a pretraining that was stopped.

    Args:
        config: everything that the result depends on.
        out: the run folder, made if missing. Its backbone.safetensors is the result.

    Raises:
        InputError: the config, the images or the masks cannot be used.
        StoreError: there is no mask store where the config says.
        RunError: the folder holds another run, or the training broke down.
    """
    build = _find_objective(config.objective)
    run = Run.check(out, to_dict(config), free=FREE_FIELDS)
    if run.report is not None and run.backbone.exists():
        return PretrainReport(run=run, **run.report)
    maps = None if config.masks is None else Maps(MaskStore.open(config.masks))
    examples, failures = _read(config, maps)
    sources = open_sources(config.view.copy_paste, examples)
    fabric = _launch(config)
    plan = _plan(config, len(examples.names), fabric.world_size)
    if fabric.is_global_zero:
        Run.create(out, to_dict(config), free=FREE_FIELDS)
    fabric.barrier()
    # The only use of torch's global stream: the first weights.
    torch.manual_seed(config.seed)
    network = backbone(config.arch, config.small_stem)
    objective = build(network, len(examples.names), config)
    loader = _loader(config, examples, sources, fabric)
    objective.to(memory_format=torch.channels_last)
    train(fabric, objective, loader, plan, run)
    report = PretrainReport(
        run=run,
        images=len(examples.names),
        mapped=0 if maps is None else sum(name in maps for name in examples.names),
        failures={**failures, **loader.failures},
    )
    if fabric.is_global_zero:
        save_backbone(
            run.backbone, network, config.arch, config.small_stem, config.crop_size
        )
        run.finish(
            {
                "images": report.images,
                "mapped": report.mapped,
                "failures": dict(report.failures),
            }
        )
    return report


class Maps:
    """The maps that may be pasted: those of a store that hold a foreground."""

    def __init__(self, store: MaskStore) -> None:
        """Read from `store`."""
        self.store = store

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a foreground to paste; no if the file is damaged."""
        try:
            return name in self.store and not self.store.is_empty(name)
        except StoreError:
            return False

    def __call__(self, name: str) -> Map | None:
        """Give the map of an image, or None where there is nothing to paste.

        Raises:
            StoreError: the file of the map is damaged.
        """
        if name not in self.store:
            return None
        # A plain folder of masks tells emptiness only by reading, once is enough.
        if self.store.origin is not None and self.store.is_empty(name):
            return None
        saliency = self.store.stored(name)  # whoever reads it scales it anyway
        return saliency if has_foreground(saliency) else None


def _find_objective(name: str) -> Callable[[nn.Module, int, PretrainConfig], nn.Module]:
    if name not in OBJECTIVES:
        raise InputError(
            f"objective must be one of {', '.join(OBJECTIVES)}, got {name!r}"
        )
    return OBJECTIVES[name]


def _read(
    config: PretrainConfig, maps: Maps | None
) -> tuple[Examples, Mapping[str, str]]:
    """Find the images, and decode them all if they are to be kept in memory."""
    folder = Path(config.images)
    names = list_images(folder)
    if maps is not None and not any(name in maps.store for name in names):
        raise InputError(
            f"{config.masks} has no map of any image below {folder}; the map of "
            f"{names[0]} would be {maps.store.path(names[0])}"
        )
    if maps is not None and config.view.copy_paste.missing == "refuse":
        _refuse_missing(names, maps)
    images = FolderSet(
        root=folder, names=names, find_map=maps, short_side=config.cache_size
    )
    examples: Examples = images
    failures: Mapping[str, str] = {}
    if config.cache_size is not None:
        examples, failures = load_into_memory(images)
    if len(examples.names) < 2:
        raise InputError(f"{folder}: a single image cannot be told from others")
    return examples, failures


def _refuse_missing(names: Sequence[str], maps: Maps) -> None:
    """Refuse images that would stay as they are for want of a foreground map.

    Raises:
        InputError: there are such images.
    """
    missing = [name for name in names if name not in maps]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(names)} images have no map with a foreground, "
            f"such as {missing[0]}; compute them with `dilo masks`, or let them stay "
            "as they are with missing keep"
        )


def _launch(config: PretrainConfig) -> Fabric:
    """Start Fabric with the processes that torchrun or SLURM made, else with one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    processes = _count("WORLD_SIZE", "SLURM_NTASKS")
    local = _count("LOCAL_WORLD_SIZE", "SLURM_NTASKS_PER_NODE")
    # The memory bank is a buffer that all processes update alike; sending it around
    # at every step would cost more than the network.
    many = DDPStrategy(broadcast_buffers=False)
    fabric = Fabric(
        accelerator="auto",
        devices=local,
        num_nodes=processes // local,
        strategy=many if processes > 1 else "auto",
        precision=resolve_precision(config.precision, device),
    )
    fabric.launch()
    return fabric


def _count(*variables: str) -> int:
    """Read the first of the environment's variables that is set, else 1."""
    found = (os.environ[name] for name in variables if name in os.environ)
    return int(next(found, "1"))


def _loader(
    config: PretrainConfig, examples: Examples, sources: Sources, fabric: Fabric
) -> ViewLoader:
    views = Views(
        examples=examples,
        crop_size=config.crop_size,
        config=config.view,
        seed=config.seed,
        epochs=config.epochs,
        sources=sources,
    )
    count = len(examples.names)
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
        log_every=config.log_every,
        checkpoint_epochs=config.checkpoint_epochs,
        checkpoint_minutes=config.checkpoint_minutes,
    )
