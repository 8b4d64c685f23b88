"""Writing the values of the stream into the memory of tensors, wherever it is."""

import functools
import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from glorot import stream
from glorot.distributions import Distribution, SparseNormal
from glorot.inventory import View
from glorot.inventory.boxes import shares
from glorot.inventory.layouts import complete
from glorot.stream.elements import BFLOAT16
from glorot.stream.philox import Key
from glorot.stream.pieces import Box, Shape
from glorot.torch.places import place_in
from glorot.torch.shards import blocks, is_plain

WRITTEN = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64})

PLAIN = frozenset({Tensor, torch.nn.Parameter})
WITHOUT_KERNEL = stream.MATRIX_LAWS | {SparseNormal}  # laws that no kernel of a GPU draws


class Window(NamedTuple):
    """What a tensor holds of a part, where it is not all of it.

    Attributes:
        extents: the shape of the whole part, its axes as they lie in the tensor.
        box: (start, stop) along each of these axes.
    """

    extents: Shape
    box: Box


class TensorFill(NamedTuple):
    """One tensor to be filled.

    Attributes:
        tensor: a floating-point tensor or a view of one, of any strides and on any device.
        key: the key of the part's stream.
        distribution: the law to draw from.
        shape: the shape of the part, which the tensor has too once it is reshaped.
        axes: a letter for each axis of the part, for the whole-matrix laws.
        flip: axes of the tensor that run backwards.
        window: what it holds of the part; None for all of it.
    """

    tensor: Tensor
    key: Key
    distribution: Distribution
    shape: Sequence[int]
    axes: str | None = None
    flip: tuple[int, ...] = ()
    window: Window | None = None


def name_of(dtype: torch.dtype) -> str:
    """Return what the stream calls a dtype."""
    return str(dtype).removeprefix("torch.")


def fill(tensor: Tensor, key: Key, distribution: Distribution, axes: str | None = None) -> None:
    """Write the values of a part into a tensor of its shape, in place; autograd is told nothing of it."""
    if not is_plain(tensor):
        fill_all(fills_of_shards(tensor, key, distribution, tuple(tensor.shape), axes))
    else:
        fill_all([TensorFill(tensor, key, distribution, tensor.shape, axes)])


def fills_of_shards(
    tensor: Tensor,
    key: Key,
    distribution: Distribution,
    shape: Shape,
    axes: str | None = None,
    view: View | None = None,
) -> Iterator[TensorFill]:
    """Yield what fills the shards that this process holds of a tensor, each with what the whole holds there.

    Args:
        tensor: the whole, as a DTensor.
        key: the key of the part's stream.
        distribution: the law to draw from.
        shape: the shape of the part.
        axes: a letter for each axis of the part, for the whole-matrix laws.
        view: where in the whole tensor the part lies; None if it is all of it.
    """
    whole = tuple(tensor.shape)
    extents = complete(view, whole).extents
    for local, block, _ in blocks(tensor):
        for place, box in shares(view, whole, block):
            window = Window(extents, box)
            yield TensorFill(place_in(local, place), key, distribution, shape, axes, place.flip, window)


def fill_all(fills: Iterable[TensorFill]) -> None:
    """Write many tensors in place: those of the host by all of PyTorch's threads, those of a GPU where they lie."""
    on_host, elsewhere = [], []
    for one in fills:
        tensor, key, law, _, axes, flip, window = one
        if tensor.is_cpu and _is_simple(tensor) and not _is_reshaped_matrix(one):
            out = array_of(tensor.detach())
            extents, box = window or (out.shape, None)
            on_host.append(stream.Fill(np.flip(out, flip) if flip else out, key, law, extents, box, axes))
        else:
            elsewhere.append(one)
    stream.fill_all(on_host, torch.get_num_threads())
    for one in elsewhere:
        if _has_kernel(one):
            from glorot.torch import gpu

            extents, box = one.window or (one.tensor.shape, None)
            gpu.fill(one.tensor.detach(), one.key, one.distribution, extents, box)
        else:
            _copy_from_host(one)


def _is_simple(tensor: Tensor) -> bool:
    """Tell whether the memory of a tensor holds values that the stream writes: no float8, wrapper or negation."""
    return tensor.dtype in WRITTEN and type(tensor) in PLAIN and not tensor.is_neg()


def _has_kernel(one: TensorFill) -> bool:
    is_drawn = _is_simple(one.tensor) and not one.flip and type(one.distribution) not in WITHOUT_KERNEL
    return is_drawn and one.tensor.is_cuda and torch.version.hip is None and _has_triton()


@functools.cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None


def words_of(tensor: Tensor) -> "np.ndarray[tuple[int, ...], np.dtype[np.unsignedinteger[Any]]]":
    """Return the memory of a tensor of the host as unsigned integers of the size of its elements."""
    return np.asarray(_Memory(tensor, f"u{tensor.element_size()}"))


def array_of(tensor: Tensor) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
    """Return the memory of a tensor of the host as an array; NumPy has no bfloat16 but as its bits.

    `Tensor.numpy` would do, but for good forbids that the storage be resized, as sharding libraries do.
    """
    is_narrow = tensor.dtype == torch.bfloat16
    array = np.asarray(_Memory(tensor, "u2" if is_narrow else f"f{tensor.element_size()}"))
    return array.view(BFLOAT16) if is_narrow else array


class _Memory:
    """The memory of a tensor, in the words of NumPy's array interface."""

    def __init__(self, tensor: Tensor, kind: str) -> None:
        size = tensor.element_size()
        self.tensor = tensor  # which must live as long as the array
        self.__array_interface__ = {
            "version": 3, "typestr": f"={kind}", "data": (tensor.data_ptr(), False), "shape": tuple(tensor.shape),
            "strides": tuple(step * size for step in tensor.stride()),
        }  # fmt: skip


def _is_reshaped_matrix(one: TensorFill) -> bool:
    """Tell whether a law of whole matrices takes other axes than those that lie in the tensor."""
    extents = one.tensor.shape if one.window is None else one.window.extents
    return type(one.distribution) in stream.MATRIX_LAWS and tuple(extents) != tuple(one.shape)


def _copy_from_host(one: TensorFill) -> None:
    extents, box = one.window or (tuple(one.tensor.shape), None)
    if _is_reshaped_matrix(one):
        whole = stream.draw(one.key, one.distribution, one.shape, one.axes).reshape(extents)
        values = whole if box is None else np.ascontiguousarray(whole[tuple(slice(*span) for span in box)])
    else:
        values = np.empty(tuple(one.tensor.shape), np.float32)
        stream.fill(values, one.key, one.distribution, extents, box, one.axes)
    source = torch.from_numpy(values)
    with torch.no_grad():
        one.tensor.detach().copy_(source.flip(one.flip) if one.flip else source)
