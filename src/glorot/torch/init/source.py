"""Where the keys of the drop-in come from: one draw of a `torch.Generator` names the stream of one call."""

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


_scratch = _Scratch()


def draw_key(tensor: Tensor, generator: torch.Generator | None) -> Key:
    """Return the next key: the low and the high 32 bits of one 64-bit draw.

    Args:
        tensor: the tensor to be filled; its device has the default generator.
        generator: the generator to draw from instead, of any device.

    Raises:
        GlorotError: if the generator is none.
    """
    if generator is not None and not isinstance(generator, torch.Generator):
        raise GlorotError(
            f"generator must be a torch.Generator or None, got {generator!r} ({type(generator).__name__})"
        )
    if tensor.is_cpu if generator is None else generator.device.type == "cpu":
        word = _scratch.word
    else:
        word = torch.empty((), dtype=torch.int64, device=tensor.device if generator is None else generator.device)
    bits = int(word.random_(LOWEST, None, generator=generator).item())
    return Key(bits & LOW_WORD, bits >> 32 & LOW_WORD)
