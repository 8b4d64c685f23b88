"""What is known of a model when it is checked: plain data, free of any framework."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.forensics.origin import Origins
from glorot.graph import Folded
from glorot.graph.readings import Observed
from glorot.inventory import Inventory, Part
from glorot.inventory.layouts import place_in
from glorot.inventory.written import WrittenModel
from glorot.plans import Plan
from glorot.probe.signal import Signal

Array = NDArray[Any]


class Group(NamedTuple):
    """What an optimiser does with some parameters.

    Attributes:
        optimizer: the name of its class.
        options: the options of the group, such as "lr" and "weight_decay".
        paths: the paths of the parameters.
    """

    optimizer: str
    options: Mapping[str, Any]
    paths: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Answer:
    """What the loss of a batch is, and what it would be of the best answer that does not look at the inputs.

    Attributes:
        loss: that of the model.
        constant: that of the best constant answer; NaN where it is not known.
        shares: how often each class is asked for; None where the targets are no classes.
        count: how many answers there are.
        independent: whether several classes may be right at once, as with a sigmoid for each.
        uniform: the loss of an answer that prefers no class; NaN where it is not known.
    """

    loss: float
    constant: float = float("nan")
    shares: NDArray[np.float64] | None = None
    count: int = 0
    independent: bool = False
    uniform: float = float("nan")


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that the checks may look at. What was not given, or can't be had, is None.

    Attributes:
        inventory: the parameters of the model, their parts and, where a batch showed it, the graph.
        weights: what the parameters hold, by path; reading one may copy it, so read each once.
        buffers: what the buffers hold, by path.
        plan: the plan that the weights should follow.
        seed: the seed that they should be drawn with; None compares the laws alone.
        observed: the readings of a batch.
        empty: the arrays of that batch that hold nothing but zeros, as one names them: inputs, inputs[1].
        signal: the figures of that batch.
        predicted: what theory expects of the model as it is.
        answer: the loss, and that of the best constant answer.
        groups: the groups of the optimisers.
        reference: the tensors that the model should continue.
        ranks: the tensors of each rank.
        settings: thresholds other than the checks' own, by the name of the check.
        steps: the loss of a batch before the first step of training on it and after each, up to the first that is not
            finite.
        origins: where the values of a weights file come from, with no model at hand.
        stored: the shapes of the tensors of a weights file, by their names without a prefix.
        notes: what a report should say of how the evidence was come by.
        audit: what an init function did to a model.
    """

    inventory: Inventory
    weights: Mapping[str, Array]
    buffers: Mapping[str, Array] = field(default_factory=dict)
    plan: Plan | None = None
    seed: int | None = None
    observed: Observed | None = None
    empty: tuple[str, ...] = ()
    signal: Signal | None = None
    predicted: Signal | None = None
    answer: Answer | None = None
    groups: tuple[Group, ...] | None = None
    reference: Mapping[str, Array] | None = None
    ranks: tuple[Mapping[str, Array], ...] | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    steps: tuple[float, ...] | None = None
    origins: Origins | None = None
    stored: Mapping[str, tuple[int, ...]] | None = None
    notes: tuple[str, ...] = ()
    audit: WrittenModel | None = None

    @property
    def framework(self) -> str:
        """The framework of the model; "" for a file of weights alone."""
        return self.inventory.framework

    @property
    def updates(self) -> Mapping[str, tuple[float, float]] | None:
        """The square sums of the optimiser's first update of each parameter, and of the parameter, by its path."""
        return (self.observed.updates or None) if self.observed is not None else None

    @property
    def size(self) -> int:
        """How many tensors there are to look at."""
        if self.origins is not None:
            return len(self.origins)
        written = () if self.audit is None else self.audit.tensors
        return sum(map(len, (self.weights, self.buffers, written)))

    @functools.cached_property
    def folded(self) -> Folded | None:
        """What the model computes, if a batch showed it."""
        if self.observed is not None:
            return self.observed.folded
        return None if self.inventory.graph is None else Folded(self.inventory.graph)

    def largest(self, path: str) -> float:
        """Return the largest absolute value of a tensor of real numbers; NaN where it holds one."""
        if path not in self._largest:
            self._largest[path] = largest_of(self.weights[path] if path in self.weights else self.buffers[path])
        return self._largest[path]

    @functools.cached_property
    def _largest(self) -> dict[str, float]:
        return {}

    def parts(self) -> Iterator[tuple[Part, Array]]:
        """Yield each part with what it holds, in its own axes, as float32 or wider; tied parameters once."""
        for parameter in self.inventory.parameters:
            if parameter.tied_to is not None or parameter.path not in self.weights:
                continue
            stored = self.weights[parameter.path]
            for part in parameter.parts:
                yield part, part_of(stored, part)


def part_of(stored: Array, part: Part) -> Array:
    """Return the view of a stored tensor that a part lies in, in the axes of the part."""
    return (stored if part.view is None else place_in(stored, part.view)).reshape(part.shape)


def largest_of(values: Array) -> float:
    """Return the largest absolute one of some real numbers, 0 of no number; NaN where one is NaN."""
    with np.errstate(all="ignore"):
        return float(np.max([abs(float(end)) for end in (values.max(), values.min())])) if values.size else 0.0
