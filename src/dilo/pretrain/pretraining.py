"""Pretraining from unlabelled images: the main job (paper, section 5)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import nn

from dilo.augment import open_sources
from dilo.data.sources import open_source
from dilo.models import backbone
from dilo.models.inference import LoadedBackbone
from dilo.models.inputs import with_input
from dilo.models.weights import save_backbone
from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.images import (
    count_maps,
    describe_origin,
    find_info,
    open_maps,
    read_examples,
)
from dilo.pretrain.monitor import Monitor, collapse_warning
from dilo.pretrain.objectives import OBJECTIVES
from dilo.pretrain.survey import Surveyor
from dilo.pretrain.views import Views
from dilo.runs import Run
from dilo.training.run import Job, TrainingReport, run_training

# Called on one process after an epoch with the number of finished epochs, the backbone
# in evaluation mode, and the run; gives numbers for the metrics.
AfterEpoch = Callable[[int, nn.Module, Run], Mapping[str, float]]


class PretrainReport(TrainingReport):
    """What a pretraining did."""

    @property
    def mapped(self) -> int:
        """Count the images that have a foreground to paste."""
        return self.facts["mapped"]

    def summary(self, title: str = "") -> str:
        """Say in a few lines what came out, and what was left out."""
        title = title or f"pretrained on {self.images} images"
        if self.mapped:  # else it is the baseline
            title += f", {self.mapped} with a foreground to paste"
            if self.mapped < self.images:
                title += f"\n{self.images - self.mapped} images have no map and stayed"
                title += " as they are"
        return f"{super().summary(title)}\nthe backbone is {self.run.backbone}"


def pretrain(
    config: PretrainConfig, out: Path, *, after_epoch: AfterEpoch | None = None
) -> PretrainReport:
    """Pretrain a backbone, or go on with a pretraining that was stopped.

    Args:
        config: everything that the result depends on.
        out: the run folder, made if missing. Its backbone.safetensors is the result.
        after_epoch: called on one process after every epoch. The numbers it returns go
            into the run's metrics; it cannot change what is trained.

    Raises:
        InputError: the config, the images, the labels or the masks cannot be used.
        StoreError: there is no mask store where the config says.
        RunError: the folder holds another run, or the training broke down.
        StoppedError: SIGTERM, SIGUSR1 or Ctrl-C asked it to stop; called again, it goes
            on.
    """
    run = Run(Path(out))

    def prepare(fabric: Fabric) -> Job:
        return _Preparation(config, fabric).job(run, after_epoch)

    return PretrainReport(**vars(run_training(config, out, prepare)))


class _Preparation:
    """What a pretraining opens and builds, on every process."""

    def __init__(self, config: PretrainConfig, fabric: Fabric) -> None:
        self.config = config
        data, model, view = config.data, config.model, config.view
        source = open_source(data.images)
        self.maps = open_maps(data, source)
        self.examples, self.failures = read_examples(config, source, self.maps)
        info = find_info(source.root, self.examples.names, data.labels)
        # The first use of torch's global stream: the first weights.
        self.network = backbone(model.arch, model.small_stem, model.crop_size)
        build = OBJECTIVES[config.objective.name]
        self.objective = build(self.network, info, config.objective, config.loop)
        with_input(self.network, self.objective.input)
        self.objective.to(memory_format=torch.channels_last)
        self.objective.survey = Surveyor(self.network, self.examples, config, fabric)
        self.views = Views(
            examples=self.examples,
            crop_size=model.crop_size,
            config=view,
            seed=config.loop.seed,
            epochs=config.loop.epochs,
            sources=open_sources(view.copy_paste, self.examples),
            views=self.objective.views,
        )
        self.monitor = Monitor(self.network, self.views, fabric)

    def job(self, run: Run, after_epoch: AfterEpoch | None) -> Job:
        """Give what the training needs of it."""

        def measure(epoch: int) -> Mapping[str, float]:
            numbers = self.monitor.measure(epoch, self.config, run.folder.name)
            if after_epoch is not None:
                numbers |= after_epoch(epoch, self.network, run)
            return numbers

        return Job(
            task=self.objective,
            dataset=self.views,
            failures=self.failures,
            measure=measure,
            finish=self.finish,
            origin=describe_origin(self.maps),
        )

    def finish(self, run: Run, names: Sequence[str]) -> Mapping[str, Any]:
        """Export the backbone, then count what could be pasted on images `names`."""
        model = self.config.model
        trained = LoadedBackbone(
            module=self.network,
            arch=model.arch,
            crop_size=model.crop_size,
            small_stem=model.small_stem,
            input=self.objective.input,
        )
        save_backbone(run.backbone, trained)
        # Where maps are plain files this reads them all: not before the result is safe.
        mapped = count_maps(self.maps, names)
        return {"mapped": mapped, "warnings": [collapse_warning(run.metrics)]}
