"""What the random initializers share: from a JAX key and a shape to numbers of the stream."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn.initializers import Initializer
from jax.sharding import NamedSharding, PartitionSpec
from jax.typing import ArrayLike, DTypeLike

from glorot.distributions import Distribution
from glorot.dropins.arguments import name_errors
from glorot.dropins.table import JAX
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
        with name_errors(self.name):
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


@dataclass(frozen=True, kw_only=True)
class OneLaw(RandomInitializer):
    """An initializer that draws arrays of every shape from the same law."""

    distribution: Distribution

    def law(self, shape: Shape) -> Distribution:
        """Return the law."""
        return self.distribution


def law_of(drop_in: str, *given: ArrayLike) -> Distribution:
    """Return the law of a row of the table for its arguments."""
    row = JAX[drop_in]
    for name, value in zip(row.arguments, given, strict=True):
        check_known(name, value)
    return row.law_of(*given)


def one_law(drop_in: str, dtype: DTypeLike | None, *given: ArrayLike) -> Initializer:
    """Return the initializer of a row of the table whose law is the same for every shape."""
    with name_errors(drop_in):
        return OneLaw(name=drop_in, dtype=dtype, distribution=law_of(drop_in, *given))


def check_known(name: str, value: ArrayLike) -> None:
    """Raise if an argument is known to a compiled function alone."""
    if isinstance(value, jax.core.Tracer):
        raise GlorotError(
            f"{name} must be known when the function is compiled, got a traced value; "
            "compute it with NumPy or math, not jax.numpy, or pass 1 for it and multiply the array"
        )


def _float_dtype(dtype: DTypeLike | None) -> DTypeLike:
    """Return the dtype to draw in; `draw` checks it."""
    return jnp.result_type(float) if dtype is None or dtype is float else dtype
