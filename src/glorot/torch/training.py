"""The first steps of training of a PyTorch model, taken on a copy of it."""

import copy
import math
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from glorot.errors import GlorotError
from glorot.preserving import LOCK
from glorot.torch.calling import arguments_of, likeness, what_failed
from glorot.torch.losses import checked_loss
from glorot.torch.paths import bare
from glorot.torch.preserve import device_states, preserved, set_device_states
from glorot.torch.spread import check_whole

RATE = 1e-3
"""The rate of the Adam that is used where no optimiser is given: about the step of each element at first."""

HALF_EPSILON = 1e-4
"""What that Adam adds to its roots in float16, where the usual 1e-8 is 0."""

NOT_TRAINED = "no parameter of the model requires a gradient, so no step can be taken; leave steps= out"


class _Copies(NamedTuple):
    """Copies of all that a step of training changes.

    Attributes:
        model: the model.
        optimizers: the optimisers, which train the copied parameters.
        loss: the loss, which may hold parameters too.
    """

    model: nn.Module
    optimizers: list[torch.optim.Optimizer]
    loss: Any


def train(model: nn.Module, inputs: Any, targets: Any, loss: Any, optimizer: Any, count: int) -> list[float]:
    """Take steps of training on copies of a model and its optimisers, all on one batch, and return the losses.

    Every step draws the same random numbers, as for dropout.

    Args:
        model: the model, which trains in the mode that it is in; it is left as it was found.
        inputs: the batch.
        targets: what the loss compares the outputs with, or None.
        loss: function (what the model returns, targets) → scalar, or None for the usual one.
        optimizer: an optimiser of the model's parameters, a function parameters → optimiser, or a list of such; None
            for Adam at 0.001.
        count: how many steps.

    Returns:
        The loss before the first step and after each; it ends with the first that is not finite.

    Raises:
        GlorotError: if the model can't be copied, its copy uses weights of the model itself, it is spread over
            processes, or a step fails.
    """
    model = bare(model)
    check_whole(model)
    with preserved(model), torch.enable_grad(), _as_written():
        copies = _copied(model, optimizer, loss)
        model.zero_grad()
        batch = (*arguments_of(inputs, likeness(model.parameters())), targets)
        drawn = _drawn()
        losses: list[float] = []
        for number in range(count + 1):
            try:
                value = _loss_of(copies, batch, drawn)
                losses.append(value.item())
                if number == count or not math.isfinite(losses[-1]):
                    return losses
                _step(copies, value, lambda: _loss_of(copies, batch, drawn))
                _check_apart(model)
            except GlorotError:
                raise
            except Exception as error:
                raise GlorotError(f"step {number + 1} of training failed: {what_failed(error)}") from error
    raise AssertionError("the last loss returns")


@contextmanager
def _as_written() -> Iterator[None]:
    """Run models without compiling them, which would take longer than the steps."""
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with LOCK, torch.compiler.set_stance("force_eager"):
        yield


def _drawn() -> tuple[Any, ...]:
    """Return the states of all random generators."""
    shared = np.random.get_state(legacy=False)  # noqa: NPY002 - what a model may draw from
    return torch.get_rng_state(), device_states(), random.getstate(), shared


def _loss_of(copies: _Copies, batch: Any, drawn: tuple[Any, ...]) -> Tensor:
    """Return the loss of the batch. The model gets a copy of the batch, because it may write to it.

    Dropout draws the same numbers in every step; otherwise their noise would hide a small fall.
    """
    torch.set_rng_state(drawn[0])
    set_device_states(drawn[1])
    random.setstate(drawn[2])
    np.random.set_state(drawn[3])  # noqa: NPY002
    args, kwargs, targets = _cloned(batch)
    return checked_loss(copies.model(*args, **kwargs), targets, copies.loss)


def _cloned(batch: Any) -> Any:
    known: dict[int, Tensor] = {}

    def clone(tensor: Tensor) -> Tensor:
        if id(tensor) not in known:  # attention asks whether query, key and value are one tensor
            known[id(tensor)] = tensor.detach().clone().requires_grad_(tensor.requires_grad)
        return known[id(tensor)]

    return tree_map_only(Tensor, clone, batch)


def _step(copies: _Copies, value: Tensor, again: Callable[[], Tensor]) -> None:
    """Go backward from a loss, and let the optimisers step."""
    if not value.requires_grad:
        raise GlorotError(NOT_TRAINED)

    def clear() -> None:
        copies.model.zero_grad()
        for one in copies.optimizers:
            one.zero_grad()

    def closure() -> Tensor:
        clear()
        found = again()
        found.backward()
        return found

    clear()
    value.backward()
    for one in copies.optimizers:
        if isinstance(one, torch.optim.LBFGS):
            one.step(closure)
        else:
            one.step()


def _check_apart(model: nn.Module) -> None:
    """Check that a step on a copy of a model gave none of the model's own parameters a gradient.

    Raises:
        GlorotError: if it did, so that what became of the loss says nothing of the model.
    """
    reached = next((path for path, one in model.named_parameters() if one.grad is not None), None)
    if reached is not None:
        raise GlorotError(
            f"steps are taken on copies, and the copy of this {type(model).__name__} computes with {reached} of the "
            "model itself, so whether its loss would fall can't be told: a function that it keeps, as a lambda, holds "
            "the layer; let it reach the layer through self, or leave steps= out"
        )


# ---- copies ----------------------------------------------------------------------------------------------------------


def _copied(model: nn.Module, optimizer: Any, loss: Any) -> _Copies:
    """Return copies of a model, its optimisers and its loss, which refer to each other as the originals do."""
    memo: dict[int, Any] = {}
    own: nn.Module = _copy(model, memo, "model")
    _note_parameters(model, own, memo)
    several = optimizer if isinstance(optimizer, list | tuple) else [optimizer]
    return _Copies(own, [_optimizer(one, own, memo) for one in several], _copy(loss, memo, "loss"))


def _copy(value: Any, memo: dict[int, Any], what: str) -> Any:
    """Return a copy.

    Raises:
        GlorotError: if it can't be made.
    """
    try:
        return copy.deepcopy(value, memo)
    except Exception as error:
        raise GlorotError(
            f"steps are taken on copies, and copy.deepcopy of the {what} failed with {type(error).__name__}: {error}; "
            f"leave steps= out, or give its class a __deepcopy__"
        ) from error


def _note_parameters(model: nn.Module, own: nn.Module, memo: dict[int, Any]) -> None:
    """Map each parameter of a model to that of its copy, also where the model defines its own __deepcopy__."""
    copies = dict(own.named_parameters(remove_duplicate=False))
    for path, parameter in model.named_parameters(remove_duplicate=False):
        twin = copies.get(path)
        if twin is None or twin is parameter:
            raise GlorotError(
                f"steps are taken on copies, and a copy of this {type(model).__name__} "
                f"{'has no' if twin is None else 'shares'} {path}; leave steps= out"
            )
        memo[id(parameter)] = twin


def _optimizer(optimizer: Any, own: nn.Module, memo: dict[int, Any]) -> torch.optim.Optimizer:
    """Return a copy of an optimiser with its state, or one that is made of the copied parameters."""
    trained = [one for one in own.parameters() if one.requires_grad]
    if not trained:
        raise GlorotError(NOT_TRAINED)
    if optimizer is None:
        is_half = any(one.dtype == torch.float16 for one in trained)
        return torch.optim.Adam(trained, lr=RATE, eps=HALF_EPSILON if is_half else 1e-8)
    if isinstance(optimizer, torch.optim.Optimizer):
        made: torch.optim.Optimizer = type(optimizer).__new__(type(optimizer))
        memo[id(optimizer)] = made
        held = {name: one for name, one in vars(optimizer).items() if name != "step"}  # a schedule's steps the original
        vars(made).update(_copy(held, memo, "optimizer"))
        return made
    if not callable(optimizer):
        raise GlorotError(
            "optimizer is an optimiser of the model's parameters, or a function parameters → optimiser, got a "
            f"{type(optimizer).__name__}"
        )
    found = optimizer(trained)
    if not isinstance(found, torch.optim.Optimizer):
        raise GlorotError(f"optimizer must return a torch.optim.Optimizer, got a {type(found).__name__}")
    return found
