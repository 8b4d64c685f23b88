"""The types of layer that glorot knows, one file a family."""

import difflib
import functools
from dataclasses import replace

from glorot.caffe.definition.layers import Layer
from glorot.caffe.formats.tokens import shown
from glorot.caffe.kinds import (
    combining,
    convolution,
    data,
    dense,
    detection,
    forks,
    losses,
    neurons,
    norms,
    pooling,
    recurrent,
)
from glorot.caffe.kinds.base import LABELS, MANY, Blob, Kind
from glorot.catalogue import nearest, squash

KINDS: dict[str, Kind] = {
    name: kind
    for family in (data, convolution, dense, recurrent, pooling, norms, neurons, combining, detection, forks, losses)
    for name, kind in family.KINDS.items()
}

TYPO = 0.85
"""How alike a type and a known one are at least where it is taken for misspelt, from 0 to 1."""

__all__ = ["KINDS", "LABELS", "Blob", "Kind", "check_spelling", "is_known", "kind_of", "spell", "suggest"]


UNKNOWN = Kind(lambda layer, bottoms: [None] * len(layer.tops), (0, MANY), (0, MANY))
"""What is known of a type that is not: of the layers of a fork, and of those that are written in Python."""


def is_known(layer: Layer) -> bool:
    """Tell whether glorot knows the type of a layer."""
    return layer.kind in KINDS


def spell(layer: Layer) -> Layer:
    """Return an old layer with its type as it is written today: that of a fork, INTERP, is Interp."""
    if is_known(layer) or layer.message.name != "layers":
        return layer
    return replace(layer, kind=next((name for name in KINDS if squash(name) == squash(layer.kind)), layer.kind))


def check_spelling(layer: Layer) -> None:
    """Raise if the type of a layer is a known one, misspelt.

    A type that extends the name of a known one, as "Convolution3D" does, is another type.
    """
    if not is_known(layer) and _is_typo(squash(layer.kind[:100])):
        raise layer.message.error(f"layer {shown(layer.name)!r}: {suggest(layer)}", "type")


@functools.lru_cache(maxsize=1000)
def _is_typo(asked: str) -> bool:
    known = {squash(name) for name in KINDS}
    near = [asked] if asked in known else difflib.get_close_matches(asked, sorted(known), 1, TYPO)
    return bool(near) and (near[0] == asked or (near[0] not in asked and asked not in near[0]))


def suggest(layer: Layer) -> str:
    """Say that the type of a layer is unknown, and which known one it is like."""
    same = [name for name in KINDS if squash(name) == squash(layer.kind[:100])]
    near = f" (did you mean {same[0]!r}?)" if same else nearest(layer.kind[:100], KINDS)
    return f"unknown layer type {shown(layer.kind)!r}{near}"


def kind_of(layer: Layer) -> Kind:
    """Return what is known of the type of a layer.

    Raises:
        GlorotError: if the layer reads or makes another number of blobs than it may.
    """
    kind = KINDS.get(layer.kind, UNKNOWN)
    for what, blobs, (least, most) in (("bottom", layer.bottoms, kind.reads), ("top", layer.tops, kind.makes)):
        if not least <= len(blobs) <= most:
            expected = (
                str(least) if least == most else f"at least {least}" if most > len(blobs) else f"{least} to {most}"
            )
            raise layer.error(f"expected {expected} {what} blobs, got {len(blobs)}")
    return kind
