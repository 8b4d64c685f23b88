"""Schemes that draw a whole matrix at once: orthogonal ones and identities."""

from glorot.distributions import Distribution, Identity, Orthogonal
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.schemes.base import Rule, check_positive, scheme


def _whole_matrix(law: Distribution) -> Rule:
    def rule(fans: Fans, shape: tuple[int, ...], axes: str) -> Distribution:
        if "o" not in axes or len(axes) < 2:
            raise GlorotError(
                f"{law.law} draws a whole matrix and must know which axes are outputs and inputs; shape {shape} "
                f"has axes {axes!r}; use a law of single elements, such as 'normal(std=0.02)'"
            )
        return law

    return rule


@scheme(needs_fans=False)
def orthogonal(gain: float = 1.0) -> Rule:
    """A random matrix with orthonormal rows or columns.

    W Wᵀ = gain²·I, or WᵀW = gain²·I where that is the smaller one; Haar-distributed

    When to use:
        For recurrent weights, which are applied again and again, and for very deep plain nets: every
        singular value is `gain`, so signal and gradient keep their length in every direction, not only
        on average. Kernels are taken as out × everything summed; each group of a grouped convolution
        gets a matrix of its own.

    Args:
        gain: the common singular value, 1 by default.

    Returns:
        The scheme.

    Raises:
        GlorotError: if `gain` is not a positive number.

    Example:
        >>> import glorot, numpy as np
        >>> w = glorot.draw("orthogonal", (3, 3), seed=0)
        >>> bool(np.allclose(w.T @ w, np.eye(3), atol=1e-5))
        True

    References:
        Saxe, McClelland & Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in
        deep linear neural networks", section 3; Mezzadri (2007) for the Haar measure.
    """
    check_positive("orthogonal", gain=gain)
    return _whole_matrix(Orthogonal(gain))


@scheme(needs_fans=False)
def identity(gain: float = 1.0) -> Rule:
    """The identity matrix: output unit c starts as a copy of input unit c.

    W[c, c] = gain, 0 elsewhere

    When to use:
        For recurrent weights with ReLU (IRNN), and where a new layer shall change nothing at first.

    Args:
        gain: the value on the diagonal, 1 by default.

    Returns:
        The scheme.

    Raises:
        GlorotError: if `gain` is not finite.

    Example:
        >>> import glorot
        >>> glorot.draw("identity", (2, 3), seed=0).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]

    References:
        Le, Jaitly & Hinton (2015), "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units".
    """
    return _whole_matrix(Identity(gain))


@scheme(needs_fans=False)
def dirac(gain: float = 1.0) -> Rule:
    """The identity of convolutions: channel c in is channel c out.

    W[c, c, centre of the kernel] = gain, 0 elsewhere; in every group of its own

    When to use:
        For convolutions that shall pass their input on at first. A dense layer has a kernel of one
        point, where this is `identity`.

    Args:
        gain: the value at the centre, 1 by default.

    Returns:
        The scheme.

    Raises:
        GlorotError: if `gain` is not finite.

    Example:
        >>> import glorot
        >>> glorot.draw("dirac", (2, 2, 3), seed=0, in_axis=1, out_axis=0).tolist()
        [[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]

    References:
        Zagoruyko & Komodakis (2017), "DiracNets: Training Very Deep Neural Networks Without
        Skip-Connections", section 3.
    """
    return _whole_matrix(Identity(gain))
