"""TensorFlow's operations that only move elements about."""

import itertools
import math
from collections.abc import Callable, Sequence

from glorot.graph.operations import Join, Pad, Take
from glorot.keras.graph.on_tensorflow.nodes import Ids, Node, Shape

WHOLE = slice(None)

SAME = {"Identity", "IdentityN", "Snapshot", "StopGradient", "PreventGradient", "EnsureShape", "Cast", "ReadVariableOp",
        "CheckNumerics", "OptimizationBarrier"}  # fmt: skip
"""Operations that return what they are given, if not in the same dtype."""

VIEWS = {"Reshape", "Squeeze", "ExpandDims"}
"""Operations that keep elements and their order."""


def view(node: Node) -> Ids:
    """Add another shape."""
    return [node.reshaped(node.operands[0], node.shapes[0])]


def transpose(node: Node) -> Ids:
    """Add axes in another order."""
    return [node.permuted(node.operands[0], node.integers(1))]


def _along(shape: Shape, axis: int, cut: int | slice) -> list[int | slice]:
    return [cut if n == axis else WHOLE for n in range(len(shape))]


def _cuts(node: Node, value: int, axis: int, sizes: Sequence[int]) -> Ids:
    shape = node.graph.shape(value)
    ends = list(itertools.accumulate(sizes, initial=0))
    return [node.sliced(value, _along(shape, axis, slice(*ab))) for ab in itertools.pairwise(ends)]


def split(node: Node) -> Ids:
    """Add the pieces of a value along an axis."""
    at, value = (0, 1) if node.name == "Split" else (2, 0)
    axis = node.axes(at, len(node.graph.shape(node.operands[value])))[0]
    return _cuts(node, node.operands[value], axis, [shape[axis] for shape in node.shapes])


def unpack(node: Node) -> Ids:
    """Add the layers of a value along an axis, without that axis."""
    axis = node.attribute("axis") % len(node.shape)
    return [node.sliced(node.operands[0], _along(node.shape, axis, n)) for n in range(node.shape[axis])]


def pack(node: Node) -> Ids:
    """Add values side by side along a new axis."""
    axis = node.attribute("axis") % len(node.shapes[0])
    layer = (*node.shape[:axis], 1, *node.shape[axis:])
    return [node.step(Join(axis), [node.reshaped(value, layer) for value in node.operands])]


def concat(node: Node) -> Ids:
    """Add values side by side along an axis."""
    last = len(node.operands) - 1
    axis = node.axes(last, len(node.shapes[0]))[0]
    return [node.step(Join(axis), node.operands[:last])]


def box(node: Node) -> Ids:
    """Add a box cut out of a value; at a place that only the run knows it is a look-up."""
    sizes = node.shapes[0]
    if not node.is_known(1):
        return [node.step(Take(0), node.operands[:2])]
    return [node.sliced(node.operands[0], [slice(a, a + n) for a, n in zip(node.integers(1), sizes, strict=True)])]


def strided_slice(node: Node) -> Ids:
    """Add what an index of Python's selects; an index that only the run knows is a look-up."""
    if not all(map(node.is_known, (1, 2, 3))):
        return [node.step(Take(0), node.operands[:2])]
    index = _index(node)
    value, cut = node.operands[0], [n for n in index if n is not None]
    back = [n for n, one in enumerate(cut) if isinstance(one, slice) and (one.step or 1) < 0]
    value = node.flipped(value, back)
    for n in back:
        start, stop, step = cut[n].indices(node.shape[n])  # type: ignore[union-attr]
        cut[n] = slice(node.shape[n] - 1 - start, node.shape[n] - 1 - stop, -step)
    return [node.reshaped(node.sliced(value, cut), node.shapes[0])]


def _index(node: Node) -> list[int | slice | None]:
    """Return the entries of an index; None for an axis that is added."""
    masks = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    begin, end, ellipsis, new, shrink = (node.attribute(mask) for mask in masks)
    entries: list[int | slice | None] = []
    given = list(zip(node.integers(1), node.integers(2), node.integers(3), strict=True))
    taken = sum(not (new | ellipsis) >> n & 1 for n in range(len(given)))
    for n, (first, last, step) in enumerate(given):
        bit = 1 << n
        if ellipsis & bit:
            entries += [WHOLE] * (len(node.shape) - taken)
        elif new & bit:
            entries.append(None)
        elif shrink & bit:
            entries.append(first % node.shape[sum(one is not None for one in entries)])
        else:
            entries.append(slice(None if begin & bit else first, None if end & bit else last, step))
    return entries + [WHOLE] * (len(node.shape) - sum(one is not None for one in entries))


def gather(node: Node) -> Ids:
    """Add rows of a table along an axis."""
    table, index = node.operands[:2]
    axis = node.axes(2, len(node.shape))[0] if len(node.operands) > 2 else 0
    is_row = node.is_known(1) and len(node.graph.shape(index)) == 1
    known = tuple(node.integers(1)) if is_row else None
    return [node.step(Take(axis, known), [table, index])]


def gather_nd(node: Node) -> Ids:
    """Add elements or rows of a table, by indices of several axes."""
    return [node.step(Take(0), node.operands[:2])]


def pad(node: Node) -> Ids:
    """Add elements at the edges."""
    flat = node.integers(1)
    widths = tuple(zip(flat[::2], flat[1::2], strict=True))
    return [node.step(Pad(widths, copies=node.name == "MirrorPad"), node.operands[:1])]


def tile(node: Node) -> Ids:
    """Add copies side by side: a new axis before each one, which is then joined with it."""
    shape = node.shape
    times = [size // once for size, once in zip(node.shapes[0], shape, strict=True)]
    if all(size == 1 or count == 1 for size, count in zip(shape, times, strict=True)):
        return [node.broadcast(node.operands[0], node.shapes[0])]
    wide = tuple(n for pair in zip(times, shape, strict=True) for n in pair)
    copies = node.broadcast(node.operands[0], wide, at=range(1, len(wide), 2))
    return [node.reshaped(copies, node.shapes[0])]


def broadcast_to(node: Node) -> Ids:
    """Add copies along axes."""
    return [node.broadcast(node.operands[0], node.shapes[0])]


def fill(node: Node) -> Ids:
    """Add a value everywhere."""
    return [node.broadcast(node.operands[1], node.shapes[0])]


def zeros_like(node: Node) -> Ids:
    """Add zeros or ones."""
    return [node.graph.constant(node.shapes[0], number=float(node.name == "OnesLike"))]


def reverse(node: Node) -> Ids:
    """Add axes that run backwards."""
    return [node.flipped(node.operands[0], node.axes(1, len(node.shape)))]


def roll(node: Node) -> Ids:
    """Add a value whose end comes first."""
    value = node.operands[0]
    for shift, axis in zip(node.integers(1), node.axes(2, len(node.shape)), strict=True):
        cut = -shift % node.shape[axis]
        if cut:
            ends = _cuts(node, value, axis, (cut, node.shape[axis] - cut))
            value = node.step(Join(axis), ends[::-1], node.shape)
    return [value]


def resized(node: Node) -> Ids:
    """Add a map whose rows and columns are repeated, each the nearest one."""
    value = node.operands[0]
    for axis in (1, 2):
        old, new = node.shape[axis], node.shapes[0][axis]
        nearest = tuple(int((n + 0.5) * old / new) for n in range(new))
        shape = tuple(new if n == axis else size for n, size in enumerate(node.graph.shape(value)))
        value = node.step(Take(axis, nearest), [value], shape)
    return [value]


# ---- blocks of a map -------------------------------------------------------------------------------------------------


def depth_to_space(node: Node) -> Ids:
    """Add the channels of each position as a block of positions."""
    if node.attribute("data_format") != "NHWC":
        return node.opaque()
    (n, h, w, _), side, channels = node.shape, node.attribute("block_size"), node.shapes[0][3]
    cut = node.reshaped(node.operands[0], (n, h, w, side, side, channels))
    return [node.reshaped(node.permuted(cut, (0, 1, 3, 2, 4, 5)), node.shapes[0])]


def space_to_depth(node: Node) -> Ids:
    """Add each block of positions as the channels of one."""
    if node.attribute("data_format") != "NHWC":
        return node.opaque()
    (n, h, w, channels), side = node.shape, node.attribute("block_size")
    cut = node.reshaped(node.operands[0], (n, h // side, side, w // side, side, channels))
    return [node.reshaped(node.permuted(cut, (0, 1, 3, 2, 4, 5)), node.shapes[0])]


def space_to_batch(node: Node) -> Ids:
    """Add a map for each place within a block, as a convolution with gaps under its window is computed."""
    sides, edges = node.integers(1), node.integers(2)
    rank, count = len(node.shape), len(sides)
    widths = [(0, 0), *zip(edges[::2], edges[1::2], strict=True), *[(0, 0)] * (rank - 1 - count)]
    padded = tuple(low + size + high for (low, high), size in zip(widths, node.shape, strict=True))
    value = node.operands[0]
    if any(low or high for low, high in widths):
        value = node.step(Pad(tuple(widths)), [value], padded)
    cut = [n for size, side in zip(padded[1:], sides, strict=False) for n in (size // side, side)]
    value = node.reshaped(value, (padded[0], *cut, *padded[1 + count :]))
    places, within = range(1, 2 * count, 2), range(2, 2 * count + 1, 2)
    rest = range(2 * count + 1, rank + count)
    return [node.reshaped(node.permuted(value, (*within, 0, *places, *rest)), node.shapes[0])]


def batch_to_space(node: Node) -> Ids:
    """Add one map made of those that stand for the places within a block."""
    sides, edges = node.integers(1), node.integers(2)
    rank, count, examples = len(node.shape), len(sides), node.shape[0] // math.prod(sides)
    value = node.reshaped(node.operands[0], (*sides, examples, *node.shape[1:]))
    mixed = [n for k in range(count) for n in (count + 1 + k, k)]
    value = node.permuted(value, (count, *mixed, *range(2 * count + 1, rank + count)))
    spread = [size * side for size, side in zip(node.shape[1:], sides, strict=False)]
    value = node.reshaped(value, (examples, *spread, *node.shape[1 + count :]))
    inner = [slice(low, size - high) for low, high, size in zip(edges[::2], edges[1::2], spread, strict=True)]
    return [node.sliced(value, [WHOLE, *inner, *[WHOLE] * (rank - 1 - count)])]


ROWS: dict[str, Callable[[Node], Ids]] = {
    **dict.fromkeys(VIEWS, view),
    **dict.fromkeys(("Split", "SplitV"), split),
    **dict.fromkeys(("Pad", "PadV2", "MirrorPad"), pad),
    **dict.fromkeys(("GatherV2", "ResourceGather"), gather),
    **dict.fromkeys(("GatherNd", "ResourceGatherNd"), gather_nd),
    **dict.fromkeys(("ZerosLike", "OnesLike"), zeros_like),
    "Transpose": transpose,
    "Unpack": unpack,
    "Pack": pack,
    "ConcatV2": concat,
    "Slice": box,
    "StridedSlice": strided_slice,
    "Tile": tile,
    "BroadcastTo": broadcast_to,
    "Fill": fill,
    "ReverseV2": reverse,
    "Roll": roll,
    "ResizeNearestNeighbor": resized,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "SpaceToBatchND": space_to_batch,
    "BatchToSpaceND": batch_to_space,
}
"""Operations that move elements."""
