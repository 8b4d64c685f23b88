"""Task: what is trained in a comparison."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from glorot.caffe import Net
from glorot.caffe.model import net_of
from glorot.errors import GlorotError

Array = NDArray[Any]


@dataclass(frozen=True)
class Task:
    """A model, its data, and how it is trained.

    Attributes:
        build: makes a fresh model; its own initialisation is what the recipe `current` keeps.
        train: inputs and targets to learn from.
        test: inputs and targets to judge by.
        name: what the task is called in the report.
        loss: function (what the model returns, targets) → scalar; None for cross-entropy with class numbers and mean
            squared error with values.
        optimizer: function (parameters) → optimiser; None for plain SGD with `learning_rate`.
        parameters: function (model) → what the optimiser is given; None for all parameters. Groups may have an
            `lr_mult` and a `decay_mult`, factors on what the optimiser has for all.
        learning_rate: the step of plain SGD.
        batch_size: examples a step.
    """

    build: Callable[[], Any]
    train: tuple[Array, Array]
    test: tuple[Array, Array]
    name: str = "your task"
    loss: Callable[[Any, Any], Any] | None = None
    optimizer: Callable[[Any], Any] | None = None
    parameters: Callable[[Any], Any] | None = None
    learning_rate: float = 0.02
    batch_size: int = 32

    def __post_init__(self) -> None:
        if not callable(self.build):
            raise GlorotError(f"build must be a function that returns a fresh model, got {type(self.build).__name__}")
        if not isinstance(self.batch_size, int) or isinstance(self.batch_size, bool) or self.batch_size < 1:
            raise GlorotError(f"batch_size must be a positive integer, got {self.batch_size!r}")
        for what, pair in (("train", self.train), ("test", self.test)):
            _check_pair(what, pair)

    @property
    def classifies(self) -> bool:
        """Whether the targets are class numbers, so that accuracy means something."""
        targets = np.asarray(self.train[1])
        return targets.ndim == 1 and targets.dtype.kind in "biu"

    @property
    def chance(self) -> float:
        """The accuracy of always guessing the most frequent class of the training set."""
        if not self.classifies:
            return math.nan
        classes, counts = np.unique(np.asarray(self.train[1]), return_counts=True)
        return float(np.mean(np.asarray(self.test[1]) == classes[counts.argmax()]))

    @property
    def baseline(self) -> float:
        """The mean squared error of always answering the mean of the training set; NaN where that is not the loss."""
        if self.classifies or self.loss is not None:
            return math.nan
        learned, asked = (np.asarray(targets, dtype=np.float64) for targets in (self.train[1], self.test[1]))
        return float(np.mean((asked - learned.mean(0)) ** 2))


def as_task(build: Any, data: Any, **settings: Any) -> Task:
    """Make a task of a model builder and its data.

    Args:
        build: function that returns a fresh model; or a model, to be copied; or a Caffe net, or the path of one, which
            is read for phase TRAIN.
        data: (train inputs, train targets, test inputs, test targets), or ((inputs, targets), (inputs, targets)).
        settings: further fields of the task.

    Returns:
        The task.

    Raises:
        GlorotError: if the data has another form, its lengths differ, or it holds NaN.
    """
    if isinstance(build, str | Path | Net):
        from glorot.comparison.nets import net_settings

        own = net_settings(build if isinstance(build, Net) else net_of(build, phase="TRAIN"))
        build, settings = own["build"], own | {name: value for name, value in settings.items() if value is not None}
    if isinstance(build, nn.Module):
        build = partial(copy.deepcopy, build)
    if isinstance(data, Sequence) and len(data) == 4:
        data = (data[:2], data[2:])
    if not (isinstance(data, Sequence) and len(data) == 2 and all(isinstance(pair, Sequence) for pair in data)):
        raise GlorotError(
            "data must be (train inputs, train targets, test inputs, test targets), "
            f"got {type(data).__name__} of length {len(data) if hasattr(data, '__len__') else '–'}"
        )
    return Task(**{**settings, "build": build, "train": tuple(data[0]), "test": tuple(data[1])})


def _check_pair(what: str, pair: Any) -> None:
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise GlorotError(f"{what} must be a pair (inputs, targets), got {type(pair).__name__}")
    inputs, targets = (_as_array(what, values) for values in pair)
    if inputs.ndim == 0 or targets.ndim == 0 or len(inputs) != len(targets) or len(inputs) == 0:
        raise GlorotError(
            f"{what}: inputs of shape {inputs.shape} and targets of shape {targets.shape} must have the same "
            "number of examples, at least one"
        )
    for name, values in (("inputs", inputs), ("targets", targets)):
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            bad = int(np.argwhere(~np.isfinite(values))[0][0])
            raise GlorotError(f"{what} {name} hold NaN or infinity, first in example {bad}; clean the data first")


def _as_array(what: str, values: Any) -> Array:
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise GlorotError(f"{what}: data must be arrays or tensors without gradients: {error}") from error
    if array.dtype.kind not in "biuf":
        raise GlorotError(
            f"{what}: data must be numbers, got an array of dtype {array.dtype}; number the classes from 0"
        )
    return array
