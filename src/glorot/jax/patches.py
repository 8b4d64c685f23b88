"""Patches: the parts of an array as a compiled function knows them, and the numbers that it is given for each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from glorot.distributions import Distribution
from glorot.inventory import View
from glorot.inventory.layouts import complete
from glorot.jax.laws import Number
from glorot.jax.matrices import MATRIX_LAWS, axes_for
from glorot.jax.words import Place, Walk, walk_of, walk_through
from glorot.plans import Assignment
from glorot.stream.philox import Key
from glorot.stream.pieces import Shape, row_major_steps
from glorot.stream.spec import law_of

KEY_WORDS, LAW_WORDS = 2, 8
NUMBERS = {"constant": 1, "uniform": 4, "normal": 2, "truncated_normal": 8, "sparse_normal": 2} | dict.fromkeys(
    MATRIX_LAWS, 1
)
"""How many numbers each kind of law has; a sparse one has a whole number besides."""

Words = np.ndarray[Any, np.dtype[np.uint32]]


class Matrix(NamedTuple):
    """A part whose law draws it as a whole.

    Attributes:
        shape: its own shape.
        axes: its axes, as the law takes them.
        view: where in the array it lies.
    """

    shape: Shape
    axes: str
    view: View | None


class Patch(NamedTuple):
    """One part of an array, without its key and the numbers of its law.

    Attributes:
        law: the kind of its law.
        matrix: the part, where its law draws it as a whole; else None.
        walk: how its index goes through the array.
        view: where in the array it lies.
        first: the index of the first element that the view finds.
        steps: by how much the index grows along each axis that the view finds.
    """

    law: str
    matrix: Matrix | None
    walk: Walk
    view: View | None
    first: int
    steps: Shape


def patch_of(shape: Shape, assignment: Assignment) -> Patch:
    """Return the patch that a part is of a stored array of some shape."""
    part, distribution, _ = assignment
    kind = kind_of(distribution)
    matrix = Matrix(part.shape, axes_for(distribution, part.axes), part.view) if kind in MATRIX_LAWS else None
    steps = row_major_steps(complete(part.view, shape).extents)
    return Patch(kind, matrix, walk_through(shape, part.view), part.view, 0, steps)


def patch_at(place: Place, distribution: Distribution, axes: str | None) -> Patch:
    """Return the one patch that a box of a part is, with the axes of a part whose law draws it as a whole."""
    kind = kind_of(distribution)
    matrix = Matrix(place.shape, axes_for(distribution, axes or ""), None) if kind in MATRIX_LAWS else None
    lies_in, walk = tuple(place.order.index(axis) for axis in range(len(place.order))), walk_of(place)
    return Patch(kind, matrix, walk, View(order=lies_in), walk.first, row_major_steps(place.shape))


def kind_of(distribution: Distribution) -> str:
    """Return the kind of a law, which a function is compiled for."""
    if distribution.law in MATRIX_LAWS:
        return distribution.law
    law = law_of(distribution)
    return f"sparse_{law.kind}" if law.is_sparse else law.kind


def law_words(distribution: Distribution) -> Words:
    """Return the numbers of a law, as the bits that a compiled function takes."""
    words = np.zeros(LAW_WORDS, np.uint32)
    if distribution.law in MATRIX_LAWS:
        numbers, kept = [distribution.gain], None  # type: ignore[attr-defined]
    else:
        law = law_of(distribution)
        numbers, kept = list(law.numbers), law.kept if law.is_sparse else None
    words[: len(numbers)] = np.array(numbers, np.float32).view(np.uint32)
    if kept is not None:
        words[len(numbers)] = kept
    return words


def settings_of(keys: Sequence[Key], distributions: Sequence[Distribution]) -> Words:
    """Return the settings of patches, a row for each: its key, and the numbers of its law."""
    rows = [np.array([*key, *law_words(law)], np.uint32) for key, law in zip(keys, distributions, strict=True)]
    return np.stack(rows)


def key_in(setting: Array) -> tuple[Array, Array]:
    """Return the key in a row of settings."""
    return lax.index_in_dim(setting, 0, keepdims=False), lax.index_in_dim(setting, 1, keepdims=False)


def numbers_in(setting: Array, kind: str) -> list[Number]:
    """Return the numbers of a law in a row of settings."""
    last = KEY_WORDS + NUMBERS[kind]
    words = [lax.index_in_dim(setting, place, keepdims=False) for place in range(KEY_WORDS, last)]
    numbers: list[Number] = [lax.bitcast_convert_type(word, jnp.float32) for word in words]
    return [*numbers, lax.index_in_dim(setting, last, keepdims=False)] if kind.startswith("sparse_") else numbers
