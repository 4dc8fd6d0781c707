"""Numbers drawn on the host, where they do not depend on the device."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_device(drawn: NDArray[np.int64], device: torch.device) -> Tensor:
    """Copy drawn numbers to where they are used, without waiting for a GPU."""
    tensor = torch.from_numpy(drawn)
    if device.type == "cuda":
        tensor = tensor.pin_memory()  # from other memory the copy may wait
    return tensor.to(device, non_blocking=True)
