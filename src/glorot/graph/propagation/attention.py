"""Attention: scores of queries and keys, their softmax, and what it takes of the values, by samples of the scores."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from glorot.graph.propagation.rows import Rows
from glorot.graph.propagation.state import EXACT, Array, Grade, Gradient, State, UnknownError, approximate, worst

Labels = NDArray[np.intp]

WHY = "attention, by samples of its scores"
COST = 4e9
"""Multiplications that the samples of one attention layer may take."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Products of queries and keys over features; row by row of each example.

    Attributes:
        queries: the state of the queries.
        keys: the state of the keys.
        rows: (examples, positions) the rows of the queries.
        met: (examples, positions) the rows of the keys.
        features: how many features are summed.
        factor: what the sums are multiplied by.
        mask: (positions of queries, positions of keys) what is added; -inf hides.
        grade: how well they are known.
    """

    queries: State
    keys: State
    rows: Labels
    met: Labels
    features: float
    factor: float = 1.0
    mask: Array | None = None
    grade: Grade = EXACT

    @property
    def variance(self) -> float:
        """The mean variance of a score."""
        return (
            self.factor**2
            * self.features
            * float(np.mean(self.queries.square[self.rows]) * np.mean(self.keys.square[self.met]))
        )

    @property
    def moments(self) -> tuple[float, float]:
        """The mean and the mean square of all scores."""
        return 0.0, self.variance

    def scaled(self, factor: float) -> "Scores":
        """Return the scores times a number."""
        return replace(self, factor=self.factor * factor)

    def masked(self, mask: Array) -> "Scores":
        """Return the scores with a mask added."""
        return replace(self, mask=mask if self.mask is None else self.mask + mask)


class Shares:
    """The softmax of scores over the keys.

    Attributes:
        scores: what it is the softmax of.
        weights: (samples, examples, queries, keys).
    """

    def __init__(self, scores: Scores) -> None:
        self.scores = scores
        queries, keys = _distinct(scores.rows), _distinct(scores.met)
        self.rows, self.met = scores.rows[queries], scores.met[keys]
        if len(self.rows) != len(self.met):
            raise UnknownError("queries and keys are not of the same examples")
        a, b = _root(scores.queries, self.rows), _root(scores.keys, self.met)
        examples, wide, narrow = len(self.rows), self.rows.shape[1], self.met.shape[1]
        once = 2.0 * a.shape[1] * b.shape[1] * (examples * (wide + narrow))
        count = int(np.clip(COST / max(once, 1), 8, 256))
        noise = np.random.default_rng(0).standard_normal((count, a.shape[1], b.shape[1]))
        size = scores.factor * math.sqrt(scores.features)
        logits = np.stack(
            [
                size * (a[e * wide : (e + 1) * wide] @ noise @ b[e * narrow : (e + 1) * narrow].T)
                for e in range(examples)
            ],
            1,
        )
        if scores.queries.root == scores.keys.root and scores.queries.root >= 0:
            raise UnknownError("a softmax of scores whose queries and keys are one signal")
        if scores.mask is not None:
            logits = logits + _fitted(scores.mask, wide, narrow)
        logits -= logits.max(-1, keepdims=True)
        weights = np.exp(logits)
        self.weights = weights / weights.sum(-1, keepdims=True)

    @property
    def moments(self) -> tuple[float, float]:
        """The mean and the mean square of all shares."""
        return 1 / self.weights.shape[-1], float(np.mean(np.square(self.weights)))

    @property
    def grade(self) -> Grade:
        """How well they are known."""
        return worst(self.scores.grade, approximate(WHY))


def shares_of_features(state: State, count: int) -> Array:
    """Return E p p′ of the softmax over so many independent features, for each pair of rows."""
    centred = replace(state, pairs=state.pairs - np.outer(state.mean, state.mean), square=state.square - state.mean**2)
    root = _root(centred, np.arange(len(state.rows))[None])
    noise, found = np.random.default_rng(0), np.zeros((len(root), len(root)))
    turns = int(np.clip(COST / 20 / (root.size * count), 16, 4096))
    for _ in range(turns):
        values = root @ noise.standard_normal((root.shape[1], count))
        weights = np.exp(values - values.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        found += weights @ weights.T / (count * turns)
    return found


def _distinct(rows: Labels) -> Labels:
    """Return the first of the examples that share their rows."""
    _, first = np.unique(rows, axis=0, return_index=True)
    return np.sort(first)


def _root(state: State, rows: Labels) -> Array:
    """Return a root of the covariance of the rows of all examples."""
    index = rows.ravel()
    covariance = state.pairs[np.ix_(index, index)]
    covariance[np.diag_indices(len(index))] = state.square[index]
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    kept = values > 1e-9 * max(float(values.max(initial=0)), 1e-300)
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))


def _fitted(mask: Array, wide: int, narrow: int) -> Array:
    """Return a mask for the positions that are followed."""
    whole = np.broadcast_to(mask, (*(max(1, n) for n in mask.shape[:-2]), *mask.shape[-2:]))
    if mask.shape[-1] not in (1, narrow) or mask.shape[-2] not in (1, wide):
        raise UnknownError("a mask is added to scores whose positions are joined into blocks")
    return np.asarray(whole.reshape(-1, *whole.shape[-2:])[0])


def mixed(shares: Shares, values: State, met: Labels, rows: Rows) -> State:
    """Return what the shares take of values.

    Args:
        shares: the shares.
        values: the values.
        met: (examples, positions) the rows of the values.
        rows: the rows of the result: those of the queries.
    """
    met = met[_distinct(met)]
    if met.shape != shares.met.shape:
        raise UnknownError("shares and values are not of the same positions")
    size = len(rows)
    square, pairs, mean = np.zeros(size), np.zeros((size, size)), np.zeros(size)
    whole = values.pairs.copy()
    whole[np.diag_indices(len(whole))] = np.where(values.rows.single, values.square, np.diag(whole))
    count = len(shares.weights)
    index = [np.asarray(line) for line in shares.rows]
    for e, line in enumerate(index):
        own = shares.weights[:, e]
        mean[line] = own.mean(0) @ values.mean[met[e]]
        for other in range(e, len(index)):
            block = whole[np.ix_(met[e], met[other])]
            taken = np.einsum("sij,skj->ik", own @ block, shares.weights[:, other], optimize=True) / count
            pairs[np.ix_(line, index[other])] = taken
            pairs[np.ix_(index[other], line)] = taken.T
    extra = values.square - np.diag(whole)
    for e, line in enumerate(index):
        square[line] = np.mean(np.square(shares.weights[:, e]), 0) @ extra[met[e]]
    square += np.diag(pairs)
    return State(rows, mean, square, pairs, worst(shares.grade, values.grade), True)


def backward(
    shares: Shares, values: State, met: Labels, gradient: Gradient, features: float
) -> tuple[Gradient, Gradient, Gradient]:
    """Return what reaches queries, keys and values through attention.

    Args:
        shares: the shares.
        values: the state of the values.
        met: (examples, positions) the rows of the values.
        gradient: what reaches the result, in the rows of the queries.
        features: how many features each value has.
    """
    met = met[_distinct(met)]
    scores = shares.scores
    sizes = len(scores.queries.rows), len(scores.keys.rows), len(values.rows)
    found = [(np.zeros(size), np.zeros((size, size))) for size in sizes]
    above = _root(State(scores.queries.rows, gradient.square * 0, gradient.square, gradient.pairs), shares.rows)
    below = _root(values, met)
    examples, wide, narrow = shares.weights.shape[1:]
    noise = np.random.default_rng(1).standard_normal((len(shares.weights), above.shape[1], below.shape[1]))
    reaching = []
    for e in range(examples):  # ∂L/∂shares is a sum over features of gradient times value
        whole = above[e * wide : (e + 1) * wide] @ noise @ below[e * narrow : (e + 1) * narrow].T
        own = shares.weights[:, e]
        reaching.append(own * (whole - np.sum(own * whole, -1, keepdims=True)) * math.sqrt(features))
    factor = scores.factor**2
    keys, queries = (_whole(state) for state in (scores.keys, scores.queries))
    for e in range(examples):
        for other in range(examples):
            at = [(rows[e], rows[other]) for rows in (shares.rows, shares.met, met)]
            made = (
                factor * _through(reaching[e], keys[np.ix_(*at[1])], reaching[other]),
                factor * _through(reaching[e].swapaxes(1, 2), queries[np.ix_(*at[0])], reaching[other].swapaxes(1, 2)),
                _through(
                    shares.weights[:, e].swapaxes(1, 2),
                    gradient.pairs[np.ix_(*at[0])],
                    shares.weights[:, other].swapaxes(1, 2),
                ),
            )
            for (_, pairs), place, block in zip(found, at, made, strict=True):
                pairs[np.ix_(*place)] += block
    grade = worst(gradient.grade, shares.grade)
    first, second, third = (Gradient(np.diag(pairs).copy(), pairs, grade) for _, pairs in found)
    return first, second, third


def _whole(state: State) -> Array:
    whole = state.pairs.copy()
    whole[np.diag_indices(len(whole))] = state.square
    return whole


def _through(left: Array, middle: Array, right: Array) -> Array:
    """Return the mean over samples of left · middle · rightᵀ."""
    return np.asarray(np.einsum("sij,skj->ik", left @ middle, right, optimize=True) / len(left))
