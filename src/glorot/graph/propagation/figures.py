"""Figures: what a state and a gradient say of a whole value, as it would be measured."""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np

from glorot.graph.propagation.attention import Scores, Shares
from glorot.graph.propagation.backward import gradients
from glorot.graph.propagation.forward import Propagation
from glorot.graph.propagation.rows import Rows
from glorot.graph.propagation.state import Array, Grade, Gradient, State, UnknownError


@dataclass(frozen=True)
class Figures:
    """What is predicted of a value; NaN where there is no answer.

    Attributes:
        mean: E x over all its elements.
        second_moment: E x².
        std_across: the standard deviation of a unit across examples.
        correlation: that of two examples: E ⟨x, x′⟩ over E ⟨x, x⟩.
        position_correlation: that of two positions of an example.
        gradient_std: the root mean square of the gradient, for unit noise at the outputs.
        grade: how well the first five are known.
        gradient_grade: how well the last one is known.
    """

    mean: float
    second_moment: float
    std_across: float
    correlation: float
    position_correlation: float
    gradient_std: float
    grade: Grade
    gradient_grade: Grade


UNKNOWN = Figures(*(math.nan,) * 6, grade=Grade("none"), gradient_grade=Grade("none"))


class Predicted:
    """What is predicted of the values of a graph.

    Attributes:
        forward: the states.
        notes: what had to be assumed.
    """

    def __init__(self, forward: Propagation) -> None:
        self.forward = forward
        self.notes = tuple(forward.notes)
        self._gradients = gradients(forward)

    def of(self, value: int) -> Figures:
        """Return what is predicted of a value."""
        found = self.forward.states.get(value)
        if isinstance(found, Scores | Shares):
            mean, square = found.moments
            lost = Grade("none", "the way back through a softmax goes to queries and keys at once")
            return replace(UNKNOWN, mean=mean, second_moment=square, grade=found.grade, gradient_grade=lost)
        try:
            state = self.forward.state(value)
        except UnknownError as error:
            lost = Grade("none", str(error))
            return replace(UNKNOWN, grade=lost, gradient_grade=lost)
        weights = _weights(state.rows)
        square = float(weights @ state.square)
        two = _pairs_of_examples(state, weights)
        std_across = math.sqrt(max(square - two, 0)) if not math.isnan(two) else math.nan
        known = Figures(
            mean=float(weights @ state.mean),
            second_moment=square,
            std_across=std_across,
            correlation=two / square if square else math.nan,
            position_correlation=_pairs_of_positions(state, weights) / square if square else math.nan,
            gradient_std=math.nan,
            grade=state.grade,
            gradient_grade=Grade("none", "no way to the outputs of the model is understood"),
        )
        gradient = self._gradients.get(value)
        return known if gradient is None else _with_gradient(known, gradient, weights)


def _with_gradient(known: Figures, gradient: Gradient, weights: Array) -> Figures:
    std = math.sqrt(max(float(weights @ gradient.square), 0))
    return replace(known, gradient_std=std, gradient_grade=gradient.grade)


def _weights(rows: Rows) -> Array:
    """Return the share of the elements that each row has."""
    labels = rows.labels[rows.labels >= 0]
    counts = np.bincount(labels.ravel(), minlength=len(rows)).astype(float)
    return np.asarray(counts / counts.sum())


def _pairs_of_examples(state: State, weights: Array) -> float:
    """Return E x x′ of one position and unit in two examples; NaN of one example."""
    examples = [np.flatnonzero(state.rows.example == n) for n in np.unique(state.rows.example[state.rows.example >= 0])]
    pairs = [(a, b) for a, b in itertools.combinations(examples, 2) if len(a) == len(b)]
    if not pairs:
        return math.nan
    return float(np.mean([np.average(state.pairs[a, b], weights=weights[a]) for a, b in pairs]))


def _pairs_of_positions(state: State, weights: Array) -> float:
    """Return E x x′ of one unit at two positions of an example; NaN where there is but one."""
    found, sizes = [], state.rows.sizes
    for n in np.unique(state.rows.example[state.rows.example >= 0]):
        own = np.flatnonzero(state.rows.example == n)
        count = sizes[own]
        if count.sum() < 2:
            continue
        whole = count @ state.pairs[np.ix_(own, own)] @ count
        same = np.where(state.rows.single[own], state.square[own], np.diag(state.pairs)[own])
        found.append(float((whole - count @ same) / (count.sum() ** 2 - count.sum())))
    return float(np.mean(found)) if found else math.nan
