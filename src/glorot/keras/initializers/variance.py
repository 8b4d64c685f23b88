"""The general form of Xavier's, He's and LeCun's laws."""

from typing import Any

import keras

from glorot.distributions import Distribution
from glorot.dropins.arguments import Argument, fans_of, name_errors
from glorot.dropins.laws import Scaled
from glorot.dropins.table import Form
from glorot.errors import GlorotError
from glorot.keras.initializers.base import RandomInitializer, serializable
from glorot.keras.initializers.places import Shape, labels
from glorot.schemes.variance import MODES

# Keras's names for the laws, and glorot's; "normal" is truncated in Keras.
DISTRIBUTIONS = {
    "truncated_normal": "truncated_normal",
    "untruncated_normal": "normal",
    "uniform": "uniform",
    "normal": "truncated_normal",
}


class FanInitializer(RandomInitializer, keras.initializers.VarianceScaling):  # type: ignore[misc]
    """An initializer whose variance is inversely proportional to a fan.

    It is one of Keras's `VarianceScaling`, for by that `EinsumDense`, and so `MultiHeadAttention`, tells whom to
    give `input_axes` and `output_axes`.
    """

    def __init__(
        self, scale: float, mode: str, distribution: str, seed: Any, input_axes: Any, output_axes: Any, name: Any
    ) -> None:
        super().__init__(seed, name)
        with name_errors(type(self).__name__):
            self.scale = Argument("scale", scale).above_zero("; for all zeros use Zeros")
            self.mode = Argument("mode", mode).one_of(MODES)
            wanted = distribution.lower() if isinstance(distribution, str) else distribution
            known = Argument("distribution", wanted).one_of(DISTRIBUTIONS)
            self.distribution = "truncated_normal" if known == "normal" else known
            if (input_axes is None) != (output_axes is None):
                raise GlorotError(
                    f"input_axes and output_axes go together, got input_axes={input_axes!r}, "
                    f"output_axes={output_axes!r}; give both, or none to read the fans off the last two axes"
                )
            self.input_axes, self.output_axes = (
                None if axes is None else Argument(argument, axes).axes()
                for argument, axes in (("input_axes", input_axes), ("output_axes", output_axes))
            )

    def law(self, shape: Shape) -> tuple[Distribution, str]:
        """Return the law for the fans of a shape, as Keras counts them."""
        axes = labels(shape, self.input_axes, self.output_axes)
        law = Scaled(self.scale, self.mode, DISTRIBUTIONS[self.distribution])
        return law.for_fans(fans_of(shape, axes)), axes

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        return {**super().get_config(), **{key: axis and list(axis) for key, axis in axes.items()}}


class NamedLaw(FanInitializer):
    """An initializer that goes by fans, and whose law has a row in the table of drop-ins."""

    row: Form

    def __init__(
        self, seed: Any = None, input_axes: Any = None, output_axes: Any = None, name: str | None = None
    ) -> None:
        super().__init__(*self.row.scaled, seed, input_axes, output_axes, name)


@serializable
class VarianceScaling(FanInitializer):
    """The general form: a variance inversely proportional to a fan.

    Var(W) = scale/n, n = fan_in, fan_out or their mean

    The fans are Keras's, read off the shape (…, in, out): the last two sizes, each times the kernel; of one axis,
    its size for both. For grouped, depthwise and transposed convolutions and fused matrices `glorot.plan` counts
    connections instead.

    Args:
        scale: the factor, 1 by default.
        mode: "fan_in" (default), "fan_out" or "fan_avg".
        distribution: "truncated_normal" (default; cut at 2σ and corrected, so that the variance is exact), also
            called "normal"; "untruncated_normal" or "uniform".
        seed: None, a whole number below 2**32 (below 2**64 with a name), or a `keras.random.SeedGenerator`.
        input_axes: the axes of the inputs, such as [0]; goes with `output_axes`, and None reads (…, in, out).
        output_axes: the axes of the outputs, such as [1, 2].
        name: the name in the stream; None numbers the calls instead.

    Returns:
        The initializer.

    Raises:
        GlorotError: if the scale is not positive, mode or distribution is unknown, or the seed is no seed.

    Example:
        >>> import keras
        >>> initializer = VarianceScaling(2.0, "fan_out", "untruncated_normal", seed=0)
        >>> round(float(keras.ops.var(initializer((3, 3, 32, 64)))) * 64 * 9, 1)
        2.0

    References:
        `keras.initializers.VarianceScaling`. Glorot & Bengio (2010), AISTATS, equation 12; He et al. (2015),
        "Delving Deep into Rectifiers", ICCV, equations 10 and 14.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Any = None,
        output_axes: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(scale, mode, distribution, seed, input_axes, output_axes, name)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        own = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return {**own, **super().get_config()}
