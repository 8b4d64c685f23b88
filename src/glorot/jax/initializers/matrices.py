"""The laws of whole matrices: orthogonal, and orthogonal at the centre of a kernel."""

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array
from jax.nn.initializers import Initializer
from jax.sharding import NamedSharding, PartitionSpec
from jax.typing import ArrayLike, DTypeLike

from glorot.distributions import Distribution
from glorot.dropins.arguments import Argument, check_axes, letters, name_errors
from glorot.errors import GlorotError
from glorot.jax.initializers.base import OutSharding, RandomInitializer, law_of
from glorot.stream.pieces import Shape
from glorot.text import shape_text


@dataclass(frozen=True, kw_only=True)
class OrthogonalMatrix(RandomInitializer):
    """An initializer whose columns, the slices along one axis, are orthogonal."""

    scale: float
    column_axis: int

    def law(self, shape: Shape) -> Distribution:
        """Return the law of the matrix, which a sign of the scale does not change."""
        return law_of(self.name, self.scale)

    def axes(self, shape: Shape) -> str:
        """Return o for the axis of the columns, and i for every other."""
        check_axes(len(shape) >= 2, shape, "2 or more axes", "; for a bias call zeros")
        return letters(shape, {"column_axis": ("o", (self.column_axis,))}, rest="i")


@dataclass(frozen=True, kw_only=True)
class DeltaOrthogonal(OrthogonalMatrix):
    """An initializer of kernels (*kernel, in, out) that are an orthogonal matrix at the centre, and 0 elsewhere."""

    def _drawn(self, key: Array, shape: Shape, dtype: DTypeLike, out_sharding: OutSharding) -> Array:
        expected = "3, 4 or 5 axes, (*kernel, in, out)"
        check_axes(len(shape) in (3, 4, 5), shape, expected, "; for a matrix call orthogonal")
        *kernel, inputs, outputs = shape
        if inputs > outputs:
            raise GlorotError(
                f"{inputs} inputs do not fit into {outputs} outputs at their full length (shape {shape_text(shape)}); "
                "the last axis must be as long as the one before, or longer"
            )
        matrix = super()._drawn(key, (inputs, outputs), dtype, _of_the_matrix(out_sharding, len(kernel)))
        if 0 in kernel:
            return jnp.zeros(shape, matrix.dtype)
        around = [((extent - 1) // 2, extent // 2) for extent in kernel]
        return jnp.pad(matrix[(None,) * len(kernel)], [*around, (0, 0), (0, 0)])


def _of_the_matrix(sharding: OutSharding, kernel_axes: int) -> OutSharding:
    """Return the sharding of the last two axes."""
    if sharding is None:
        return None
    spec = sharding.spec if isinstance(sharding, NamedSharding) else sharding
    if any(entry is not None for entry in spec[:kernel_axes]):
        raise GlorotError(
            f"out_sharding can split the inputs and the outputs, the last two axes, and not the kernel, got {spec}; "
            "leave such a split to out_shardings of your own jit"
        )
    of_matrix = PartitionSpec(*spec[kernel_axes:])  # type: ignore[no-untyped-call]
    return NamedSharding(sharding.mesh, of_matrix) if isinstance(sharding, NamedSharding) else of_matrix


def orthogonal(scale: ArrayLike = 1.0, column_axis: int = -1, dtype: DTypeLike | None = None) -> Initializer:
    """Build an initializer that draws random orthogonal matrices: they turn signals and leave their length.

    W = scale·Q, QᵀQ = I, or QQᵀ = I where columns outnumber rows; Q is Haar-distributed

    The rows of Q are all axes but the one of the columns, flattened. The matrix is computed in float32 at least and
    rounded once, so bfloat16 and float16 work. Under sharding it is computed whole on each device, and is equal
    to 1e-5, not bit for bit.

    Args:
        scale: factor on Q, 1 by default; 0 makes zeros. Q and -Q are equally likely, so a sign changes nothing.
        column_axis: the axis of the columns, the last by default, as the outputs lie in Flax.
        dtype: float32, bfloat16, float16, float8, or under x64 float64, where a call names none; None is JAX's default.

    Returns:
        The initializer, `init(key, shape, dtype, out_sharding)`.

    Raises:
        GlorotError: if |scale| is neither 0 nor in [2⁻⁶⁴, 2⁶⁴]; on the call, if the shape has less than 2 axes or
            not the one of the columns, or a dtype cannot hold the values.

    Example:
        A signal comes out of fifty layers as strong as it went in:

        >>> import jax
        >>> import jax.numpy as jnp
        >>> signal = jnp.ones(16)
        >>> for key in jax.random.split(jax.random.key(0), 50):
        ...     signal = signal @ orthogonal()(key, (16, 16))
        >>> round(float(jnp.linalg.norm(signal)), 2)
        4.0

    References:
        Saxe, McClelland & Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep linear
        neural networks", ICLR, section 3. Mezzadri (2007), "How to generate random matrices from the classical
        compact groups", section 5, for the signs.
    """
    return _of_columns(OrthogonalMatrix, "orthogonal", scale, column_axis, dtype)


def delta_orthogonal(scale: ArrayLike = 1.0, column_axis: int = -1, dtype: DTypeLike | None = None) -> Initializer:
    """Build an initializer of convolutions that turn the channels at each place and mix no places.

    W[centre] = scale·Q, QQᵀ = I, and 0 elsewhere in the kernel; Q is Haar-distributed

    The centre is (size - 1) // 2 along each axis of the kernel.

    Args:
        scale: factor on Q, 1 by default; 0 makes zeros. Q and -Q are equally likely, so a sign changes nothing.
        column_axis: the axis of the columns in the matrix (in, out), the last by default.
        dtype: float32, bfloat16, float16, float8, or under x64 float64, where a call names none; None is JAX's default.

    Returns:
        The initializer, `init(key, shape, dtype, out_sharding)`.

    Raises:
        GlorotError: if |scale| is neither 0 nor in [2⁻⁶⁴, 2⁶⁴]; on the call, if the shape is not (*kernel, in, out)
            of 3 to 5 axes with in ≤ out, the matrix has no such axis, out_sharding splits the kernel, or a dtype
            cannot hold the values.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> kernel = delta_orthogonal()(jax.random.key(0), (3, 4, 8))
        >>> signal = jax.random.normal(jax.random.key(1), (1, 10, 4))
        >>> out = jax.lax.conv_general_dilated(signal, kernel, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC"))
        >>> bool(jnp.allclose(jnp.linalg.norm(out, axis=-1), jnp.linalg.norm(signal, axis=-1), rtol=1e-5))
        True

    References:
        Xiao et al. (2018), "Dynamical Isometry and a Mean Field Theory of CNNs", ICML, section 3 and algorithm 1.
    """
    return _of_columns(DeltaOrthogonal, "delta_orthogonal", scale, column_axis, dtype)


def _of_columns(
    kind: type[OrthogonalMatrix], drop_in: str, scale: ArrayLike, column_axis: int, dtype: DTypeLike | None
) -> Initializer:
    with name_errors(drop_in):
        law_of(drop_in, scale)  # which refuses what it cannot draw
        gain, axis = Argument("scale", scale).number(), Argument("column_axis", column_axis).whole()
        return kind(name=drop_in, dtype=dtype, scale=gain, column_axis=axis)
