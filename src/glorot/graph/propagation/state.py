"""States: what is known of a value of a graph in a wide model, and how well."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glorot.graph.propagation.rows import Rows

Array = NDArray[np.float64]


class UnknownError(Exception):
    """Nothing can be said of a value, for a reason."""


@dataclass(frozen=True)
class Grade:
    """How well a figure is known.

    Attributes:
        kind: measured; exact as the width grows; approximate; or none.
        why: the step that makes it approximate, or the reason why there is none.
        error: of an approximate one, the relative error of its standard deviation, measured beforehand for that kind.
    """

    kind: Literal["measured", "exact", "approximate", "none"]
    why: str = ""
    error: float = 0.0

    def __str__(self) -> str:
        told = f"{self.kind}: {self.why}" if self.why else self.kind
        return f"{told} (±{100 * self.error:.0f} %)" if self.error else told


EXACT = Grade("exact")
ERRORS = {
    "a signal that is not normal enters a function": 0.1,
    "positions are joined into blocks": 0.1,
    "the largest of several positions": 0.05,
    "a mean over windows with padding": 0.2,
    "attention, by samples of its scores": 0.05,
    "a softmax of features, by samples": 0.05,
    "the same weights come again": 0.1,
    "two turns of a loop stand for all": 0.1,
    "a border copies what lies elsewhere": 0.03,
}
"""What makes a prediction approximate, and the error that was measured beforehand for it."""


def approximate(why: str) -> Grade:
    """Return the grade of a figure that a kind of step makes approximate."""
    return Grade("approximate", why, ERRORS[why])


def worst(*grades: Grade) -> Grade:
    """Return the grade of what is made of several: the first of the least certain."""
    return max(grades, key=lambda grade: (grade.kind == "approximate", grade.error), default=EXACT)


@dataclass(frozen=True, eq=False)
class State:
    """Moments of a value, row by row; the features of a row are alike, and independent of each other.

    Attributes:
        rows: which row each element belongs to.
        mean: E x.
        square: E x².
        pairs: E x x′ of two rows at the same feature; on the diagonal of two different positions of one row, and of a
            row that is a single position its square.
        grade: how well this is known.
        normal: whether each element is normal as the width grows.
        root: the value whose fluctuations it passes on; sums of two of one root are not of independent signals.
        kin: the value that it holds some features of.
    """

    rows: Rows
    mean: Array
    square: Array
    pairs: Array
    grade: Grade = EXACT
    normal: bool = True
    root: int = -1
    kin: int = -1

    def taken(self, index: NDArray[Any], rows: Rows) -> "State":
        """Return a state whose rows are these, in another order, or several times."""
        return State(
            rows, self.mean[index], self.square[index], self.pairs[np.ix_(index, index)], self.grade, self.normal,
            self.root, self.kin,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Gradient:
    """Moments of the gradient that reaches a value: its mean is 0.

    Attributes:
        square: E g² of an element, row by row.
        pairs: E g g′ of two rows at the same feature, as in a state.
        grade: how well this is known.
        summed: the axes of the value along which its elements are copies, and this is the sum over all of them.
    """

    square: Array
    pairs: Array
    grade: Grade = EXACT
    summed: frozenset[int] = frozenset()

    def __add__(self, other: "Gradient") -> "Gradient":
        square, pairs = self.square + other.square, self.pairs + other.pairs
        return Gradient(square, pairs, worst(self.grade, other.grade), self.summed & other.summed)
