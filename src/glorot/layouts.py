"""Layouts: how a stored tensor holds a part, written one letter an axis, as in `k k i (b o)`.

Every framework stores the same kernel in its own way; its adapter says how in one word a layer:

    PyTorch Conv         (b o) i k k        Keras Conv             k k i (b o)
    PyTorch Linear       o i                Keras, Flax Dense      i o

b is an axis of copies (batch, expert, group, vocabulary row), o of outputs, i of inputs, k of the kernel. What
stands in parentheses shares one stored axis, the outermost first.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.inventory import Part, View
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
        if known < 1 or size % known:
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


def place_in(array: NDArray[Any], view: View | None) -> NDArray[Any]:
    """Return the view of a stored array that a part lies in, in the order of its axes.

    Example:
        >>> place_in(np.arange(6).reshape(2, 3), View(box=((0, 2), (1, 3)), order=(1, 0)))
        array([[1, 4],
               [2, 5]])
    """
    view = view or View()
    if view.box is not None:
        array = array[tuple(slice(start, stop) for start, stop in view.box)]
    if view.unfold is not None:
        array = array.reshape(view.unfold)  # splitting an axis copies nothing
    if view.order is not None:
        array = array.transpose(view.order)
    return np.flip(array, view.flip) if view.flip else array
