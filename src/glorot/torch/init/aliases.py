"""The names without an underscore, deprecated in PyTorch since 0.4: they warn and do the same."""

import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from glorot.torch.init.constants import constant_, dirac_, eye_
from glorot.torch.init.elementwise import normal_, uniform_
from glorot.torch.init.matrices import orthogonal_, sparse_
from glorot.torch.init.variance import kaiming_normal_, kaiming_uniform_, xavier_normal_, xavier_uniform_

P = ParamSpec("P")
R = TypeVar("R")


def _deprecated(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function under its old name."""
    new = function.__name__
    old = new.removesuffix("_")

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        message = f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`."
        warnings.warn(message, FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = old
    call.__doc__ = f"Deprecated: `{new}` under its old name."
    return call


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
