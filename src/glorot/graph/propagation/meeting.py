"""Meeting: two signals that are multiplied and summed, as queries and keys, and what becomes of their products."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from glorot.graph.graph import Step
from glorot.graph.operations import Contract, Reshape
from glorot.graph.propagation import attention
from glorot.graph.propagation.placing import lines_of, rows_along
from glorot.graph.propagation.state import State, UnknownError, approximate, worst

if TYPE_CHECKING:
    from glorot.graph.propagation.forward import Propagation


def masked(walk: "Propagation", step: Step, name: str, scores: attention.Scores, others: list[int]) -> Any:
    """Return scores with a mask added, or multiplied with a number."""
    elements = [walk.start.of(value) for value in others]
    if name == "add" and len(elements) == 1:
        if not elements[0].known and float(elements[0].second.mean()) > 0.01 * scores.variance:
            raise UnknownError("a bias that is drawn is added to scores")
        return scores.masked(np.asarray(elements[0].mean))
    if name in ("mul", "div") and len(elements) == 1 and elements[0].samples.size == 1:
        return scores.scaled(float(elements[0].mean.mean()) ** (1 if name == "mul" else -1))
    if name == "where" and all(one.known for one in elements):
        shown, hidden = elements[0].samples[0], elements[1].samples[0]
        is_first = step.operands[1] not in others
        return scores.masked(np.where(shown if is_first else np.logical_not(shown), 0.0, np.minimum(hidden, -1e30)))
    raise UnknownError(f"{name} of scores is not followed")


def softmax(walk: "Propagation", step: Step, data: int, axes: tuple[int, ...]) -> Any:
    """Return the shares of scores, or of independent features."""
    found, shape = walk.found(data), walk.graph.shape(data)
    if isinstance(found, attention.Scores):
        if len(axes) != 1 or axes[0] % len(shape) != len(shape) - 1:
            raise UnknownError("a softmax of scores is taken over another axis than the keys")
        shares = attention.Shares(found)
        walk.kept[step.result] = (data, shares)
        return shares
    if any(found.rows.varies(axis) for axis in axes):
        raise UnknownError("a softmax is taken over positions, of no scores")
    if not found.normal:
        raise UnknownError("a softmax is taken of a signal that is not normal")
    count = math.prod(shape[axis] for axis in axes)
    pairs = attention.shares_of_features(found, count)
    grade = worst(found.grade, approximate("a softmax of features, by samples"))
    square = np.diag(pairs).copy()
    return State(found.rows, np.full(len(square), 1 / count), square, pairs, grade, False, step.result, step.result)


def interact(walk: "Propagation", step: Step) -> Any:
    """Return the product of two signals: scores, or what shares take of values."""
    assert isinstance(step.operation, Contract)
    first, second = (walk.found(value) for value in step.operands)
    specs, result = step.operation.operands, step.operation.result
    summed = [letter for letter in specs[0] if letter in specs[1] and letter not in result]
    if isinstance(first, attention.Shares):
        return mix(walk, step, first, second, specs, summed)
    if isinstance(second, attention.Shares):
        return mix(walk, step, second, first, specs[::-1], summed)
    if not isinstance(first, State) or not isinstance(second, State):
        raise UnknownError("scores of attention are multiplied")
    if any(
        rows.varies(spec.index(letter))
        for rows, spec in zip((first.rows, second.rows), specs, strict=True)
        for letter in summed
    ):
        raise UnknownError("two signals are multiplied and summed over positions")
    sizes = dict(zip(specs[0], walk.graph.shape(step.operands[0]), strict=True))
    features = math.prod(sizes[letter] for letter in summed)
    lines = [
        lines_of(state.rows, spec, specs[1 - n], result)
        for n, (state, spec) in enumerate(zip((first, second), specs, strict=True))
    ]
    order = [result.index(letter) for letter in specs[0] if letter in result and letter not in specs[1]]
    swapped = bool(order) and order[0] == len(result) - 1
    pair = (second, first) if swapped else (first, second)
    rows = lines[::-1] if swapped else lines
    grade = worst(first.grade, second.grade)
    walk.kept[step.result] = step.operands[::-1] if swapped else step.operands
    return attention.Scores(pair[0], pair[1], rows[0], rows[1], float(features), grade=grade)


def mix(walk: "Propagation", step: Step, shares: attention.Shares, values: Any, specs: Any, summed: list[str]) -> State:
    """Return what shares take of values."""
    if not isinstance(values, State) or len(summed) != 1 or specs[0][-1] != summed[0]:
        raise UnknownError("shares of attention are not taken of values")
    met = lines_of(values.rows, specs[1], specs[0], summed[0])
    queries = shares.scores.queries.rows
    assert isinstance(step.operation, Contract)
    place = step.operation.result.index(specs[0][-2])
    rows = rows_along(queries, shares.scores.rows, len(step.operation.result), place)
    walk.kept[step.result] = (shares, met)
    made = attention.mixed(shares, values, met, rows)
    return State(rows, made.mean, made.square, made.pairs, made.grade, True, step.result, step.result)


def move_scores(walk: "Propagation", step: Step, scores: Any) -> Any:
    """Pass scores or shares on that only change their heads, as of a shape (batch·heads, queries, keys)."""
    before, after = walk.graph.shape(step.operands[0]), walk.graph.shape(step.result)
    if isinstance(step.operation, Reshape) and before[-2:] == after[-2:]:
        walk.kept[step.result] = None
        return scores
    raise UnknownError("scores of attention are moved about")
