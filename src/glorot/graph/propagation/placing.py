"""Placing: which rows the steps of a graph put beside each other."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.graph.graph import Step
from glorot.graph.operations import Normalise, Slice
from glorot.graph.propagation import attention, averages
from glorot.graph.propagation.elements import Elements
from glorot.graph.propagation.rows import Rows, compact
from glorot.graph.propagation.state import EXACT, Grade, State, UnknownError, approximate

Labels = NDArray[np.intp]


def norm_groups(norm: Normalise, state: State, shape: tuple[int, ...]) -> averages.Groups:
    """Return the groups of elements that a norm takes its statistics of."""
    others = [axis for axis in range(len(shape)) if axis != norm.channel]
    if norm.over == "batch":
        return averages.of_all_examples(averages.groups_of(state.rows, shape, others, True), state.rows, shape[0])
    if norm.over == "groups":
        axes = others[1:] if state.rows.varies(norm.channel) else list(range(1, len(shape)))
        found = averages.groups_of(state.rows, shape, axes, True)
        return found._replace(features=max(1.0, shape[norm.channel] / norm.groups))
    assert not isinstance(norm.over, str)
    return averages.groups_of(state.rows, shape, norm.over, True)


def scaled(scores: attention.Scores, curve: Callable[[Any], Any]) -> attention.Scores:
    """Return scores after a function of elements, which may only multiply them."""
    at = np.asarray(curve(np.array([0.0, 1.0, 2.0])), float)
    if abs(at[0]) < 1e-9 and abs(at[2] - 2 * at[1]) < 1e-6 * abs(at[1]):
        return scores.scaled(float(at[1]))
    raise UnknownError("a function of scores is not followed")


def lines_of(rows: Rows, own: str, other: str, result: str) -> Labels:
    """Return (examples, positions) the rows of an operand of a product: along its free letter, of each example."""
    free = [n for n, letter in enumerate(own) if (letter not in other if len(result) > 1 else letter == result)]
    shared = [n for n in range(len(own)) if n not in free and rows.varies(n)]
    moving = [n for n in free if rows.varies(n)]
    if len(moving) > 1:
        raise UnknownError("scores of positions along several axes are not followed")
    rest = [n for n in range(len(own)) if n not in shared and n not in moving]
    labels = rows.labels.transpose([*shared, *moving, *rest])
    sizes = [rows.labels.shape[n] for n in shared]
    return labels.reshape(math.prod(sizes), -1)


def rows_along(rows: Rows, lines: Labels, rank: int, place: int) -> Rows:
    """Return rows of queries as the rows of a result, along one axis of it."""
    labels = np.asarray(lines).reshape(lines.shape[0], *[lines.shape[1] if n == place else 1 for n in range(1, rank)])
    return Rows(compact(labels), rows.example, rows.single)


def cuts_features(step: Step, shape: tuple[int, ...], state: State) -> bool:
    """Tell whether a slice keeps some of the features of a signal."""
    assert isinstance(step.operation, Slice)
    whole = ((0, size, 1) for size in shape)
    cuts = (
        axis for axis, (cut, all_of_it) in enumerate(zip(step.operation.index, whole, strict=True)) if cut != all_of_it
    )
    return any(shape[axis] > 1 and (not state.rows.varies(axis) or axis in state.rows.kinds) for axis in cuts)


def are_alike(states: Sequence[State]) -> bool:
    """Tell whether signals side by side are features of one kernel, with equal moments."""
    first = states[0]
    return (
        all(
            one.rows.labels.shape == first.rows.labels.shape
            and np.array_equal(one.rows.labels, first.rows.labels)
            and np.allclose(one.square, first.square)
            and np.allclose(one.pairs, first.pairs)
            and one.kin == first.kin
            and one.root != one.kin
            for one in states
        )
        and len(states) > 1
    )


def padding() -> State:
    """Return the state of what padding adds."""
    rows = Rows(np.zeros((), np.intp), np.array([-1]), np.array([True]))
    return State(rows, np.zeros(1), np.zeros(1), np.zeros((1, 1)))


def check_pieces(elements: Elements) -> None:
    """Check that the pieces of a kernel start alike."""
    second = elements.second
    if second.size > 1 and float(np.ptp(second)) > 0.01 * float(second.max()):
        raise UnknownError("pieces of one tensor start differently, and are not followed one by one")


def grade_of_blocks(rows: Rows) -> Grade:
    """Return how well a map is known whose positions may be joined into blocks."""
    return EXACT if rows.single.all() else approximate("positions are joined into blocks")
