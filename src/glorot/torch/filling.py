"""Writing the values of the stream into the memory of tensors, wherever it is."""

import importlib.util
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from glorot import stream
from glorot.distributions import Distribution, Identity, Orthogonal
from glorot.stream.elements import BFLOAT16
from glorot.stream.philox import Key


class TensorFill(NamedTuple):
    """One tensor to be filled.

    Attributes:
        tensor: a floating-point tensor or a view of one, of any strides and on any device.
        key: the key of the part's stream.
        distribution: the law to draw from.
        shape: the shape of the part, which the tensor has too once it is reshaped.
        axes: a letter for each axis of the part, for the whole-matrix laws.
        flip: axes of the tensor that run backwards.
    """

    tensor: Tensor
    key: Key
    distribution: Distribution
    shape: Sequence[int]
    axes: str | None = None
    flip: tuple[int, ...] = ()


def fill(tensor: Tensor, key: Key, distribution: Distribution, axes: str | None = None) -> None:
    """Write the values of a part into a tensor of its shape, in place; autograd is told nothing of it."""
    fill_all([TensorFill(tensor, key, distribution, tensor.shape, axes)])


def fill_all(fills: Iterable[TensorFill]) -> None:
    """Write many tensors in place: those of the host by all of PyTorch's threads, those of a GPU where they lie."""
    on_host = []
    for one in fills:
        tensor = one.tensor.detach()
        is_plain = not tensor.is_neg() and (not _is_of_matrix(one) or tensor.shape == torch.Size(one.shape))
        if is_plain and tensor.device.type == "cpu":
            out = np.flip(_array_of(tensor), one.flip) if one.flip else _array_of(tensor)
            on_host.append(stream.Fill(out, one.key, one.distribution, out.shape, axes=one.axes))
        elif is_plain and not one.flip and not _is_of_matrix(one) and _has_kernel(tensor):
            from glorot.torch import gpu

            gpu.fill(tensor, one.key, one.distribution, tensor.shape)
        else:
            _copy_from_host(tensor, one)
    stream.fill_all(on_host, torch.get_num_threads())


def _array_of(tensor: Tensor) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
    """Return the memory of a tensor of the host as an array; NumPy has no bfloat16 but as its bits."""
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.uint16).numpy().view(BFLOAT16)
    return tensor.numpy()


def _is_of_matrix(one: TensorFill) -> bool:
    return isinstance(one.distribution, Orthogonal | Identity)


def _has_kernel(tensor: Tensor) -> bool:
    return tensor.is_cuda and importlib.util.find_spec("triton") is not None


def _copy_from_host(tensor: Tensor, one: TensorFill) -> None:
    values = stream.draw(one.key, one.distribution, one.shape, one.axes)
    source = torch.from_numpy(values).reshape(tensor.shape)
    with torch.no_grad():
        tensor.copy_(source.flip(one.flip) if one.flip else source)
