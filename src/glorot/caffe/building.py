"""Building a net: from what a file defines, layer by layer, to the shape of every blob."""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from glorot.caffe.definition.layers import Layer, Param, Shape
from glorot.caffe.definition.reading import Definition, check_rules, checked_phase, definition_of
from glorot.caffe.formats.messages import Message
from glorot.caffe.formats.prototxt import parse, read
from glorot.caffe.formats.tokens import shown
from glorot.caffe.kinds import LABELS, Signal, kind_of
from glorot.caffe.limits import MOST_AXES, MOST_ELEMENTS
from glorot.caffe.nets import Net, Node
from glorot.catalogue import nearest
from glorot.errors import GlorotError
from glorot.text import shape_text


def read_net(
    path: str | Path,
    *,
    phase: str | None = None,
    level: int | None = None,
    stages: Iterable[str] = (),
    input_shapes: Mapping[str, Sequence[int]] | None = None,
) -> Net:
    """Read a Caffe net from a `.prototxt` file.

    Args:
        path: the file: a net in the format of any age since 2014, or a solver that holds or names one.
        phase: "TRAIN" or "TEST", which decides between layers with `include` and `exclude`; by default what the file
            says, else TRAIN for a solver and TEST for a net, as in Caffe.
        level: the level that rules may ask for; by default what the file says, else 0.
        stages: the stages that rules may ask for.
        input_shapes: {blob: shape} for data layers, whose shape a file does not tell, or to change the shape of an
            input. Labels without a shape are one for each example.

    Returns:
        The net, to be planned, applied and turned into a module.

    Warns:
        UserWarning: of a field that is unknown and looks misspelt. Other unknown fields, as of forks, are passed over.

    Raises:
        GlorotError: if the file has an error of syntax, a layer is unknown or does not fit what it reads, or a
            shape is missing; with the line where it stands.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> text = '''
        ... layer { name: "data" type: "Data" top: "data" }
        ... layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 5 } }
        ... '''
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "net.prototxt"
        ...     _ = file.write_text(text)
        ...     net = read_net(file, input_shapes={"data": (64, 3, 8, 8)})
        >>> net.shapes, [blob.shape for blob in net.nodes[1].blobs]
        ({'data': (64, 3, 8, 8), 'fc': (64, 5)}, [(5, 192), (5,)])

    References:
        Caffe 1.0, `src/caffe/net.cpp` and the `Reshape` of each layer.
    """
    if not isinstance(path, str | Path):
        raise GlorotError(f"read_net takes the path of a .prototxt file, got {type(path).__name__}")
    check_rules(level, stages)
    return build(definition_of(read(path), checked_phase(phase), level, stages), input_shapes)


def parse_net(
    text: str,
    source: str = "<text>",
    *,
    phase: str | None = None,
    level: int | None = None,
    stages: Iterable[str] = (),
    input_shapes: Mapping[str, Sequence[int]] | None = None,
) -> Net:
    """Read a Caffe net from text.

    Args:
        text: the text of a `.prototxt`.
        source: what errors call it.
        phase: as for `read_net`.
        level: as for `read_net`.
        stages: as for `read_net`.
        input_shapes: as for `read_net`.

    Returns:
        The net.

    Warns:
        UserWarning: as `read_net` does.

    Raises:
        GlorotError: as `read_net` does.

    Example:
        >>> net = parse_net('''
        ... input: "data" input_dim: [64, 3, 8, 8]
        ... layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { kernel_size: 3 stride: 2 } }
        ... ''')
        >>> net.shapes["pool"]  # rounded up, as Caffe does
        (64, 3, 4, 4)
    """
    if not isinstance(text, str):
        raise GlorotError(
            f"parse_net takes the text of a .prototxt, got {type(text).__name__}; for a file use read_net"
        )
    check_rules(level, stages)
    return build(definition_of(parse(text, source), checked_phase(phase), level, stages), input_shapes)


def build(definition: Definition, input_shapes: Mapping[str, Sequence[int]] | None = None) -> Net:
    """Return the net that a definition makes, with all shapes.

    Raises:
        GlorotError: if a layer does not fit what it reads, or a shape is missing.
    """
    builder = _Builder(definition, _checked_shapes(input_shapes))
    nodes = tuple(builder.node(layer) for layer in definition.layers)
    builder.check_all_used()
    for problem in definition.message.misspelt():
        warnings.warn(f"{problem}; it is left out", stacklevel=3)
    return Net(definition.name, definition.message.source, definition.state, builder.inputs, nodes)


class _Builder:
    """Goes through the layers of a net and gathers what each one adds."""

    def __init__(self, definition: Definition, given: Mapping[str, Shape]) -> None:
        self.given = given
        self.state, self.left_out = definition.state, definition.left_out
        self.inputs: dict[str, Shape] = {}
        self.owners: dict[str, tuple[str, Shape]] = {}
        self.params: dict[str, Param] = {}
        self.paths: set[str] = set()
        for name, declared in definition.inputs.items():
            shape = given.get(name, declared)
            if shape is None:
                raise definition.message.error(_how_to_give(name), "input")
            _check_size(definition.message, f"blob {shown(name)!r}", shape)
            self.inputs[name] = shape
        self.shapes = dict(self.inputs)

    def node(self, layer: Layer) -> Node:
        """Return a layer in its place behind those before it."""
        try:
            return self._node(layer)
        except OverflowError:
            raise layer.error(f"its sizes go beyond the {MOST_ELEMENTS} elements of a blob") from None
        except GlorotError as error:
            if str(error).startswith(f"{layer.message.source}:"):
                raise
            raise layer.error(str(error)) from error

    def _node(self, layer: Layer) -> Node:
        kind = kind_of(layer)
        bottoms = [self._bottom(layer, name) for name in layer.bottoms]
        is_fed = not layer.bottoms and kind.signal is not Signal.WEIGHED
        tops = self._tops(layer, kind.tops(layer, bottoms), is_fed)
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

    def _bottom(self, layer: Layer, name: str) -> Shape:
        if name not in self.shapes:
            problem = f"it reads blob {shown(name)!r}, which no layer before it makes in phase {self.state.phase}"
            raise layer.error(problem + self._hint(name), field="bottom")
        return self.shapes[name]

    def _hint(self, name: str) -> str:
        if name in self.left_out:
            return f"; layer {shown(self.left_out[name])!r} would, but its rules of phase, stage and level leave it out"
        return nearest(name[:100], self.shapes)

    def _tops(self, layer: Layer, shapes: Sequence[Shape | None], is_fed: bool) -> tuple[Shape, ...]:
        found: list[Shape] = []
        for name, known in zip(layer.tops, shapes, strict=False):
            shape = known
            if is_fed:
                shape = self.given.get(name, known)
                if shape is None:
                    raise layer.error(_how_to_give(name))
                shape = found[0][:1] if shape == LABELS else shape
                self.inputs[name] = shape
            assert shape is not None  # only layers that are fed leave a shape open
            is_in_place = layer.bottoms[len(found) : len(found) + 1] == (name,)
            if name in self.shapes and not (is_in_place and self.shapes[name] == shape):
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
        """Raise if a shape was given for a blob that is no input."""
        for name in self.given:
            if name not in self.inputs:
                expected = f"; inputs here: {', '.join(list(self.inputs)[:8])}" if self.inputs else ""
                raise GlorotError(
                    f"input shape for {name!r}: the net has no such input{nearest(name, self.inputs)}{expected}"
                )


def _how_to_give(name: str) -> str:
    blob = shown(name)
    return (
        f"the net does not tell the shape of blob {blob!r}; give it on the command line with --input-shape "
        f"{blob}=64,1,28,28, or as input_shapes={{{blob!r}: (64, 1, 28, 28)}} of glorot.caffe.read_net"
    )


def _check_size(at: Layer | Message, what: str, shape: Shape) -> None:
    if len(shape) > MOST_AXES:
        raise at.error(f"{what} has {len(shape)} axes; Caffe allows {MOST_AXES}")
    if math.prod(shape) > MOST_ELEMENTS or max(shape, default=0) > MOST_ELEMENTS:
        raise at.error(
            f"{what} of shape {shape_text(shape)} has more than the {MOST_ELEMENTS} elements that Caffe allows"
        )


def _checked_shapes(given: Any) -> dict[str, Shape]:
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise GlorotError(
            f"input_shapes must be a dict {{blob: shape}}, as in {{'data': (64, 1, 28, 28)}}, got {given!r}"
        )
    return {name: _checked_shape(name, shape) for name, shape in given.items()}


def _checked_shape(name: str, given: Any) -> Shape:
    sizes = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    if not sizes or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes):
        raise GlorotError(f"input shape for {name!r}: expected positive sizes such as (64, 1, 28, 28), got {given!r}")
    return tuple(sizes)
