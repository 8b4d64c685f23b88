"""The law whose variance goes by a fan, of which Xavier's, He's and LeCun's are cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike

from glorot.distributions import Distribution
from glorot.dropins.arguments import Argument, Axes, fans_of, letters, name_errors
from glorot.dropins.laws import FANS, Scaled
from glorot.dropins.table import JAX
from glorot.jax.initializers.base import RandomInitializer, check_known
from glorot.schemes.variance import DISTRIBUTIONS
from glorot.stream.pieces import Shape

AxisOrAxes = int | Sequence[int]


@dataclass(frozen=True, kw_only=True)
class VarianceScaling(RandomInitializer):
    """An initializer with the variance scale/n, where n is a fan or a mean of both."""

    scale: float
    mode: str
    distribution: str
    in_axis: Axes
    out_axis: Axes
    batch_axis: Axes

    def law(self, shape: Shape) -> Distribution:
        """Return the law for the fans of a shape."""
        named = {"in_axis": ("i", self.in_axis), "out_axis": ("o", self.out_axis), "batch_axis": ("b", self.batch_axis)}
        fans = fans_of(shape, letters(shape, named, rest="k"))
        return Scaled(self.scale, self.mode, self.distribution).for_fans(fans)


def variance_scaling(
    scale: ArrayLike,
    mode: Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"],
    distribution: Literal["truncated_normal", "normal", "uniform"],
    in_axis: AxisOrAxes = -2,
    out_axis: AxisOrAxes = -1,
    batch_axis: AxisOrAxes = (),
    dtype: DTypeLike | None = None,
) -> Initializer:
    """Build an initializer whose variance is inversely proportional to a fan.

    Var(W) = scale/n, n = fan_in, fan_out, (fan_in + fan_out)/2 or √(fan_in·fan_out)

    The fans are JAX's, read off the shape by the axes named here: right for dense layers and convolutions, and not
    for transposed ones and fused matrices. `glorot.plan` counts connections instead.

    Args:
        scale: the factor; 0 makes zeros.
        mode: what n is: "fan_in", "fan_out", "fan_avg" or "fan_geo_avg".
        distribution: "truncated_normal" (cut at 2σ, and corrected so that the variance is exact), "normal" or
            "uniform".
        in_axis: the axis of the inputs, or several; the last but one by default.
        out_axis: the axis of the outputs, or several; the last by default.
        batch_axis: axes along which matrices are stacked, such as experts; none by default. What remains is the
            kernel of a convolution.
        dtype: float32, bfloat16, float16, float8, or under x64 float64, where a call names none; None is JAX's default.

    Returns:
        The initializer, `init(key, shape, dtype, out_sharding)`.

    Raises:
        GlorotError: if scale is negative or a choice is unknown; on the call, if the shape has not the axes named,
            one is named twice, or the dtype cannot hold the values.

    Example:
        Eight experts in one array. An axis of experts that is not named passes for a kernel, and the variance
        comes out eight times too small:

        >>> import jax
        >>> key, shape = jax.random.key(0), (8, 300, 100)
        >>> for batch_axis in (0, ()):
        ...     w = variance_scaling(1.0, "fan_in", "normal", batch_axis=batch_axis)(key, shape)
        ...     print(round(float(w.var() * 300), 2))
        1.0
        0.12

    References:
        `jax.nn.initializers.variance_scaling`. He et al. (2015), "Delving Deep into Rectifiers", ICCV, section 2.2.
    """
    return scaled("variance_scaling", scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)


def scaled(
    name: str,
    scale: ArrayLike,
    mode: str,
    distribution: str,
    in_axis: AxisOrAxes,
    out_axis: AxisOrAxes,
    batch_axis: AxisOrAxes,
    dtype: DTypeLike | None,
) -> Initializer:
    """Return the initializer, once its arguments are known to be right; `name` is the function that was called."""
    with name_errors(name):
        check_known("scale", scale)
        return VarianceScaling(
            name=name,
            dtype=dtype,
            scale=Argument("scale", scale).not_negative(),
            mode=Argument("mode", mode).one_of(FANS),
            distribution=Argument("distribution", distribution).one_of(DISTRIBUTIONS),
            in_axis=Argument("in_axis", in_axis).axes(),
            out_axis=Argument("out_axis", out_axis).axes(),
            batch_axis=Argument("batch_axis", batch_axis).axes(),
        )


def named(
    name: str, in_axis: AxisOrAxes, out_axis: AxisOrAxes, batch_axis: AxisOrAxes, dtype: DTypeLike | None
) -> Initializer:
    """Return the initializer of a row of the table that goes by fans."""
    return scaled(name, *JAX[name].scaled, in_axis, out_axis, batch_axis, dtype)
