"""Reducing PyTorch tensors where they lie: their moments in one native pass, or by PyTorch, and a sample."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from glorot.graph.axes import Layout
from glorot.graph.readings import Placing, Reading, placing, reading_of
from glorot.native import Sums, sums_of

ELEMENTS = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}
"""The dtypes that a native kernel sums."""


class Kept(NamedTuple):
    """What is kept of a tensor until all has run, so that nothing waits for the device.

    Attributes:
        place: how it is read.
        moments: its mean, mean square, and variance across examples, a tensor where they are on its device; None if
            the sample is all of it.
        sample: some of its elements.
    """

    place: Placing
    moments: Tensor | tuple[float, float, float] | None
    sample: Tensor | None

    def reading(self) -> Reading:
        """Return what was read."""
        sample = None if self.sample is None else self.sample.float().cpu().numpy()
        moments = self.moments.tolist() if isinstance(self.moments, Tensor) else self.moments
        return reading_of(self.place, moments, sample)


def keep(tensor: Tensor, layout: Layout, examples: int, *, with_sample: bool = True) -> Kept:
    """Reduce a tensor where it lies, and keep a sample of it.

    Args:
        tensor: the tensor; neither it nor its graph is changed.
        layout: where its examples and units are.
        examples: how many examples the batch has.
        with_sample: whether a sample is kept; without, the mean square alone is read.
    """
    with _plainly():
        place, tensor = placing(tuple(tensor.shape), layout, examples), tensor.detach()
        seen = tensor.reshape(place.shape)
        if place.is_whole:
            return Kept(place, None, seen.permute(place.order).reshape(place.sizes).clone())
        rows = seen.movedim(place.order[0], 0)
        if not with_sample:
            square = squares_of_rows(rows).mean()
            return Kept(place, torch.stack([torch.zeros_like(square), square, square]), None)
        index: list[Any] = [torch.from_numpy(axis).to(tensor.device) for axis in place.places]
        sample = seen.permute(place.order)[(slice(place.chosen), *index)].clone()
        return Kept(place, _moments(rows), sample)


def read_gradient(gradient: Tensor) -> Reading:
    """Return the reading of a parameter's gradient, which has no examples."""
    with _plainly():
        dense = gradient.to_dense() if gradient.layout != torch.strided else gradient
        count, sums = dense.numel(), _sums(dense.unsqueeze(0))
        if sums is not None:
            return Reading((1, 1, count), sums.total / count, sums.squares / count, math.nan)
        rows = dense.reshape(len(dense) if dense.dim() and count else 1, -1)
        square = squares_of_rows(rows).mean()
        return Reading((1, 1, count), rows.mean(dtype=torch.float32).item(), square.item(), math.nan)


def squares_of_rows(rows: Tensor) -> Tensor:
    """Return the mean square of each row, in single precision, or in double where it lies in that."""
    rows = rows.reshape(len(rows), -1)
    precise = torch.promote_types(rows.dtype, torch.float32)
    lengths: Tensor = torch.linalg.vector_norm(rows, dim=1, dtype=precise)
    return lengths.square() / rows.shape[1]


@contextmanager
def _plainly() -> Iterator[None]:
    """Compute without gradients, and with nobody looking on."""
    with torch.no_grad(), _disable_current_modes(), torch._C.DisableTorchFunction():
        yield


def _moments(examples: Tensor) -> Tensor | tuple[float, float, float]:
    """Return mean, mean square, and variance across examples."""
    count, sums = examples.numel(), _sums(examples)
    if sums is not None:
        mean_square = sums.squares / count
        return sums.total / count, mean_square, mean_square - sums.squares_of_columns / count / len(examples)
    rows = examples.reshape(len(examples), -1)
    if rows.dtype == torch.float32:
        means = torch.full((len(rows),), 1 / len(rows), device=rows.device) @ rows
    else:
        means = rows.mean(dim=0, dtype=torch.float32)
    square = squares_of_rows(rows).mean()
    return torch.stack([means.mean(), square, square - means.square().mean()])


def _sums(examples: Tensor) -> Sums | None:
    """Return sums of a tensor, examples first; None where no native kernel makes them."""
    element = ELEMENTS.get(examples.dtype)
    rows = None if element is None else _rows_in_memory(examples)
    if rows is None or element is None:
        return None
    bits = rows.view(torch.int16) if element == "bfloat16" else rows
    return sums_of(bits.numpy(), element, threads=torch.get_num_threads())


def _rows_in_memory(examples: Tensor) -> Tensor | None:
    """Return each example as it lies in memory; None where NumPy cannot see it, or where it has gaps.

    Sums do not depend on the order of the elements of an example, so one that is channels_last is read as it lies.
    """
    is_seen = type(examples) in (Tensor, nn.Parameter) and examples.device.type == "cpu" and not examples.is_neg()
    if not is_seen or not examples.numel():
        return None
    length = 1
    for step, size in sorted(zip(examples.stride()[1:], examples.shape[1:], strict=True)):
        if size > 1 and step != length:
            return None
        length *= size
    return examples.as_strided((len(examples), length), (examples.stride(0), 1))
