"""The builder of a net: goes through its layers, from the shapes of its inputs to the shape of every blob."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from glorot.caffe.definition.layers import Layer, Param, Shape
from glorot.caffe.definition.reading import Definition
from glorot.caffe.formats.messages import Message
from glorot.caffe.formats.tokens import shown
from glorot.caffe.kinds import LABELS, check_spelling, is_known, kind_of, spell
from glorot.caffe.kinds.losses import judges
from glorot.caffe.limits import MOST_AXES, MOST_ELEMENTS
from glorot.caffe.nets import Node
from glorot.caffe.unknown import Unknown
from glorot.catalogue import nearest
from glorot.errors import GlorotError
from glorot.text import shape_text

MOST_COMPARED = 20
"""Names of missing blobs that are compared with all others, which takes time in a large net."""


class Builder:
    """Goes through the layers of a net and gathers what each one adds.

    Args:
        definition: the net as its file defines it.
        given: the shapes of inputs, by blob.
        told: the shapes of what layers of unknown types make, by layer or by blob.
    """

    def __init__(self, definition: Definition, given: Mapping[str, Shape], told: Mapping[str, Shape]) -> None:
        self.given = given
        self.state, self.ruled_out = definition.state, definition.ruled_out
        self.inputs: dict[str, Shape] = {}
        self.owners: dict[str, tuple[str, Shape]] = {}
        self.params: dict[str, Param] = {}
        self.paths: set[str] = set()
        self.typos: dict[str, bool] = {}
        self.unknown = Unknown(told)
        self.made = {top for layer in definition.layers for top in layer.tops if top not in layer.bottoms}
        self.needed = {name for layer in definition.layers if not judges(layer) for name in layer.bottoms}
        for name, declared in definition.inputs.items():
            shape = given.get(name, declared)
            if shape is None and self.inputs and name not in self.needed:
                continue
            if shape is None:
                raise definition.message.error(_how_to_give(name), "input")
            _check_size(definition.message, f"blob {shown(name)!r}", shape)
            self.inputs[name] = shape
        self.shapes = dict(self.inputs)

    def node(self, layer: Layer) -> Node | None:
        """Return a layer in its place after those before it; None if it is left out, for its shapes are not known."""
        try:
            layer = spell(layer)
            check_spelling(layer)
            if self._is_idle(layer):
                self.unknown.left_out.append(layer)
                return None
            return self._node(layer) if is_known(layer) else self._unknown_node(layer)
        except OverflowError:
            raise layer.error(f"its sizes go beyond the {MOST_ELEMENTS} elements of a blob") from None
        except GlorotError as error:
            if str(error).startswith(f"{layer.message.source}:"):
                raise
            raise layer.error(str(error)) from error

    def _is_idle(self, layer: Layer) -> bool:
        """Tell whether a layer judges, nobody reads it, and the shape of its labels, or of their like, is not known."""
        missing = [name for name in layer.bottoms if name not in self.shapes and name not in self.given]
        is_unread = judges(layer) and self.needed.isdisjoint(layer.tops)
        is_part = 0 < len(missing) < len(layer.bottoms)
        return is_unread and is_part and not any(self._is_typo(name) for name in missing)

    def _is_typo(self, name: str) -> bool:
        if name not in self.typos and len(self.typos) < MOST_COMPARED:
            self.typos[name] = bool(nearest(name[:100], self.shapes))
        return self.typos.get(name, True)

    def _node(self, layer: Layer) -> Node | None:
        if self.unknown.leaves_out(layer):
            self._forget(layer.tops)
            return None
        kind = kind_of(layer)
        bottoms = [self._bottom(layer, name) for name in layer.bottoms]
        is_fed = not layer.bottoms and not kind.blobs(layer, bottoms)
        tops = self._tops(layer, kind.tops(layer, bottoms), is_fed)
        if is_fed:
            layer = replace(layer, tops=tuple(name for name in layer.tops if name in self.shapes))
        blobs = tuple(kind.blobs(layer, bottoms))
        if len(layer.params) > len(blobs):
            raise layer.error(f"{len(layer.params)} param for {len(blobs)} blobs of weights; give one for each at most")
        if len(layer.message.numbers("loss_weight")) not in (0, max(1, len(layer.tops))):
            raise layer.error("loss_weight is given for some tops only; give none or one for each", field="loss_weight")
        node = Node(layer, tuple(bottoms), tops, blobs, ())
        if blobs and (not layer.name or node.path(0) in self.paths):
            raise layer.error("a layer with weights needs a name that no other one has")
        self.paths.add(node.path(0))
        for blob in blobs:
            _check_size(layer, "a blob of weights", blob.shape)
        owners = tuple(self._owner(node, index, blob.shape) for index, blob in enumerate(blobs))
        return Node(layer, tuple(bottoms), tops, blobs, owners)

    def _unknown_node(self, layer: Layer) -> Node | None:
        """Return a layer of an unknown type with those of its blobs whose shapes are known."""
        bottoms = {name: self._bottom(layer, name) for name in layer.bottoms if not self.unknown.has_lost(name)}
        pairs = zip(layer.bottoms, layer.tops, strict=False)
        followed = {top: bottoms[top] for bottom, top in pairs if bottom == top and top in bottoms}  # changed in place
        if not layer.bottoms:
            followed = {name: shape for name, shape in self.given.items() if name in layer.tops}
        tops = self.unknown.resolve(layer, followed)
        self._forget([name for name in layer.tops if name not in tops])
        if not tops:
            return None
        known = replace(layer, bottoms=tuple(bottoms), tops=tuple(tops))
        if not layer.bottoms:
            self.inputs |= tops
        return Node(known, tuple(bottoms.values()), self._tops(known, list(tops.values()), is_fed=False), (), ())

    def _forget(self, names: Sequence[str]) -> None:
        for name in names:
            self.shapes.pop(name, None)

    def _bottom(self, layer: Layer, name: str) -> Shape:
        if name not in self.shapes and name in self.given and name not in self.made:
            _check_size(layer, f"blob {shown(name)!r}", self.given[name])
            self.inputs[name] = self.shapes[name] = self.given[name]
        if name not in self.shapes:
            problem = f"it reads blob {shown(name)!r}, which no layer before it makes in phase {self.state.phase}"
            raise layer.error(problem + self._hint(name), field="bottom")
        return self.shapes[name]

    def _hint(self, name: str) -> str:
        if name in self.ruled_out:
            layer = shown(self.ruled_out[name])
            return f"; layer {layer!r} would, but its rules of phase, stage and level leave it out"
        near = nearest(name[:100], self.shapes)
        return (
            near if name in self.made else f"{near}; if it is an input of the net, {_how_to_state(name, 'its shape')}"
        )

    def _tops(self, layer: Layer, shapes: Sequence[Shape | None], is_fed: bool) -> tuple[Shape, ...]:
        found: list[Shape] = []
        for name, known in zip(layer.tops, shapes, strict=False):
            shape = known
            if is_fed:
                shape = self.given.get(name, known)
                if shape is None and found and name not in self.needed:
                    continue
                if shape is None:
                    raise layer.error(_how_to_give(name))
                shape = found[0][:1] if shape == LABELS else shape
                self.inputs[name] = shape
            assert shape is not None  # only layers that are fed leave a shape open
            is_in_place = layer.bottoms[len(found) : len(found) + 1] == (name,)
            is_made = name in self.shapes or self.unknown.has_lost(name)
            if is_made and not (is_in_place and self.shapes[name] == shape):
                made = "changed in place to another shape" if is_in_place else "made by a layer before it"
                raise layer.error(f"its top {shown(name)!r} is {made}; give it a name of its own", field="top")
            _check_size(layer, f"blob {shown(name)!r}", shape)
            found.append(shape)
            self.shapes[name] = shape
        return tuple(found)

    def _owner(self, node: Node, index: int, shape: Shape) -> str | None:
        """Return the path of the blob that one shares, after taking note of those that others may share."""
        param = node.layer.param(index)
        if not param.name:
            return None
        path, owned = self.owners.setdefault(param.name, (node.path(index), shape))
        if path == node.path(index):
            self.params[path] = param
            return None
        fits = math.prod(owned) == math.prod(shape) if param.is_permissive else owned == shape
        if not fits:
            expected = f"{math.prod(owned)} elements" if param.is_permissive else f"shape {shape_text(owned)}"
            problem = f"its blob {index} shares {shown(param.name)!r} with {shown(path)}: expected {expected}"
            raise node.layer.error(f"{problem}, got shape {shape_text(shape)}")
        for what in ("lr_mult", "decay_mult"):
            there, here = getattr(self.params[path], what), getattr(param, what)
            if None not in (there, here) and there != here:
                problem = f"its blob {index} shares {shown(param.name)!r} with {shown(path)}: expected {what} {there:g}"
                raise node.layer.error(f"{problem}, got {here:g}")
        self.params[path] = self.params[path].joined(param)
        return path

    def check_all_used(self) -> None:
        """Raise if a shape was given for a blob that is no input, or for a layer whose type is known."""
        for name in self.given:
            if name not in self.inputs:
                expected = f"; inputs here: {', '.join(list(self.inputs)[:8])}" if self.inputs else ""
                raise GlorotError(
                    f"input shape for {name!r}: the net has no such input{nearest(name, self.inputs)}{expected}"
                )
        self.unknown.check_all_used()


def _how_to_give(name: str) -> str:
    """Say that the shape of an input is missing, and how to give it."""
    return f"the net does not tell the shape of blob {shown(name)!r}; {_how_to_state(name, 'it')}"


def _how_to_state(name: str, what: str) -> str:
    blob = shown(name)
    return (
        f"give {what} on the command line with --input-shape {blob}=64,1,28,28, or as "
        f"input_shapes={{{blob!r}: (64, 1, 28, 28)}} of glorot.caffe.read_net"
    )


def _check_size(at: Layer | Message, what: str, shape: Shape) -> None:
    if len(shape) > MOST_AXES:
        raise at.error(f"{what} has {len(shape)} axes; Caffe allows {MOST_AXES}")
    if math.prod(shape) > MOST_ELEMENTS or max(shape, default=0) > MOST_ELEMENTS:
        raise at.error(
            f"{what} of shape {shape_text(shape)} has more than the {MOST_ELEMENTS} elements that Caffe allows"
        )
