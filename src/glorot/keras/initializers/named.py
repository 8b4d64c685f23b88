"""Xavier's, He's and LeCun's laws, as Keras has them: the normal ones truncated at 2σ and corrected."""

from glorot.dropins.table import KERAS
from glorot.keras.initializers.base import serializable
from glorot.keras.initializers.variance import NamedLaw


@serializable
class XavierUniform(NamedLaw):
    """Xavier's (Glorot's) uniform law: signal and gradient keep their variance.

    W ~ U(±√(6/(fan_in + fan_out))), Var(W) = 2/(fan_in + fan_out)

    Keras calls it `GlorotUniform`, and starts every kernel by it. After ReLU half of the signal is gone: `HeUniform`.

    Args:
        seed: None, a whole number below 2**32 (below 2**64 with a name), or a `keras.random.SeedGenerator`.
        input_axes: the axes of the inputs, as for `VarianceScaling`.
        output_axes: the axes of the outputs; goes with `input_axes`.
        name: the name in the stream; None numbers the calls instead.

    Returns:
        The initializer.

    Raises:
        GlorotError: if the seed is no seed, or the axes are not given together.

    Example:
        A layer from 300 to 100 units; by its name it has the same weights in every framework:

        >>> import glorot, keras
        >>> w = keras.ops.convert_to_numpy(XavierUniform(seed=0, name="hidden")((300, 100)))
        >>> round(float(abs(w).max()), 4), round((6 / 400) ** 0.5, 4)
        (0.1225, 0.1225)
        >>> bool((w == glorot.draw("xavier_uniform", (300, 100), seed=0, name="hidden")).all())
        True

    References:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks",
        AISTATS, equation 16.
    """

    row = KERAS["XavierUniform"]


@serializable
class XavierNormal(NamedLaw):
    """Xavier's (Glorot's) normal law: signal and gradient keep their variance.

    W ~ N(0, σ²) cut at 2σ, and scaled so that Var(W) = 2/(fan_in + fan_out)

    Keras calls it `GlorotNormal`. The function of that name in PyTorch does not cut.

    Args:
        seed: None, a whole number below 2**32 (below 2**64 with a name), or a `keras.random.SeedGenerator`.
        input_axes: the axes of the inputs, as for `VarianceScaling`.
        output_axes: the axes of the outputs; goes with `input_axes`.
        name: the name in the stream; None numbers the calls instead.

    Returns:
        The initializer.

    Raises:
        GlorotError: if the seed is no seed, or the axes are not given together.

    Example:
        >>> import keras
        >>> w = keras.ops.convert_to_numpy(XavierNormal(seed=0)((300, 100)))
        >>> round(float(w.var() * 400), 1), round(float(abs(w).max() / w.std()), 2)  # 2/.8796 std
        (2.0, 2.27)

    References:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks",
        AISTATS, equation 12.
    """

    row = KERAS["XavierNormal"]


@serializable
class HeUniform(NamedLaw):
    """He's (Kaiming's) uniform law: makes up for the half of the signal that ReLU removes.

    W ~ U(±√(6/fan_in)), Var(W) = 2/fan_in

    Args:
        seed: None, a whole number below 2**32 (below 2**64 with a name), or a `keras.random.SeedGenerator`.
        input_axes: the axes of the inputs, as for `VarianceScaling`.
        output_axes: the axes of the outputs; goes with `input_axes`.
        name: the name in the stream; None numbers the calls instead.

    Returns:
        The initializer.

    Raises:
        GlorotError: if the seed is no seed, or the axes are not given together.

    Example:
        >>> import keras
        >>> w = keras.ops.convert_to_numpy(HeUniform(seed=0)((300, 100)))
        >>> round(float(abs(w).max()), 4), round((6 / 300) ** 0.5, 4)
        (0.1414, 0.1414)

    References:
        He et al. (2015), "Delving Deep into Rectifiers", ICCV, equation 10.
    """

    row = KERAS["HeUniform"]


@serializable
class HeNormal(NamedLaw):
    """He's (Kaiming's) normal law: makes up for the half of the signal that ReLU removes.

    W ~ N(0, σ²) cut at 2σ, and scaled so that Var(W) = 2/fan_in

    Args:
        seed: None, a whole number below 2**32 (below 2**64 with a name), or a `keras.random.SeedGenerator`.
        input_axes: the axes of the inputs, as for `VarianceScaling`.
        output_axes: the axes of the outputs; goes with `input_axes`.
        name: the name in the stream; None numbers the calls instead.

    Returns:
        The initializer.

    Raises:
        GlorotError: if the seed is no seed, or the axes are not given together.

    Example:
        A layer keeps E x² of a rectified signal:

        >>> import keras, numpy as np
        >>> x = np.maximum(np.random.default_rng(0).normal(size=(500, 300)), 0)
        >>> w = keras.ops.convert_to_numpy(HeNormal(seed=0)((300, 3000)))
        >>> y = np.maximum(x @ w, 0)
        >>> round(float((y**2).mean() / (x**2).mean()), 1)
        1.0

    References:
        He et al. (2015), "Delving Deep into Rectifiers", ICCV, equation 10.
    """

    row = KERAS["HeNormal"]


@serializable
class LecunUniform(NamedLaw):
    """LeCun's uniform law: the forward signal keeps its variance.

    W ~ U(±√(3/fan_in)), Var(W) = 1/fan_in

    Args:
        seed: None, a whole number below 2**32 (below 2**64 with a name), or a `keras.random.SeedGenerator`.
        input_axes: the axes of the inputs, as for `VarianceScaling`.
        output_axes: the axes of the outputs; goes with `input_axes`.
        name: the name in the stream; None numbers the calls instead.

    Returns:
        The initializer.

    Raises:
        GlorotError: if the seed is no seed, or the axes are not given together.

    Example:
        >>> import keras
        >>> w = keras.ops.convert_to_numpy(LecunUniform(seed=0)((300, 100)))
        >>> round(float(abs(w).max()), 4)
        0.1

    References:
        LeCun et al. (1998), "Efficient BackProp", section 4.6.
    """

    row = KERAS["LecunUniform"]


@serializable
class LecunNormal(NamedLaw):
    """LeCun's normal law: the forward signal keeps its variance.

    W ~ N(0, σ²) cut at 2σ, and scaled so that Var(W) = 1/fan_in

    The start of self-normalising nets, whose fixed point supposes it.

    Args:
        seed: None, a whole number below 2**32 (below 2**64 with a name), or a `keras.random.SeedGenerator`.
        input_axes: the axes of the inputs, as for `VarianceScaling`.
        output_axes: the axes of the outputs; goes with `input_axes`.
        name: the name in the stream; None numbers the calls instead.

    Returns:
        The initializer.

    Raises:
        GlorotError: if the seed is no seed, or the axes are not given together.

    Example:
        >>> import keras
        >>> w = keras.ops.convert_to_numpy(LecunNormal(seed=0)((300, 100)))
        >>> round(float(w.var() * 300), 1)
        1.0

    References:
        LeCun et al. (1998), "Efficient BackProp", section 4.6; Klambauer et al. (2017), "Self-Normalizing Neural
        Networks", NeurIPS.
    """

    row = KERAS["LecunNormal"]
