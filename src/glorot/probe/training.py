"""The losses of the first steps of training, taken on copies of a model and its optimiser."""

from typing import Any

from glorot.adapters import opened
from glorot.errors import GlorotError
from glorot.given import check_batch, check_loss, no_array_named
from glorot.preserving import LOCK


def losses_of_steps(
    model: object, inputs: Any, targets: Any, loss: Any, optimizer: Any, count: int
) -> tuple[float, ...]:
    """Take steps of training on one batch, and return the loss before the first and after each.

    Args:
        model: the model; it is left as it was found, and so is the optimiser.
        inputs: the batch.
        targets: what the loss compares the outputs with, or None.
        loss: function (what the model returns, targets) → scalar, or None for the usual one.
        optimizer: the optimiser, as for `glorot.measure`; None for Adam at 0.001.
        count: how many steps.

    Returns:
        The losses; they end with the first that is not finite.

    Raises:
        GlorotError: if there is no batch or no loss, the model cannot be trained here, or a step fails.

    Example:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Sequential(torch.nn.Linear(20, 32), torch.nn.Tanh(), torch.nn.Linear(32, 5))
        >>> losses = losses_of_steps(model, torch.randn(16, 20), torch.arange(16) % 5, None, None, 3)
        >>> len(losses), losses[-1] < losses[0]
        (4, True)
    """
    if inputs is None:
        raise GlorotError("steps= trains on a batch, and there is none; pass inputs= and targets=")
    if targets is None and loss is None:
        raise GlorotError("steps= needs a loss that can fall, and there is none; pass targets=, or loss=")
    check_batch(inputs)
    check_loss(loss)
    adapter, found = opened(model, inputs)
    if not hasattr(adapter, "train"):
        raise GlorotError(
            f"steps= cannot train a {type(found).__name__}; it trains models of PyTorch, Keras and JAX, and a "
            "Caffe net as the module that glorot.caffe.to_torch makes of it"
        )
    with LOCK, no_array_named(inputs):
        return tuple(adapter.train(found, inputs, targets, loss, optimizer, count))


def check_steps(count: Any) -> None:
    """Check a number of steps.

    Raises:
        GlorotError: if it is not a whole number, or below 0.
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise GlorotError(f"steps must be a whole number, 0 or more, got {count!r}")
