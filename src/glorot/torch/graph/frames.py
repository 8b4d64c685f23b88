"""Which layer of a model is running, read from Python's stack: no hook is needed for what is rarely asked."""

import sys
import traceback
from collections.abc import Iterable
from types import FrameType

from torch import nn

from glorot.torch.paths import structural


def running(model: nn.Module) -> str:
    """Return the path of the innermost layer that is running now; "" for the model itself, or none of its layers."""
    return _innermost(model, (frame for frame, _ in traceback.walk_stack(sys._getframe())))


def failed(model: nn.Module, error: BaseException) -> str:
    """Return the path of the innermost layer in which an exception was raised; "" for the model itself, or none."""
    return _innermost(model, reversed([frame for frame, _ in traceback.walk_tb(error.__traceback__)]))


def _innermost(model: nn.Module, frames: Iterable[FrameType]) -> str:
    """Return the path of the layer whose method is the first of several frames."""
    paths = {id(module): structural(path) for path, module in model.named_modules()}
    owners = (frame.f_locals.get("self") for frame in frames)
    return next((paths[id(owner)] for owner in owners if id(owner) in paths), "")
