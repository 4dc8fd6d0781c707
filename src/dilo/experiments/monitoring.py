"""What a backbone is worth while it trains: kNN on labelled images, now and then."""

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from dilo.data.labels import read_train_val
from dilo.errors import InputError
from dilo.evaluate.knn import knn
from dilo.models.inference import LoadedBackbone
from dilo.pretrain.pretraining import AfterEpoch
from dilo.runs import Run


def knn_every(train: Path, val: Path, epochs: int = 10) -> AfterEpoch:
    """Make what `pretrain` calls after each epoch, to follow the kNN accuracy.

    The result is logged as `knn`, top-1 in [0, 1], every so many epochs and at the end.
    Labels play no part in the training, nor does it depend on this.

    Args:
        train: class folders or CSV of the images whose labels vote.
        val: the same of those that are classified.
        epochs: between two measurements.

    Raises:
        InputError: the labels cannot be read, or `epochs` < 1.
    """
    if epochs < 1:
        raise InputError(f"knn_epochs must be at least 1, got {epochs}")
    training, validation = read_train_val(train, val)

    def follow(epoch: int, network: nn.Module, run: Run) -> Mapping[str, float]:
        if epoch % epochs and epoch != run.field("epochs"):
            return {}
        loaded = LoadedBackbone(
            module=network, arch=run.field("arch"), crop_size=run.field("crop_size")
        )
        return {"knn": knn(loaded, training, validation).top1}

    return follow
