"""Drawing a part, or a box of it, as a JAX array."""

import contextlib
import functools
import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import PartitionSpec, Sharding
from jax.typing import ArrayLike, DTypeLike

from glorot.distributions import Distribution
from glorot.errors import GlorotError
from glorot.jax import host
from glorot.jax.elementwise import cast_once
from glorot.jax.kernel import drawn
from glorot.jax.matrices import MATRIX_LAWS
from glorot.jax.patches import KEY_WORDS, Patch, key_in, law_words, numbers_in, patch_at
from glorot.jax.sharding import check_place, mesh_of, sharded
from glorot.jax.words import Place
from glorot.native import chosen
from glorot.stream.checks import check_law, checked_box, checked_key, checked_shape
from glorot.stream.elements import EXPECTED, element_of
from glorot.stream.matrix import check_axes
from glorot.stream.philox import Key
from glorot.stream.pieces import Box, Shape

LARGEST_EXTENT = 2**31 - 1  # XLA counts along an axis in 32 bits


def draw(
    key: Key | ArrayLike,
    distribution: Distribution,
    shape: Sequence[int],
    axes: str | None = None,
    dtype: DTypeLike = jnp.float32,
    *,
    box: Sequence[tuple[int, int]] | None = None,
    order: Sequence[int] | None = None,
    out_sharding: Sharding | PartitionSpec | None = None,
) -> Array:
    """Return a part, or a box of it, as a JAX array; it has the bits of `glorot.stream.fill`.

    w[j] = cast(law(word(i))), where i is the row-major index of element j in the *global* shape. Under `jit`
    each device computes what lies on it and nothing else. Alone the laws of whole matrices are no functions of
    words: `Orthogonal` and `PositiveUnitball` are computed from the whole matrix or slice, and these and `Bilinear`
    promise equality to 1e-5.

    Args:
        key: the key of the part's stream from `glorot.stream.key_of`, two uint32 words in an array, traced or
            not, or a key of `jax.random`. Of one with four words (rbg, unsafe_rbg) the first two are taken.
        distribution: the law to draw from.
        shape: the global shape of the part.
        axes: a letter for each axis: b (batch), o (out), i (in), k (kernel). Only the whole-matrix laws
            (`Orthogonal`, `Identity`, `PositiveUnitball`, `Bilinear`) need it.
        dtype: float32, bfloat16, float16, a float8 that has a sign and a zero, or under x64 float64.
        box: (start, stop) along each axis of the shape; None is the whole.
        order: the axes of the part in the order in which the result holds them; None keeps theirs. A part
            of shape (out, in) with order (1, 0) gives a Flax kernel.
        out_sharding: where the result shall lie; a bare PartitionSpec needs a mesh from `jax.set_mesh`. It may
            as well be left to `out_shardings` of your own `jit`.

    Returns:
        An array with the extents of the box, in that order.

    Raises:
        GlorotError: if an argument does not fit.

    Example:
        >>> import jax
        >>> from glorot.distributions import Normal
        >>> from glorot.jax import draw
        >>> from glorot.stream import key_of
        >>> kernel = draw(key_of(0, "layers.0.weight"), Normal(std=0.02), (3, 2), order=(1, 0))
        >>> kernel.shape, kernel.dtype
        ((2, 3), dtype('float32'))
        >>> layers = jax.vmap(lambda key: draw(key, Normal(), (3, 2)))(jax.random.split(jax.random.key(0), 12))
        >>> layers.shape
        (12, 3, 2)

    References:
        J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11, section 3: Philox4x32-10.
    """
    words = _key_words(key)
    part = checked_shape(shape)
    place = Place(part, _checked_extents(checked_box(box, part)), _checked_order(order, part))
    kind = _checked_dtype(dtype)
    check_law(distribution, element_of(kind))
    if distribution.law in MATRIX_LAWS:
        check_axes(distribution, part, axes)
    patch = patch_at(place, distribution, axes)
    check_place("out_sharding", place.extents, out_sharding)
    on_host = host.drawn(words, distribution, place, axes, kind, out_sharding)
    if on_host is not None:
        return on_host
    with mesh_of(out_sharding):
        values: Array = _drawn(
            words,
            law_words(distribution),
            patch=patch,
            place=place,
            dtype=kind,
            out_sharding=out_sharding,
            kernel=chosen(),
        )
    return values


@functools.partial(jax.jit, static_argnames=("patch", "place", "dtype", "out_sharding", "kernel"))
def _drawn(
    key: Array,
    numbers: Array,
    *,
    patch: Patch,
    place: Place,
    dtype: np.dtype[Any],
    out_sharding: Sharding | PartitionSpec | None,
    kernel: str,
) -> Array:
    def values(key: Array) -> Array:
        setting = jnp.concatenate([key[:KEY_WORDS], numbers])
        if patch.matrix is None:
            return drawn(setting[None], patches=(patch,), shape=place.extents, dtype=dtype, kernel=kernel)
        draw_matrix = MATRIX_LAWS[patch.law]
        return cast_once(draw_matrix(key_in(setting), place, patch.matrix.axes, *numbers_in(setting, patch.law)), dtype)

    return sharded(values, key, out_sharding)


def _key_words(key: Key | ArrayLike) -> Array | np.ndarray[Any, Any]:
    """Return the words of a key in an array, of which the first two count."""
    expected = "key must be two uint32 words: from glorot.stream.key_of, in an array, or a key of jax.random"
    if isinstance(key, tuple | list):
        return np.array(checked_key(key), np.uint32)
    if not isinstance(key, Array | np.ndarray):
        raise GlorotError(f"{expected}; got {key!r} ({type(key).__name__})")
    words = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    if words.dtype != jnp.uint32 or words.shape not in ((2,), (4,)):
        raise GlorotError(f"{expected}; got {key.dtype}{list(key.shape)}; for several keys use jax.vmap")
    return words


def _checked_extents(box: Box) -> Box:
    for axis, (start, stop) in enumerate(box):
        if stop - start > LARGEST_EXTENT:
            raise GlorotError(
                f"an array of JAX has fewer than 2**31 elements along an axis, but axis {axis} would have "
                f"{stop - start}; give a smaller box, or a shape with one axis more and the same row-major order"
            )
    return box


def _checked_order(order: Sequence[int] | None, shape: Shape) -> Shape:
    if order is None:
        return tuple(range(len(shape)))
    with contextlib.suppress(TypeError):
        axes = tuple(map(operator.index, order))
        if sorted(axes) == list(range(len(shape))):
            return axes
    raise GlorotError(f"order must name each axis of the shape {shape} once, from 0; got {order!r}")


def _checked_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        kind: np.dtype[Any] = jnp.dtype(dtype)
    except TypeError:
        raise GlorotError(f"dtype must be {EXPECTED}, got {dtype!r}") from None
    element_of(kind)
    if kind == np.float64 and jnp.result_type(float) != kind:
        raise GlorotError("dtype float64 needs x64, as in jax.config.update('jax_enable_x64', True)")
    return kind
