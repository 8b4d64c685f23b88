"""Norms: a signal divided by its own size over groups of elements, after its mean is taken away or not."""

from typing import NamedTuple

import numpy as np

from glorot.graph.folding import Folded
from glorot.graph.operations import Reduce
from glorot.graph.propagation.averages import Groups, coherent
from glorot.graph.propagation.state import Array, Gradient, State, UnknownError
from glorot.graph.running import program_of, run


class Norm(NamedTuple):
    """How a norm acts on the rows of a signal.

    Attributes:
        groups: the groups of elements that it takes its statistics of.
        share: (rows, groups): 1 where a row lies in a group.
        scale: what each row is divided by.
        centred: whether the mean of each group is taken away.
    """

    groups: Groups
    share: Array
    scale: Array
    centred: bool


def normalised(state: State, groups: Groups, centred: bool, second: float = 1.0) -> tuple[State, Norm]:
    """Return a normalised signal, and how that was done.

    Args:
        state: the signal.
        groups: the groups of elements that statistics are taken of.
        centred: whether the mean of each group is taken away.
        second: the mean square of the result.
    """
    share = (groups.counts > 0).T.astype(float)
    if np.any(share.sum(1) != 1):
        raise UnknownError("a norm is taken over groups that share elements")
    mean, pairs, with_rows = coherent(state, groups, cross=True)
    squares = groups.shares @ state.square
    variance = squares - np.diag(pairs) if centred else squares
    if not np.all(variance > 1e-12 * np.maximum(squares, 1e-300)):
        raise UnknownError("a norm is taken of a signal without variance")
    scale = np.sqrt(share @ variance / second)
    if centred:
        crossed = with_rows @ share.T
        common = share @ pairs @ share.T
        made = state.pairs - crossed - crossed.T + common
        square = state.square - 2 * np.diag(crossed) + np.diag(common)
        mean = state.mean - share @ mean
    else:
        made, square, mean = state.pairs, state.square, state.mean
    result = State(
        state.rows,
        mean / scale,
        square / scale**2,
        made / np.outer(scale, scale),
        state.grade,
        state.normal,
        state.root,
        state.kin,
    )
    return result, Norm(groups, share, scale, centred)


def backward(gradient: Gradient, norm: Norm) -> Gradient:
    """Return what reaches a signal through its norm, but for the share of one direction of all it is taken over."""
    square, pairs = gradient.square, gradient.pairs
    if norm.centred and norm.groups.features < len(norm.scale):
        few = 1 / norm.groups.features
        between = pairs if norm.groups.weights is None else pairs * norm.groups.weights
        crossed = few * (between @ norm.groups.shares.T) @ norm.share.T
        common = few * norm.share @ (norm.groups.shares @ between @ norm.groups.shares.T) @ norm.share.T
        square = square - 2 * np.diag(crossed) + np.diag(common)
        pairs = pairs - crossed - crossed.T + common
        size = np.maximum(norm.groups.counts.sum(1) * norm.groups.features, 8)
        left = norm.share @ ((1 - 1 / size) / (1 - 3 / size))  # nothing along the signal; E 1/s² is over 1/E s²
        square, pairs = left * square, left[:, None] * pairs
    return Gradient(square / norm.scale**2, pairs / np.outer(norm.scale, norm.scale), gradient.grade)


def centred(state: State, groups: Groups) -> State:
    """Return a signal without the mean of each group."""
    share = (groups.counts > 0).T.astype(float)
    mean, pairs, with_rows = coherent(state, groups, cross=True)
    crossed, common = with_rows @ share.T, share @ pairs @ share.T
    return State(
        state.rows,
        state.mean - share @ mean,
        state.square - 2 * np.diag(crossed) + np.diag(common),
        state.pairs - crossed - crossed.T + common,
        state.grade,
        state.normal,
        state.root,
        state.kin,
    )


def written(folded: Folded, value: int) -> tuple[int, tuple[int, ...], bool] | None:
    """Return the signal of a norm, a softmax or a centring that is written out, its axes, and whether it is centred.

    Args:
        folded: the graph.
        value: what the last of its steps makes.
    """
    step = folded.makers.of(value)
    assert step is not None
    signal = folded.normed_from.get(value, step.operands[0])
    steps = folded.makers.between(signal, value, folded.parameters)
    shape = folded.graph.shape(signal)
    taken = [
        one.operation.axes
        for one in steps or ()
        if isinstance(one.operation, Reduce) and folded.graph.shape(one.operands[0]) == shape
    ]
    if steps is None or not taken or len(set(taken)) > 1:
        return None
    noise = np.random.default_rng(0).standard_normal(shape)
    program = program_of(folded.graph, steps, signal)
    plain, shifted = run(program, 1e3 * noise), run(program, 1e3 * noise + 1e3)
    if plain is None or shifted is None:
        return None
    return signal, taken[0], bool(np.allclose(plain, shifted, atol=1e-3 * float(np.max(np.abs(plain)))))
