"""Operators that only move elements, as steps; those that share memory with what they are given, as views of it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from glorot.graph.moves import box
from glorot.graph.operations import Broadcast, Flip, Opaque, Pad, Permute, Pool, Reshape, Slice, Take
from glorot.torch.graph.call import Call, tensors_in
from glorot.torch.graph.memory import View, put, shape_of

SAME = {"detach", "alias", "contiguous", "clone", "_to_copy", "to", "lift_fresh", "lift", "type_as",
        "convert_element_type",         "resolve_conj", "resolve_neg", "positive"}  # fmt: skip
"""Operators that return what they are given, in other memory or of another dtype."""

RESHAPES = {"view", "_unsafe_view", "_reshape_alias", "reshape", "squeeze", "unsqueeze", "view_as", "unflatten"}


def _same(call: Call) -> list[View]:
    given, made = call.first.dtype, call.results[0].dtype
    if given.is_complex != made.is_complex:
        return [View(Opaque("complex"), shape_of(call.results[0]))]
    is_cut = given.is_floating_point and not made.is_floating_point
    return [View(Opaque("trunc") if is_cut else None, call.shape)]


def _pairs(call: Call) -> list[View]:
    return [View(None, call.shape)]


def _reshape(call: Call) -> list[View]:
    if call.name == "view" and "dtype" in call.arguments:
        return [View(Opaque("view as another dtype"), call.shape)]
    return [View(Reshape(), call.shape)]


def _permute(call: Call) -> list[View]:
    return [View(Permute(call.axes(call["dims"])), call.shape)]


def _transpose(call: Call) -> list[View]:
    rank = call.first.dim()
    first, second = call.axes([call["dim0"], call["dim1"]]) if rank else (0, 0)
    order = list(range(rank))
    if rank:
        order[first], order[second] = second, first
    return [View(Permute(tuple(order)), call.shape)]


def _t(call: Call) -> list[View]:
    return [View(Permute((1, 0)) if call.first.dim() == 2 else None, call.shape)]


def _expand(call: Call) -> list[View]:
    rank, own = len(call.shape), call.first.dim()
    if tuple(call.first.shape) == call.shape:
        return _same(call)
    return [View(Broadcast(tuple(range(rank - own, rank))), call.shape)]


def _select(call: Call) -> list[View]:
    (axis,) = call.axes(call["dim"])
    shape = tuple(call.first.shape)
    index = tuple(call["index"] % size if n == axis else (0, size, 1) for n, size in enumerate(shape))
    return [View(Slice(index), call.shape)]


def _slice(call: Call) -> list[View]:
    (axis,), shape = call.axes(call["dim"]), tuple(call.first.shape)
    size = shape[axis]
    start, stop, step = slice(call["start"], call["end"], call["step"]).indices(size)
    return [View(Slice(box(shape, axis, start, max(start, stop), step)), call.shape)]


def _split(call: Call) -> list[View]:
    (axis,), shape, start, views = call.axes(call["dim"]), tuple(call.first.shape), 0, []
    for piece in call.results:
        stop = start + piece.shape[axis]
        views.append(View(Slice(box(shape, axis, start, stop)), tuple(piece.shape)))
        start = stop
    return views


def _unbind(call: Call) -> list[View]:
    (axis,), shape = call.axes(call["dim"]), tuple(call.first.shape)
    return [
        View(Slice(tuple(position if n == axis else (0, size, 1) for n, size in enumerate(shape))), call.shape)
        for position in range(len(call.results))
    ]


def _gather_views(call: Call) -> list[View]:
    """Elements of a tensor at places that overlap or lie askew: windows, diagonals, strides given by hand."""
    return [View(Take(0), call.shape)]


VIEWS: dict[str, Callable[[Call], list[View]]] = {
    **dict.fromkeys(SAME, _same), **dict.fromkeys(RESHAPES, _reshape), "permute": _permute, "transpose": _transpose,
    "t": _t, "numpy_T": lambda call: [View(Permute(tuple(range(call.first.dim()))[::-1]), call.shape)],
    "expand": _expand, "select": _select, "slice": _slice, "split": _split, "split_with_sizes": _split,
    "unsafe_split": _split, "unsafe_split_with_sizes": _split, "unbind": _unbind, "unfold": _gather_views,
    "view_as_complex": _pairs, "view_as_real": _pairs, "diagonal": _gather_views, "as_strided": _gather_views,
}  # fmt: skip
"""How the results of operators come from their first tensor, which they may share memory with."""


# ---- moves into new memory -------------------------------------------------------------------------------------------


def _cat(call: Call) -> int:
    tensors = [tensor for tensor in call["tensors"] if tensor.numel() or tensor.dim() == call.results[0].dim()]
    tensors = [tensor for tensor in tensors if tensor.numel()] or tensors[:1]
    (axis,) = call.axes(call["dim"], len(call.shape))
    return call.joined([call.value(tensor) for tensor in tensors], axis)


def _stack(call: Call) -> int:
    (axis,) = call.axes(call["dim"], len(call.shape))
    one = (*call.shape[:axis], 1, *call.shape[axis + 1 :])
    return call.joined([call.reshaped(call.value(tensor), one) for tensor in call["tensors"]], axis)


def _repeat(call: Call) -> int:
    repeats, own = call["repeats"], tuple(call.first.shape)
    own = (1,) * (len(repeats) - len(own)) + own
    apart = [size for times, length in zip(repeats, own, strict=True) for size in (times, length)]
    one_each = [size for length in own for size in (1, length)]
    value = call.reshaped(call.value(call.first), one_each)
    return call.reshaped(call.spread(value, apart), call.shape)


def _repeat_interleave(call: Call) -> int:
    value, own = call.value(call.first), tuple(call.first.shape)
    if call["dim"] is None:
        own = (math.prod(own),)
        value, axis = call.reshaped(value, own), 0
    else:
        (axis,) = call.axes(call["dim"])
    repeats = call["repeats"]
    if not isinstance(repeats, int):
        return call.step(Take(axis), [value, call.value(repeats)])
    value = call.reshaped(value, (*own[: axis + 1], 1, *own[axis + 1 :]))
    return call.reshaped(call.spread(value, (*own[: axis + 1], repeats, *own[axis + 1 :])), call.shape)


def _flip(call: Call) -> int:
    value = call.value(call.first)
    return call.step(Flip(call.axes(call["dims"])), [value]) if call["dims"] else value


def _rot90(call: Call) -> int:
    """Turn a plane by right angles: two axes change places, and one of them, or both, run backwards."""
    value, turns, (first, second) = call.value(call.first), call["k"] % 4, call.axes(call["dims"])
    order = list(range(call.first.dim()))
    if turns % 2:
        order[first], order[second] = second, first
    backwards = {0: (), 1: (first,), 2: (first, second), 3: (second,)}[turns]
    value = call.permuted(value, order)
    return call.step(Flip(backwards), [value]) if backwards else value


def _triangle(call: Call) -> int:
    """Set one half of a matrix to 0."""
    half = np.triu if call.name == "triu" else np.tril
    kept = call.graph.constant(call.shape[-2:], integers=half(np.ones(call.shape[-2:], np.int64), call["diagonal"]))
    return call.map("where", kept, call.value(call.first), call.number(0))


def _roll(call: Call) -> int:
    value = call.value(call.first)
    if not call["dims"]:
        flat = (math.prod(call.shape),)
        return call.reshaped(_rolled(call, call.reshaped(value, flat), 0, call["shifts"][0]), call.shape)
    for axis, shift in zip(call.axes(call["dims"]), call["shifts"], strict=True):
        value = _rolled(call, value, axis, shift)
    return value


def _rolled(call: Call, value: int, axis: int, shift: int) -> int:
    size = call.graph.shape(value)[axis]
    shift = shift % size if size else 0
    if not shift:
        return value
    start, end = call.pieces(value, axis, [size - shift, shift])
    return call.joined([end, start], axis)


def _pad(call: Call, copies: bool = False) -> int:
    """Add elements, or take some away where a width is negative."""
    widths, rank = call["pad"] if call["pad"] is not None else call["padding"], len(call.shape)
    value = call.value(call.first)
    pairs = [(widths[n], widths[n + 1]) for n in range(0, len(widths), 2)]
    pairs += [(0, 0)] * (rank - len(pairs))
    pairs.reverse()
    for axis, (low, high) in enumerate(pairs):
        size = call.graph.shape(value)[axis]
        value = call.cut(value, axis, max(0, -low), size - max(0, -high))
    grown = tuple((max(0, low), max(0, high)) for low, high in pairs)
    return call.step(Pad(grown, copies), [value]) if any(map(any, grown)) else value


def _mirror(call: Call) -> int:
    """Add elements that are those of the value again."""
    return _pad(call, copies=True)


def _pixel_shuffle(call: Call) -> int:
    """Move channels into the map: c·r·r channels of h × w become c of h·r × w·r."""
    r, value = call["upscale_factor"], call.value(call.first)
    *batch, c, h, w = call.first.shape
    n = len(batch)
    value = call.reshaped(value, (*batch, c // r**2, r, r, h, w))
    return call.reshaped(call.permuted(value, (*range(n), n, n + 3, n + 1, n + 4, n + 2)), call.shape)


def _pixel_unshuffle(call: Call) -> int:
    r, value = call["downscale_factor"], call.value(call.first)
    *batch, c, h, w = call.first.shape
    n = len(batch)
    value = call.reshaped(value, (*batch, c, h // r, r, w // r, r))
    return call.reshaped(call.permuted(value, (*range(n), n, n + 2, n + 4, n + 1, n + 3)), call.shape)


def _channel_shuffle(call: Call) -> int:
    n, c, *rest = call.shape
    value = call.reshaped(call.value(call.first), (n, call["groups"], c // call["groups"], *rest))
    return call.reshaped(call.permuted(value, (0, 2, 1, *range(3, 3 + len(rest)))), call.shape)


def _interpolated(call: Call) -> int:
    """Mix neighbours on a map, in the proportion of how near they are."""
    resized = [new != old for new, old in zip(call.shape, call.first.shape, strict=True)]
    return call.step(Pool("mean", tuple(2 if is_resized else 1 for is_resized in resized)), [call.value(call.first)])


def _nearest(call: Call) -> int:
    """Repeat every element of a map; by another factor than a whole one, some more often than others."""
    value, own = call.value(call.first), tuple(call.first.shape)
    factors = [new // old for new, old in zip(call.shape[2:], own[2:], strict=True)]
    if any(new != old * factor for new, old, factor in zip(call.shape[2:], own[2:], factors, strict=True)):
        return call.step(Take(2), [value])
    one_each = [size for length in own[2:] for size in (length, 1)]
    apart = [size for length, factor in zip(own[2:], factors, strict=True) for size in (length, factor)]
    return call.reshaped(call.spread(call.reshaped(value, (*own[:2], *one_each)), (*own[:2], *apart)), call.shape)


# ---- by index --------------------------------------------------------------------------------------------------------


def _known(call: Call, index: Tensor) -> tuple[int, ...] | None:
    """Return the positions that an index holds along one axis, if they are known."""
    truth = call.truth(index) if index.dim() == 1 and not index.is_floating_point() else None
    if truth is None or truth.dtype in (torch.bool, torch.uint8):
        return None
    return tuple(truth.tolist())


def _take(call: Call, axis: int, index: Tensor) -> int:
    size = call.first.shape[axis] if call.first.dim() else 1
    known = _known(call, index)
    positions = None if known is None else tuple(position % size for position in known)
    return call.step(Take(axis, positions), [call.value(call.first), call.value(index)])


def _embedding(call: Call) -> int:
    return call.step(Take(0), [call.value(call["weight"]), call.value(call["indices"])])


def _index_select(call: Call) -> int:
    return _take(call, call.axis, call["index"])


def _index(call: Call) -> int:
    indices: Sequence[Any] = call["indices"]
    given = [n for n, index in enumerate(indices) if index is not None]
    if len(given) == 1 and indices[given[0]].dtype != torch.bool:
        return _take(call, given[0], indices[given[0]])
    return call.step(Take(given[0]), [call.value(call.first), *(call.value(indices[n]) for n in given)])


def _gather(call: Call) -> int:
    index = call["indices"] if call["index"] is None else call["index"]
    return call.step(Take(call.axis), [call.value(call.first), call.value(index)])


def _some(call: Call) -> list[int]:
    """Take some of the elements, chosen by what they are."""
    return [call.step(Take(call.axis), [call.value(call.first)])]


def _elsewhere(call: Call) -> int:
    """Gather elements from places that are not looked at: windows of a map, a grid, a mask."""
    tensors = tensors_in(call.arguments)
    return call.step(Take(0), [call.value(tensor) for tensor in tensors])


def _folded(call: Call) -> int | list[int]:
    """Put windows back into a map; where they overlap they are summed, which is no move."""
    is_apart = all(step >= size for step, size in zip(call["stride"], call["kernel_size"], strict=True))
    return call.step(Take(0), [call.value(call.first)]) if is_apart else []


def _packed(call: Call) -> list[int]:
    """Put sequences of several lengths end to end, or back into a box."""
    return [call.step(Take(0), [call.value(call.first)]), call.graph.constant(call.results[1].shape)]


# ---- into places -----------------------------------------------------------------------------------------------------


def _written(call: Call) -> int:
    """Write values into places that are not looked at: where written, the value moved there, else what was there."""
    whole = call.value(call.first)
    source = next((call[name] for name in ("values", "source", "src", "value") if call[name] is not None), 0)
    value = call.value(source)
    adds = call["accumulate"] or call.name in ("index_add", "scatter_add") or call["reduce"] in ("sum", "add")
    if isinstance(source, Tensor) and source.numel() > 1:  # one row for every place, or one for each
        own = tuple(source.shape)
        is_one = not adds and len(own) < len(call.shape) and own == call.shape[len(call.shape) - len(own) :]
        value = call.spread(value, call.shape) if is_one else call.step(Take(0), [value])
    if adds:
        return call.map("add", whole, value if call["alpha"] is None else call.scaled(value, call["alpha"]))
    mask = call["mask"]
    return call.map("where", call.graph.constant(call.shape) if mask is None else call.value(mask), value, whole)


def _set_piece(call: Call) -> int:
    """Return a tensor with a slice of it replaced."""
    (view,) = (_select if call.name == "select_scatter" else _slice)(call)
    assert isinstance(view.operation, Slice)
    return put(call.graph, view.operation, call.value(call.first), call.value(call["src"]))


def _copy(call: Call) -> int:
    source = call["src"]
    return call.spread(call.value(source), call.shape) if isinstance(source, Tensor) else call.value(source)


def _fill(call: Call) -> int:
    value = call["value"] if "value" in call.arguments else 0
    if isinstance(value, Tensor):
        return call.spread(call.value(value), call.shape)
    return call.graph.constant(call.shape, number=float(value))


WRITES = ("index_put", "_index_put_impl", "_unsafe_index_put", "index_copy", "index_fill", "index_add", "scatter",
          "scatter_add", "scatter_reduce", "index_reduce", "masked_scatter", "put")  # fmt: skip
MIRRORS = ("_pad_circular",
           *(f"{kind}_pad{rank}d" for kind in ("reflection", "replication") for rank in (1, 2, 3)))  # fmt: skip
INTERPOLATIONS = ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d", "upsample_bicubic2d",
                  "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa")  # fmt: skip
NEAREST = [f"{kind}{rank}d" for kind in ("upsample_nearest", "_upsample_nearest_exact") for rank in (1, 2, 3)]

ROWS: dict[str, Callable[[Call], int | list[int]]] = {
    "cat": _cat, "stack": _stack, "repeat": _repeat, "repeat_interleave": _repeat_interleave, "flip": _flip,
    "roll": _roll, "rot90": _rot90, "triu": _triangle, "tril": _triangle,
    "constant_pad_nd": _pad, **dict.fromkeys(MIRRORS, _mirror), "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle, "channel_shuffle": _channel_shuffle, **dict.fromkeys(NEAREST, _nearest),
    **dict.fromkeys(INTERPOLATIONS, _interpolated), "embedding": _embedding, "index_select": _index_select,
    "index": _index, "_unsafe_index": _index,
    "gather": _gather, "take_along_dim": _gather, "topk": _some, "sort": _some, "kthvalue": _some, "median": _some,
    "masked_select": _elsewhere, "take": _elsewhere, "im2col": _elsewhere, "col2im": _folded,
    "grid_sampler_2d": _elsewhere, "grid_sampler_3d": _elsewhere, "_pack_padded_sequence": _packed,
    "_pad_packed_sequence": _packed, **dict.fromkeys(WRITES, _written), "select_scatter": _set_piece,
    "slice_scatter": _set_piece, "copy": _copy, "fill": _fill, "zero": _fill,
}  # fmt: skip
"""What operators become, by name."""
