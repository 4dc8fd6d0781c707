"""What is done after every epoch, on one process, so that a person can follow it."""

from collections.abc import Callable, Mapping

from torch import nn

from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.monitor import Monitor, collapse_warning
from dilo.pretrain.survey import undisturbed
from dilo.progress import notify
from dilo.runs import Run
from dilo.training.curves import Curves

# Called with the number of finished epochs, the backbone in evaluation mode, and the
# run; gives numbers for the metrics.
Follow = Callable[[int, nn.Module, Run], Mapping[str, float]]


class Watch:
    """Measure the features, call what follows the training, and draw the curves.

    None of it changes what is trained: the network goes back into the mode that it was
    in, and torch's random stream to where it was.
    """

    def __init__(
        self,
        run: Run,
        config: PretrainConfig,
        monitor: Monitor,
        after_epoch: Follow | None,
    ) -> None:
        """Watch the backbone that `monitor` knows."""
        self.run = run
        self.config = config
        self.monitor = monitor
        self.after_epoch = after_epoch
        self.curves = Curves(run)

    def __call__(self, epoch: int) -> Mapping[str, float]:
        """Give the numbers that are to be logged after so many epochs."""
        network = self.monitor.network
        numbers: dict[str, float] = {}
        every = self.config.monitor_epochs
        with undisturbed(network):
            if every and (epoch % every == 0 or epoch == self.config.epochs):
                numbers |= self.monitor()
                warning = collapse_warning([{"epoch": epoch, **numbers}])
                if warning is not None:
                    notify(f"{self.run.folder.name}: {warning}")
            if self.after_epoch is not None:
                numbers |= self.after_epoch(epoch, network, self.run)
        self.curves.redraw()
        return numbers
