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
from glorot.inventory.layouts import complete, split_axes
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


class Digit(NamedTuple):
    """How the index in a part grows along one of the axes that an axis of a result is split into.

    Attributes:
        size: how many steps it has.
        start: the step at which the part begins.
        stop: the step at which it ends.
        stride: by how much the index grows with each; it is negative where the part runs backwards.
    """

    size: int
    start: int
    stop: int
    stride: int


class Axis(NamedTuple):
    """How the index in a part grows along one axis of a result.

    Attributes:
        start: the step at which the part, or the digits that it lies among, begins.
        stop: the step at which it ends.
        digits: what lies here, the outermost first.
    """

    start: int
    stop: int
    digits: tuple[Digit, ...]


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
    axes = tuple(
        Axis(0, extent, (Digit(extent, 0, extent, strides[axis]),))
        for axis, extent in zip(order, place.extents, strict=True)
    )
    return Walk(place.extents, first, math.prod(shape), axes)


def walk_through(shape: Shape, view: View | None) -> Walk:
    """Return the walk through a stored tensor of some shape, in which a part lies as its view says.

    Where the tensor reaches beyond what the view finds, what it returns means nothing.
    """
    full = complete(view, shape)
    strides, first = list(row_major_steps(full.extents)), 0
    for position in full.flip:
        first += (full.extents[position] - 1) * strides[position]
        strides[position] *= -1
    digits = [
        Digit(size, *cut, strides[full.order.index(axis)])
        for axis, (size, cut) in enumerate(zip(full.unfold, full.cut, strict=True))
    ]
    groups = split_axes([stop - start for start, stop in full.box], full.unfold)
    axes = tuple(Axis(*span, tuple(digits[n] for n in group)) for span, group in zip(full.box, groups, strict=True))
    return Walk(shape, first, math.prod(full.extents), axes)


def row_major(walk: Walk) -> Pair:
    """Return the index of each element in the whole part."""
    low, high = (jnp.full(walk.extents, half) for half in _halves(walk.first))
    for position, axis in enumerate(walk.axes):
        steps = _steps(walk, position)
        for place, digit in enumerate(axis.digits):
            if digit.stop - digit.start > 1:
                count = _count(steps, axis, place)
                stride_low, stride_high = _halves(digit.stride)
                offset = count * stride_low
                low = low + offset
                if walk.size > 2**32:
                    carry = (low < offset).astype(jnp.uint32)
                    high = high + high_word(count, stride_low) + count * stride_high + carry
    return Pair(low, high)


def inside(walk: Walk) -> Array | bool:
    """Return for each element of a result whether it belongs to the part."""
    found: Array | bool = True
    for position, axis in enumerate(walk.axes):
        steps = _steps(walk, position)
        if (axis.start, axis.stop) != (0, walk.extents[position]):
            found = found & (steps < U32(axis.stop - axis.start))
        for place, digit in enumerate(axis.digits):
            if (digit.start, digit.stop) != (0, digit.size):
                found = found & (_count(steps, axis, place) < U32(digit.stop - digit.start))
    return found


def _steps(walk: Walk, position: int) -> Array:
    """Return how far each element lies from the start of an axis; before it, numbers beyond its end."""
    steps = lax.broadcasted_iota(jnp.uint32, walk.extents, position)
    start = walk.axes[position].start
    return steps - U32(start) if start else steps


def _count(steps: Array, axis: Axis, place: int) -> Array:
    """Return how far each element lies from the start of a digit; before it, numbers beyond its end."""
    inner = math.prod(digit.size for digit in axis.digits[place + 1 :])
    count = steps if inner == 1 else steps // U32(inner)
    size, start = axis.digits[place][:2]
    count = count if place == 0 else count % U32(size)
    return count - U32(start) if start else count


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
