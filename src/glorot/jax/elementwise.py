"""What laws draw element by element, in the operations of XLA, which every device has."""

import functools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from glorot.jax.laws import values_of
from glorot.jax.patches import Patch, key_in, numbers_in
from glorot.jax.words import Pair, inside, row_major, words_at
from glorot.stream.pieces import Shape


def elementwise(settings: Array, patches: Sequence[Patch], shape: Shape) -> Array:
    """Draw every part whose law draws element by element: all words once, and each kind of law once.

    Args:
        settings: the row of each patch.
        patches: the patches, those of whole matrices among them, which are left out.
        shape: the shape of the array.
    """
    drawn = jnp.zeros(shape, jnp.float32)
    chosen = [n for n, patch in enumerate(patches) if patch.matrix is None]
    if not chosen:
        return drawn
    rows = [lax.index_in_dim(settings, n, keepdims=False) for n in chosen]
    insides = [inside(patches[n].walk) for n in chosen]
    indices = [row_major(patches[n].walk) for n in chosen]
    index = Pair(_select(insides, [i.low for i in indices]), _select(insides, [i.high for i in indices]))
    keys = [key_in(row) for row in rows]
    key = _select(insides, [k[0] for k in keys]), _select(insides, [k[1] for k in keys])
    words = functools.cache(functools.partial(words_at, key, index))
    for kind in dict.fromkeys(patches[n].law for n in chosen):
        mine = [place for place, n in enumerate(chosen) if patches[n].law == kind]
        here = [insides[place] for place in mine]
        numbers = zip(*(numbers_in(rows[place], kind) for place in mine), strict=True)
        values = values_of(kind, words, [_select(here, list(number)) for number in numbers])
        drawn = values if len(mine) == len(chosen) else jnp.where(any_of(here), values, drawn)
    return drawn


def any_of(insides: Sequence[Array | bool]) -> Array | bool:
    """Tell of each element whether it lies in some part."""
    return functools.reduce(lambda a, b: a | b, insides)


def _select(insides: Sequence[Array | bool], values: Sequence[Any]) -> Any:
    """Return for each element the value of the part that it lies in; any value elsewhere."""
    selected = values[0]
    for is_inside, value in zip(insides[1:], values[1:], strict=True):
        selected = jnp.where(is_inside, value, selected)
    return selected


def cast_once(values: Array, dtype: np.dtype[Any]) -> Array:
    """Round to the dtype, for good: the bits pass through integers, which stops XLA from taking a cast back."""
    values = values.astype(dtype)
    if dtype.itemsize != 2:
        return values
    bits = lax.bitcast_convert_type(values, jnp.uint16)
    infinity = np.array(-np.inf, dtype).view(np.uint16)  # no finite number has larger bits
    return lax.bitcast_convert_type(lax.min(bits, jnp.full_like(bits, infinity)), dtype)
