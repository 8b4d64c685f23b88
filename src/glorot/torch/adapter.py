"""The adapter of PyTorch, as `glorot.adapters` asks for it."""

from typing import Any

from torch import nn

from glorot.torch.grouping import buffers, groups
from glorot.torch.holding import held, summed_over_processes
from glorot.torch.jacobians import jacobians
from glorot.torch.model import is_program, layers, refuse_program
from glorot.torch.observing import observe
from glorot.torch.paths import modules
from glorot.torch.recording import record
from glorot.torch.seeing import graph
from glorot.torch.training import train
from glorot.torch.weights import arrays, computed, write

__all__ = [
    "arrays", "buffers", "computed", "graph", "groups", "held", "jacobians", "layers", "matches", "modules", "observe",
    "open", "record", "summed_over_processes", "train", "write",
]  # fmt: skip


def matches(model: object) -> bool:
    """Tell whether a model is a `torch.nn.Module`, or a program exported from one, which `open` refuses by name."""
    return isinstance(model, nn.Module) or is_program(model)


def open(model: Any, inputs: Any = None) -> Any:  # noqa: A001 - as in every adapter
    """Return the model itself.

    Raises:
        GlorotError: if it is an exported program.
    """
    refuse_program(model)
    return model
