"""The fans that torch.nn.init reads off a shape: right for Linear and Conv, and kept for every other tensor."""

import math

import torch
from torch import Tensor

from glorot.dropins.arguments import Argument, check_axes, name_errors


def fans_of(shape: torch.Size) -> tuple[int, int]:
    """Return PyTorch's (fan_in, fan_out) of a shape: the sizes of axes 1 and 0, each times the kernel."""
    check_axes(len(shape) >= 2, shape, "2 or more axes, (out, in, *kernel)", "; for a bias call zeros_ or uniform_")
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def fan_of(shape: torch.Size, mode: str) -> int:
    """Return the fan that a mode names, in letters of any case."""
    wanted = Argument("mode", mode.lower() if isinstance(mode, str) else mode).one_of(("fan_in", "fan_out"))
    return fans_of(shape)[wanted == "fan_out"]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """Return (fan_in, fan_out); private in PyTorch too, yet called by many a `reset_parameters`."""
    with name_errors("_calculate_fan_in_and_fan_out"):
        return fans_of(tensor.shape)


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """Return the fan of a mode; private in PyTorch too, yet called by many a model."""
    with name_errors("_calculate_correct_fan"):
        return fan_of(tensor.shape, mode)
