"""What the random initializers share: from a JAX key and a shape to numbers of the stream."""

import contextlib
import operator
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import NamedSharding, PartitionSpec
from jax.typing import ArrayLike, DTypeLike

from glorot.distributions import Distribution
from glorot.errors import GlorotError
from glorot.jax.drawing import draw
from glorot.stream.checks import checked_shape
from glorot.stream.pieces import Shape

OutSharding = NamedSharding | PartitionSpec | None


@dataclass(frozen=True, kw_only=True)
class RandomInitializer(ABC):
    """A function of a key and a shape that draws.

    It is compared, hashed, printed and pickled by its arguments, so two Linen modules that are built alike are
    equal, and `jax.jit` compiles for them once.

    Attributes:
        name: the function that made it, for messages.
        dtype: of what it makes where a call names none; None is JAX's default, float32, or float64 under x64.
    """

    name: str = field(repr=False, compare=False)
    dtype: DTypeLike | None = None

    def __call__(
        self,
        key: Array,
        shape: Sequence[int],
        dtype: DTypeLike | None = None,
        out_sharding: OutSharding = None,
    ) -> Array:
        """Return an array of a shape, drawn from a key.

        Args:
            key: a key of `jax.random`, typed or raw, traced or not; for several use `jax.vmap`.
            shape: the shape of the whole array, however it is sharded.
            dtype: float32, bfloat16, float16, float8, or under x64 float64; None is the initializer's own.
            out_sharding: where the array shall lie; a bare PartitionSpec needs a mesh from `jax.set_mesh`.
        """
        with told_by(self.name):
            extents = checked_shape((shape,) if isinstance(shape, int) else shape)
            return self._drawn(key, extents, _float_dtype(self.dtype if dtype is None else dtype), out_sharding)

    @abstractmethod
    def law(self, shape: Shape) -> Distribution:
        """Return the law of an array of a shape."""

    def axes(self, shape: Shape) -> str | None:
        """Return a letter for each axis, which only the whole-matrix laws need."""
        return None

    def _drawn(self, key: Array, shape: Shape, dtype: DTypeLike, out_sharding: OutSharding) -> Array:
        return draw(key, self.law(shape), shape, self.axes(shape), dtype, out_sharding=out_sharding)


@contextlib.contextmanager
def told_by(name: str) -> Iterator[None]:
    """Begin what is refused inside with the name of the function that the user called."""
    try:
        yield
    except GlorotError as error:
        raise GlorotError(f"{name}: {error}") from error


def number(name: str, value: ArrayLike) -> float:
    """Return an argument as a number; like JAX, take an array of one element for its element."""
    if isinstance(value, jax.core.Tracer):
        raise GlorotError(
            f"{name} must be known when the function is compiled, got a traced value; "
            "compute it with NumPy or math, not jax.numpy, or pass 1 for it and multiply the array"
        )
    given: Any = value
    if isinstance(value, Array | np.ndarray | np.generic) and value.size == 1:
        given = value.item()
    if isinstance(given, bool) or not isinstance(given, Real):
        raise GlorotError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    try:
        return float(given)
    except OverflowError as error:
        raise GlorotError(f"{name} must lie within ±1.8e308, got a longer whole number") from error


def axis_numbers(name: str, axes: int | Sequence[int]) -> tuple[int, ...]:
    """Return one axis or several as a tuple."""
    with contextlib.suppress(TypeError):
        return tuple(map(operator.index, axes if isinstance(axes, Sequence | np.ndarray) else (axes,)))
    raise GlorotError(f"{name} must be a whole number or a sequence of them, got {axes!r}")


def _float_dtype(dtype: DTypeLike | None) -> DTypeLike:
    """Return the dtype to draw in; `draw` checks it."""
    return jnp.result_type(float) if dtype is None or dtype is float else dtype
