"""Distributions as people write them."""

from glorot.distributions import Bilinear, Constant, Distribution, Normal, PositiveUnitball, SparseNormal, Uniform
from glorot.text import number


def law_text(law: Distribution | None) -> str:
    """Write a distribution as a formula.

    Example:
        >>> law_text(SparseNormal(0, 1, density=0.015))
        'normal N(0, 1²), 98.5 % of it set to 0'
        >>> law_text(Normal(0, 0.01)), law_text(Uniform.symmetric(0.05)), law_text(Constant(0)), law_text(None)
        ('normal N(0, 0.01²)', 'uniform on ±0.05', 'all 0', 'left as it is')
    """
    match law:
        case None:
            return "left as it is"
        case Constant(value=value):
            return f"all {number(value)}"
        case Uniform(low=low, high=high) if low == -high:
            return f"uniform on ±{number(high)}"
        case Uniform(low=low, high=high):
            return f"uniform on [{number(low)}, {number(high)}]"
        case Normal(mean=mean, std=std):
            return f"normal N({number(mean)}, {number(std)}²)"
        case SparseNormal(center, sigma, density):
            return f"{law_text(Normal(center, sigma))}, {number(100 * (1 - density))} % of it set to 0"
        case PositiveUnitball(gain=gain):
            return f"positive, each slice of the sum {number(gain)}"
        case Bilinear():
            return "kernel of bilinear interpolation"
    return f"{law.law.replace('_', ' ')}, std {number(law.std)}"
