"""The laws that have names: Xavier's (Glorot's), He's (Kaiming's) and LeCun's."""

from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from glorot.jax.initializers.variance import AxisOrAxes, named


def xavier_uniform(
    in_axis: AxisOrAxes = -2, out_axis: AxisOrAxes = -1, batch_axis: AxisOrAxes = (), dtype: DTypeLike | None = None
) -> Initializer:
    """Build Xavier's (Glorot's) initializer, uniform: signal and gradient keep their variance.

    W ~ U(±√(6/(fan_in + fan_out))), Var(W) = 2/(fan_in + fan_out)

    The fans are JAX's, as for `variance_scaling`: axes that are not named belong to a kernel.

    Args:
        in_axis: the axis of the inputs, or several; the last but one by default.
        out_axis: the axis of the outputs, or several; the last by default.
        batch_axis: axes along which matrices are stacked, such as experts; none by default.
        dtype: float32, bfloat16, float16, float8, or under x64 float64, where a call names none; None is JAX's default.

    Returns:
        The initializer, `init(key, shape, dtype, out_sharding)`.

    Raises:
        GlorotError: on the call, if the shape has not the axes named, one is named twice, or the dtype is no float
            that can be drawn in.

    Example:
        >>> import jax
        >>> w = xavier_uniform()(jax.random.key(0), (300, 100))
        >>> round(float(abs(w).max()), 4), round((6 / 400) ** 0.5, 4)
        (0.1225, 0.1225)
        >>> round(float(w.var() * 400), 1)
        2.0

    References:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS, equation 16.
    """
    return named("xavier_uniform", in_axis, out_axis, batch_axis, dtype)


def xavier_normal(
    in_axis: AxisOrAxes = -2, out_axis: AxisOrAxes = -1, batch_axis: AxisOrAxes = (), dtype: DTypeLike | None = None
) -> Initializer:
    """Build Xavier's (Glorot's) initializer, truncated normal: signal and gradient keep their variance.

    W ~ N(0, σ²) cut at ±2σ, where σ is chosen so that Var(W) = 2/(fan_in + fan_out)

    PyTorch's `xavier_normal_` is not cut; both have the same variance.

    Args:
        in_axis: the axis of the inputs, or several; the last but one by default.
        out_axis: the axis of the outputs, or several; the last by default.
        batch_axis: axes along which matrices are stacked, such as experts; none by default.
        dtype: float32, bfloat16, float16, float8, or under x64 float64, where a call names none; None is JAX's default.

    Returns:
        The initializer, `init(key, shape, dtype, out_sharding)`.

    Raises:
        GlorotError: on the call, if the shape has not the axes named, one is named twice, or the dtype is no float
            that can be drawn in.

    Example:
        >>> import jax
        >>> w = xavier_normal()(jax.random.key(0), (300, 100))
        >>> round(float(w.var() * 400), 1), round(float(abs(w).max() / w.std()), 2)  # 2σ, and σ is 1.137 std
        (2.0, 2.27)

    References:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS, equation 12.
    """
    return named("xavier_normal", in_axis, out_axis, batch_axis, dtype)


def he_uniform(
    in_axis: AxisOrAxes = -2, out_axis: AxisOrAxes = -1, batch_axis: AxisOrAxes = (), dtype: DTypeLike | None = None
) -> Initializer:
    """Build He's (Kaiming's) initializer, uniform: makes up for the half of the signal that ReLU removes.

    W ~ U(±√(6/fan_in)), Var(W) = 2/fan_in

    It is the first axis of a Flax kernel (in, out) that counts; a PyTorch weight lies the other way round.

    Args:
        in_axis: the axis of the inputs, or several; the last but one by default.
        out_axis: the axis of the outputs, or several; the last by default.
        batch_axis: axes along which matrices are stacked, such as experts; none by default.
        dtype: float32, bfloat16, float16, float8, or under x64 float64, where a call names none; None is JAX's default.

    Returns:
        The initializer, `init(key, shape, dtype, out_sharding)`.

    Raises:
        GlorotError: on the call, if the shape has not the axes named, one is named twice, or the dtype is no float
            that can be drawn in.

    Example:
        >>> import jax
        >>> w = he_uniform()(jax.random.key(0), (300, 100))
        >>> round(float(abs(w).max()), 4), round((6 / 300) ** 0.5, 4)
        (0.1414, 0.1414)

    References:
        He et al. (2015), "Delving Deep into Rectifiers", ICCV, equation 10.
    """
    return named("he_uniform", in_axis, out_axis, batch_axis, dtype)


def he_normal(
    in_axis: AxisOrAxes = -2, out_axis: AxisOrAxes = -1, batch_axis: AxisOrAxes = (), dtype: DTypeLike | None = None
) -> Initializer:
    """Build He's (Kaiming's) initializer, truncated normal: makes up for the half of the signal that ReLU removes.

    W ~ N(0, σ²) cut at ±2σ, where σ is chosen so that Var(W) = 2/fan_in

    PyTorch's `kaiming_normal_` is not cut; both have the same variance.

    Args:
        in_axis: the axis of the inputs, or several; the last but one by default.
        out_axis: the axis of the outputs, or several; the last by default.
        batch_axis: axes along which matrices are stacked, such as experts; none by default.
        dtype: float32, bfloat16, float16, float8, or under x64 float64, where a call names none; None is JAX's default.

    Returns:
        The initializer, `init(key, shape, dtype, out_sharding)`.

    Raises:
        GlorotError: on the call, if the shape has not the axes named, one is named twice, or the dtype is no float
            that can be drawn in.

    Example:
        Ten layers of ReLU: what Xavier's law lets fade, to 2⁻¹⁰ of its strength, He's keeps:

        >>> import jax
        >>> def strength(initializer):
        ...     signal = jax.random.normal(jax.random.key(1), (200, 256))
        ...     for key in jax.random.split(jax.random.key(0), 10):
        ...         signal = jax.nn.relu(signal @ initializer(key, (256, 256)))
        ...     return float((signal**2).mean())
        >>> strength(he_normal()) > 0.5, strength(xavier_normal()) < 0.001
        (True, True)

    References:
        He et al. (2015), "Delving Deep into Rectifiers", ICCV, equation 10.
    """
    return named("he_normal", in_axis, out_axis, batch_axis, dtype)


def lecun_uniform(
    in_axis: AxisOrAxes = -2, out_axis: AxisOrAxes = -1, batch_axis: AxisOrAxes = (), dtype: DTypeLike | None = None
) -> Initializer:
    """Build LeCun's initializer, uniform: the signal keeps its variance through a linear layer.

    W ~ U(±√(3/fan_in)), Var(W) = 1/fan_in

    It is also what Caffe calls xavier.

    Args:
        in_axis: the axis of the inputs, or several; the last but one by default.
        out_axis: the axis of the outputs, or several; the last by default.
        batch_axis: axes along which matrices are stacked, such as experts; none by default.
        dtype: float32, bfloat16, float16, float8, or under x64 float64, where a call names none; None is JAX's default.

    Returns:
        The initializer, `init(key, shape, dtype, out_sharding)`.

    Raises:
        GlorotError: on the call, if the shape has not the axes named, one is named twice, or the dtype is no float
            that can be drawn in.

    Example:
        >>> import jax
        >>> w = lecun_uniform()(jax.random.key(0), (300, 100))
        >>> round(float(abs(w).max()), 4), (3 / 300) ** 0.5
        (0.1, 0.1)

    References:
        LeCun et al. (1998), "Efficient BackProp", section 4.6.
    """
    return named("lecun_uniform", in_axis, out_axis, batch_axis, dtype)


def lecun_normal(
    in_axis: AxisOrAxes = -2, out_axis: AxisOrAxes = -1, batch_axis: AxisOrAxes = (), dtype: DTypeLike | None = None
) -> Initializer:
    """Build LeCun's initializer, truncated normal: the signal keeps its variance through a linear layer.

    W ~ N(0, σ²) cut at ±2σ, where σ is chosen so that Var(W) = 1/fan_in

    It is the default of Flax, and the start that self-normalising nets (SELU) need.

    Args:
        in_axis: the axis of the inputs, or several; the last but one by default.
        out_axis: the axis of the outputs, or several; the last by default.
        batch_axis: axes along which matrices are stacked, such as experts; none by default.
        dtype: float32, bfloat16, float16, float8, or under x64 float64, where a call names none; None is JAX's default.

    Returns:
        The initializer, `init(key, shape, dtype, out_sharding)`.

    Raises:
        GlorotError: on the call, if the shape has not the axes named, one is named twice, or the dtype is no float
            that can be drawn in.

    Example:
        >>> import jax
        >>> w = lecun_normal()(jax.random.key(0), (300, 100))
        >>> round(float(w.var() * 300), 1)
        1.0

    References:
        LeCun et al. (1998), "Efficient BackProp", section 4.6;
        Klambauer et al. (2017), "Self-Normalizing Neural Networks", section 2.
    """
    return named("lecun_normal", in_axis, out_axis, batch_axis, dtype)


glorot_uniform = xavier_uniform
glorot_normal = xavier_normal
kaiming_uniform = he_uniform
kaiming_normal = he_normal
