"""The loss that a measurement goes backward from."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._pytree import tree_leaves, tree_map

from glorot import stream
from glorot.distributions import Normal
from glorot.errors import GlorotError
from glorot.given import check_classes, check_targets, failed_loss, not_one_number, targets_as_array
from glorot.torch.calling import as_tensor


def checked_loss(outputs: Any, targets: Any, loss: Any) -> Tensor:
    """Return the loss of what a model returned, as `loss_of` does; whatever fails is said in one message."""
    try:
        value = loss_of(outputs, targets, loss)
    except GlorotError:
        raise
    except Exception as error:
        raise failed_loss(error, targets, outputs) from error
    if not value.requires_grad and any(one.requires_grad for one in tree_leaves(outputs) if isinstance(one, Tensor)):
        raise GlorotError(
            "the loss does not depend on what the model returns, so that no gradient goes back; compute it from the "
            "outputs, without .detach() or .item()"
        )
    return value


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

    A loss that is given sees what the model returned, the usual ones its main output. Without either it is the product
    of that with fixed random numbers, whose gradient has standard deviation 1.
    """
    if loss is not None:
        return _given_loss(returned, targets, loss)
    outputs = main_output(returned)
    if targets is None:
        law, key = Normal(), stream.key_of(0, "glorot.probe")
        start = torch.from_numpy(stream.draw(key, law, tuple(outputs.shape)))
        return (outputs * start.to(outputs)).sum()
    return _usual_loss(outputs, _goal(targets, outputs))


def _goal(targets: Any, outputs: Tensor) -> Tensor:
    """Return targets as a tensor where the outputs are."""
    given = targets if isinstance(targets, Tensor) else targets_as_array(targets)
    goal: Tensor = as_tensor(given, outputs, "targets")
    return goal


def _given_loss(returned: Any, targets: Any, loss: Any) -> Tensor:
    like = next((one for one in tree_leaves(returned) if isinstance(one, Tensor)), torch.zeros(()))
    is_numbers = isinstance(targets, list) and not any(isinstance(one, Tensor) for one in tree_leaves(targets))
    goal = _goal(targets, like) if is_numbers else tree_map(lambda one: as_tensor(one, like, "targets"), targets)
    try:
        value = loss(returned, goal)
    except Exception as error:
        raise failed_loss(error, goal, returned) from error
    if not isinstance(value, Tensor) or value.numel() != 1:
        raise not_one_number(value, "a tensor")
    return value


IGNORED = -100
"""The class number that stands for no target, in PyTorch."""


def _usual_loss(outputs: Tensor, goal: Tensor) -> Tensor:
    shape = tuple(outputs.shape)
    if goal.is_floating_point():  # PyTorch would broadcast one against the other
        check_targets(goal.shape, shape, are_classes=False)
        return functional.mse_loss(outputs, goal)
    if outputs.dim() > 2 and goal.shape == outputs.shape[:1] + outputs.shape[2:] != outputs.shape[:-1]:
        outputs = outputs.movedim(1, -1)  # a class for each place of a map
    check_targets(goal.shape, outputs.shape, are_classes=True)
    told = goal[goal != IGNORED]  # looked at here, for a number out of range ends a GPU
    if len(told):
        check_classes(int(told.min()), int(told.max()), shape, outputs.shape[-1])
    return functional.cross_entropy(outputs.reshape(-1, outputs.shape[-1]), goal.reshape(-1).long())
