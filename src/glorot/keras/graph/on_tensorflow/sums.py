"""TensorFlow's sums of products: matrices, einsum, convolutions."""

import math
from collections.abc import Callable

from glorot.graph.operations import Axes, Contract, Convolve, Reduce
from glorot.keras.graph.on_tensorflow.nodes import Ids, Node, Shape

LETTERS = "abcdefghjklmnpqrstuvwxyz"
"""What axes are called besides i, which is summed over, and o, that of the outputs."""


def matmul(node: Node) -> Ids:
    """Add a product of two matrices, or of two stacks of them."""
    first, second = node.operands
    flips = ("transpose_a", "transpose_b") if node.name == "MatMul" else ("adj_x", "adj_y")
    rows, columns = (node.attribute(flip) for flip in flips)
    stack = node.shapes[0][:-2]
    ranks = [len(node.graph.shape(value)) - 2 for value in (first, second)]
    first = _stacked(node, first, stack[len(stack) - ranks[0] :])
    second = _stacked(node, second, stack[len(stack) - ranks[1] :])
    batch = LETTERS[1 : len(stack) + 1]
    left, right = (batch[len(stack) - rank :] for rank in ranks)
    spec = f"{left}{'ia' if rows else 'ai'},{right}{'oi' if columns else 'io'}->{batch}ao"
    return [node.step(Contract(spec), [first, second])]


def _stacked(node: Node, value: int, stack: Shape) -> int:
    """Return a stack of matrices that is as long as the other one."""
    return node.broadcast(value, (*stack, *node.graph.shape(value)[-2:]))


def einsum(node: Node) -> Ids:
    """Add an einsum of one value or two."""
    sides, _, result = node.attribute("equation").replace(" ", "").partition("->")
    terms = sides.split(",")
    more = max(len(node.graph.shape(v)) - len(t.replace("...", "")) for v, t in zip(node.operands, terms, strict=True))
    free = "".join(letter for letter in LETTERS.upper() if letter not in sides)[:more] if "..." in sides else ""
    spelled = []
    for value, term in zip(node.operands, terms, strict=True):
        own = len(node.graph.shape(value)) - len(term.replace("...", ""))
        spelled.append(term.replace("...", free[len(free) - own :]))
    result = result.replace("...", free)
    if len(spelled) == 2:
        return [node.step(Contract(f"{','.join(spelled)}->{result}"))]
    return _alone(node, spelled[0], result)


def _alone(node: Node, term: str, result: str) -> Ids:
    """Add the sum over some axes of one value, the others in another order."""
    if len(set(term)) < len(term) or len(node.operands) > 1:
        return node.opaque()
    value, summed = node.operands[0], tuple(n for n, letter in enumerate(term) if letter not in result)
    left = [letter for letter in term if letter in result]
    if summed:
        shape = tuple(size for n, size in enumerate(node.shape) if n not in summed)
        value = node.step(Reduce("sum", summed, keeps=False), [value], shape)
    return [node.permuted(value, [left.index(letter) for letter in result])]


# ---- convolutions ----------------------------------------------------------------------------------------------------


def convolution(node: Node) -> Ids:
    """Add a convolution, whose kernel is stored as (window…, inputs, outputs)."""
    signal, kernel = node.operands
    return [node.step(_convolve(node, node.shape, node.graph.shape(kernel)), [signal, kernel])]


def depthwise(node: Node) -> Ids:
    """Add a convolution of each channel for itself, whose kernel is stored as (window…, inputs, multiplier)."""
    signal, kernel = node.operands
    *window, inputs, multiplier = node.graph.shape(kernel)
    shape = (*window, 1, inputs * multiplier)
    return [node.step(_convolve(node, node.shape, shape), [signal, node.reshaped(kernel, shape)])]


def transposed(node: Node) -> Ids:
    """Add a transposed convolution, whose kernel is stored as (window…, outputs, inputs)."""
    _, kernel, signal = node.operands
    shape = node.graph.shape(kernel)
    return [node.step(_convolve(node, node.shapes[0], shape, is_transposed=True), [signal, kernel])]


def _convolve(node: Node, signal: Shape, kernel: Shape, is_transposed: bool = False) -> Convolve:
    """Return the convolution of a signal that is as large as its result is small."""
    rank = len(kernel) - 2
    channel = 1 if node.attribute("data_format").startswith("NC") else rank + 1
    places = tuple(n for n in range(1, rank + 2) if n != channel)
    stride, dilation = (tuple(node.attribute(name)[n] for n in places) for name in ("strides", "dilations"))
    ends = (rank + 1, rank)
    return Convolve(
        window=kernel[:rank],
        stride=stride,
        padding=_padding(node, places, tuple(signal[n] for n in places), kernel, stride, dilation),
        dilation=dilation,
        groups=signal[channel] // kernel[rank],
        transposed=is_transposed,
        channel=channel,
        kernel=(*(ends[::-1] if is_transposed else ends), *range(rank)),
    )


def _padding(
    node: Node, places: Axes, sizes: Axes, window: Axes, stride: Axes, dilation: Axes
) -> tuple[tuple[int, int], ...]:
    rule = node.attribute("padding")
    if rule == "EXPLICIT":
        flat = node.attribute("explicit_paddings")
        return tuple((flat[2 * n], flat[2 * n + 1]) for n in places)
    if rule == "VALID":
        return ((0, 0),) * len(places)
    found = []
    for size, extent, step, gap in zip(sizes, window, stride, dilation, strict=False):
        total = max((math.ceil(size / step) - 1) * step + (extent - 1) * gap + 1 - size, 0)
        found.append((total // 2, total - total // 2))
    return tuple(found)


ROWS: dict[str, Callable[[Node], Ids]] = {
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), matmul),
    "Einsum": einsum,
    **dict.fromkeys(("Conv2D", "Conv3D"), convolution),
    "DepthwiseConv2dNative": depthwise,
    **dict.fromkeys(("Conv2DBackpropInput", "Conv3DBackpropInputV2"), transposed),
}
"""Operations that multiply and sum."""
