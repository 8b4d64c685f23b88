"""Leaving a model, and the random numbers of the process, as they were found."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import nn


@contextmanager
def preserved(model: nn.Module) -> Iterator[None]:
    """Restore, whatever happens inside, modes, gradients, buffers, statistics and every random state."""
    with ExitStack() as stack:
        stack.callback(_restore_modes, [(module, module.training) for module in model.modules()])
        stack.callback(_restore_gradients, [(parameter, parameter.grad) for parameter in model.parameters()])
        stack.callback(_restore_buffers, _buffers(model))
        stack.callback(_restore_statistics, _statistics(model))
        stack.callback(random.setstate, random.getstate())
        stack.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002 (the state that a model may use)
        stack.callback(torch.set_rng_state, torch.get_rng_state())
        if torch.cuda.is_available():
            stack.callback(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
        yield


def _restore_modes(modes: list[tuple[nn.Module, bool]]) -> None:
    for module, mode in modes:
        module.training = mode


def _restore_gradients(gradients: list[tuple[nn.Parameter, torch.Tensor | None]]) -> None:
    for parameter, gradient in gradients:
        parameter.grad = gradient


Buffers = list[tuple[nn.Module, str, torch.Tensor | None, torch.Tensor | None]]


def _buffers(model: nn.Module) -> Buffers:
    """Return (owner, name, buffer, copy of its values) of every buffer."""
    return [
        (module, name, buffer, None if buffer is None else buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
    ]


def _restore_buffers(buffers: Buffers) -> None:
    for module, name, buffer, before in buffers:
        module._buffers[name] = buffer
        if buffer is None or before is None or buffer.is_meta or torch.equal(buffer, before):
            continue
        with torch.no_grad():
            buffer.copy_(before)


def _statistics(model: nn.Module) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return (parameter, copy of its values) of averages that are kept as parameters, as by Caffe's BatchNorm."""
    return [
        (getattr(module, name), getattr(module, name).detach().clone())
        for module in model.modules()
        for name, parts in getattr(module, "glorot_parts", {}).items()
        if any(part.role.startswith("running_") for part in parts)
    ]


def _restore_statistics(statistics: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    with torch.no_grad():
        for parameter, before in statistics:
            parameter.copy_(before)
