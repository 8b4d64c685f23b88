"""Laws from the numbers that Keras's arguments are; one without spread is a constant."""

from glorot.distributions import Constant, Distribution, Normal, TruncatedNormal, Uniform
from glorot.errors import GlorotError

CUT = 2.0  # standard deviations, in Keras and in TensorFlow


def uniform(owner: str, low: float, high: float) -> Distribution:
    """Return the law on [low, high]."""
    if low > high:
        raise GlorotError(f"{owner}: minval must not be above maxval, got minval={low:g}, maxval={high:g}")
    return Constant(low) if low == high else Uniform(low, high)


def normal(owner: str, mean: float, stddev: float) -> Distribution:
    """Return the normal law."""
    return Normal(mean, stddev) if _has_spread(owner, stddev) else Constant(mean)


def truncated(owner: str, mean: float, stddev: float) -> Distribution:
    """Return the normal law cut at two standard deviations, which are those before the cut."""
    if not _has_spread(owner, stddev):
        return Constant(mean)
    return TruncatedNormal(mean, stddev, mean - CUT * stddev, mean + CUT * stddev)


def _has_spread(owner: str, stddev: float) -> bool:
    if stddev < 0:
        raise GlorotError(f"{owner}: stddev must not be negative, got {stddev:g}")
    return stddev != 0
