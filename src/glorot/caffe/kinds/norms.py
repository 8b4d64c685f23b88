"""Layers that normalise or scale: LRN, MVN, BatchNorm, Normalize, Scale and Bias."""

from collections.abc import Sequence
from dataclasses import replace

from glorot.caffe.definition.layers import Layer, Shape, canonical
from glorot.caffe.kinds.base import Blob, Kind, Shapes, alike, blob
from glorot.caffe.kinds.lowering import Lowering
from glorot.fans import ELEMENTWISE
from glorot.graph.operations import Normalise, Reduce
from glorot.inventory import Declared
from glorot.inventory.layouts import laid_out
from glorot.text import shape_text

ACROSS = "ACROSS_CHANNELS"
REGIONS = {ACROSS: 0, "WITHIN_CHANNEL": 1}
"""Where the neighbours lie that an LRN looks at."""


def has_factors(layer: Layer) -> bool:
    """Tell whether a BatchNorm has a scale and a shift, as NVIDIA's fork adds them by `scale_bias` or their fillers."""
    at = layer.settings("batch_norm_param")
    return at.flag("scale_bias") or at.has("scale_filler") or at.has("bias_filler")


def _batch_norm_blobs(layer: Layer, bottoms: Shapes) -> list[Blob]:
    bottom = bottoms[0]
    channels = bottom[1] if len(bottom) > 1 else 1
    start = Declared("zeros", None, "Caffe gathers from 0, and divides by √eps before training")
    blobs = []
    for size, role in ((channels, "running_mean"), (channels, "running_variance"), (1, "running_variance")):
        part = laid_out("o", (size,), role, layer.kind, None)  # the last is the weight that both were summed with
        blobs.append(Blob((size,), (replace(part, declared=start),), is_learnt=False))
    if has_factors(layer):
        blobs.append(_factors(layer, "batch_norm_param", "scale_filler", (channels,), "scale", 1.0))
        blobs.append(_factors(layer, "batch_norm_param", "bias_filler", (channels,), "shift", 0.0))
    return blobs


def _normalize_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    layer.check(2 <= len(bottoms[0]) <= 4, 0, bottoms[0], "to have 2 to 4 axes")
    return alike(layer, bottoms)


def _normalize_blobs(layer: Layer, bottoms: Shapes) -> list[Blob]:
    is_shared = layer.settings("norm_param").flag("channel_shared", True)
    shape = () if is_shared else (bottoms[0][1],)
    return [_factors(layer, "norm_param", "scale_filler", shape, "scale", 1.0)]


def _lrn_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    at = layer.settings("lrn_param")
    layer.check(len(bottoms[0]) == 4, 0, bottoms[0], "to have 4 axes")
    size = at.integer("local_size", 5, least=1)
    if size % 2 == 0:
        raise layer.error(f"local_size must be odd, got {size}", at, "local_size")
    return alike(layer, bottoms)


def scaled_axes(layer: Layer, name: str, bottoms: Shapes) -> tuple[int, Shape]:
    """Return the first axis that a Scale or Bias covers, and the shape of its factors.

    Args:
        layer: the layer.
        name: `scale_param` or `bias_param`.
        bottoms: what it reads; a second one holds the factors.
    """
    at, bottom = layer.settings(name), bottoms[0]
    is_scalar = not bottom or bottoms[1:] == [()]
    axis = 0 if is_scalar else canonical(layer, at.integer("axis", 1), len(bottom), at)
    if len(bottoms) > 1:
        covered = bottom[axis : axis + len(bottoms[1])]
        layer.check(covered == bottoms[1], 1, bottoms[1], f"to match {shape_text(bottom)} from axis {axis} on")
        return axis, bottoms[1]
    count = at.integer("num_axes", 1, least=-1)
    if count > len(bottom) - axis:
        raise layer.error(
            f"num_axes {count} from axis {axis} on goes beyond shape {shape_text(bottom)}", at, "num_axes"
        )
    return axis, bottom[axis:] if count == -1 else bottom[axis : axis + count]


def _scale_blobs(layer: Layer, bottoms: Shapes) -> list[Blob]:
    at, (_, shape) = layer.settings("scale_param"), scaled_axes(layer, "scale_param", bottoms)
    found = [] if len(bottoms) > 1 else [_factors(layer, "scale_param", "filler", shape, "scale", 1.0)]
    if at.flag("bias_term"):
        found.append(_factors(layer, "scale_param", "bias_filler", shape, "shift", 0.0))
    return found


def _bias_blobs(layer: Layer, bottoms: Shapes) -> list[Blob]:
    _, shape = scaled_axes(layer, "bias_param", bottoms)
    return [] if len(bottoms) > 1 else [_factors(layer, "bias_param", "filler", shape, "shift", 0.0)]


def _factors(layer: Layer, name: str, filler: str, shape: Shape, role: str, default: float) -> Blob:
    return blob(layer, layer.settings(name), filler, " ".join("o" * len(shape)), shape, role, ELEMENTWISE, default)


def _lower_lrn(at: Lowering) -> Sequence[int]:
    """Lower x / (k + α·m)^β, m the mean of x² over neighbours; within a channel k is 1."""
    settings, top = at.layer.settings("lrn_param"), at.tops[0]
    size, is_across = settings.integer("local_size", 5), settings.choice("norm_region", ACROSS, REGIONS) == ACROSS
    window = (size, 1, 1) if is_across else (size, size)
    mean = at.average(at.map("square", at.bottom), top, *window)
    size_of_it = at.shift(
        at.scale(mean, settings.number("alpha", 1.0)), settings.number("k", 1.0) if is_across else 1.0
    )
    power = at.map("pow", size_of_it, at.graph.number(settings.number("beta", 0.75)))
    return [at.map("div", at.bottom, power)]


def _lower_mvn(at: Lowering) -> Sequence[int]:
    settings, shape = at.layer.settings("mvn_param"), at.shapes[0]
    axes = tuple(range(1 if settings.flag("across_channels") else 2, len(shape)))
    if settings.flag("normalize_variance", True):
        return [at.step(Normalise(axes, centred=True), at.bottom, shape=shape)]
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return [at.map("sub", at.bottom, at.step(Reduce("mean", axes, True), at.bottom, shape=kept))]


def lower_batch_norm(at: Lowering, *factors: int, axis: int = 1) -> Sequence[int]:
    """Lower a norm over the batch, in whatever phase, with a scale and a shift from an axis on if there are any."""
    normed = at.step(Normalise("batch", centred=True), at.bottom, shape=at.tops[0])
    scale, shift = factors or (None, None)
    return [at.apply_factors(normed, axis, scale, shift)]


def _lower_normalize(at: Lowering) -> Sequence[int]:
    """Lower x / √(Σx² + ε), the sum over channels or all but the examples, times a factor."""
    settings, shape = at.layer.settings("norm_param"), at.shapes[0]
    axes = tuple(range(1, len(shape))) if settings.flag("across_spatial", True) else (1,)
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    total = at.step(Reduce("sum", axes, True), at.map("square", at.bottom), shape=kept)
    size = at.map("sqrt", at.shift(total, settings.number("eps", 1e-10)))
    return [at.apply_factors(at.map("div", at.bottom, size), 1, at.blobs[0], None)]


def _lower_scale(at: Lowering) -> Sequence[int]:
    axis, _ = scaled_axes(at.layer, "scale_param", at.shapes)
    scale, *shift = [*at.bottoms[1:], *at.blobs]
    return [at.apply_factors(at.bottom, axis, scale, shift[0] if shift else None)]


def _lower_bias(at: Lowering) -> Sequence[int]:
    axis, _ = scaled_axes(at.layer, "bias_param", at.shapes)
    (shift,) = [*at.bottoms[1:], *at.blobs]
    return [at.apply_factors(at.bottom, axis, None, shift)]


KINDS = {
    "LRN": Kind(_lrn_tops, lower=_lower_lrn),
    "MVN": Kind(alike, lower=_lower_mvn),
    "BatchNorm": Kind(alike, blobs=_batch_norm_blobs, lower=lambda at: lower_batch_norm(at, *at.blobs[3:])),
    "Normalize": Kind(_normalize_tops, blobs=_normalize_blobs, lower=_lower_normalize),
    "Scale": Kind(alike, (1, 2), blobs=_scale_blobs, lower=_lower_scale),
    "Bias": Kind(alike, (1, 2), blobs=_bias_blobs, lower=_lower_bias),
}
