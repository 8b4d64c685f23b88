"""Which value each tensor holds: views of one memory see what is written to it through any of them."""

import bisect
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from glorot.graph import Graph, Step
from glorot.graph.graph import Shape
from glorot.graph.moves import box
from glorot.graph.operations import Index, Join, Move, Opaque, Permute, Reshape, Slice
from glorot.torch.writes import storage_of

FEW = 4096
"""Elements up to which the numbers of a constant are looked at."""

MOST_MASKS = 1 << 16
"""Elements up to which a mask, or a table of numbers that are not whole, is kept."""

MOST_KEPT = 1 << 20
"""Elements of a part of a batch that are kept; of a larger one the first examples."""


class View(NamedTuple):
    """How a view comes from the tensor that it is a view of: a move, or nothing but another name for it."""

    operation: Move | Opaque | None
    shape: tuple[int, ...]


class Slot:
    """What is known of one tensor.

    Attributes:
        value: its value; None if it depends on no parameter and no input.
        above: the slot that it is a view of, and how.
        root: the slot of the whole memory.
        version: how often that memory had been written to when the value was found.
        tensor: the tensor, while it is alive.
        shape: the shape of its value.
        constant: the value that stands for it as a constant, and the version that it had then.
        later: adds the step that makes its value, when that is asked for.
    """

    __slots__ = ("above", "constant", "later", "root", "shape", "tensor", "value", "version")

    def __init__(self, tensor: Tensor, value: int | None, above: "tuple[Slot, View] | None" = None) -> None:
        self.value = value
        self.above = above
        self.root: Slot = self if above is None else above[0].root
        self.version: int = 0 if above is None else -1  # a view is found when it is asked for
        self.constant: tuple[int, int] | None = None
        self.later: Callable[[], int] | None = None
        self.shape = shape_of(tensor)
        self.tensor = weakref.ref(tensor)


class Memory:
    """The values of all tensors that are alive.

    Attributes:
        graph: the graph that the values belong to.
        truth: returns the elements of a tensor, as far as they are known.
    """

    def __init__(self, graph: Graph, truth: Callable[[Tensor], Tensor | None]) -> None:
        self.graph = graph
        self.truth = truth
        self.slots: Any = WeakIdKeyDictionary()
        self._leaves: dict[Any, Slot] = {}  # by place in memory: the same parameter may come as another tensor
        self._kept: list[Tensor] = []  # so that no other tensor comes to lie in their place
        self._buffers: Any = WeakIdKeyDictionary()  # the paths of the buffers that a tensor of numbers was made of

    def leaf(self, tensor: Tensor, value: int) -> None:
        """Set the value of a parameter or an input."""
        slot = self.slots[tensor] = Slot(tensor, value)
        place = _place_of(tensor)
        if place is not None:
            self._leaves[place] = slot
            self._kept.append(tensor)

    def name_buffer(self, tensor: Tensor, path: str) -> None:
        """Take note of the path of a buffer."""
        self._buffers[tensor] = (path,)

    def inherit(self, results: Sequence[Tensor], tensors: Sequence[Tensor]) -> None:
        """Take note that tensors of numbers were made of others, and so of the buffers that those were made of."""
        if not self._buffers:
            return
        paths = tuple(dict.fromkeys(path for tensor in tensors for path in self._buffers.get(tensor, ())))
        if paths:
            for result in results:
                self._buffers[result] = paths

    def assign(self, tensor: Tensor, value: int) -> None:
        """Set the value of a new tensor."""
        self.slots[tensor] = Slot(tensor, value)

    def assign_later(self, tensor: Tensor, make: Callable[[], int]) -> None:
        """Set the value of a new tensor that may never be used."""
        slot = self.slots[tensor] = Slot(tensor, None)
        slot.later = make

    def add_view(self, tensor: Tensor, of: Tensor, view: View) -> None:
        """Take note that a new tensor is a view of another one."""
        above = self._slot(of)
        self.slots[tensor] = Slot(tensor, None, (above, view))

    def follows(self, tensor: Tensor) -> int | None:
        """Return the value of a tensor that depends on a parameter, an input or chance; None for any other."""
        slot = self.slots.get(tensor)
        if slot is None:
            known = self._leaves.get(_place_of(tensor)) if self._leaves else None
            if known is None:
                return None
            slot = self.slots[tensor] = Slot(tensor, None, (known, View(None, known.shape)))
        return self._current(slot)

    def value(self, tensor: Tensor) -> int:
        """Return the value of a tensor: that of a constant, if it is made of numbers alone."""
        found = self.follows(tensor)
        if found is not None:
            return found
        slot = self._slot(tensor)
        if slot.constant is None or slot.constant[0] != slot.root.version:
            slot.constant = slot.root.version, self._constant(tensor)
        return slot.constant[1]

    def prepare(self, tensor: Tensor) -> None:
        """Give the whole memory of a tensor values, before one that depends on more than numbers is written into it."""
        slot = self._slot(tensor)
        if self._current(slot) is None:
            root = slot.root
            whole = root.tensor()
            root.value = self.graph.constant(root.shape) if whole is None else self._constant(whole)
            root.version += 1

    def write(self, tensor: Tensor, value: int) -> None:
        """Write a value into a tensor, and so into all that share its memory."""
        self._write(self._slot(tensor), value)

    def forget(self, tensor: Tensor) -> None:
        """Take note that numbers were written over numbers."""
        slot = self.slots.get(tensor)
        if slot is not None:
            slot.root.version += 1

    def moved(self, view: View, value: int) -> int:
        """Return what a view of a value is."""
        operation, shape = view
        if operation is None or (isinstance(operation, Reshape) and self.graph.shape(value) == shape):
            return value
        if isinstance(operation, Slice):
            return sliced(self.graph, value, operation, shape)
        return self.graph.step(operation, [value], shape)

    # ---- slots -----------------------------------------------------------------------------------------------------

    def _slot(self, tensor: Tensor) -> Slot:
        slot = self.slots.get(tensor)
        if slot is None:
            self.follows(tensor)
            slot = self.slots.get(tensor)
        if slot is None:
            slot = self.slots[tensor] = Slot(tensor, None)
        return slot  # type: ignore[no-any-return]

    def _current(self, slot: Slot) -> int | None:
        """Return the value of a slot, found again if its memory was written to."""
        if slot.later is not None:
            slot.value, slot.later = slot.later(), None
        if slot.above is None or slot.version == slot.root.version:
            return slot.value
        above, view = slot.above
        value = self._current(above)
        slot.value = None if value is None else self.moved(view, value)
        slot.version = slot.root.version
        return slot.value

    def _write(self, slot: Slot, value: int) -> None:
        if slot.above is None:
            slot.root.version += 1
        else:
            above, (operation, _) = slot.above
            whole = self._current(above)
            if operation is None or whole is None:
                self._write(above, value)
            else:
                self._write(above, put(self.graph, operation, whole, value))
        slot.value, slot.version = value, slot.root.version

    def _constant(self, tensor: Tensor) -> int:
        shape = shape_of(tensor)
        truth = self.truth(tensor)
        array = None if truth is None else numbers_of(truth)
        paths: tuple[str, ...] = self._buffers.get(tensor, ())
        if array is None or not array.size:
            number = None if truth is None else _only_number(truth)
            return self.graph.constant(shape, number=number, buffers=paths)
        first = array.flat[0]
        if np.all(array == first):
            return self.graph.constant(shape, number=float(first), buffers=paths)
        integers = array.astype(np.int64) if array.dtype.kind in "iu" else None
        return self.graph.constant(shape, integers=integers, elements=array, buffers=paths)


def shape_of(tensor: Tensor) -> Shape:
    """Return the shape of the value of a tensor; that of a complex one has pairs along one more axis."""
    return (*tensor.shape, 2) if tensor.is_complex() else tuple(tensor.shape)


def _place_of(tensor: Tensor) -> Any:
    """Return where and how a tensor lies in memory; None for one that shares its place with others by chance."""
    where = storage_of(tensor)
    return (where, tensor.storage_offset(), tuple(tensor.shape), tensor.stride()) if where and tensor.numel() else None


def numbers_of(tensor: Tensor) -> "np.ndarray[Any, Any] | None":
    """Return the elements of a small constant; None if they cannot be read."""
    most = MOST_MASKS if tensor.is_floating_point() or tensor.dtype == torch.bool else FEW
    if tensor.is_meta or tensor.numel() > most or tensor.layout != torch.strided or tensor.is_complex():
        return None
    if type(tensor) not in (Tensor, torch.nn.Parameter, torch.nn.Buffer):
        return None
    if tensor.is_floating_point() or tensor.dtype == torch.bool:
        return tensor.detach().to("cpu", torch.float64, copy=True).numpy()
    return np.asarray(tensor.tolist(), dtype=np.int64)


def _only_number(tensor: Tensor) -> float | None:
    """Return the one number that a large constant holds everywhere; None of any other."""
    if tensor.is_meta or tensor.layout != torch.strided or not tensor.is_floating_point() or not tensor.numel():
        return None
    first = tensor.reshape(-1)[0]
    return float(first) if tensor.numel() <= MOST_KEPT and bool((tensor == first).all()) else None


def elements_of(batch: Tensor) -> "np.ndarray[Any, Any] | None":
    """Return what a part of a batch holds, of a large one the first examples; None where it holds nothing."""
    if batch.is_meta or batch.layout != torch.strided or batch.is_complex() or not batch.dim() or not batch.numel():
        return None
    kept = max(2, MOST_KEPT // (batch.numel() // len(batch) or 1))
    with torch.no_grad():
        few = batch.detach()[:kept]
        return (few.to("cpu", torch.float32) if few.is_floating_point() else few.cpu().long()).numpy().copy()


# ---- boxes -----------------------------------------------------------------------------------------------------------


def sliced(graph: Graph, value: int, cut: Slice, shape: tuple[int, ...]) -> int:
    """Cut a box out of a value; one that is a whole piece of a join is that piece."""
    whole = tuple((0, size, 1) for size in graph.shape(value))
    if cut.index == whole:
        return value
    axis = _only_axis(cut, whole)
    maker = _maker(graph, value)
    if axis is not None and maker is not None and maker.operation == Join(axis):
        start, stop, _ = cut.index[axis]  # type: ignore[misc]
        at = 0
        for operand in maker.operands:
            size = graph.shape(operand)[axis]
            if at <= start and stop <= at + size:
                inner = (*cut.index[:axis], (start - at, stop - at, 1), *cut.index[axis + 1 :])
                return sliced(graph, operand, Slice(inner), shape)
            at += size
    return graph.step(cut, [value], shape)


def _only_axis(cut: Slice, whole: Sequence[Any]) -> int | None:
    """Return the one axis that a box without gaps is smaller along; None for any other."""
    found = [n for n, (index, all_of_it) in enumerate(zip(cut.index, whole, strict=True)) if index != all_of_it]
    if len(found) != 1:
        return None
    index = cut.index[found[0]]
    return found[0] if not isinstance(index, int) and index[2] == 1 else None


def _maker(graph: Graph, value: int) -> Step | None:
    """Return the step that makes a value; steps are ordered by their results."""
    place = bisect.bisect_left(graph.steps, value, key=lambda step: step.result)
    found = graph.steps[place] if place < len(graph.steps) else None
    return found if found is not None and found.result == value else None


def put(graph: Graph, move: Move | Opaque, whole: int, part: int) -> int:
    """Return a value with the part of it that a move shows replaced."""
    shape = graph.shape(whole)
    match move:
        case Reshape():
            return graph.step(Reshape(), [part], shape)
        case Permute(order):
            back = tuple(order.index(axis) for axis in range(len(order)))
            return graph.step(Permute(back), [part], shape)
        case Slice(index) if all(isinstance(piece, int) or piece[2] == 1 for piece in index):
            pieces = [(piece, piece + 1, 1) if isinstance(piece, int) else piece for piece in index]
            sizes = tuple(stop - start for start, stop, _ in pieces)
            part = part if graph.shape(part) == sizes else graph.step(Reshape(), [part], sizes)
            return _boxed(graph, whole, part, pieces, 0)
        case Slice(index):
            return _interleaved(graph, whole, part, index)
    return graph.step(Opaque("write"), [whole, part], shape)


def _interleaved(graph: Graph, whole: int, part: int, index: Index) -> int:
    """Set every n-th element along an axis: that axis is cut into rows of n, of which one column is set."""
    shape = graph.shape(whole)
    axis = next(n for n, piece in enumerate(index) if not isinstance(piece, int) and piece[2] != 1)
    start, stop, step = index[axis]  # type: ignore[misc]
    places = range(start, stop, step)
    end = start + len(places) * step

    def along(piece: int | tuple[int, int, int]) -> Index:
        return (*index[:axis], piece, *index[axis + 1 :])

    if end - start == shape[axis]:
        split = (*shape[:axis], len(places), step, *shape[axis + 1 :])
        inner = Slice((*index[:axis], (0, len(places), 1), start, *index[axis + 1 :]))
        return _reshaped(graph, put(graph, inner, _reshaped(graph, whole, split), part), shape)
    if end <= shape[axis]:
        rows = Slice(box(shape, axis, start, end))
        within = sliced(graph, whole, rows, (*shape[:axis], end - start, *shape[axis + 1 :]))
        return put(graph, rows, whole, _interleaved(graph, within, part, along((0, end - start, step))))
    own = graph.shape(part)  # the last row is not whole
    kept = axis - sum(isinstance(piece, int) for piece in index[:axis])
    most, one = ((*own[:kept], size, *own[kept + 1 :]) for size in (len(places) - 1, 1))
    last = sliced(graph, part, Slice(box(own, kept, len(places) - 1, len(places))), one)
    if len(places) > 1:
        first = sliced(graph, part, Slice(box(own, kept, 0, len(places) - 1)), most)
        whole = put(graph, Slice(along((start, places[-1], step))), whole, first)
    return put(graph, Slice(along((places[-1], places[-1] + 1, 1))), whole, last)


def _reshaped(graph: Graph, value: int, shape: Shape) -> int:
    """Return a value under another shape; one that was reshaped from that shape is what it was."""
    maker = _maker(graph, value)
    if maker is not None and maker.operation == Reshape() and graph.shape(maker.operands[0]) == shape:
        return maker.operands[0]
    return value if graph.shape(value) == shape else graph.step(Reshape(), [value], shape)


def _boxed(graph: Graph, whole: int, part: int, pieces: list[tuple[int, int, int]], axis: int) -> int:
    """Set a box in a value, from one axis on."""
    shape = graph.shape(whole)
    if graph.shape(part) == shape:
        return part
    start, stop, _ = pieces[axis]
    if (start, stop) == (0, shape[axis]):
        return _boxed(graph, whole, part, pieces, axis + 1)

    def cut(a: int, b: int) -> int:
        return sliced(graph, whole, Slice(box(shape, axis, a, b)), (*shape[:axis], b - a, *shape[axis + 1 :]))

    inner = [*pieces[:axis], (0, stop - start, 1), *pieces[axis + 1 :]]
    beside = [cut(0, start)] if start else []
    after = [cut(stop, shape[axis])] if stop < shape[axis] else []
    joined = [*beside, _boxed(graph, cut(start, stop), part, inner, axis + 1), *after]
    return graph.step(Join(axis), [piece for value in joined for piece in _pieces(graph, value, axis)], shape)


def _pieces(graph: Graph, value: int, axis: int) -> Sequence[int]:
    """Return the pieces of a value that is a join itself, or the value."""
    maker = _maker(graph, value)
    return maker.operands if maker is not None and maker.operation == Join(axis) else (value,)
