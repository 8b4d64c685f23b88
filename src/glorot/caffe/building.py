"""Building a net: from what a file defines, layer by layer, to the shape of every blob."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from glorot.caffe.builder import Builder
from glorot.caffe.definition.fields import unread_fields
from glorot.caffe.definition.layers import Shape
from glorot.caffe.definition.reading import Definition, check_rules, checked_phase, definition_of
from glorot.caffe.formats.prototxt import parse, read
from glorot.caffe.kinds import is_known, spell
from glorot.caffe.nets import Net
from glorot.errors import GlorotError
from glorot.text import printable


def read_net(
    path: str | Path,
    *,
    phase: str | None = None,
    level: int | None = None,
    stages: Iterable[str] = (),
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> Net:
    """Read a Caffe net from a `.prototxt` file.

    Args:
        path: the file: a net in the format of any age since 2014, or a solver that holds or names one.
        phase: "TRAIN" or "TEST", which decides between layers with `include` and `exclude`; by default what the file
            says, else TRAIN for a solver and TEST for a net, as in Caffe.
        level: the level that rules may ask for; by default what the file says, else 0.
        stages: the stages that rules may ask for.
        input_shapes: {blob: shape} for data layers, whose shape a file does not tell, for a blob that no layer makes,
            or to change the shape of an input. Labels without a shape are one for each example.
        shapes: {layer: shape} of what layers make whose type glorot does not know; {blob: shape} for a layer that makes
            several blobs.

    Returns:
        The net, to be planned, applied and turned into a module.

    Warns:
        UserWarning: of a field that glorot does not obey, such as one that a fork has added or one that is misspelt;
            and of a layer of an unknown type, with what is left out because it depends on it. A loss that nobody
            reads may be of any type.

    Raises:
        GlorotError: if the file has an error of syntax, a layer does not fit what it reads, or a shape is missing;
            with the line where it stands.

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
    return build(definition_of(read(path), checked_phase(phase), level, stages), input_shapes, shapes)


def parse_net(
    text: str,
    source: str = "<text>",
    *,
    phase: str | None = None,
    level: int | None = None,
    stages: Iterable[str] = (),
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> Net:
    """Read a Caffe net from text.

    Args:
        text: the text of a `.prototxt`.
        source: what errors call it.
        phase: as for `read_net`.
        level: as for `read_net`.
        stages: as for `read_net`.
        input_shapes: as for `read_net`.
        shapes: as for `read_net`.

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
    return build(definition_of(parse(text, source), checked_phase(phase), level, stages), input_shapes, shapes)


def build(
    definition: Definition,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> Net:
    """Return the net that a definition makes, with all shapes.

    Raises:
        GlorotError: if a layer does not fit what it reads, or a shape is missing.
    """
    builder = Builder(definition, _checked(input_shapes, INPUTS), _checked(shapes, TOLD))
    nodes = tuple(node for layer in definition.layers if (node := builder.node(layer)) is not None)
    if builder.unknown.left_out and not any(node.bottoms or node.blobs for node in nodes):
        raise builder.unknown.error()
    builder.check_all_used()
    known = (layer for layer in map(spell, definition.layers) if is_known(layer))
    for problem in unread_fields(definition.message, known):
        warnings.warn(printable(f"{problem}; it is left out"), stacklevel=3)
    for sentence in builder.unknown.sentences():
        warnings.warn(printable(sentence), stacklevel=3)
    left_out = tuple(builder.unknown.left_out)
    return Net(definition.name, definition.message.source, definition.state, builder.inputs, nodes, left_out)


class _Given(NamedTuple):
    """What a user gives shapes for: the argument, what errors call one, and an example."""

    argument: str
    what: str
    of: str
    example: str


INPUTS = _Given("input_shapes", "input shape for", "blob", "data")
TOLD = _Given("shapes", "shape for layer", "layer", "up1")


def _checked(given: Any, what: _Given) -> dict[str, Shape]:
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        expected = f"a dict {{{what.of}: shape}}, as in {{{what.example!r}: (64, 1, 28, 28)}}"
        raise GlorotError(f"{what.argument} must be {expected}, got {given!r}")
    return {name: _checked_shape(f"{what.what} {name!r}", shape) for name, shape in given.items()}


def _checked_shape(what: str, given: Any) -> Shape:
    sizes = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    if not sizes or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes):
        raise GlorotError(f"{what}: expected positive sizes such as (64, 1, 28, 28), got {given!r}")
    return tuple(sizes)
