"""Filling the leaves of a tree: every part of a stored array in one pass, each device its own share."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.sharding import PartitionSpec, Sharding

from glorot.arrays import is_whole
from glorot.inventory import View
from glorot.inventory.layouts import complete
from glorot.jax.drawing import LawNumbers, cast_once, kind_and_numbers
from glorot.jax.laws import values_of
from glorot.jax.matrices import MATRIX_LAWS, axes_for
from glorot.jax.sharding import mesh_of, sharded
from glorot.jax.words import Pair, Place, Walk, inside, row_major, walk_through, words_at
from glorot.plans import Assignment
from glorot.stream.pieces import Shape


class Patch(NamedTuple):
    """One part of a stored array, without the numbers of its law and its key.

    Attributes:
        law: the kind of its law.
        part: its own shape, its axes as the law takes them, and its view, for a whole-matrix law; else None.
        walk: how its index goes through the array.
    """

    law: str
    part: tuple[Shape, str, View | None] | None
    walk: Walk


class Numbers(NamedTuple):
    """What the compiled function takes as arguments: for each patch its key and the numbers of its law."""

    keys: tuple[np.ndarray[Any, Any], ...]
    laws: tuple[LawNumbers, ...]
    current: Any


def filled(
    current: Any, assignments: Sequence[Assignment], dtype: np.dtype[Any], out_sharding: Sharding | PartitionSpec | None
) -> Array:
    """Return an array of some shape with its parts drawn.

    Args:
        current: the array, abstract or not, whose shape the result has; what is not assigned keeps its values.
        assignments: the parts that lie in it.
        dtype: the dtype of the result.
        out_sharding: where the result shall lie; None leaves it to the caller's `jit`.
    """
    shape = tuple(current.shape)
    patches = tuple(_patch(shape, assignment) for assignment in assignments)
    keys = tuple(np.array(assignment.key, np.uint32) for assignment in assignments)
    numbers = tuple(kind_and_numbers(assignment.distribution)[1] for assignment in assignments)
    kept = None if is_whole(shape, assignments) else current
    arguments = Numbers(keys, numbers, kept)
    with mesh_of(out_sharding):
        drawn: Array = _filled(arguments, shape=shape, patches=patches, dtype=dtype, sharding=out_sharding)
    return drawn


def _patch(shape: Shape, assignment: Assignment) -> Patch:
    part, distribution, _ = assignment
    kind, _ = kind_and_numbers(distribution)
    matrix = (part.shape, axes_for(distribution, part.axes), part.view) if kind in MATRIX_LAWS else None
    return Patch(kind, matrix, walk_through(shape, part.view))


@functools.partial(jax.jit, static_argnames=("shape", "patches", "dtype", "sharding"))
def _filled(
    numbers: Numbers,
    *,
    shape: Shape,
    patches: tuple[Patch, ...],
    dtype: np.dtype[Any],
    sharding: Sharding | PartitionSpec | None,
) -> Array:
    def values(numbers: Numbers) -> Array:
        insides = [inside(patch.walk) for patch in patches]
        drawn = _elementwise(numbers, patches, insides, shape)
        for patch, key, law in zip(patches, numbers.keys, numbers.laws, strict=True):
            if patch.part is not None:
                drawn = _with_matrix(drawn, patch, key, law, shape)
        new = cast_once(drawn, dtype)
        return new if numbers.current is None else jnp.where(_any(insides), new, numbers.current)

    return sharded(values, numbers, sharding)


def _any(insides: Sequence[Array | bool]) -> Array | bool:
    return functools.reduce(lambda a, b: a | b, insides)


def _elementwise(numbers: Numbers, patches: Sequence[Patch], insides: Sequence[Array | bool], shape: Shape) -> Array:
    """Draw every part whose law draws element by element: all words once, and each kind of law once."""
    drawn = jnp.zeros(shape, jnp.float32)
    chosen = [n for n, patch in enumerate(patches) if patch.part is None]
    if not chosen:
        return drawn
    insides = [insides[n] for n in chosen]
    indices = [row_major(patches[n].walk) for n in chosen]
    index = Pair(_select(insides, [i.low for i in indices]), _select(insides, [i.high for i in indices]))
    keys = [jnp.asarray(numbers.keys[n]) for n in chosen]
    key = _select(insides, [k[0] for k in keys]), _select(insides, [k[1] for k in keys])
    words = functools.cache(functools.partial(words_at, key, index))
    for kind in dict.fromkeys(patches[n].law for n in chosen):
        mine = [place for place, n in enumerate(chosen) if patches[n].law == kind]
        here = [insides[place] for place in mine]
        settings = zip(*(numbers.laws[chosen[place]] for place in mine), strict=True)
        values = values_of(kind, words, [_select(here, list(setting)) for setting in settings])
        drawn = values if len(mine) == len(chosen) else jnp.where(_any(here), values, drawn)
    return drawn


def _select(insides: Sequence[Array | bool], values: Sequence[Any]) -> Any:
    """Return for each element the value of the part that it lies in; any value elsewhere."""
    selected = values[0]
    for is_inside, value in zip(insides[1:], values[1:], strict=True):
        selected = jnp.where(is_inside, value, selected)
    return selected


def _with_matrix(drawn: Array, patch: Patch, key: Any, law: Sequence[Any], shape: Shape) -> Array:
    """Put a matrix, which is drawn whole, where it belongs."""
    assert patch.part is not None
    part_shape, axes, view = patch.part
    place = Place(part_shape, tuple((0, size) for size in part_shape), tuple(range(len(part_shape))))
    pair = jnp.asarray(key)[0], jnp.asarray(key)[1]
    matrix = MATRIX_LAWS[patch.law](pair, place, axes, *law)
    full = complete(view, shape)
    unfolded = jnp.flip(matrix.reshape(full.extents), full.flip).transpose(np.argsort(full.order))
    starts, stops = zip(*full.box, strict=True)
    if full.cut != tuple((0, size) for size in full.unfold):
        around = lax.slice(drawn, starts, stops).reshape(full.unfold)
        unfolded = lax.dynamic_update_slice(around, unfolded, [start for start, _ in full.cut])
    extents = [stop - start for start, stop in full.box]
    return lax.dynamic_update_slice(drawn, unfolded.reshape(extents), starts)
