"""The types of layer that glorot knows, one file a family."""

from glorot.caffe.definition.layers import Layer
from glorot.caffe.formats.tokens import shown
from glorot.caffe.kinds import combining, convolution, data, dense, losses, neurons, norms, pooling, recurrent
from glorot.caffe.kinds.base import LABELS, Blob, Kind, Signal
from glorot.catalogue import nearest

KINDS: dict[str, Kind] = {
    name: kind
    for family in (data, convolution, dense, recurrent, pooling, norms, neurons, combining, losses)
    for name, kind in family.KINDS.items()
}

__all__ = ["KINDS", "LABELS", "Blob", "Kind", "Signal", "kind_of"]


def kind_of(layer: Layer) -> Kind:
    """Return what is known of the type of a layer.

    Raises:
        GlorotError: if the type is unknown, or the layer reads or makes another number of blobs than it may.
    """
    kind = KINDS.get(layer.kind)
    if kind is None:
        same = [name for name in KINDS if name.lower() == layer.kind.lower().replace("_", "")]
        near = f" (did you mean {same[0]!r}?)" if same else nearest(layer.kind[:100], KINDS)
        problem = f"unknown layer type {shown(layer.kind)!r}{near}; known: {', '.join(sorted(KINDS))}"
        raise layer.message.error(f"layer {shown(layer.name)!r}: {problem}", "type")
    for what, blobs, (least, most) in (("bottom", layer.bottoms, kind.reads), ("top", layer.tops, kind.makes)):
        if not least <= len(blobs) <= most:
            expected = (
                str(least) if least == most else f"at least {least}" if most > len(blobs) else f"{least} to {most}"
            )
            raise layer.error(f"expected {expected} {what} blobs, got {len(blobs)}")
    return kind
