"""The law of a whole matrix: orthogonal."""

from typing import Any

from glorot.distributions import Distribution
from glorot.dropins.arguments import check_axes
from glorot.dropins.table import KERAS
from glorot.keras.initializers.base import FixedLaw, serializable
from glorot.keras.initializers.places import Shape


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
