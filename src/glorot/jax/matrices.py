"""The whole-matrix laws on JAX: a box of a matrix, or of the slices of a kernel."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.scipy.linalg import solve_triangular

from glorot.distributions import Distribution, Normal, PositiveUnitball, Uniform
from glorot.jax.laws import Number, normal, uniform
from glorot.jax.words import Place, row_major, walk_of, words_at
from glorot.stream.matrix import bilinear_kernel, slice_axes
from glorot.stream.pieces import Box
from glorot.stream.reflections import block_of
from glorot.stream.spec import law_of

NORMAL, UNIFORM = (tuple(map(np.float32, law_of(law).numbers)) for law in (Normal(), Uniform(0, 1)))


def axes_for(distribution: Distribution, axes: str) -> str:
    """Return the axes of a part as the function of its law takes them."""
    return slice_axes(distribution.each, axes) if isinstance(distribution, PositiveUnitball) else axes


def identity(_: tuple[Array, Array], place: Place, axes: str, gain: Number) -> Array:
    """Return gain where output = input channel at the centre of the kernel, and zero elsewhere."""
    steps = {
        axis: lax.broadcasted_iota(jnp.int32, place.extents, position) for position, axis in enumerate(place.order)
    }
    starts = [start for start, _ in place.box]
    out_axis, in_axis = axes.index("o"), axes.index("i")
    chosen = steps[out_axis] - steps[in_axis] == _within_int32(starts[in_axis] - starts[out_axis])
    for axis, letter in enumerate(axes):
        if letter == "k":
            chosen &= steps[axis] == _within_int32(place.shape[axis] // 2 - starts[axis])
    return jnp.where(chosen, gain, np.float32(0))


def _within_int32(number: int) -> np.int32:
    """Return the number, or the most negative one, which no difference of two steps is, for one out of reach."""
    return np.int32(number if abs(number) < 2**31 else -(2**31))


def orthogonal(key: tuple[Array, Array], place: Place, axes: str, gain: Number) -> Array:
    """Return gain · Q, one Q for each batch index, where Q is out × everything summed over."""
    shape, _, order = place
    drawn = _whole(place, axes)
    batch = [axis for axis, letter in enumerate(axes) if letter == "b"]
    matrix = [axes.index("o"), *(axis for axis, letter in enumerate(axes) if letter in "ik")]
    words = words_at(key, row_major(walk_of(Place(shape, drawn, (*batch, *matrix)))))
    rows, *columns = words.shape[len(batch) :]
    stack = normal(words, *NORMAL).reshape(*words.shape[: len(batch)], rows, math.prod(columns))
    whole = (gain * haar(stack)).astype(jnp.float32).reshape(words.shape).transpose(np.argsort([*batch, *matrix]))
    return _cut(whole, place, drawn).transpose(order)


def _whole(place: Place, axes: str) -> Box:
    """Return the box of the matrices, one for each index along the axes b, that a box of a part is cut from."""
    return tuple(cut if letter == "b" else (0, n) for letter, cut, n in zip(axes, place.box, place.shape, strict=True))


def _cut(values: Array, place: Place, drawn: Box) -> Array:
    return values[tuple(slice(lo - start, hi - start) for (lo, hi), (start, _) in zip(place.box, drawn, strict=True))]


def unitball(key: tuple[Array, Array], place: Place, axes: str, gain: Number) -> Array:
    """Return gain times uniform numbers, each slice divided by its sum: one for each index along the axes b."""
    drawn = _whole(place, axes)
    words = words_at(key, row_major(walk_of(Place(place.shape, drawn, tuple(range(len(axes)))))))
    along = tuple(axis for axis, letter in enumerate(axes) if letter != "b")
    values = uniform(words, *UNIFORM)
    values = jnp.where(values.any(along, keepdims=True), values, np.float32(1))
    with jax.enable_x64(True):  # XLA has binary64 whether or not JAX shows it, and a long sum needs it
        total = values.astype(np.float64).sum(along, keepdims=True)
        values = (values * (gain / total)).astype(np.float32)
    return _cut(values, place, drawn).transpose(place.order)


def bilinear(_: tuple[Array, Array], place: Place, axes: str, gain: Number) -> Array:
    """Return gain times the kernel of bilinear interpolation in every slice of the two axes k."""
    shape, box, order = place
    first, second = (axis for axis, letter in enumerate(axes) if letter == "k")
    kernel = bilinear_kernel((box[first], box[second]), shape[first]).astype(np.float32)
    extents = [hi - lo for lo, hi in box]
    sides = [n if letter == "k" else 1 for letter, n in zip(axes, extents, strict=True)]
    return jnp.broadcast_to(gain * jnp.asarray(kernel.reshape(sides)), extents).transpose(order)


def haar(normals: Array) -> Array:
    """Return Haar-distributed (semi-)orthogonal matrices: `glorot.stream.reflections.haar` in `jax.numpy`.

    The same blocks of the same reflections, in float64 under x64 and else in float32. Each block goes over the
    whole matrix, which is up to three times the work, but one loop for all compiles several times faster.
    """
    if normals.shape[-2] < normals.shape[-1]:
        return haar(normals.mT).mT
    v, signs = _reflections(normals.astype(jnp.result_type(float)))
    *stack, rows, count = v.shape
    block = max(block_of(count), 1)
    blocks = -(-count // block)
    padded = jnp.pad(v, [(0, 0)] * (v.ndim - 1) + [(0, blocks * block - count)])
    panels = jnp.moveaxis(padded.reshape(*stack, rows, blocks, block), -2, 0)
    diagonal = -signs[..., None, :] * jnp.eye(rows, count, dtype=v.dtype)
    return lax.scan(_reflected, diagonal, panels, reverse=True)[0]


def _reflections(normals: Array) -> tuple[Array, Array]:
    """Return the vectors of the reflections that the columns of a lower trapezoid give, and their signs."""
    v = jnp.tril(normals)
    head = jnp.diagonal(v, axis1=-2, axis2=-1)
    norm = jnp.sqrt((v * v).sum(-2))
    signs = jnp.where(head < 0, jnp.full_like(head, -1), 1)
    v = v + (signs * norm)[..., None, :] * jnp.eye(v.shape[-2], v.shape[-1], dtype=v.dtype)
    return v / jnp.sqrt((norm + abs(head)) * norm)[..., None, :], signs


def _reflected(q: Array, v: Array) -> tuple[Array, None]:
    """Apply a block of reflections, I - V T Vᵀ with T⁻¹ = I + striu(VᵀV)."""
    upper = jnp.triu(_product(v.mT, v), 1) + jnp.eye(v.shape[-1], dtype=v.dtype)
    return q - _product(v, solve_triangular(upper, _product(v.mT, q))), None


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)


MATRIX_LAWS: dict[str, Callable[..., Array]] = {
    "orthogonal": orthogonal,
    "identity": identity,
    "positive_unitball": unitball,
    "bilinear": bilinear,
}
