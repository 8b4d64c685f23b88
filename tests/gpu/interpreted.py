"""Runs the GPU kernels on NumPy, in Triton's interpreter, and serves fills over a pipe.

A process of its own: Triton looks at TRITON_INTERPRET when a kernel is decorated, not when it is launched.
"""

import contextlib
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

from glorot.distributions import Distribution
from glorot.stream import Key
from glorot.stream.elements import rounded

UNTOUCHED = 0x55  # every byte of the memory before a fill


class Request(NamedTuple):
    """A fill of a view of fresh memory."""

    key: Key
    law: Distribution
    shape: tuple[int, ...]
    box: tuple[tuple[int, int], ...]
    dtype: str
    strides: tuple[int, ...]
    offset: int
    length: int  # of the memory, in elements
    programs: int = 1  # that would keep the device busy: more of them means fewer steps in each


def memory_after(one: Request, device: str) -> bytes:
    """Fill a view of fresh memory of a device, and return the bytes of all of it."""
    import torch

    from glorot.torch import gpu

    dtype = getattr(torch, one.dtype)
    memory = torch.full((one.length * dtype.itemsize,), UNTOUCHED, dtype=torch.uint8, device=device).view(dtype)
    extents = [stop - start for start, stop in one.box]
    gpu.fill(memory.as_strided(extents, one.strides, one.offset), one.key, one.law, one.shape, one.box)
    return memory.view(torch.uint8).cpu().numpy().tobytes()


class Interpreter:
    """A process that answers requests with the bytes of the memory."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def fill(self, request: Request, warp: int) -> bytes:
        """Fill by programs of so wide a warp: a wide one says the same in fewer, slow turns."""
        pickle.dump((warp, *request), self.process.stdin)
        self.process.stdin.flush()
        answer = pickle.load(self.process.stdout)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def serve() -> None:
    os.environ["TRITON_INTERPRET"] = "1"
    import torch
    import triton.language as tl
    from triton.runtime import interpreter

    from glorot.stream import gpu as kernels
    from glorot.torch import gpu

    gpu._check_device = lambda tensor: None
    torch.cuda.get_device_properties = lambda device: SimpleNamespace(multi_processor_count=1)
    torch.cuda.device = lambda device: contextlib.nullcontext()
    convert = interpreter._convert_float

    def convert_rightly(values, source, target, rounding):
        """Round to bfloat16 as cvt.rn does; the interpreter cuts, or rounds halves upwards."""
        if (source, target) == (tl.float32, tl.bfloat16):
            return rounded(values, "bfloat16")
        return convert(values, source, target, rounding)

    interpreter._convert_float = convert_rightly
    with contextlib.suppress(EOFError):
        while True:
            warp, *request = pickle.load(sys.stdin.buffer)
            one = Request(*request)
            kernels.WARP = gpu.WARP = tl.constexpr(warp)
            gpu.TILE = gpu.BLOCK * warp
            gpu.PROGRAMS_PER_PROCESSOR = one.programs
            try:
                answer = memory_after(one, "cpu")
            except Exception as error:  # raised again in the process that asked
                answer = RuntimeError(repr(error))
            pickle.dump(answer, sys.stdout.buffer)
            sys.stdout.flush()


if __name__ == "__main__":
    serve()
