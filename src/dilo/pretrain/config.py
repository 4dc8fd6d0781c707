"""What a pretraining is: every number that its result depends on."""

import math
from dataclasses import dataclass, field

from dilo.augment import ViewConfig
from dilo.errors import InputError
from dilo.models import check_arch
from dilo.training.optimizer import OptimizerConfig, Schedule
from dilo.training.precision import Precision, check_precision

# The result does not depend on these: they may change when a run is continued.
FREE_FIELDS = ("workers", "checkpoint_epochs", "checkpoint_minutes", "log_every")


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """One pretraining. The defaults are the paper's ResNet-50 recipe on ImageNet."""

    images: str  # folder of photographs, any depth
    masks: str | None = None  # mask store or folder of masks; None is the baseline
    objective: str = "instdisc"
    arch: str = "resnet50"
    small_stem: bool = False  # full resolution at the start, for crops below 64 px
    epochs: int = 200
    batch_size: int = 256  # of all processes together
    crop_size: int = 224
    # Keep all images in memory, decoded, reduced to this short side; None reads them
    # from disk each time.
    cache_size: int | None = None
    lr: float = 0.03  # for batches of 256
    schedule: Schedule = "step"  # x0.1 at 60 % and 80 % of the epochs, or cosine
    momentum: float = 0.9
    weight_decay: float = 1e-4
    temperature: float = 0.07
    negatives: int = 4096  # all others where the set is smaller
    embedding_dim: int = 128
    bank_momentum: float = 0.5
    view: ViewConfig = field(default_factory=ViewConfig)
    seed: int = 0
    precision: Precision = "auto"  # 32-true, bf16-mixed, or bf16 where it is faster
    workers: int = 4  # processes that make views; 0 makes them in the training process
    checkpoint_epochs: int = 1
    checkpoint_minutes: float = 10.0
    log_every: int = 50  # steps

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            InputError: a value lies outside its range, or a name is unknown.
        """
        positive = ("epochs", "crop_size", "negatives", "embedding_dim", "log_every")
        for name in (*positive, "checkpoint_epochs", "temperature"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.checkpoint_minutes >= 0:  # 0 saves at every step
            raise InputError(
                f"checkpoint_minutes must be >= 0, got {self.checkpoint_minutes}"
            )
        if self.batch_size < 2:
            raise InputError(f"batch_size must be at least 2, got {self.batch_size}")
        if self.workers < 0:
            raise InputError(f"workers must not be negative, got {self.workers}")
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed must be in [0, 2**32), got {self.seed}")
        if not 0 <= self.bank_momentum < 1:
            raise InputError(
                f"bank_momentum must be in [0, 1), got {self.bank_momentum}"
            )
        if self.cache_size is not None and self.cache_size < 1:
            raise InputError(f"cache_size must be positive, got {self.cache_size}")
        check_arch(self.arch)
        check_precision(self.precision)
        self.optimizer()

    def optimizer(self) -> OptimizerConfig:
        """Give the part that the training loop reads."""
        return OptimizerConfig(
            lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            schedule=self.schedule,
        )
