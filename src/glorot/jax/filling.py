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
from glorot.inventory.layouts import complete
from glorot.jax.elementwise import any_of, cast_once, elementwise
from glorot.jax.kernel import drawn
from glorot.jax.matrices import MATRIX_LAWS
from glorot.jax.patches import Patch, key_in, numbers_in, patch_of, settings_of
from glorot.jax.sharding import mesh_of, sharded
from glorot.jax.words import Place, inside
from glorot.native import chosen
from glorot.plans import Assignment
from glorot.stream.pieces import Shape


class Numbers(NamedTuple):
    """What the compiled function takes as arguments: a row for each patch, and the values that the array has now."""

    settings: Any
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
    patches = tuple(patch_of(shape, assignment) for assignment in assignments)
    settings = settings_of([one.key for one in assignments], [one.distribution for one in assignments])
    numbers = Numbers(settings, None if is_whole(shape, assignments) else current)
    with mesh_of(out_sharding):
        values: Array = _filled(
            numbers, shape=shape, patches=patches, dtype=dtype, sharding=out_sharding, kernel=chosen()
        )
    return values


@functools.partial(jax.jit, static_argnames=("shape", "patches", "dtype", "sharding", "kernel"))
def _filled(
    numbers: Numbers,
    *,
    shape: Shape,
    patches: tuple[Patch, ...],
    dtype: np.dtype[Any],
    sharding: Sharding | PartitionSpec | None,
    kernel: str,
) -> Array:
    def values(numbers: Numbers) -> Array:
        if any(patch.matrix for patch in patches):
            new = cast_once(_with_matrices(numbers.settings, patches, shape), dtype)
        else:
            new = drawn(numbers.settings, patches=patches, shape=shape, dtype=dtype, kernel=kernel)
        if numbers.current is None:
            return new
        return jnp.where(any_of([inside(patch.walk) for patch in patches]), new, numbers.current)

    return sharded(values, numbers, sharding)


def _with_matrices(settings: Array, patches: Sequence[Patch], shape: Shape) -> Array:
    """Draw all parts, and put the matrices, which are drawn whole, where they belong."""
    values = elementwise(settings, patches, shape)
    for number, patch in enumerate(patches):
        if patch.matrix is not None:
            values = _with_matrix(values, patch, lax.index_in_dim(settings, number, keepdims=False), shape)
    return values


def _with_matrix(values: Array, patch: Patch, setting: Array, shape: Shape) -> Array:
    assert patch.matrix is not None
    part_shape, axes, view = patch.matrix
    place = Place(part_shape, tuple((0, size) for size in part_shape), tuple(range(len(part_shape))))
    matrix = MATRIX_LAWS[patch.law](key_in(setting), place, axes, *numbers_in(setting, patch.law))
    full = complete(view, shape)
    unfolded = jnp.flip(matrix.reshape(full.extents), full.flip).transpose(np.argsort(full.order))
    starts, stops = zip(*full.box, strict=True)
    if full.cut != tuple((0, size) for size in full.unfold):
        around = lax.slice(values, starts, stops).reshape(full.unfold)
        unfolded = lax.dynamic_update_slice(around, unfolded, [start for start, _ in full.cut])
    extents = [stop - start for start, stop in full.box]
    return lax.dynamic_update_slice(values, unfolded.reshape(extents), starts)
