"""Drop-in for `torch.nn.init`: the same functions, on glorot's stream.

    from glorot.torch import init  # instead of: from torch.nn import init

Names, arguments, defaults and laws are PyTorch's; docs/torch-init.md lists what differs, and why.
"""

from glorot.torch.init.aliases import (
    constant,
    dirac,
    eye,
    kaiming_normal,
    kaiming_uniform,
    normal,
    orthogonal,
    sparse,
    uniform,
    xavier_normal,
    xavier_uniform,
)
from glorot.torch.init.constants import constant_, dirac_, eye_, ones_, zeros_
from glorot.torch.init.elementwise import normal_, trunc_normal_, uniform_
from glorot.torch.init.fans import _calculate_correct_fan as _calculate_correct_fan
from glorot.torch.init.fans import _calculate_fan_in_and_fan_out as _calculate_fan_in_and_fan_out
from glorot.torch.init.matrices import orthogonal_, sparse_
from glorot.torch.init.variance import (
    calculate_gain,
    kaiming_normal_,
    kaiming_uniform_,
    xavier_normal_,
    xavier_uniform_,
)

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]
