"""How long a training is."""

from dataclasses import dataclass

from dilo.training.config import OptimizerConfig


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to train, and how often to say and to save something."""

    epochs: int
    steps_per_epoch: int
    images_per_epoch: int
    optimizer: OptimizerConfig
    accumulate: int = 1  # micro-batches of a process's share of a batch
    log_every: int = 50  # steps
    checkpoint_epochs: int = 1
    checkpoint_minutes: float = 10.0

    @property
    def steps(self) -> int:
        """Count all the steps of the training."""
        return self.epochs * self.steps_per_epoch
