"""Layers that put blobs together, take them apart or give them another shape."""

import math
from collections.abc import Sequence
from functools import partial, reduce
from itertools import pairwise

from glorot.caffe.definition.layers import Layer, Shape, canonical, same_shapes
from glorot.caffe.formats.messages import Message
from glorot.caffe.kinds.base import MANY, Kind, Shapes, alike
from glorot.caffe.kinds.lowering import Lowering, lower_reshape, lower_same
from glorot.caffe.limits import MOST_AXES
from glorot.graph.operations import Broadcast, Join, Reduce, Softmax
from glorot.graph.operations import Slice as Cut
from glorot.text import shape_text

OPERATIONS = {"PROD": 0, "SUM": 1, "MAX": 2}
REDUCTIONS = {"SUM": 1, "ASUM": 2, "SUMSQ": 3, "MEAN": 4}
BEFORE_SUM = {"ASUM": "abs", "SUMSQ": "square"}
"""What some reductions do to each number first."""


def operation_of(layer: Layer) -> tuple[str, list[float]]:
    """Return the operation of an Eltwise layer, and a coefficient for each bottom of a sum."""
    at = layer.settings("eltwise_param")
    operation, coefficients = at.choice("operation", "SUM", OPERATIONS), at.numbers("coeff")
    if len(coefficients) not in (0, len(layer.bottoms)):
        raise layer.error(
            f"expected a coeff for each of {len(layer.bottoms)} bottoms, got {len(coefficients)}", at, "coeff"
        )
    if coefficients and operation == "PROD":
        raise layer.error("a PROD takes no coeff", at, "coeff")
    return operation, coefficients or [1.0] * len(layer.bottoms)


def _eltwise_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    operation_of(layer)
    same_shapes(layer, bottoms)
    return [bottoms[0]]


def _lower_eltwise(at: Lowering) -> Sequence[int]:
    operation, coefficients = operation_of(at.layer)
    values = [at.scale(value, factor) for value, factor in zip(at.bottoms, coefficients, strict=True)]
    return [reduce(partial(at.map, {"PROD": "mul", "SUM": "add", "MAX": "maximum"}[operation]), values)]


def joined_axis(layer: Layer, name: str, old: str, rank: int) -> int:
    """Return the axis along which a Concat or Slice works, by `axis` or the old name of it."""
    at = layer.settings(name)
    if at.has("axis") and at.has(old):
        raise layer.error(f"axis and {old} are both given; give one of them", at, old)
    return canonical(layer, at.integer(old if at.has(old) else "axis", 1), rank, at, old if at.has(old) else "axis")


def _concat_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    first = bottoms[0]
    axis = joined_axis(layer, "concat_param", "concat_dim", len(first))
    for index, shape in enumerate(bottoms):
        alike_elsewhere = (*shape[:axis], *shape[axis + 1 :]) == (*first[:axis], *first[axis + 1 :])
        fits = len(shape) == len(first) and alike_elsewhere
        layer.check(fits, index, shape, f"to agree with {layer.bottoms[0]!r}, {shape_text(first)}, but for axis {axis}")
    return [(*first[:axis], sum(shape[axis] for shape in bottoms), *first[axis + 1 :])]


def _lower_concat(at: Lowering) -> Sequence[int]:
    axis = joined_axis(at.layer, "concat_param", "concat_dim", len(at.tops[0]))
    return [at.step(Join(axis), *at.bottoms, shape=at.tops[0]) if len(at.bottoms) > 1 else at.bottom]


def slice_points(layer: Layer, bottom: Shape) -> tuple[int, list[int]]:
    """Return the axis of a Slice layer and where its pieces begin and end, 0 and the whole size included."""
    at = layer.settings("slice_param")
    axis = joined_axis(layer, "slice_param", "slice_dim", len(bottom))
    size, count, points = bottom[axis], len(layer.tops), at.integers("slice_point", least=1)
    if not points:
        layer.check(size % count == 0, 0, bottom, f"to have an axis {axis} that {count} tops divide")
        return axis, list(range(0, size + 1, size // count)) if size else [0] * (count + 1)
    if len(points) != count - 1:
        raise layer.error(f"{count} tops need {count - 1} slice_point, got {len(points)}", at, "slice_point")
    edges = [0, *points, size]
    if any(start >= stop for start, stop in pairwise(edges)):
        raise layer.error(f"slice_point must rise from 1 to below {size}, got {points}", at, "slice_point")
    return axis, edges


def _slice_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    (bottom,) = bottoms
    axis, edges = slice_points(layer, bottom)
    return [(*bottom[:axis], stop - start, *bottom[axis + 1 :]) for start, stop in pairwise(edges)]


def _lower_slice(at: Lowering) -> Sequence[int]:
    axis, edges = slice_points(at.layer, at.shapes[0])
    return [at.cut(at.bottom, axis, start, stop) for start, stop in pairwise(edges)]


def _flatten_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    at, (bottom,) = layer.settings("flatten_param"), bottoms
    start = canonical(layer, at.integer("axis", 1), len(bottom), at)
    end = canonical(layer, at.integer("end_axis", -1), len(bottom), at, "end_axis")
    if start > end:
        raise layer.error(f"axis {start} must not lie behind end_axis {end}", at)
    return [(*bottom[:start], math.prod(bottom[start : end + 1]), *bottom[end + 1 :])]


def _reshape_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    at, (bottom,) = layer.settings("reshape_param"), bottoms
    axis, count = at.integer("axis", 0), at.integer("num_axes", -1, least=-1)
    start = axis if axis >= 0 else len(bottom) + axis + 1
    end = len(bottom) if count == -1 else start + count
    if not 0 <= start <= end <= len(bottom):
        raise layer.error(f"axis {axis} and num_axes {count} do not fit shape {shape_text(bottom)}", at)
    sizes = _reshaped(layer, at, bottom, bottom[start:end])
    return [(*bottom[:start], *sizes, *bottom[end:])]


def _reshaped(layer: Layer, at: Message, bottom: Shape, old: Shape) -> Shape:
    """Return sizes in which 0 copies the size at its place and -1 takes what is left."""
    wanted = at.message("shape").integers("dim", least=-1)
    if len(wanted) > MOST_AXES:
        raise layer.error(f"a shape of {len(wanted)} axes; Caffe allows {MOST_AXES}", at, "shape")
    copied = [n for n, size in enumerate(wanted) if size == 0]
    if wanted.count(-1) > 1 or any(n >= len(old) for n in copied):
        raise layer.error("a shape may hold one -1, and 0 only where there is a size to copy", at, "shape")
    sizes = [old[n] if size == 0 else size for n, size in enumerate(wanted)]
    known = math.prod(size for size in sizes if size != -1)
    text = shape_text(wanted)
    if -1 in sizes:
        layer.check(known > 0 and math.prod(old) % known == 0, 0, bottom, f"to fill the shape {text}")
        return tuple(math.prod(old) // known if size == -1 else size for size in sizes)
    layer.check(known == math.prod(old), 0, bottom, f"to have the {known} elements of the shape {text}")
    return tuple(sizes)


def _crop_offsets(layer: Layer, bottoms: Shapes) -> tuple[int, list[int]]:
    """Return the first axis that a Crop cuts, and where it begins to keep along this and those after it."""
    at, (bottom, like) = layer.settings("crop_param"), bottoms
    axis = canonical(layer, at.integer("axis", 2), len(bottom), at)
    layer.check(len(like) == len(bottom), 1, like, f"to have {len(bottom)} axes, as {layer.bottoms[0]!r} has")
    offsets = at.integers("offset", least=0) or [0]
    if len(offsets) not in (1, len(bottom) - axis):
        raise layer.error(
            f"offset is given {len(offsets)} times; expected once, or once for each cropped axis", at, "offset"
        )
    return axis, offsets * (len(bottom) - axis) if len(offsets) == 1 else offsets


def _crop_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    (axis, offsets), (bottom, like) = _crop_offsets(layer, bottoms), bottoms
    for n, offset in enumerate(offsets, start=axis):
        layer.check(
            like[n] + offset <= bottom[n], 0, bottom, f"to hold {like[n]} from offset {offset} on along axis {n}"
        )
    return [(*bottom[:axis], *like[axis:])]


def _lower_crop(at: Lowering) -> Sequence[int]:
    axis, offsets = _crop_offsets(at.layer, at.shapes)
    starts = [0] * axis + offsets
    index = tuple((start, start + size, 1) for start, size in zip(starts, at.tops[0], strict=True))
    return [at.step(Cut(index), at.bottom, shape=at.tops[0])]


def _tile_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    at, (bottom,) = layer.settings("tile_param"), bottoms
    axis = canonical(layer, at.integer("axis", 1), len(bottom), at)
    return [(*bottom[:axis], bottom[axis] * at.integer("tiles", least=1), *bottom[axis + 1 :])]


def _lower_tile(at: Lowering) -> Sequence[int]:
    shape, top = at.shapes[0], at.tops[0]
    settings = at.layer.settings("tile_param")
    axis = canonical(at.layer, settings.integer("axis", 1), len(shape), settings)
    tiled = (*shape[:axis], top[axis] // max(1, shape[axis]), *shape[axis:])
    repeated = Broadcast(tuple(n for n in range(len(tiled)) if n != axis))
    return [at.reshape(at.step(repeated, at.bottom, shape=tiled), top)]


def _reduction_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    at, (bottom,) = layer.settings("reduction_param"), bottoms
    return [bottom[: canonical(layer, at.integer("axis", 0), len(bottom), at)]]


def _lower_reduction(at: Lowering) -> Sequence[int]:
    settings, rank = at.layer.settings("reduction_param"), len(at.shapes[0])
    operation, axes = settings.choice("operation", "SUM", REDUCTIONS), tuple(range(len(at.tops[0]), rank))
    value = at.map(BEFORE_SUM[operation], at.bottom) if operation in BEFORE_SUM else at.bottom
    statistic = Reduce("mean" if operation == "MEAN" else "sum", axes, False)
    return [at.scale(at.step(statistic, value, shape=at.tops[0]), settings.number("coeff", 1.0))]


def _arg_max_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    at, (bottom,) = layer.settings("argmax_param"), bottoms
    count, values = at.integer("top_k", 1, least=1), at.flag("out_max_val")
    axis = canonical(layer, at.integer("axis", 0), len(bottom), at)
    among = bottom[axis] if at.has("axis") else math.prod(bottom[1:])
    if count > among:
        raise layer.error(f"top_k {count} goes beyond the {among} numbers that it looks through", at, "top_k")
    if at.has("axis"):
        return [(*bottom[:axis], count, *bottom[axis + 1 :])]
    return [(bottom[0], 2 if values else 1, count, *(1,) * (len(bottom) - 3))]


def softmax_axis(layer: Layer, bottom: Shape) -> int:
    """Return the axis over which a Softmax, or the loss that holds one, sums to 1."""
    at = layer.settings("softmax_param")
    return canonical(layer, at.integer("axis", 1), len(bottom), at)


def _softmax_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    softmax_axis(layer, bottoms[0])
    return alike(layer, bottoms)


def _lower_softmax(at: Lowering) -> Sequence[int]:
    return [at.step(Softmax((softmax_axis(at.layer, at.shapes[0]),)), at.bottom, shape=at.tops[0])]


def _nothing(layer: Layer, bottoms: Shapes) -> Shapes:
    return []


KINDS = {
    "Eltwise": Kind(_eltwise_tops, (2, MANY), lower=_lower_eltwise),
    "Concat": Kind(_concat_tops, (1, MANY), lower=_lower_concat),
    "Slice": Kind(_slice_tops, makes=(1, MANY), lower=_lower_slice),
    "Split": Kind(alike, makes=(1, MANY), lower=lower_same),
    "Flatten": Kind(_flatten_tops, lower=lower_reshape),
    "Reshape": Kind(_reshape_tops, lower=lower_reshape),
    "Crop": Kind(_crop_tops, (2, 2), lower=_lower_crop),
    "Tile": Kind(_tile_tops, lower=_lower_tile),
    "Reduction": Kind(_reduction_tops, lower=_lower_reduction),
    "ArgMax": Kind(_arg_max_tops),
    "Softmax": Kind(_softmax_tops, lower=_lower_softmax),
    "Silence": Kind(_nothing, reads=(1, MANY), makes=(0, 0)),
    "HDF5Output": Kind(_nothing, reads=(2, 2), makes=(0, 0)),
}
