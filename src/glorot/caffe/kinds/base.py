"""What is known of a type of layer: shapes, blobs, and the steps of a graph that it is."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from glorot.caffe.definition.layers import Layer, Shape
from glorot.caffe.formats.messages import Message
from glorot.caffe.kinds.fillers import Target, constant_of, declared
from glorot.caffe.kinds.lowering import Lower, lower_opaque
from glorot.fans import Fans
from glorot.inventory import Part
from glorot.inventory.layouts import laid_out

Shapes = Sequence[Shape]

MANY = 2**31
"""More blobs than any layer reads or makes."""


VECTORS = ("bias", "scale", "shift", "slope")
"""Roles whose constant start is meant, whatever the recipe."""

LABELS: Shape = (-1,)
"""The shape of labels: one for each example of the first top of their layer."""


@dataclass(frozen=True)
class Blob:
    """A blob of weights that a layer owns.

    Attributes:
        shape: its stored shape.
        parts: what is planned of it, named by their suffix alone: "" for the whole, "[i]" for a gate.
        is_learnt: False for the averages that training gathers without a gradient.
    """

    shape: Shape
    parts: tuple[Part, ...]
    is_learnt: bool = True


@dataclass(frozen=True)
class Kind:
    """One of Caffe's types of layer.

    Attributes:
        tops: the shapes of what a layer makes, from those of what it reads; None for one that the file cannot tell,
            LABELS for one that follows from the first.
        reads: least and largest number of bottoms.
        makes: least and largest number of tops.
        blobs: the weights that it owns.
        lower: the steps of a graph that it is.
    """

    tops: Callable[[Layer, Shapes], Sequence[Shape | None]]
    reads: tuple[int, int] = (1, 1)
    makes: tuple[int, int] = (1, 1)
    blobs: Callable[[Layer, Shapes], list[Blob]] = lambda layer, bottoms: []
    lower: Lower = lower_opaque


def alike(layer: Layer, bottoms: Shapes) -> Shapes:
    """Return the shape of the first bottom for every top."""
    return [bottoms[0]] * len(layer.tops)


def blob(
    layer: Layer, at: Message, filler: str, pattern: str, shape: Shape, role: str, fans: Fans | None,
    default: float = 0.0, **sizes: int,
) -> Blob:  # fmt: skip
    """Return a blob that is planned whole.

    Args:
        layer: its layer.
        at: the message that may hold its filler.
        filler: what the filler is called there.
        pattern: its axes, as `laid_out` reads them.
        shape: its stored shape.
        role: its role.
        fans: the true connection counts of the layer.
        default: the constant that stands for a filler that is not there.
        **sizes: as `laid_out` takes them.
    """
    part = laid_out(pattern, shape, role, layer.kind, fans, flip=False, **sizes)
    own = declared(at, filler, target_of(pattern, shape), default)
    start = constant_of(at, filler, default if role == "slope" else None) if role in VECTORS else None
    return Blob(shape, (replace(part, declared=own, start=start),))


def target_of(pattern: str, shape: Shape) -> Target:
    """Return what a filler is told of a blob.

    Example:
        >>> target_of("(b o) i k k", (8, 2, 3, 3))
        Target(shape=(8, 2, 3, 3), kernel_axes=2, first='bo')
    """
    first = re.match(r"\([boik ]+\)|[boik]?", pattern)
    return Target(shape, pattern.count("k"), first[0].strip("()").replace(" ", "") if first else "")
