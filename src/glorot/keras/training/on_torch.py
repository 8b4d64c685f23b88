"""The gradient of a Keras model on PyTorch."""

from collections.abc import Sequence
from typing import Any

import torch

from glorot.keras.graph.calls import Call
from glorot.torch.losses import checked_loss


def differentiate(
    call: Call, values: Sequence[Any], chosen: Sequence[int], batch: Sequence[Any], targets: Any, loss: Any
) -> tuple[float, list[Any]]:
    """Return the loss of a call, and its gradient with respect to chosen variables; as `Backend` says."""
    with torch.enable_grad():
        held = [value.detach().clone().requires_grad_(n in {*chosen}) for n, value in enumerate(values)]
        device = held[0].device
        found = call.run(held, [torch.as_tensor(one, device=device).clone() for one in batch])
        value = checked_loss(found[0] if len(found) == 1 else found, targets, loss)
        free = [held[n] for n in chosen]
        gradients = torch.autograd.grad(value, free, allow_unused=True) if value.requires_grad else [None] * len(free)
    return value.item(), list(gradients)
