"""The words of the stream in 32-bit arithmetic: indices as pairs, and Philox4x32-10.

Each element computes the block of its own word, though a block holds four. Sharing it needs a reshape that
interleaves the four words: on a CPU XLA takes twice as long over that, and where a shard's last axis is no
multiple of four, it makes the whole axis on every device.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from glorot.inventory import View
from glorot.stream.philox import KEY_STEPS, MULTIPLIERS, ROUNDS
from glorot.stream.pieces import Box, Shape, row_major_steps

U32 = np.uint32
MULTIPLIER_0, MULTIPLIER_1 = (U32(multiplier) for multiplier in MULTIPLIERS)
KEY_STEP_0, KEY_STEP_1 = (U32(step) for step in KEY_STEPS)


class Place(NamedTuple):
    """Where the elements of a result lie in a part.

    Attributes:
        shape: the global shape of the part.
        box: (start, stop) along each axis of the part.
        order: for each axis of the result, the axis of the part that lies there.
    """

    shape: Shape
    box: Box
    order: Shape

    @property
    def extents(self) -> Shape:
        """The shape of the result."""
        return tuple(self.box[axis][1] - self.box[axis][0] for axis in self.order)


class Axis(NamedTuple):
    """How the index in a part grows along one axis of a result.

    Attributes:
        start: the step at which the part begins.
        digits: (size, stride) of each axis of the part that lies here, the outermost first; a stride is negative
            where the part runs backwards.
    """

    start: int
    digits: tuple[tuple[int, int], ...]


class Walk(NamedTuple):
    """How the index in a part goes through a result.

    Attributes:
        extents: the shape of the result.
        first: the index where every axis stands at its start.
        size: the number of elements of the part.
        axes: how the index grows along each axis of the result.
    """

    extents: Shape
    first: int
    size: int
    axes: tuple[Axis, ...]


class Pair(NamedTuple):
    """A 64-bit number for each element, as its two 32-bit words."""

    low: Array
    high: Array


def walk_of(place: Place) -> Walk:
    """Return the walk through a box of a part."""
    shape, box, order = place
    strides = row_major_steps(shape)
    first = sum(start * stride for (start, _), stride in zip(box, strides, strict=True))
    axes = tuple(Axis(0, ((shape[axis], strides[axis]),)) for axis in order)
    return Walk(place.extents, first, math.prod(shape), axes)


def walk_through(shape: Shape, view: View | None) -> Walk:
    """Return the walk through a stored tensor of some shape, in which a part lies as its view says.

    Where the tensor reaches beyond the box of the view, what it returns means nothing.
    """
    view = view or View()
    box = view.box or tuple((0, size) for size in shape)
    sizes = view.unfold or tuple(stop - start for start, stop in box)
    order = view.order or tuple(range(len(sizes)))
    permuted = tuple(sizes[axis] for axis in order)
    strides, first = list(row_major_steps(permuted)), 0
    for position in view.flip:
        first += (permuted[position] - 1) * strides[position]
        strides[position] *= -1
    digits = [(size, strides[order.index(axis)]) for axis, size in enumerate(sizes) if size > 1]
    axes = []
    for start, stop in box:
        here = list[tuple[int, int]]()
        while math.prod(size for size, _ in here) < stop - start:
            here.append(digits.pop(0))
        axes.append(Axis(start, tuple(here)))
    return Walk(shape, first, math.prod(permuted), tuple(axes))


def row_major(walk: Walk) -> Pair:
    """Return the index of each element in the whole part."""
    low, high = (jnp.full(walk.extents, half) for half in _halves(walk.first))
    for position, (start, digits) in enumerate(walk.axes):
        steps = lax.broadcasted_iota(jnp.uint32, walk.extents, position)
        steps = steps - U32(start) if start else steps
        for place, (size, stride) in enumerate(digits):
            inner = math.prod(size for size, _ in digits[place + 1 :])
            digit = steps if inner == 1 else steps // U32(inner)
            digit = digit if place == 0 else digit % U32(size)
            stride_low, stride_high = _halves(stride)
            offset = digit * stride_low
            low = low + offset
            if walk.size > 2**32:
                carry = (low < offset).astype(jnp.uint32)
                high = high + high_word(digit, stride_low) + digit * stride_high + carry
    return Pair(low, high)


def words_at(key: tuple[Array, Array], index: Pair, r: int = 0) -> Array:
    """Return the word of each element: the first one where r is 0, the second for 1."""
    block = Pair(index.low >> 2 | index.high << 30, index.high >> 2)
    w0, w1, w2, w3 = philox(key, block, r)
    is_odd = index.low & 1 == 1
    return jnp.where(index.low & 2 == 0, jnp.where(is_odd, w1, w0), jnp.where(is_odd, w3, w2))


def philox(key: tuple[Array, Array], block: Pair, r: int = 0) -> tuple[Array, Array, Array, Array]:
    """Return Philox4x32-10 of the counters (b mod 2³², b div 2³², r, 0)."""
    k0, k1 = key
    c0, c1, c2, c3 = *block, jnp.full_like(block.low, r), jnp.zeros_like(block.low)
    for _ in range(ROUNDS):
        upper0, upper1 = high_word(c0, MULTIPLIER_0), high_word(c2, MULTIPLIER_1)
        c0, c1, c2, c3 = upper1 ^ c1 ^ k0, c2 * MULTIPLIER_1, upper0 ^ c3 ^ k1, c0 * MULTIPLIER_0
        k0, k1 = k0 + KEY_STEP_0, k1 + KEY_STEP_1
    return c0, c1, c2, c3


def high_word(a: Array, b: np.uint32) -> Array:
    """Return the upper 32 bits of the 64-bit products.

    XLA has 64-bit integers whether or not JAX shows them. `lax.mulhi` does not compile under sharding (JAX 0.10),
    and products of 16-bit halves take twice as long.
    """
    with jax.enable_x64(True):
        product = lax.convert_element_type(a, np.uint64) * np.uint64(b)
        return lax.convert_element_type(product >> np.uint64(32), np.uint32)


def _halves(number: int) -> tuple[np.uint32, np.uint32]:
    return U32(number % 2**32), U32(number // 2**32 % 2**32)
