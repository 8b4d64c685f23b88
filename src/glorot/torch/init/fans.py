"""The fans that torch.nn.init reads off a shape: right for Linear and Conv, and kept for every other tensor."""

import math

from torch import Tensor

from glorot.errors import GlorotError
from glorot.text import shape_text


def fans_of(function: str, tensor: Tensor) -> tuple[int, int]:
    """Return PyTorch's (fan_in, fan_out): the sizes of axes 1 and 0, each times the kernel."""
    shape = tensor.shape
    if len(shape) < 2:
        raise GlorotError(
            f"{function}: fan_in and fan_out need a tensor of at least 2 dimensions, (out, in, *kernel), "
            f"got shape {shape_text(shape)}; for a bias call zeros_ or uniform_"
        )
    if len(shape) == 2:
        return shape[1], shape[0]
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def fan_of(function: str, tensor: Tensor, mode: str) -> int:
    """Return the fan that a mode names, in letters of any case."""
    wanted = mode.lower() if isinstance(mode, str) else mode
    if wanted not in ("fan_in", "fan_out"):
        raise GlorotError(f"{function}: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return fans_of(function, tensor)[wanted == "fan_out"]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """Return (fan_in, fan_out); private in PyTorch too, yet called by many a `reset_parameters`."""
    return fans_of("_calculate_fan_in_and_fan_out", tensor)


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """Return the fan of a mode; private in PyTorch too, yet called by many a model."""
    return fan_of("_calculate_correct_fan", tensor, mode)
