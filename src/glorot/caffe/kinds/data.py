"""Layers that begin a net: inputs, data whose shape only the user knows, and free parameters."""

from collections.abc import Sequence
from dataclasses import replace

from glorot.caffe.definition.layers import Layer, Shape, shape_of
from glorot.caffe.kinds.base import LABELS, MANY, Blob, Kind, Shapes
from glorot.inventory import Declared
from glorot.inventory.layouts import laid_out


def _input_tops(layer: Layer, bottoms: Shapes) -> Sequence[Shape | None]:
    return _for_each_top(layer, [shape_of(one) for one in layer.settings("input_param").messages("shape")])


def _dummy_tops(layer: Layer, bottoms: Shapes) -> Sequence[Shape | None]:
    at = layer.settings("dummy_data_param")
    shapes = [shape_of(one) for one in at.messages("shape")]
    if not shapes and at.has("num"):
        sizes = [at.integers(name, least=0) for name in ("num", "channels", "height", "width")]
        if len({len(values) for values in sizes}) > 1:
            raise layer.error("num, channels, height and width must be given equally often", at, "num")
        shapes = list(zip(*sizes, strict=True))
    return _for_each_top(layer, shapes)


def _for_each_top(layer: Layer, shapes: Sequence[Shape]) -> Sequence[Shape | None]:
    if not shapes:
        return [None] * len(layer.tops)
    if len(shapes) not in (1, len(layer.tops)):
        raise layer.error(f"expected one shape, or one for each of {len(layer.tops)} tops, got {len(shapes)}")
    return list(shapes) * len(layer.tops) if len(shapes) == 1 else shapes


def _memory_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    at = layer.settings("memory_data_param")
    shape = tuple(at.integer(name, least=1) for name in ("batch_size", "channels", "height", "width"))
    return [shape, shape[:1]][: len(layer.tops)]


def _unknown_tops(layer: Layer, bottoms: Shapes) -> Sequence[Shape | None]:
    return [None] * len(layer.tops)


def _labelled_tops(layer: Layer, bottoms: Shapes) -> Sequence[Shape | None]:
    return [None, LABELS][: len(layer.tops)]


def _parameter_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    return [shape_of(layer.settings("parameter_param").message("shape"))]


def _parameter_blobs(layer: Layer, bottoms: Shapes) -> list[Blob]:
    (shape,) = _parameter_tops(layer, bottoms)
    part = laid_out(" ".join("o" * len(shape)), shape, "bias", layer.kind, None)
    return [Blob(shape, (replace(part, declared=Declared("zeros", None, "a Parameter has no filler: 0")),))]


KINDS = {
    "Input": Kind(_input_tops, reads=(0, 0), makes=(1, MANY)),
    "DummyData": Kind(_dummy_tops, reads=(0, 0), makes=(1, MANY)),
    "MemoryData": Kind(_memory_tops, reads=(0, 0), makes=(2, 2)),
    "Parameter": Kind(_parameter_tops, (0, 0), blobs=_parameter_blobs, lower=lambda at: list(at.blobs)),
    **dict.fromkeys(("Data", "ImageData", "WindowData"), Kind(_labelled_tops, reads=(0, 0), makes=(1, 2))),
    "HDF5Data": Kind(_unknown_tops, reads=(0, 0), makes=(1, MANY)),
}
