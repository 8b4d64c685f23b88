"""What a PyTorch model that is not run would probably show: its layers in the order of registration."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from glorot.activations.values import POINTS, named
from glorot.inventory import registration
from glorot.inventory.registration import NORM, Function, Layer, Trace
from glorot.preserving import LOCK
from glorot.torch.layers import is_norm, state_activation
from glorot.torch.writes import own_random_numbers

SLOPE = "leaky_relu(negative_slope=0.25)"
"""What a PReLU is at the start."""


def in_order(model: nn.Module, layers: Iterable[tuple[str, nn.Module]]) -> Trace:
    """Guess what a forward pass would show.

    Args:
        model: the model.
        layers: (path, module) of the layers that have weights.
    """
    return registration.in_order(_found(model, {id(module): path for path, module in layers}))


def _found(model: nn.Module, paths: dict[int, str]) -> Iterator[Layer | Function]:
    visited: set[int] = set()
    known: dict[tuple[type, str], str | None] = {}
    for _, module in model.named_modules(remove_duplicate=False):  # one ReLU may stand in several places
        if id(module) in paths:
            if id(module) not in visited:
                yield Layer(paths[id(module)], state_activation(module))
            visited.add(id(module))
        elif is_norm(module):
            yield NORM
        elif isinstance(module, nn.PReLU):
            yield Function(SLOPE)
        elif "activation" in type(module).__module__:  # where PyTorch and transformers keep theirs
            key = (type(module), module.extra_repr())
            if key not in known:
                known[key] = _activation_of(module)
            name = known[key]
            if name is not None and name != "identity":
                yield Function(name)


def _activation_of(module: nn.Module) -> str | None:
    """Return the name of the activation that a module computes, by its values; None for anything else."""
    try:
        with LOCK, own_random_numbers(), torch.no_grad():
            made: Any = module.forward(torch.tensor(POINTS, dtype=torch.float32, device="cpu"))
            return named(np.asarray(made, np.float64))
    except Exception:  # whatever it is, it is no activation
        return None
