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

LEAKS = 1e-6
"""The share of a gradient from which on it is more than rounding."""

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


def first_alone(shape: Sequence[int]) -> Values:
    """Return weights of outputs, the examples first, that choose the first example and tell its units apart."""
    weights = np.zeros(shape)
    weights[:1] = np.linspace(1, 2, weights[:1].size).reshape(weights[:1].shape)
    return weights


def check_apart(gradient: Values) -> None:
    """Check that no example of a batch changes what becomes of another.

    Args:
        gradient: that of the outputs with the weights of `first_alone`, with respect to the batch.

    Raises:
        GlorotError: if the outputs of the first example depend on another one.

    Example:
        >>> check_apart(np.array([[1.0, 2.0], [0.0, 0.0]]))
    """
    sizes = np.abs(gradient)
    if sizes[1:].size and sizes[1:].max() > LEAKS * sizes.max():
        raise GlorotError(
            "a Jacobian is taken of each example by itself, and here the outputs of one depend on others, as those of "
            "a batch norm in training mode do; run the model in inference mode: model.eval() in PyTorch, no "
            "training=True in Keras and Linen, use_running_average=True in NNX"
        )


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
