"""Writing the values of the stream into the memory of a GPU, by the Triton kernels of `glorot.stream.gpu`."""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from glorot.distributions import Distribution
from glorot.errors import GlorotError
from glorot.stream.checks import check_law, checked_box, checked_key, checked_shape
from glorot.stream.elements import BFLOAT16, element_of
from glorot.stream.gpu import OPTIONS, WARP, KernelLaw, axes_for_kernel, kernel_law, write_runs, write_strided
from glorot.stream.philox import Key
from glorot.stream.pieces import row_major_steps
from glorot.stream.spec import law_of
from glorot.torch.places import overlaps

DTYPES = {
    torch.float16: np.dtype(np.float16),
    torch.bfloat16: BFLOAT16,
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}
BLOCK = 4  # elements of a Philox block
TILE = BLOCK * int(WARP)  # elements that a program writes at a time
ALIGNMENT = 16  # bytes of the widest store
MOST_STEPS = 64
PROGRAMS_PER_PROCESSOR = 64  # twice what a multiprocessor holds at a time
WORTH_SPLITTING = 2**14  # elements, above which a second launch costs less than narrow stores


class Axis(NamedTuple):
    """One axis of a box: how far a step goes in the stream and in memory, in elements."""

    extent: int
    step: int
    stride: int


class Job(NamedTuple):
    """What the launches of one fill share."""

    key: Key
    law: KernelLaw
    programs: int  # that keep the device busy


def fill(
    tensor: Tensor,
    key: Key,
    distribution: Distribution,
    shape: Sequence[int],
    box: Sequence[tuple[int, int]] | None = None,
) -> None:
    """Write the values of a box of a part into a tensor on a GPU, each element once, bit for bit as `stream.fill`.

    Args:
        tensor: a float16, bfloat16, float32 or float64 CUDA tensor with the extents of the box, of any strides;
            nothing is recorded for autograd.
        key: the key of the part's stream.
        distribution: the law to draw from, one that draws each element by itself.
        shape: the global shape of the part.
        box: (start, stop) along each axis of the shape; None is the whole.

    Raises:
        GlorotError: if an argument does not fit; nothing has been written then.
    """
    shape = checked_shape(shape)
    box = checked_box(box, shape)
    key = checked_key(key)
    _check_tensor(tensor, tuple(stop - start for start, stop in box))
    _check_device(tensor)
    check_law(distribution, element_of(DTYPES[tensor.dtype]))
    law = kernel_law(law_of(distribution))
    if law.kind == "constant":
        tensor.detach().fill_(*law.numbers)
    elif tensor.numel():
        processors = torch.cuda.get_device_properties(tensor.device).multi_processor_count
        with torch.cuda.device(tensor.device):
            write(tensor, Job(key, law, processors * PROGRAMS_PER_PROCESSOR), shape, box)


def write(tensor: Tensor, job: Job, shape: Sequence[int], box: Sequence[tuple[int, int]]) -> None:
    """Launch the kernels that write a box of a part."""
    steps = row_major_steps(tuple(shape))
    first = sum(start * step for (start, _), step in zip(box, steps, strict=True))
    axes = _merged(map(Axis, tensor.shape, steps, tensor.stride()))
    is_long = len(axes) == 1 and axes[0].stride == 1 and axes[0].extent >= WORTH_SPLITTING
    head = -first % BLOCK if is_long else 0
    if not is_long or (tensor.data_ptr() + head * tensor.itemsize) % ALIGNMENT:
        _launch(tensor, job, first, axes)
        return
    run = tensor.as_strided((axes[0].extent,), (1,))
    tail = (len(run) - head) % BLOCK
    for start, stop in itertools.pairwise((0, head, len(run) - tail, len(run))):
        if start < stop:
            _launch(run[start:stop], job, first + start, [Axis(stop - start, 1, 1)])


def _merged(axes: Iterable[Axis]) -> list[Axis]:
    """Drop axes of one element, and join those that stream and memory go through alike; the last has step 1."""
    merged: list[Axis] = []
    for axis in axes:
        if axis.extent == 1:
            continue
        if merged and merged[-1][1:] == (axis.extent * axis.step, axis.extent * axis.stride):
            merged[-1] = axis._replace(extent=axis.extent * merged[-1].extent)
        else:
            merged.append(axis)
    if not merged or merged[-1].step != 1:
        merged.append(Axis(1, 1, 1))
    return merged


def _launch(out: Tensor, job: Job, first: int, axes: Sequence[Axis]) -> None:
    *outer, inner = axes
    last = first + sum((axis.extent - 1) * axis.step for axis in axes)
    is_wide = first // BLOCK >> 32 != last // BLOCK >> 32
    constants = {"law": job.law.kind, "has_tail": job.law.has_tail, "is_wide": is_wide, **OPTIONS}
    launch = _launch_runs if _is_aligned(out, first, outer, inner) else _launch_strided
    launch(out, job, first, outer, inner, constants)


def _is_aligned(out: Tensor, first: int, outer: Sequence[Axis], inner: Axis) -> bool:
    """Tell whether rows of whole blocks lie in whole words of memory, and are long enough for a warp."""
    is_run = inner.stride == 1 and out.data_ptr() % ALIGNMENT == 0 and (not outer or inner.extent >= TILE)
    numbers = [first, inner.extent, *(number for axis in outer for number in axis[1:])]
    return is_run and not any(number % BLOCK for number in numbers)


def _launch_runs(
    out: Tensor, job: Job, first: int, outer: Sequence[Axis], inner: Axis, constants: dict[str, Any]
) -> None:
    rows = math.prod(axis.extent for axis in outer)
    tiles = -(-inner.extent // TILE)
    steps = _steps(tiles, rows, job)
    chunks = -(-tiles // steps)
    blocks = inner.extent // BLOCK
    axes, words = axes_for_kernel(reversed(outer)), [_signed(word, 32) for word in job.key]
    write_runs[(rows * chunks,)](out, *words, first // BLOCK, blocks, axes, chunks, steps, job.law.numbers, **constants)


def _launch_strided(
    out: Tensor, job: Job, first: int, outer: Sequence[Axis], inner: Axis, constants: dict[str, Any]
) -> None:
    """Send lanes along the axis that is nearest in memory, as far as the row itself is not nearer."""
    lane_axis = min(outer, key=lambda axis: axis.stride, default=Axis(1, 0, 0))
    blocks = (inner.extent + 2 * (BLOCK - 1)) // BLOCK  # at most: a row may begin within a block
    warp = int(WARP)
    lanes = min(warp, _power_of_two(lane_axis.extent))
    if inner.stride < lane_axis.stride:
        lanes = min(lanes, warp // min(warp, _power_of_two(blocks)))
    others = [axis for axis in outer if axis is not lane_axis]
    rows = -(-lane_axis.extent // lanes)
    tiles = -(-blocks * lanes // warp)
    programs = rows * math.prod(axis.extent for axis in others)
    steps = _steps(tiles, programs, job)
    chunks = -(-tiles // steps)
    axes, words = axes_for_kernel([lane_axis, *reversed(others)]), [_signed(word, 32) for word in job.key]
    write_strided[(programs * chunks,)](
        out, *words, _signed(first, 64), inner.extent, inner.stride, axes, chunks, rows, steps, job.law.numbers,
        lanes=lanes, **constants,
    )  # fmt: skip


def _steps(tiles: int, rows: int, job: Job) -> int:
    """Return how many tiles of a row one program writes: few launches of programs, yet enough of them."""
    return min(tiles, max(1, min(MOST_STEPS, tiles * rows // job.programs)))


def _power_of_two(number: int) -> int:
    """Return the least power of two that is not below a number."""
    return 1 << (number - 1).bit_length()


def _signed(number: int, bits: int) -> int:
    """Return the number of the same bits in two's complement: integers have one type then, whatever their value."""
    return number - (number >> (bits - 1) << bits)


def _check_tensor(tensor: Tensor, extents: tuple[int, ...]) -> None:
    if not isinstance(tensor, Tensor):
        raise GlorotError(f"tensor must be a torch.Tensor, got {type(tensor).__name__}")
    if tensor.dtype not in DTYPES:
        raise GlorotError(f"tensor must have dtype float16, bfloat16, float32 or float64, got {tensor.dtype}")
    if tensor.layout != torch.strided:
        raise GlorotError(f"tensor must be dense, got layout {tensor.layout}")
    if tuple(tensor.shape) != extents:
        raise GlorotError(
            f"tensor has shape {tuple(tensor.shape)}, but the box has extents {extents}; they must be equal"
        )
    if overlaps(tensor):
        raise GlorotError(f"tensor has elements that share memory (strides {tensor.stride()}); pass a copy")


def _check_device(tensor: Tensor) -> None:
    if not tensor.is_cuda:
        raise GlorotError(f"the GPU kernels write CUDA tensors, got one on {tensor.device}; use glorot.stream.fill")
