"""The law whose variance goes by a fan, of which Xavier's, He's and LeCun's are cases."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike

from glorot.distributions import Constant, Distribution
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.jax.initializers.base import RandomInitializer, axis_numbers, number, told_by
from glorot.jax.initializers.fans import Axes, fans_of
from glorot.schemes import variance
from glorot.stream.pieces import Shape

MODES: dict[str, Callable[[Fans], float]] = {
    **variance.MODES,
    "fan_geo_avg": lambda fans: math.sqrt(fans.fan_in * fans.fan_out),
}


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
        fans = fans_of(shape, self.in_axis, self.out_axis, self.batch_axis)
        if self.scale == 0 or 0 in shape:
            return Constant(0.0)
        return variance.of_variance(self.scale / MODES[self.mode](fans), self.distribution)


def variance_scaling(
    scale: ArrayLike,
    mode: Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"],
    distribution: Literal["truncated_normal", "normal", "uniform"],
    in_axis: int | Sequence[int] = -2,
    out_axis: int | Sequence[int] = -1,
    batch_axis: int | Sequence[int] = (),
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
    in_axis: int | Sequence[int],
    out_axis: int | Sequence[int],
    batch_axis: int | Sequence[int],
    dtype: DTypeLike | None,
) -> Initializer:
    """Return the initializer, once its arguments are known to be right; `name` is the function that was called."""
    with told_by(name):
        factor = number("scale", scale)
        if not 0 <= factor < math.inf:
            raise GlorotError(f"scale must be a finite number from 0 upwards, got {factor:g}")
        for what, given, known in (
            ("mode", mode, tuple(MODES)),
            ("distribution", distribution, variance.DISTRIBUTIONS),
        ):
            if given not in known:
                raise GlorotError(f"{what} must be one of {', '.join(known)}, got {given!r}")
        return VarianceScaling(
            name=name,
            dtype=dtype,
            scale=factor,
            mode=mode,
            distribution=distribution,
            in_axis=axis_numbers("in_axis", in_axis),
            out_axis=axis_numbers("out_axis", out_axis),
            batch_axis=axis_numbers("batch_axis", batch_axis),
        )
