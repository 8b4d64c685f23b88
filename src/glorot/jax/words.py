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


class Pair(NamedTuple):
    """A 64-bit number for each element, as its two 32-bit words."""

    low: Array
    high: Array


def row_major(place: Place) -> Pair:
    """Return the index of each element in the whole part."""
    shape, box, order = place
    strides = row_major_steps(shape)
    first = sum(start * stride for (start, _), stride in zip(box, strides, strict=True))
    low, high = (jnp.full(place.extents, half) for half in _halves(first))
    for position, axis in enumerate(order):
        steps = lax.broadcasted_iota(jnp.uint32, place.extents, position)
        stride_low, stride_high = _halves(strides[axis])
        offset = steps * stride_low
        low = low + offset
        if math.prod(shape) > 2**32:
            carry = (low < offset).astype(jnp.uint32)
            high = high + high_word(steps, stride_low) + steps * stride_high + carry
    return Pair(low, high)


def words_at(key: tuple[Array, Array], index: Pair) -> Array:
    """Return the word of each element."""
    block = Pair(index.low >> 2 | index.high << 30, index.high >> 2)
    w0, w1, w2, w3 = philox(key, block)
    is_odd = index.low & 1 == 1
    return jnp.where(index.low & 2 == 0, jnp.where(is_odd, w1, w0), jnp.where(is_odd, w3, w2))


def philox(key: tuple[Array, Array], block: Pair) -> tuple[Array, Array, Array, Array]:
    """Return Philox4x32-10 of the counters (b mod 2³², b div 2³², 0, 0)."""
    k0, k1 = key
    c0, c1, c2, c3 = *block, jnp.zeros_like(block.low), jnp.zeros_like(block.low)
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
    return U32(number % 2**32), U32(number >> 32)
