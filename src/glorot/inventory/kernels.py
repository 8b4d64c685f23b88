"""Kernels: how a stored parameter connects inputs to outputs, read from the step where it meets the signal."""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.fans import Fans
from glorot.graph.folding import Folded, Use
from glorot.graph.graph import Graph, Step
from glorot.graph.moves import moved
from glorot.graph.operations import (
    Broadcast,
    Contract,
    Convolve,
    Flip,
    Map,
    Pad,
    Permute,
    Reshape,
    Slice,
    Take,
)

Labels = NDArray[Any]
ABSENT = -1


@dataclass(frozen=True)
class Kernel:
    """How a parameter connects.

    Attributes:
        letters: for each stored axis b (copies), o (outputs), i (inputs) or k (window); several where it holds several,
            the outermost first, as "bo" of a grouped convolution; "" for an axis of size 1.
        groups: the size of the b that shares an axis with o.
        fans: the true connection counts.
        outputs: the axes of the result along which its outputs lie.
        inner: the letters of those axes that another factor of the same product meets, as of W = A·B.
    """

    letters: tuple[str, ...]
    groups: int
    fans: Fans
    outputs: tuple[int, ...]
    inner: str = ""


def kernel_of(folded: Folded, use: Use) -> Kernel | None:
    """Return how a parameter connects where it is used; None where that cannot be read.

    Args:
        folded: the graph.
        use: where it meets the signal, in a contraction or a convolution.
    """
    step = folded.graph.steps[use.step]
    leaf = folded.leaf(use.path).id
    match step.operation:
        case Contract() as contract:
            meaning = _letters_of_contraction(contract, use.operand)
        case Convolve() as convolve:
            meaning = _letters_of_convolution(convolve)
        case _:
            return None
    end, inner = step.operands[use.operand], ""
    while (product := _last_product(folded, leaf, end)) is not None:
        found = _letters_of_factor(folded, product, end, meaning)
        if found is None:
            return None
        end, meaning, met = found
        inner += met
    stored = _stored_letters(folded, leaf, end, meaning)
    if stored is None:
        return None
    if inner:
        outputs = () if "o" in inner else outputs_of(step, use.operand)
        return Kernel(stored, 1, _fans_by_letters(folded.leaf(use.path).shape, stored), outputs, inner)
    groups = step.operation.groups if isinstance(step.operation, Convolve) else 1
    if groups > 1:
        shared = _shared_by_groups(folded.graph, step)
        stored = tuple(f"b{letters}" if letters == shared else letters for letters in stored)
    return Kernel(stored, groups, fans_of(folded, step, use.operand), outputs_of(step, use.operand))


def _shared_by_groups(graph: Graph, step: Step) -> str:
    """Return the letter of the stored axis along which the groups of a convolution lie side by side."""
    assert isinstance(step.operation, Convolve)
    outputs = graph.shape(step.operands[1])[step.operation.kernel[0]]
    return "o" if outputs == graph.shape(step.result)[step.operation.channel] else "i"


def _last_product(folded: Folded, start: int, end: int) -> tuple[Step, int] | None:
    """Return the last product of kernels by which one becomes another, and its operand; None if there is none."""
    for step, operand in reversed(_way(folded, start, end) or []):
        if isinstance(step.operation, Contract):
            return step, operand
    return None


def _letters_of_factor(
    folded: Folded, product: tuple[Step, int], end: int, meaning: str
) -> tuple[int, str, str] | None:
    """Return a factor of a kernel, the meaning of its axes and the letters that the other factor meets.

    What two factors sum over are the outputs of the one that the signal enters, and the inputs of the other.
    """
    step, operand = product
    assert isinstance(step.operation, Contract)
    whole = _stored_letters(folded, step.result, end, meaning)
    if whole is None or any(len(letters) > 1 for letters in whole):
        return None
    own, other = step.operation.operands[operand], step.operation.operands[1 - operand]
    means = {letter: meant or "b" for letter, meant in zip(step.operation.result, whole, strict=True)}
    others = {means[letter] for letter in other if letter in means and letter not in own} - {"b"}
    if not others <= {"i", "o", "k"} or len(others - {"k"}) != 1:
        return None
    met = "i" if "i" in others else "o"
    letters = "".join(means.get(letter, met) for letter in own)
    return step.operands[operand], letters, met


def _fans_by_letters(shape: tuple[int, ...], letters: tuple[str, ...]) -> Fans:
    sizes = {
        letter: math.prod(size for size, own in zip(shape, letters, strict=True) if letter in own) for letter in "oik"
    }
    return Fans(float(sizes["i"] * sizes["k"]), float(sizes["o"] * sizes["k"]))


def _letters_of_contraction(contract: Contract, operand: int) -> str:
    """Return the meaning of each axis of the operand that is the kernel."""
    own, other = contract.operands[operand], contract.operands[1 - operand]
    return "".join(_meaning(letter, other, contract.result) for letter in own)


def _meaning(letter: str, other: str, result: str) -> str:
    """Return what a letter of a kernel stands for: copies, if it is kept of both operands or of none, as experts."""
    if letter in other:
        return "b" if letter in result else "i"
    return "o" if letter in result else "b"


def _letters_of_convolution(convolve: Convolve) -> str:
    letters = [""] * len(convolve.kernel)
    for axis, letter in zip(convolve.kernel, "oi" + "k" * len(convolve.window), strict=True):
        letters[axis] = letter
    return "".join(letters)


def _stored_letters(folded: Folded, leaf: int, end: int, meaning: str) -> tuple[str, ...] | None:
    """Return the meaning of each stored axis of a parameter, from that of the axes of what it is moved to."""
    shape = folded.graph.shape(leaf)
    if end == leaf:
        return tuple(letter if size > 1 else "" for letter, size in zip(meaning, shape, strict=True))
    found = []
    for axis, size in enumerate(shape):
        labels = np.broadcast_to(np.arange(size).reshape([size if n == axis else 1 for n in range(len(shape))]), shape)
        arrived = follow_parameter(folded, leaf, labels, end)
        if arrived is None or arrived.ndim != len(meaning):
            return None
        letters = "".join(meaning[n] for n in range(arrived.ndim) if _varies(arrived, n))
        found.append("".join(dict.fromkeys(letters)))
    return tuple(found)


def _varies(labels: Labels, axis: int) -> bool:
    """Tell whether labels change along an axis."""
    if labels.strides[axis] == 0 or labels.shape[axis] < 2:
        return False
    line = labels[tuple(slice(None) if n == axis else 0 for n in range(labels.ndim))]
    return bool(np.any(line != line[0]))


def follow_parameter(folded: Folded, start: int, labels: Labels, end: int) -> Labels | None:
    """Return where the elements of a parameter lie in a value that is made of it; None if it is more than moved."""
    chain = _way(folded, start, end)
    if chain is None:
        return None
    for step, _ in chain:
        shape = folded.graph.shape(step.result)
        match step.operation:
            case Map():
                labels = np.broadcast_to(labels, shape)
            case Take(axis, None):
                labels = _picked(labels, axis, shape)
            case Reshape() | Permute() | Slice() | Broadcast() | Flip() | Pad() as move:
                arrived = moved(move, [labels], shape, ABSENT)
                if arrived is None:
                    return None
                labels = arrived
            case _:
                return None
        if labels.shape != shape:  # as of a map that is sampled between its points
            return None
    return labels


def _picked(labels: Labels, axis: int, shape: tuple[int, ...]) -> Labels:
    """Return labels of which the batch picks some along an axis: each in its turn, for which ones is not known."""
    places = shape[axis : axis + len(shape) - labels.ndim + 1]
    turns = np.arange(math.prod(places)).reshape(places) % labels.shape[axis]
    return np.asarray(np.take(labels, turns, axis=axis))


def _way(folded: Folded, start: int, end: int) -> list[tuple[Step, int]] | None:
    """Return the steps by which one value of parameters becomes another, with their operands; None if many ways do."""
    chain: list[tuple[Step, int]] = []
    value = end
    while value != start:
        step = folded.makers.of(value)
        own = {v for v in step.operands if _is_made_from(folded, v, start)} if step is not None else set()
        if len(own) > 1:  # a standardised kernel, say: its own statistics are broadcast to it
            own = {v for v in own if folded.graph.shape(v) == folded.graph.shape(value)}
        if step is None or len(own) != 1:
            return None
        value = own.pop()
        chain.append((step, step.operands.index(value)))
    return chain[::-1]


def _is_made_from(folded: Folded, value: int, start: int) -> bool:
    return value == start or (value > start and {*folded.parameters[start]} <= {*folded.parameters.get(value, ())})


def kernel_operand(folded: Folded, step: Step) -> int | None:
    """Return which operand of a contraction or a convolution is made of parameters; None if none is."""
    is_linear = isinstance(step.operation, Contract | Convolve)
    operands = enumerate(step.operands if is_linear else ())
    return next((n for n, value in operands if value in folded.parameters), None)


def outputs_of(step: Step, operand: int) -> tuple[int, ...]:
    """Return the axes of the result of a step along which the outputs of its kernel lie."""
    match step.operation:
        case Contract() as contract:
            other = contract.operands[1 - operand]
            return tuple(n for n, letter in enumerate(contract.result) if letter not in other)
        case Convolve() as convolve:
            return (convolve.channel,)
    return ()


def fans_of(folded: Folded, step: Step, operand: int) -> Fans:
    """Count the connections of a step: how many inputs an output sums, and how many outputs an input feeds.

    Args:
        folded: the graph.
        step: a contraction or a convolution.
        operand: which of its operands is the kernel.

    Returns:
        The fans; of a convolution as an average over all its positions, those at the border included.
    """
    if isinstance(step.operation, Contract):
        contract = step.operation
        own, other = contract.operands[operand], contract.operands[1 - operand]
        sizes = dict(zip(own, folded.graph.shape(step.operands[operand]), strict=True))
        summed = [size for letter, size in sizes.items() if letter in other and letter not in contract.result]
        free = [size for letter, size in sizes.items() if letter not in other and letter in contract.result]
        return Fans(float(math.prod(summed)), float(math.prod(free)))
    assert isinstance(step.operation, Convolve)
    return _fans_of_convolution(folded, step, step.operation)


def _fans_of_convolution(folded: Folded, step: Step, convolve: Convolve) -> Fans:
    kernel, result = (folded.graph.shape(v) for v in (step.operands[1], step.result))
    signal, widths = _without_padding(folded, step.operands[0], convolve)
    own = _without_copies(folded, step.operands[0], convolve, signal)
    outputs, inputs = kernel[convolve.kernel[0]], kernel[convolve.kernel[1]]
    if convolve.transposed:
        inputs, outputs = signal[convolve.channel] // convolve.groups, result[convolve.channel]
    spatial = [axis for axis in range(len(signal)) if axis not in (0, convolve.channel)]
    into, out_of = 1.0, 1.0
    for n, axis in enumerate(spatial):
        sizes = (result[axis], signal[axis]) if convolve.transposed else (signal[axis], result[axis])
        before = convolve.padding[n][0] + widths[axis]
        count = _connections(*sizes, convolve, n, before)
        into *= count / max(result[axis], 1)
        out_of *= count / max(own[axis], 1)
    if 0 in (into, out_of):  # a map without elements
        into = out_of = float(math.prod(convolve.window))
    return Fans(inputs * into, outputs / convolve.groups * out_of)


def _without_padding(folded: Folded, value: int, convolve: Convolve) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shape of a signal before a step of its own padded it with zeros, and how many lie before each axis."""
    step = folded.makers.of(value)
    if not convolve.transposed and step is not None and isinstance(step.operation, Pad) and not step.operation.copies:
        widths = step.operation.widths
        if not any(map(any, (widths[0], widths[convolve.channel]))) and min(map(min, widths)) >= 0:
            return folded.graph.shape(step.operands[0]), tuple(before for before, _ in widths)
    shape = folded.graph.shape(value)
    return shape, (0,) * len(shape)


def _without_copies(folded: Folded, value: int, convolve: Convolve, signal: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a signal before a step mirrored its border: what copies feed, their element feeds."""
    step = folded.makers.of(value)
    if convolve.transposed or step is None or not isinstance(step.operation, Pad) or not step.operation.copies:
        return signal
    widths = step.operation.widths
    is_of_map = not any(map(any, (widths[0], widths[convolve.channel]))) and min(map(min, widths)) >= 0
    return folded.graph.shape(step.operands[0]) if is_of_map else signal


def _connections(wide: int, narrow: int, convolve: Convolve, axis: int, before: int) -> int:
    """Count the pairs (input, output) that a convolution joins along one axis, from its wide side to its narrow one."""
    window, step = convolve.window[axis], convolve.stride[axis]
    at = np.arange(narrow)[:, None] * step - before
    reached = at + np.arange(window)[None, :] * convolve.dilation[axis]
    return int(np.count_nonzero((reached >= 0) & (reached < wide)))


def thin(labels: Labels) -> Labels:
    """Return labels without the axes along which they repeat.

    Example:
        >>> thin(np.broadcast_to(np.arange(3), (4, 3))).tolist()
        [0, 1, 2]
    """
    index = tuple(
        0 if stride == 0 and size else slice(None) for stride, size in zip(labels.strides, labels.shape, strict=True)
    )
    return np.asarray(labels[index])


@functools.lru_cache(maxsize=1)
def label_axes(shape: tuple[int, ...], axes: tuple[int, ...]) -> Labels:
    """Number the elements along some axes of a shape, row-major; the other axes repeat them.

    Layers of one shape follow each other, so the last answer is kept; it cannot be written to.

    Example:
        >>> label_axes((2, 3), (1,)).tolist()
        [[0, 1, 2], [0, 1, 2]]
    """
    sizes = [shape[axis] for axis in axes]
    numbers = np.arange(math.prod(sizes)).reshape(sizes)
    order = sorted(range(len(axes)), key=lambda n: axes[n])
    spread = [shape[axis] if axis in axes else 1 for axis in range(len(shape))]
    return np.broadcast_to(numbers.transpose(order).reshape(spread), shape)
