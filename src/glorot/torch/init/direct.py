"""The short way for a tensor in one piece of the host's memory: one native call, a few microseconds for a small one."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from glorot import native, stream
from glorot.distributions import Distribution
from glorot.stream.kernels import KIND_CODES
from glorot.stream.spec import law_of
from glorot.torch.filling import PLAIN
from glorot.torch.init.source import draw_bits

CODES = {
    dtype: native.ELEMENTS.index(str(dtype).removeprefix("torch."))
    for dtype in (torch.float32, torch.bfloat16, torch.float16, torch.float64)
}

STRIDED = torch.strided
SMALL = 2**16
"""Elements from which on threads share them."""


class Ready(NamedTuple):
    """A law that is known to fit a dtype.

    Attributes:
        distribution: the law.
        code: what the native kernel calls it; None for one that is not drawn element by element from one word each.
        numbers: its numbers, as the kernel takes them.
    """

    distribution: Distribution
    code: int | None
    numbers: tuple[float, ...]


def ready(distribution: Distribution) -> Ready:
    """Look up how the native kernel draws a law.

    Example:
        >>> from glorot.distributions import Orthogonal
        >>> ready(Orthogonal(1.0)).code is None
        True
    """
    if type(distribution) in stream.MATRIX_LAWS:
        return Ready(distribution, None, ())
    law = law_of(distribution)
    return Ready(distribution, None if law.is_sparse else KIND_CODES[law.kind], law.numbers)


def fill(tensor: Tensor, law: Ready, generator: torch.Generator | None) -> bool:
    """Fill a tensor from the next key of a generator, if it is one that this way serves, and tell whether it was."""
    element = CODES.get(tensor.dtype)
    if (
        element is None
        or law.code is None
        or type(tensor) not in PLAIN
        or not tensor.is_cpu
        or tensor.layout is not STRIDED
    ):
        return False
    count = tensor.numel()
    if not count or not tensor.is_contiguous() or tensor.is_neg() or tensor.is_inference():
        return False
    kernel = native.chosen()
    if kernel == "numpy":
        return False
    address = tensor.data_ptr()
    threads = 1 if count < SMALL else torch.get_num_threads()
    native.fill_run(address, count, element, draw_bits(tensor, generator), law.code, law.numbers, threads, kernel)
    increment_version((tensor,))  # the kernel writes memory that autograd may have saved; only this counter tells it so
    return True
