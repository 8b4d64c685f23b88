"""What a batch's targets ask for: how often each class, as class numbers or as zeros and ones."""

import math
from typing import Any

import numpy as np

from glorot.checks.evidence import Answer, Array
from glorot.checks.outputs import classes_of
from glorot.graph import Folded
from glorot.inventory import Inventory

ENTROPIES = ("cross_entropy", "binary_cross_entropy_with_logits", "CrossEntropyLoss", "BCEWithLogitsLoss")
"""Losses whose best constant answer is the entropy of the shares."""

MOST_CLASSES = 1 << 20
"""Class numbers are below this where no bias tells how many classes there are."""


def answer_of(loss_value: float, targets: Any, loss: Any, inventory: Inventory, folded: Folded | None = None) -> Answer:
    """Return what the targets of a batch ask for, beside the loss that the model has.

    H = −Σ p log p, the loss of the best constant answer under cross-entropy

    Args:
        loss_value: the loss of the model.
        targets: class numbers; zeros and ones with an axis for the classes; or anything else, whose shares are unknown.
        loss: the loss function, None for the default.
        inventory: the parameters, whose output bias tells how many classes there are.
        folded: what the model computes, which shows what is added to its outputs.

    Returns:
        The answer, with the shares of the classes where they are known.

    Example:
        >>> answer_of(0.7, np.array([0, 1, 1, 1]), None, Inventory("", ())).shares
        array([0.25, 0.75])
    """
    values = _as_array(targets)
    if values is None or not values.size:
        return Answer(loss_value)
    classes = classes_of(folded, inventory, values.shape, is_number=values.dtype.kind in "iu")
    counted = _of_zeros_and_ones(values, classes) or _of_numbers(values, classes)
    if counted is None:
        return Answer(loss_value)
    shares, count, independent = counted
    known = loss is None or (getattr(loss, "__name__", "") or type(loss).__name__) in ENTROPIES
    return Answer(loss_value, _entropy(shares, independent) if known else math.nan, shares, count, independent)


def _as_array(targets: Any) -> Array | None:
    if isinstance(targets, dict | list | tuple | str):
        return None
    given = targets.detach().cpu() if hasattr(targets, "detach") else targets
    try:
        values = np.asarray(given)
    except (TypeError, ValueError, RuntimeError):  # a dtype that NumPy does not have
        return None
    return values if values.dtype.kind in "biuf" and np.isfinite(values).all() else None


def _of_zeros_and_ones(values: Array, classes: int) -> tuple[Array, int, bool] | None:
    """Return the share of ones in each class, how many answers there are, and whether several classes may be right."""
    if not ((values == 0) | (values == 1)).all():
        return None
    if classes == 1:
        return np.array([float(np.mean(values))]), values.size, True
    axis = next(
        (axis for axis in (1, values.ndim - 1) if 0 < axis < values.ndim and values.shape[axis] == classes), None
    )
    if axis is None:
        return None
    others = tuple(one for one in range(values.ndim) if one != axis)
    is_one_hot = bool((values.sum(axis=axis) == 1).all())
    return values.mean(axis=others, dtype=np.float64), values.size // classes, not is_one_hot


def _of_numbers(values: Array, classes: int) -> tuple[Array, int, bool] | None:
    """Return the share of each class number, and how many answers there are; negative numbers are left out."""
    if values.dtype.kind not in "iu":
        return None
    asked = values[values >= 0].ravel()
    if not asked.size or int(asked.max()) >= (classes or MOST_CLASSES):
        return None
    counts = np.bincount(asked.astype(np.int64), minlength=classes)
    return counts / asked.size, int(asked.size), False


def _entropy(shares: Array, independent: bool) -> float:
    def term(share: Array) -> Array:
        return -share * np.log(np.maximum(share, np.finfo(np.float64).tiny))

    return float(np.mean(term(shares) + term(1 - shares)) if independent else np.sum(term(shares)))
