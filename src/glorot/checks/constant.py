"""What a loss would be of answers that do not look at the inputs."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from glorot.checks.evidence import Answer, Array

LARGEST = 1 << 26
"""Elements of an output up to which a given loss is tried on constant answers."""

SMALLEST = 1e-6
"""The smallest share that a constant answer predicts."""


def with_constant(answer: Answer, loss: Any, targets: Any, shape: Sequence[int], adapter: str) -> Answer:
    """Return an answer with the loss of the best constant answer, and of one that prefers no class.

    Args:
        answer: what the targets ask for.
        loss: the loss function, None for the default.
        targets: the targets.
        shape: the shape of the model's output.
        adapter: the adapter of the model; a given loss is tried with its tensors.

    Returns:
        The answer; figures that can't be had stay NaN.

    Example:
        >>> shares = np.array([0.25, 0.75])
        >>> round(with_constant(Answer(0.7, shares=shares, count=8), None, None, (8, 2), "").uniform, 4)
        0.6931
    """
    if answer.shares is None:
        constant = _variance(targets) if loss is None else _of_mean(loss, targets, shape, adapter)
        return replace(answer, constant=constant)
    if loss is None:
        classes = shape[-1] if shape else len(answer.shares)
        return replace(answer, uniform=math.log(2 if answer.independent else max(classes, len(answer.shares))))
    logits = _logits(answer, shape)
    tensor = _made(adapter)
    if logits is None or tensor is None:
        return answer
    try:
        uniform = float(loss(tensor(np.zeros_like(logits)), targets))
        constant = float(loss(tensor(logits), targets))
    except Exception:  # a loss may want all that the model returns
        return answer
    return replace(answer, uniform=uniform, constant=constant)


def _of_mean(loss: Any, targets: Any, shape: Sequence[int], adapter: str) -> float:
    """Return a given loss of the mean of some values, over the examples; NaN where it is not known."""
    values, tensor = _as_values(targets), _made(adapter)
    if values is None or tensor is None or values.size != math.prod(shape) or values.size > LARGEST:
        return math.nan
    mean = np.broadcast_to(values.mean(axis=0), values.shape).reshape(tuple(shape))
    try:
        found = float(loss(tensor(np.ascontiguousarray(mean, np.float32)), targets))
    except Exception:  # a loss may want all that the model returns
        return math.nan
    return found if found > 0 else math.nan  # or it may not look at the targets


def _variance(targets: Any) -> float:
    """Return the mean variance of values over the examples; NaN where they are no values."""
    values = _as_values(targets)
    return math.nan if values is None else float(values.var(axis=0).mean())


def _as_values(targets: Any) -> Array | None:
    """Return targets that are values of several examples; None for any others."""
    try:
        given = targets.detach().cpu().numpy() if hasattr(targets, "detach") else targets
        values = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        return None
    is_float = np.dtype(getattr(given, "dtype", int)).kind == "f"
    return values if is_float and values.ndim and len(values) > 1 else None


def _logits(answer: Answer, shape: Sequence[int]) -> Array | None:
    """Return the best constant logits, in the shape of the output; None where its classes are not found."""
    assert answer.shares is not None
    if not shape or math.prod(shape) > LARGEST:
        return None
    classes = len(answer.shares)
    axes = [axis for axis in (1, len(shape) - 1) if 0 < axis < len(shape) and shape[axis] == classes]
    axis = axes[0] if axes else len(shape) - 1
    if shape[axis] < classes:
        return None
    if classes == 1 and not axes:  # one number for all, as for pairs
        return np.full(shape, _logit(answer.shares)[0], np.float32)
    shares = np.full(shape[axis], SMALLEST)
    shares[:classes] = np.clip(answer.shares, SMALLEST, 1 - SMALLEST)
    law = _logit(shares) if answer.independent else np.log(shares / shares.sum())
    spread = law.reshape(tuple(-1 if at == axis else 1 for at in range(len(shape))))
    return np.ascontiguousarray(np.broadcast_to(spread, tuple(shape)), np.float32)


def _logit(shares: Array) -> Array:
    kept = np.clip(shares, SMALLEST, 1 - SMALLEST)
    logits: Array = np.log(kept / (1 - kept))
    return logits


def _made(adapter: str) -> Callable[[Array], Any] | None:
    """Return what makes a tensor of a framework that is in use; None where a loss is not tried."""
    make: Callable[[Array], Any] | None = None
    if adapter == "torch":
        make = sys.modules["torch"].from_numpy
    elif adapter == "jax":
        make = sys.modules["jax"].numpy.asarray
    elif adapter == "keras":
        make = sys.modules["keras"].ops.convert_to_tensor
    return make
