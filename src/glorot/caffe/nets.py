"""Nets: layers with the shape of every blob, and which blobs of weights they share."""

from dataclasses import dataclass

from glorot.caffe.definition.layers import Layer, Param, Shape
from glorot.caffe.definition.states import State
from glorot.caffe.kinds import Blob


@dataclass(frozen=True)
class Node:
    """A layer in its net.

    Attributes:
        layer: the layer.
        bottoms: the shapes of the blobs that it reads.
        tops: the shapes of the blobs that it makes.
        blobs: the blobs of weights that it owns or shares.
        owners: for each of them the path of the blob that it shares, None if it is its own.
    """

    layer: Layer
    bottoms: tuple[Shape, ...]
    tops: tuple[Shape, ...]
    blobs: tuple[Blob, ...]
    owners: tuple[str | None, ...]

    def path(self, index: int) -> str:
        """Return the name of one of its blobs of weights: layer name and index."""
        return f"{self.layer.name}.{index}"


@dataclass(frozen=True)
class Net:
    """A Caffe net whose every shape is known.

    Attributes:
        name: its name.
        source: the file that it was read from.
        state: the phase, level and stages that it was built for.
        inputs: the blobs that are fed from outside, with their shapes.
        nodes: its layers, in order.
        left_out: layers of the file that are not among them: those of an unknown type whose shapes are not known, and
            those that depend on them.
    """

    name: str
    source: str
    state: State
    inputs: dict[str, Shape]
    nodes: tuple[Node, ...]
    left_out: tuple[Layer, ...] = ()

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shape of every blob between the layers."""
        found = dict(self.inputs)
        for node in self.nodes:
            found.update(zip(node.layer.tops, node.tops, strict=False))
        return found

    @property
    def outputs(self) -> list[str]:
        """The blobs that no layer reads, in order."""
        unread: dict[str, None] = dict.fromkeys(self.inputs)
        for node in self.nodes:
            for bottom in node.layer.bottoms:
                unread.pop(bottom, None)
            unread.update(dict.fromkeys(node.layer.tops))
        return list(unread)

    @property
    def multipliers(self) -> dict[str, tuple[float, float]]:
        """(lr_mult, decay_mult) of every blob that is learnt, by the path of its owner; 1 where no layer sets it."""
        found: dict[str, Param] = {}
        for node in self.nodes:
            for index, (blob, owner) in enumerate(zip(node.blobs, node.owners, strict=True)):
                if blob.is_learnt:
                    path, own = owner or node.path(index), node.layer.param(index)
                    found[path] = found[path].joined(own) if path in found else own
        return {
            path: (1.0 if one.lr_mult is None else one.lr_mult, 1.0 if one.decay_mult is None else one.decay_mult)
            for path, one in found.items()
        }

    def __str__(self) -> str:
        return f"{self.name or 'net'} of {self.source}, {self.state.phase}, {len(self.nodes)} layers"
