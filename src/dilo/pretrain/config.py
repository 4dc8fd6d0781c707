"""What a pretraining is: every number that its result depends on."""

import math
from dataclasses import dataclass, field

from dilo.augment import ViewConfig
from dilo.errors import InputError
from dilo.models import check_arch
from dilo.training.optimizer import OptimizerConfig, Schedule, Solver
from dilo.training.precision import Precision, check_precision

# The result does not depend on these: they may change when a run is continued.
FREE_FIELDS = (
    "workers",
    "checkpoint_epochs",
    "checkpoint_minutes",
    "log_every",
    "monitor_epochs",
)

_POSITIVE = (
    "epochs",
    "crop_size",
    "accumulate",
    "negatives",
    "embedding_dim",
    "shuffle_groups",
    "clusters",
    "cluster_runs",
    "close_neighbours",
    "checkpoint_epochs",
    "log_every",
    "temperature",
)
_MOMENTA = ("bank_momentum", "key_momentum")


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """One pretraining. The defaults are the paper's ResNet-50 recipe on ImageNet.

    Other objectives were published with other numbers: `recipes.recipe` gives them.
    """

    images: str  # folder of photographs, any depth; or CSV, or WebDataset shards
    masks: str | None = None  # mask store or folder of masks; None is the baseline
    labels: str | None = None  # class folders or CSV, for objective supervised
    objective: str = "instdisc"
    arch: str = "resnet50"
    small_stem: bool = False  # full resolution at the start, for crops below 64 px
    epochs: int = 200
    # Of a step: of all processes and all their micro-batches together.
    batch_size: int = 256
    # Micro-batches that each process's share of a batch is cut into, to fit the memory.
    # Batch norm sees them one by one, as it sees the shares of so many processes.
    accumulate: int = 1
    crop_size: int = 224
    # Keep all images in memory, decoded, reduced to this short side; None reads them
    # from disk each time.
    cache_size: int | None = None
    # Belongs to `batch_size`, however many processes and micro-batches share it: who
    # doubles the batch doubles the rate.
    lr: float = 0.03
    schedule: Schedule = "step"  # x0.1 at the milestones, or cosine
    milestones: tuple[float, ...] = (0.6, 0.8)  # shares of the epochs: 120, 160 of 200
    solver: Solver = "sgd"  # adam: colorization was published with it
    momentum: float = 0.9  # for adam, of its first moment
    nesterov: bool = False  # rotation was published with it
    weight_decay: float = 1e-4
    temperature: float = 0.07
    negatives: int = 4096  # InstDisc: all others where the set is smaller; MoCo: queue
    embedding_dim: int = 128
    bank_momentum: float = 0.5
    key_momentum: float = 0.999  # MoCo: 59.0 % at 0.999, 55.2 % at 0.9 (its table)
    # MoCo: parts of the batch with batch norms of their own, so that these do not tell
    # which key is whose; published on 8 GPUs.
    shuffle_groups: int = 8
    clusters: int = 10000  # DeepCluster, local aggregation: of each k-means run
    cluster_runs: int = 10  # local aggregation: clusterings that are united
    close_neighbours: int = 4096  # local aggregation: rows near an image, B
    warmup_epochs: int = 10  # local aggregation: of plain InstDisc, before clusters
    sobel: bool = True  # DeepCluster: sees edges, for colours make clusters too easy
    view: ViewConfig = field(default_factory=ViewConfig)
    seed: int = 0
    precision: Precision = "auto"  # 32-true, bf16-mixed, or bf16 where it is faster
    workers: int = 4  # processes that make views; 0 makes them in the training process
    checkpoint_epochs: int = 1
    checkpoint_minutes: float = 10.0
    log_every: int = 50  # steps
    monitor_epochs: int = 1  # between measures of the features' geometry; 0: none

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            InputError: a value lies outside its range, or a name is unknown.
        """
        for name in _POSITIVE:
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} must be positive, got {getattr(self, name)}")
        for name in _MOMENTA:
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        for name in ("workers", "warmup_epochs", "monitor_epochs"):
            if getattr(self, name) < 0:
                raise InputError(
                    f"{name} must not be negative, got {getattr(self, name)}"
                )
        if not self.checkpoint_minutes >= 0:  # 0 saves at every step
            raise InputError(
                f"checkpoint_minutes must be >= 0, got {self.checkpoint_minutes}"
            )
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed must be in [0, 2**32), got {self.seed}")
        if self.cache_size is not None and self.cache_size < 1:
            raise InputError(f"cache_size must be positive, got {self.cache_size}")
        self._check_batch()
        check_arch(self.arch, self.small_stem, self.crop_size)
        check_precision(self.precision)
        self.optimizer()

    def optimizer(self) -> OptimizerConfig:
        """Give the part that the training loop reads."""
        return OptimizerConfig(
            lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            schedule=self.schedule,
            milestones=self.milestones,
            solver=self.solver,
            nesterov=self.nesterov,
        )

    def _check_batch(self) -> None:
        if self.batch_size < 2:
            raise InputError(f"batch_size must be at least 2, got {self.batch_size}")
        if self.accumulate > self.batch_size // 2:
            raise InputError(
                f"accumulate must leave two images for each micro-batch: at most "
                f"{self.batch_size // 2} for batches of {self.batch_size}, got "
                f"{self.accumulate}"
            )
