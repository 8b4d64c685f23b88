"""Layouts: how a stored tensor holds a part, written one letter an axis, as in `k k i (b o)`.

Every framework stores the same kernel in its own way; its adapter says how in one word a layer:

    PyTorch Conv         (b o) i k k        Keras Conv             k k i (b o)
    PyTorch Linear       o i                Keras, Flax Dense      i o

b is an axis of copies (batch, expert, group, vocabulary row), o of outputs, i of inputs, k of the kernel. What
stands in parentheses shares one stored axis, the outermost first.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError
from glorot.fans import ELEMENTWISE, Fans
from glorot.inventory.parts import Part, View
from glorot.text import shape_text

ORDER = "boik"
"""The order in which the stream counts through the axes of a part."""


def laid_out(
    pattern: str, shape: Sequence[int], role: str, layer: str, fans: Fans | None, *, flip: bool = False, **sizes: int
) -> Part:
    """Return the part that a stored tensor holds, with the view that finds it there.

    Its axes are those of the pattern, sorted b, o, i, k; several axes of outputs, or of inputs, count as one. An axis
    b in parentheses is left out where its size is 1: one group is no group.

    Args:
        pattern: a letter for each stored axis, such as "k k i (b o)".
        shape: the stored shape.
        role: the role of the part.
        layer: the kind of layer it belongs to.
        fans: the true connection counts.
        flip: whether the stored kernel runs backwards along its axes k.
        **sizes: sizes of the letters in parentheses, all but one of each.

    Returns:
        The part, without a name.

    Raises:
        GlorotError: if the pattern does not fit the shape.

    Example:
        >>> kernel = laid_out("k k i (b o)", (3, 3, 2, 8), "kernel", "Conv2D", None, b=4)
        >>> kernel.axes, kernel.shape, kernel.view.unfold
        ('boikk', (4, 2, 2, 3, 3), (3, 3, 2, 4, 2))
    """
    letters, extents = _unfolded(pattern, tuple(int(size) for size in shape), sizes)
    order = sorted(range(len(letters)), key=lambda axis: ORDER.index(letters[axis]))
    axes, part_shape = _merged("".join(letters[axis] for axis in order), [extents[axis] for axis in order])
    kernel = tuple(position for position, axis in enumerate(order) if letters[axis] == "k")
    view = View(
        unfold=None if tuple(extents) == tuple(shape) else tuple(extents),
        order=None if order == sorted(order) else tuple(order),
        flip=kernel if flip else (),
    )
    return Part("", axes, part_shape, role, layer, fans, None if view == View() else view)


def _unfolded(pattern: str, shape: tuple[int, ...], sizes: dict[str, int]) -> tuple[str, list[int]]:
    tokens = re.findall(r"\([boik ]+\)|[boik]", pattern)
    if len(tokens) != len(shape):
        raise GlorotError(f"a tensor of shape {shape_text(shape)} has {len(shape)} axes, {pattern!r} has {len(tokens)}")
    letters, extents = "", []
    for token, size in zip(tokens, shape, strict=True):
        inside = [letter for letter in token if letter in ORDER]
        if len(inside) > 1 and sizes.get("b") == 1 and "b" in inside:
            inside.remove("b")
        known = math.prod(sizes.get(letter, 1) for letter in inside) if len(inside) > 1 else 1
        is_open = len(inside) > 1 and len([letter for letter in inside if letter not in sizes]) > 1
        if known < 1 or size % known or is_open:
            raise GlorotError(f"an axis of size {size} does not split into {token} with sizes {sizes}")
        letters += "".join(inside)
        extents += [sizes.get(letter, size // known) for letter in inside] if len(inside) > 1 else [size]
    return letters, extents


def _merged(axes: str, extents: list[int]) -> tuple[str, tuple[int, ...]]:
    """Take neighbouring axes of outputs, and those of inputs, as one."""
    letters, sizes = "", list[int]()
    for letter, size in zip(axes, extents, strict=True):
        if letter in "oi" and letters.endswith(letter):
            sizes[-1] *= size
        else:
            letters += letter
            sizes.append(size)
    return letters, tuple(sizes)


def blocks(block: Part, shape: Sequence[int], axis: int, names: Sequence[str]) -> tuple[Part, ...]:
    """Repeat the part of one block for each block of a fused tensor.

    Args:
        block: the part that a block holds if it is taken by itself.
        shape: the stored shape of one block.
        axis: the stored axis along which the blocks lie side by side.
        names: the name of each block, in stored order.

    Returns:
        A part for each block; the block itself if it is the only one.

    Example:
        >>> gate = laid_out("i o", (3, 4), "kernel", "LSTM", None)
        >>> [(part.name, part.view.box) for part in blocks(gate, (3, 4), 1, "if")]
        [('[i]', ((0, 3), (0, 4))), ('[f]', ((0, 3), (4, 8)))]
    """
    if len(names) == 1:
        return (block,)
    whole = [(0, int(size)) for size in shape]
    size = whole[axis][1]
    boxes = [(*whole[:axis], (n * size, (n + 1) * size), *whole[axis + 1 :]) for n in range(len(names))]
    view = block.view or View()
    return tuple(
        replace(block, name=f"[{name}]", view=replace(view, box=box)) for name, box in zip(names, boxes, strict=True)
    )


def with_forget_gate(biases: Sequence[Part]) -> tuple[Part, ...]:
    """Mark the bias of the forget gate, named f, among those of the gates of a recurrent layer.

    Example:
        >>> gates = blocks(laid_out("o", (4,), "bias", "LSTM", None), (4,), 0, "ifgo")
        >>> [part.role for part in with_forget_gate(gates)]
        ['bias', 'forget_bias', 'bias', 'bias']
    """
    return tuple(replace(part, role="forget_bias") if part.name == "[f]" else part for part in biases)


def comb(part: Part, stored: Sequence[int], axis: int, start: int, run: int, period: int, times: int) -> Part:
    """Return the piece of a part that lies in equal runs along a stored axis, like the teeth of a comb.

    Args:
        part: the part that the whole stored tensor is, whose view permutes axes at most.
        stored: the shape of the stored tensor.
        axis: the stored axis.
        start: where the first run starts.
        run: how long each run is.
        period: how far apart the runs start; runs that touch are one.
        times: how many runs there are.

    Returns:
        The piece, under the name and with the fans of the whole.

    Raises:
        GlorotError: if the runs are not equal runs within equal periods of the axis.

    Example:
        Two heads of (q, k, v), each of 3 rows; the keys are every second run of three:

        >>> whole = laid_out("o i", (18, 5), "kernel", "Linear", None)
        >>> keys = comb(whole, (18, 5), axis=0, start=3, run=3, period=9, times=2)
        >>> keys.shape, keys.view.unfold, keys.view.cut
        ((6, 5), (2, 9, 5), ((0, 2), (3, 6), (0, 5)))
        >>> place_in(np.arange(90).reshape(18, 5), keys.view)[..., 0] // 5
        array([[ 3,  4,  5],
               [12, 13, 14]])

        One run is a box:

        >>> comb(whole, (18, 5), axis=0, start=3, run=3, period=18, times=1).view.box
        ((3, 6), (0, 5))
    """
    if run == period:
        run, times = run * times, 1
    view, size = part.view or View(), stored[axis]
    before, after = ([(0, int(n)) for n in sizes] for sizes in (stored[:axis], stored[axis + 1 :]))
    first, offset = divmod(start, period)
    if times == 1 and start + run <= size:
        found = replace(view, box=(*before, (start, start + run), *after))
    elif size % period == 0 and offset + run <= period and (first + times) * period <= size:
        order = [n + (n > axis) for n in view.order or range(len(stored))]
        order.insert(order.index(axis) + 1, axis + 1)
        found = View(
            unfold=(*(n for _, n in before), size // period, period, *(n for _, n in after)),
            cut=(*before, (first, first + times), (offset, offset + run), *after),
            order=None if view.order is None else tuple(order),
        )
    else:
        raise GlorotError(
            f"{times} runs of {run} from {start}, {period} apart, do not lie within equal periods of an axis of {size}"
        )
    shape = list(part.shape)
    own = _axis_with(part, stored, axis)
    shape[own] = shape[own] // size * run * times
    return replace(part, shape=tuple(shape), view=found)


def _axis_with(part: Part, stored: Sequence[int], axis: int) -> int:
    """Return the axis of a part that a stored axis lies in: several axes of outputs, or of inputs, are one of it."""
    order = (part.view and part.view.order) or tuple(range(len(stored)))
    outside = math.prod(stored[n] for n in order[: order.index(axis)])
    return max(n for n in range(len(part.shape)) if math.prod(part.shape[:n]) <= outside)


class FullView(NamedTuple):
    """A view of a tensor of known shape, with every field of `View` filled in."""

    box: tuple[tuple[int, int], ...]
    unfold: tuple[int, ...]
    cut: tuple[tuple[int, int], ...]
    order: tuple[int, ...]
    flip: tuple[int, ...]

    @property
    def extents(self) -> tuple[int, ...]:
        """The shape of what it finds, before that is reshaped to the part."""
        return tuple(self.cut[axis][1] - self.cut[axis][0] for axis in self.order)


def complete(view: View | None, shape: Sequence[int]) -> FullView:
    """Fill in what a view leaves out, for a stored tensor of some shape.

    Example:
        >>> complete(View(box=((0, 2), (1, 3))), (2, 3))
        FullView(box=((0, 2), (1, 3)), unfold=(2, 2), cut=((0, 2), (0, 2)), order=(0, 1), flip=())
    """
    view = view or View()
    box = view.box or tuple((0, size) for size in shape)
    unfold = view.unfold or tuple(stop - start for start, stop in box)
    cut = view.cut or tuple((0, size) for size in unfold)
    return FullView(box, unfold, cut, view.order or tuple(range(len(unfold))), view.flip)


def split_axes(sizes: Sequence[int], unfold: Sequence[int]) -> list[tuple[int, ...]]:
    """Return for each axis which of the unfolded axes it was split into.

    Raises:
        GlorotError: if splitting axes does not lead to these.

    Example:
        >>> split_axes((192, 64), (4, 3, 16, 64))
        [(0, 1, 2), (3,)]
    """
    groups, used, is_split = list[tuple[int, ...]](), 0, True
    for size in sizes:
        first, product = used, 1
        while used < len(unfold) and (product != size or (used == first and unfold[used] == 1)):
            product *= unfold[used]
            used += 1
        is_split = is_split and product == size
        groups.append(tuple(range(first, used)))
    if not is_split or math.prod(unfold[used:]) != 1:
        raise GlorotError(f"axes of {shape_text(sizes)} do not split into {shape_text(unfold)}")
    if groups:
        groups[-1] += tuple(range(used, len(unfold)))  # axes of size 1 that are left
    return groups


def place_in(array: NDArray[Any], view: View | None) -> NDArray[Any]:
    """Return the view of a stored array that a part lies in, in the order of its axes.

    Example:
        >>> place_in(np.arange(6).reshape(2, 3), View(box=((0, 2), (1, 3)), order=(1, 0)))
        array([[1, 4],
               [2, 5]])
        >>> place_in(np.arange(8), View(unfold=(2, 4), cut=((0, 2), (1, 3))))
        array([[1, 2],
               [5, 6]])
    """
    view = view or View()
    if view.box is not None:
        array = _cut(array, view.box)
    if view.unfold is not None:
        array = array.reshape(view.unfold)  # splitting an axis copies nothing
    if view.cut is not None:
        array = _cut(array, view.cut)
    if view.order is not None:
        array = array.transpose(view.order)
    return np.flip(array, view.flip) if view.flip else array


def _cut(array: NDArray[Any], box: Sequence[tuple[int, int]]) -> NDArray[Any]:
    """Return the view of a box; of an array without axes too, which an empty index would make a number of."""
    index: tuple[slice | EllipsisType, ...] = (*(slice(start, stop) for start, stop in box), ...)
    return array[index]


def stored_shape(parts: Sequence[Part], found: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of the stored tensor that parts make up together.

    Args:
        parts: the parts.
        found: the shape that the tensor has. Parts that lie interleaved leave open which axes were split, and fit any
            shape that splits so; where this one does not, the shape after splitting is returned.

    Example:
        >>> from glorot.inventory.parts import View
        >>> stored_shape([Part("", "oi", (4, 3), "kernel", "Conv1D", view=View(order=(1, 0)))], (3, 4))
        (3, 4)
    """
    view = parts[0].view
    if view is None:
        return parts[0].shape
    if view.box is not None:
        boxes = [part.view.box for part in parts if part.view is not None and part.view.box is not None]
        return tuple(max(stop for _, stop in axis) for axis in zip(*boxes, strict=True))
    if view.unfold is not None and view.cut is not None:
        try:
            split_axes(found, view.unfold)
        except GlorotError:
            return view.unfold
        return tuple(found)
    if view.unfold is not None:  # groups, which lie along the first stored axis
        return (view.unfold[0] * view.unfold[1], *view.unfold[2:])
    if view.order is not None:
        return tuple(parts[0].shape[view.order.index(axis)] for axis in range(len(view.order)))
    return parts[0].shape


def without_connections(shapes: Mapping[str, tuple[int, ...]], layer: str) -> dict[str, tuple[Part, ...]]:
    """Return the parts of a layer without inputs or without outputs: its kernel is empty, so that no fans are counted.

    Args:
        shapes: the shape of each of its parameters, by name.
        layer: what its framework calls it.

    Example:
        >>> parts = without_connections({"weight": (64, 0), "bias": (64,)}, "Linear")
        >>> [(name, part.role, part.shape) for name, (part,) in parts.items()]
        [('weight', 'kernel', (64, 0)), ('bias', 'bias', (64,))]
    """
    return {
        name: (
            Part("", "o", shape, "bias", layer, ELEMENTWISE)
            if len(shape) == 1
            else Part("", "", shape, "kernel", layer, ELEMENTWISE),
        )
        for name, shape in shapes.items()
    }
