"""From a Caffe net to its inventory."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from glorot.caffe.nets import Net, Node, read_net
from glorot.caffe.tracing import Trace, follow
from glorot.errors import GlorotError
from glorot.inventory import Inventory, Parameter, Part


def matches(model: object) -> bool:
    """Tell whether a model belongs to this adapter: a net, or the path of a `.prototxt`."""
    return isinstance(model, Net | str | Path)


def net_of(model: Net | str | Path, inputs: Any = None) -> Net:
    """Return the net that a model is, or that the file at a path defines.

    Args:
        model: a net, or the path of a `.prototxt` file.
        inputs: {blob: array} with a batch, of which only the shapes count.

    Raises:
        GlorotError: if the file cannot be read, or the batch is none.
    """
    if isinstance(model, Net):
        return model
    if Path(model).suffix != ".prototxt":
        raise GlorotError(
            f"{str(model)!r} is no model: text stands for the path of a Caffe net, whose name ends in .prototxt"
        )
    if inputs is None:
        return read_net(model)
    if isinstance(inputs, Mapping):
        return read_net(model, input_shapes={name: _shape(batch) for name, batch in inputs.items()})
    raise GlorotError(f"inputs of a Caffe net must be a dict {{blob: array}}, got {type(inputs).__name__}")


def _shape(batch: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in np.shape(batch))


def inventory(net: Net, inputs: Any = None) -> Inventory:
    """Take stock of a Caffe net.

    Args:
        net: the net.
        inputs: nothing; its graph is known without a batch.

    Returns:
        The inventory; a blob is called by its layer and its index, as in "conv1.0".
    """
    trace = follow(net)
    depths = {name: n for n, name in enumerate(trace.order, start=1)}
    return Inventory("caffe", tuple(parameter for node in net.nodes for parameter in _parameters(node, trace, depths)))


def _parameters(node: Node, trace: Trace, depths: Mapping[str, int]) -> list[Parameter]:
    found = []
    for index, (blob, owner) in enumerate(zip(node.blobs, node.owners, strict=True)):
        path = node.path(index)
        parts = (
            ()
            if owner is not None
            else tuple(_named(part, path, node.layer.name, trace, depths) for part in blob.parts)
        )
        found.append(Parameter(path, blob.shape, "float32", parts, owner))
    return found


def _named(part: Part, path: str, layer: str, trace: Trace, depths: Mapping[str, int]) -> Part:
    return replace(
        part,
        name=path + part.name,
        fed_by=trace.fed_by.get(layer, "identity") if part.fed_by == "identity" else part.fed_by,
        followed_by=trace.followed_by.get(layer, "identity"),
        depth=depths.get(layer, 0),
    )
