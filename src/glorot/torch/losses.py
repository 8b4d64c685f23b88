"""The loss that a measurement goes backward from."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from glorot import stream
from glorot.distributions import Normal
from glorot.errors import GlorotError
from glorot.torch.calling import as_tensor


def checked_loss(outputs: Any, targets: Any, loss: Any) -> Tensor:
    """Return the loss of what a model returned, as `loss_of` does; whatever fails is said in one message."""
    try:
        return loss_of(outputs, targets, loss)
    except GlorotError:
        raise
    except Exception as error:
        raise GlorotError(f"the loss failed with {type(error).__name__}: {error}") from error


def main_output(outputs: Any) -> Tensor:
    """Return the tensor that a loss is taken of: the logits of a model output, or the first tensor."""
    candidate = getattr(outputs, "logits", outputs)
    if isinstance(candidate, dict):
        candidate = next(iter(candidate.values()))
    while isinstance(candidate, tuple | list) and candidate:
        candidate = candidate[0]
    if not isinstance(candidate, Tensor):
        raise GlorotError(f"expected the model to return a tensor, got {type(outputs).__name__}")
    return candidate


def loss_of(returned: Any, targets: Any, loss: Any) -> Tensor:
    """Return the loss of what a model returned: the given one, cross-entropy for classes, mean square for values.

    A loss that is given sees what the model returned, the usual ones its main output. Without targets it is the
    product with fixed random numbers, whose gradient has standard deviation 1.
    """
    outputs = main_output(returned)
    if targets is None:
        law, key = Normal(), stream.key_of(0, "glorot.probe")
        start = torch.from_numpy(stream.draw(key, law, tuple(outputs.shape)))
        return (outputs * start.to(outputs)).sum()
    goal = as_tensor(targets, outputs)
    try:
        value = _usual_loss(outputs, goal) if loss is None else loss(returned, goal)
    except (RuntimeError, IndexError, ValueError) as error:
        given = f"outputs of shape {tuple(outputs.shape)}" if returned is outputs else f"a {type(returned).__name__}"
        raise GlorotError(f"targets of shape {tuple(goal.shape)} do not fit {given}: {error}") from error
    if not isinstance(value, Tensor) or value.numel() != 1:
        found = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise GlorotError(f"loss must return one number as a tensor, got {found}; take its mean")
    return value


def _usual_loss(outputs: Tensor, goal: Tensor) -> Tensor:
    if not goal.is_floating_point():
        if goal.shape == outputs.shape[:-1]:  # one class for each position, as of a language model
            outputs, goal = outputs.reshape(-1, outputs.shape[-1]), goal.reshape(-1)
        return functional.cross_entropy(outputs, goal.long())
    if goal.shape != outputs.shape:  # PyTorch would broadcast one against the other
        raise ValueError("values are compared one by one, so the two shapes must be equal")
    return functional.mse_loss(outputs, goal)
