"""What every training is configured by: its optimizer and its loop."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from dilo.config import BELOW_ONE, NOT_NEGATIVE, POSITIVE, Rule, check, setting
from dilo.errors import InputError

Schedule = Literal["step", "cosine"]
Solver = Literal["sgd", "adam"]
Precision = Literal["auto", "32-true", "bf16-mixed"]

OR_INFINITE: Rule = ("must be >= 0", lambda value: value >= 0)


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """SGD with momentum, or Adam; InstDisc's and MoCo's recipe by default."""

    # A step averages over the images of all processes and micro-batches, so the rate
    # belongs to the size of that whole batch: 0.03 was published for 256.
    lr: float = setting(0.03, POSITIVE)
    """Learning rate at the start, for the batch size beside it: for batches of another
    size, change both in proportion."""
    momentum: float = setting(0.9, BELOW_ONE)
    """Momentum of SGD; for Adam, of its first moment."""
    weight_decay: float = setting(1e-4, NOT_NEGATIVE)
    """Weight decay of all parameters."""
    schedule: Schedule = "step"
    """How the learning rate falls: to a tenth at each of the milestones, or along half
    a cosine to 0."""
    milestones: tuple[float, ...] = (0.6, 0.8)  # epochs 120 and 160 of 200
    """Shares of the training after which the step schedule falls."""
    solver: Solver = "sgd"
    """Kind of optimizer."""
    nesterov: bool = False
    """Nesterov's momentum, of SGD."""

    def __post_init__(self) -> None:
        check(self)
        rising = all(early < late for early, late in pairwise(self.milestones))
        if not rising or not all(0 < share < 1 for share in self.milestones):
            raise InputError(
                "milestones are rising shares of the training, in (0, 1), got "
                f"{self.milestones}"
            )
        if self.nesterov and (self.solver != "sgd" or self.momentum == 0):
            raise InputError(
                "nesterov is a kind of momentum of sgd, got solver "
                f"{self.solver} with momentum {self.momentum}"
            )


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How long and in which steps to train, and how often to log and to save."""

    epochs: int = setting(200, POSITIVE)
    """Passes over the images."""
    batch_size: int = setting(256, ("must be at least 2", lambda size: size >= 2))
    """Images of a step, of all processes and all their micro-batches together."""
    # Batch norm sees micro-batches one by one, as it sees the shares of processes.
    accumulate: int = setting(1, POSITIVE)
    """Micro-batches that each process's share of a batch is cut into, where it is too
    large for the memory."""
    seed: int = setting(0, ("must be in [0, 2**32)", lambda seed: 0 <= seed < 2**32))
    """Seed of the weights, the order, the crops and everything else that is random."""
    precision: Precision = "auto"
    """Arithmetic; auto is bf16 where the hardware is fast at it."""
    device: str = setting("auto", free=True)
    """Where the network runs: cpu, cuda, cuda:1, mps, or auto, the fastest."""
    workers: int = setting(4, NOT_NEGATIVE, free=True)
    """Processes that make views; 0 makes them in the training process."""
    checkpoint_epochs: int = setting(1, POSITIVE, free=True)
    """Epochs between two checkpoints."""
    checkpoint_minutes: float = setting(10.0, OR_INFINITE, free=True)
    """Minutes after which a checkpoint is due within an epoch; 0 saves every step."""
    log_every: int = setting(50, POSITIVE, free=True)
    """Steps between two lines of metrics."""
    other_data: bool = setting(False, free=True)
    """Go on although the images, or the origin of their maps, have changed."""

    def __post_init__(self) -> None:
        check(self)
        if self.accumulate > self.batch_size // 2:
            raise InputError(
                f"accumulate must leave two images for each micro-batch: at most "
                f"{self.batch_size // 2} for batches of {self.batch_size}, got "
                f"{self.accumulate}"
            )
