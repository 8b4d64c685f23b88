"""The laws that are given by their numbers, whatever the shape: uniform, normal, truncated normal and orthogonal."""

from typing import Any

from glorot.distributions import Distribution
from glorot.dropins.arguments import check_axes
from glorot.dropins.table import KERAS
from glorot.keras.initializers.base import FixedLaw, serializable
from glorot.keras.initializers.places import Shape


@serializable
class RandomUniform(FixedLaw):
    """Uniform numbers between two bounds.

    W ~ U(minval, maxval), Var(W) = (maxval - minval)²/12

    Both ends can occur; Keras excludes maxval.

    Args:
        minval: lower bound, -0.05 by default.
        maxval: upper bound, 0.05 by default; where the two are equal, that value is everywhere.
        seed: None, a whole number below 2**32, or a `keras.random.SeedGenerator`.
        name: the name in the stream; None numbers the calls instead.

    Returns:
        The initializer.

    Raises:
        GlorotError: if minval > maxval, half of their distance lies outside [2⁻⁶⁴, 2⁶⁴], or the seed is no seed.

    Example:
        Keras's start of an embedding:

        >>> import keras
        >>> w = keras.ops.convert_to_numpy(RandomUniform(seed=0)((1000, 64)))
        >>> round(float(abs(w).max()), 3)
        0.05

    References:
        `keras.initializers.RandomUniform`. LeCun et al. (1998), "Efficient BackProp", section 4.6, on why the
        width should follow fan_in.
    """

    row = KERAS["RandomUniform"]

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None, name: str | None = None) -> None:
        super().__init__(seed, name, minval=minval, maxval=maxval)


@serializable
class RandomNormal(FixedLaw):
    """Normal numbers.

    W ~ N(mean, stddev²)

    Args:
        mean: the mean, 0 by default.
        stddev: the standard deviation, 0.05 by default; 0 gives the mean everywhere.
        seed: None, a whole number below 2**32, or a `keras.random.SeedGenerator`.
        name: the name in the stream; None numbers the calls instead.

    Returns:
        The initializer.

    Raises:
        GlorotError: if stddev is negative or outside [2⁻⁶⁴, 2⁶⁴], or the seed is no seed.

    Example:
        GPT's start, where one law serves every matrix:

        >>> import keras
        >>> w = keras.ops.convert_to_numpy(RandomNormal(stddev=0.02, seed=0)((768, 768)))
        >>> round(float(w.std()), 3)
        0.02

    References:
        `keras.initializers.RandomNormal`. Radford et al. (2018), "Improving Language Understanding by Generative
        Pre-Training", section 4.1.
    """

    row = KERAS["RandomNormal"]

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None, name: str | None = None) -> None:
        super().__init__(seed, name, mean=mean, stddev=stddev)


@serializable
class TruncatedNormal(FixedLaw):
    """Normal numbers without the tails beyond two standard deviations.

    W ~ N(mean, stddev²) given |W - mean| ≤ 2·stddev

    As in Keras, stddev is that of the normal *before* the cut: the numbers drawn have 0.88 of it. `VarianceScaling`
    makes up for the cut.

    Args:
        mean: the mean, 0 by default.
        stddev: the standard deviation before the cut, 0.05 by default; 0 gives the mean everywhere.
        seed: None, a whole number below 2**32, or a `keras.random.SeedGenerator`.
        name: the name in the stream; None numbers the calls instead.

    Returns:
        The initializer.

    Raises:
        GlorotError: if stddev is negative or outside [2⁻⁶⁴, 2⁶⁴], or the seed is no seed.

    Example:
        >>> import keras
        >>> w = keras.ops.convert_to_numpy(TruncatedNormal(stddev=0.02, seed=0)((300, 300)))
        >>> bool(abs(w).max() <= 0.04), round(float(w.std() / 0.02), 2)
        (True, 0.88)

    References:
        `keras.initializers.TruncatedNormal`. Burkardt (2014), "The Truncated Normal Distribution", section 3.
    """

    row = KERAS["TruncatedNormal"]

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None, name: str | None = None) -> None:
        super().__init__(seed, name, mean=mean, stddev=stddev)


@serializable
class Orthogonal(FixedLaw):
    """A random orthogonal matrix: it turns signals and leaves their length.

    W = gain·Q, QᵀQ = I, or QQᵀ = I where columns outnumber rows; Q is Haar-distributed

    All axes but the last are the rows. The matrix is computed in float32 at least and rounded once. Its numbers
    agree to 1e-5 between machines, not to the last bit.

    Args:
        gain: factor on Q, 1 by default; 0 gives zeros. Q and -Q are equally likely, so a sign changes nothing.
        seed: None, a whole number below 2**32, or a `keras.random.SeedGenerator`.
        name: the name in the stream; None numbers the calls instead.

    Returns:
        The initializer.

    Raises:
        GlorotError: if |gain| is neither 0 nor in [2⁻⁶⁴, 2⁶⁴], or the seed is no seed; when it is called, if the shape
            has less than 2 axes.

    Example:
        >>> import keras, numpy as np
        >>> w = keras.ops.convert_to_numpy(Orthogonal(gain=2, seed=0)((5, 3)))
        >>> bool(np.allclose(w.T @ w, 4 * np.eye(3), atol=1e-5))
        True

    References:
        Saxe, McClelland & Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep linear
        neural networks", ICLR, section 3; Mezzadri (2007), "How to generate random matrices from the classical
        compact groups", for the Haar measure.
    """

    row = KERAS["Orthogonal"]

    def __init__(self, gain: float = 1.0, seed: Any = None, name: str | None = None) -> None:
        super().__init__(seed, name, gain=gain)

    def law(self, shape: Shape) -> tuple[Distribution, str]:
        """Return the orthogonal law, outputs along the last axis."""
        check_axes(len(shape) >= 2, shape, "2 or more axes, (…, in, out)", "; for a bias use Zeros")
        return super().law(shape)
