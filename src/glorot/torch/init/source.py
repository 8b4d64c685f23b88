"""Where the keys of the drop-in come from: one draw of a `torch.Generator` names the stream of one call."""

import ctypes
import threading

import torch
from torch import Tensor

from glorot.errors import GlorotError
from glorot.stream.philox import Key

LOWEST = -(2**63)  # from here without an upper end, `random_` draws all 64 bits
LOW_WORD = 2**32 - 1


class _Scratch(threading.local):
    """One number for each thread: making a new tensor would cost more than the draw."""

    def __init__(self) -> None:
        with torch.inference_mode(mode=False):  # an inference tensor could not be written outside that mode
            self.word = torch.empty((), dtype=torch.int64, device="cpu")
        self.bits = ctypes.c_int64.from_address(self.word.data_ptr())  # reads it in a quarter of the time of `item`


_scratch = _Scratch()


def draw_bits(tensor: Tensor, generator: torch.Generator | None) -> int:
    """Return the next 64 bits of a generator, as a number with a sign.

    Args:
        tensor: the tensor to be filled; its device has the default generator.
        generator: the generator to draw from instead, of any device.

    Raises:
        GlorotError: if the generator is none.
    """
    if generator is None:
        if tensor.is_cpu:
            _scratch.word.random_(LOWEST, None)
            return _scratch.bits.value
        device = tensor.device
    elif isinstance(generator, torch.Generator):
        device = generator.device
    else:
        raise GlorotError(
            f"generator must be a torch.Generator or None, got {generator!r} ({type(generator).__name__})"
        )
    word = _scratch.word if device.type == "cpu" else torch.empty((), dtype=torch.int64, device=device)
    return int(word.random_(LOWEST, None, generator=generator).item())


def draw_key(tensor: Tensor, generator: torch.Generator | None) -> Key:
    """Return the next key: the low and the high 32 bits of the next 64; see `draw_bits`."""
    bits = draw_bits(tensor, generator)
    return Key(bits & LOW_WORD, bits >> 32 & LOW_WORD)
