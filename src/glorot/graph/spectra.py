"""What the singular values of a model's Jacobians need in every framework: where layers end, and Lanczos' method."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError
from glorot.graph.points import Point

EXACT = 512
"""Outputs up to which all singular values are computed."""

LARGEST = 6
"""How many of the largest are computed beyond, by Lanczos' method."""

Values = NDArray[np.float64]
Product = Callable[[Values], Values]
Found = tuple[list[tuple[str, Values, bool]], tuple[Values, bool]]
"""The singular values of each named layer, and whether they are all; and those of the whole model."""


def not_one_tensor() -> GlorotError:
    """Return what is said of a batch that is not one tensor of values."""
    return GlorotError("a Jacobian is taken of one tensor of values, and the batch is something else")


def no_dependence() -> GlorotError:
    """Return what is said of a model whose outputs the batch does not change."""
    return GlorotError("the model's outputs do not depend on the batch, so it has no Jacobian")


def ends_of(points: Sequence[Point]) -> list[tuple[Point, str]]:
    """Return the points that layers end in: the curve after a kernel, or the kernel's output; with the layer's name."""
    curves = {point.of: point for point in points if point.kind == "curve"}
    return [(curves.get(point.value, point), point.name) for point in points if point.kind == "kernel"]


def largest_by_lanczos(sizes: tuple[int, int], applied: Product, transposed: Product) -> Values:
    """Return the largest singular values of a matrix that is known by its products, largest first.

    Args:
        sizes: its rows and columns.
        applied: its product with a vector.
        transposed: that of its transpose.

    Raises:
        GlorotError: if SciPy is not installed.
    """
    try:
        from scipy.sparse.linalg import LinearOperator, svds  # type: ignore[import-untyped]
    except ImportError as error:
        raise GlorotError(f"more than {EXACT} outputs need SciPy, for Lanczos' method; pip install scipy") from error
    if sizes[1] == 1:  # of which Lanczos' method finds none
        return np.array([np.linalg.norm(applied(np.ones(1)))])
    operator = LinearOperator(sizes, matvec=applied, rmatvec=transposed, dtype=np.float64)
    count = min(LARGEST, min(sizes) - 1)
    return np.sort(np.asarray(svds(operator, k=count, return_singular_vectors=False, rng=0)))[::-1]
