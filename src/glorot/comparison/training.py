"""Training one recipe from one seed, with the same batches as every other recipe."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from glorot import probe
from glorot.adapters import adapter_for, take_inventory
from glorot.comparison.randomness import draws, seeded_apart
from glorot.comparison.results import Epoch, Run
from glorot.comparison.task import Task
from glorot.errors import GlorotError
from glorot.plans import Plan, assignments
from glorot.probe import Signal
from glorot.torch.losses import loss_of, main_output
from glorot.torch.preserve import preserved

EXAMPLES = 300
"""How many training examples the signal is measured on: as many as in the paper of 2010."""


def fresh_model(task: Task, seed: int) -> nn.Module:
    """Build a model of the task from the process's own random numbers at a seed, which are then as before."""
    try:
        with seeded_apart(seed):
            model = task.build()
    except Exception as error:
        raise GlorotError(f"build failed with {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise GlorotError(f"build must return a torch.nn.Module, got {type(model).__name__}")
    return model


def check_fresh(task: Task) -> nn.Module:
    """Return a model of the task, and raise if building another gives the same weights in memory."""
    one, other = fresh_model(task, 0), fresh_model(task, 0)
    memory = {parameter.data_ptr() for parameter in one.parameters() if parameter.numel()}
    if one is other or any(parameter.data_ptr() in memory for parameter in other.parameters()):
        raise GlorotError("build returned the same model twice; it must make a fresh one each time it is called")
    return one


def train(
    task: Task, plan: Plan, seed: int, epochs: int, tell: Callable[[int, float], Any], check: Callable[[], Any]
) -> Run:
    """Train a fresh model from a plan.

    Args:
        task: model, data, loss and optimiser.
        plan: how it starts.
        seed: of the weights, and of the order of batches, which all recipes share.
        epochs: how often it sees the training set.
        tell: told the epoch and the training loss after each one.
        check: called before every batch; what it raises ends the run.

    Returns:
        The run. One whose loss is no number any more ends there.
    """
    train_set, test_set = _tensors(task.train), _tensors(task.test)
    watched = (task.train[0][:EXAMPLES], task.train[1][:EXAMPLES])
    model = _start(task, plan, seed)
    start = probe.measure(model, *watched, task.loss)
    optimizer = optimizer_for(task, model)
    shuffle = np.random.default_rng(seed)
    figures = [_evaluate(model, task, train_set, test_set)]
    first: Signal | None = None
    for epoch in range(1, epochs + 1):
        _one_epoch(model, task, optimizer, train_set, shuffle.permutation(len(train_set[0])), check)
        figures.append(_evaluate(model, task, train_set, test_set))
        tell(epoch, figures[-1].train_loss)
        if not math.isfinite(figures[-1].train_loss):
            return Run(seed, tuple(figures), start, first, None, _first_weights(model), epoch)
        if epoch == 1:
            first = probe.measure(model, *watched, task.loss)
    end = probe.measure(model, *watched, task.loss)
    return Run(seed, tuple(figures), start, first, end, _first_weights(model), None)


def shares_process(task: Task, model: nn.Module) -> bool:
    """Tell whether several runs of a task may train side by side in one process.

    Not if a training step draws random numbers of the process, as dropout does, or some optimisers, or if the
    model is compiled: the order of threads would show in the figures.
    """
    optimizer = optimizer_for(task, model)
    inputs, targets = _tensors((task.train[0][: task.batch_size], task.train[1][: task.batch_size]))

    def step() -> None:
        loss_of(model.train()(inputs), targets, task.loss).backward()
        optimizer.step()

    compiled = any(hasattr(module, "_orig_mod") for module in model.modules())
    try:
        with preserved(model):
            return not compiled and not draws(step)
    except GlorotError:
        raise
    except Exception as error:
        raise GlorotError(f"a training step failed with {type(error).__name__}: {error}") from error


def _start(task: Task, plan: Plan, seed: int) -> nn.Module:
    model = fresh_model(task, seed)
    adapter = adapter_for(model)
    started: nn.Module = adapter.write(model, assignments(plan, take_inventory(model, inputs=False), seed))
    return started


def optimizer_for(task: Task, model: nn.Module) -> Any:
    """Return the optimiser that a task trains a model with."""
    parameters = model.parameters() if task.parameters is None else task.parameters(model)
    if task.optimizer is None:
        return _multiplied(torch.optim.SGD(parameters, task.learning_rate))
    optimizer = task.optimizer(parameters)
    if not (hasattr(optimizer, "step") and hasattr(optimizer, "zero_grad")):
        raise GlorotError(f"optimizer must return a torch.optim.Optimizer, got {type(optimizer).__name__}")
    return _multiplied(optimizer)


def _multiplied(optimizer: Any) -> Any:
    """Let each group of an optimiser learn and decay as many times as fast as it says, if it says so."""
    for group in optimizer.param_groups if hasattr(optimizer, "param_groups") else ():
        group["lr"] *= group.get("lr_mult", 1.0)
        if "weight_decay" in group:
            group["weight_decay"] *= group.get("decay_mult", 1.0)
    return optimizer


def _tensors(pair: tuple[Any, Any]) -> tuple[Tensor, Tensor]:
    inputs, targets = (torch.as_tensor(np.asarray(values)) for values in pair)
    inputs = inputs.float() if inputs.dtype == torch.float64 else inputs
    return inputs, targets.float() if targets.is_floating_point() else targets.long()


def _one_epoch(
    model: nn.Module,
    task: Task,
    optimizer: Any,
    data: tuple[Tensor, Tensor],
    order: "np.ndarray[Any, Any]",
    check: Callable[[], Any],
) -> None:
    model.train()
    inputs, targets = data
    for indices in _batches(torch.from_numpy(order), task.batch_size):
        check()
        optimizer.zero_grad()
        loss_of(model(inputs[indices]), targets[indices], task.loss).backward()
        optimizer.step()


def _batches(order: Tensor, size: int) -> list[Tensor]:
    """Cut an order into batches; a last one of a single example, which no batch norm can take, joins the one before."""
    batches = list(order.split(size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def _evaluate(model: nn.Module, task: Task, train_set: tuple[Tensor, Tensor], test_set: tuple[Tensor, Tensor]) -> Epoch:
    model.eval()
    figures = []
    with torch.no_grad():
        for inputs, targets in (train_set, test_set):
            returned = model(inputs.clone())  # its first layer may work in place
            loss = loss_of(returned, targets, task.loss).item()
            counts = task.classifies and math.isfinite(loss)
            figures += [
                loss,
                (main_output(returned).argmax(-1) == targets).float().mean().item() if counts else math.nan,
            ]
    model.train()
    return Epoch(*figures)


def _first_weights(model: nn.Module) -> tuple[tuple[float, ...], ...]:
    weight = next((p for p in model.parameters() if p.dim() >= 2), None)
    if weight is None:
        return ()
    rows = weight.detach().float().flatten(1)[:32, :128]
    return tuple(tuple(round(value, 5) for value in row) for row in rows.tolist())
