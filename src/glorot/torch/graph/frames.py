"""Which layer of a model is running, read from Python's stack: no hook is needed for what is rarely asked."""

import functools
import sys
import traceback
from collections.abc import Iterable
from types import FrameType

from torch import nn

from glorot.torch.paths import structural


class Layers:
    """The layers of a model, whose paths are read once, when they are asked for."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    @functools.cached_property
    def _paths(self) -> dict[int, str]:
        return {id(module): structural(path) for path, module in self.model.named_modules()}

    def running(self) -> str:
        """Return the path of the innermost layer that is running now; "" for the model itself, or none."""
        return self._innermost(frame for frame, _ in traceback.walk_stack(sys._getframe()))

    def failed(self, error: BaseException) -> str:
        """Return the path of the innermost layer in which an exception was raised; "" for the model itself, or none."""
        return self._innermost(reversed([frame for frame, _ in traceback.walk_tb(error.__traceback__)]))

    def _innermost(self, frames: Iterable[FrameType]) -> str:
        """Return the path of the layer whose method is the first of several frames."""
        owners = (frame.f_locals.get("self") for frame in frames)
        return next((self._paths[id(owner)] for owner in owners if id(owner) in self._paths), "")
