"""From a Caffe net to its inventory."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from glorot.caffe.building import read_net
from glorot.caffe.graph import lower
from glorot.caffe.nets import Net, Node
from glorot.errors import GlorotError
from glorot.inventory import Inventory, Parameter
from glorot.inventory.seeing import observed


def matches(model: object) -> bool:
    """Tell whether a model belongs to this adapter: a net, or the path of a `.prototxt`."""
    return isinstance(model, Net | str | Path)


def net_of(model: Net | str | Path, inputs: Any = None, phase: str | None = None) -> Net:
    """Return the net that a model is, or that the file at a path defines.

    Args:
        model: a net, or the path of a `.prototxt` file.
        inputs: for a file, {blob: array} with a batch, of which only the shapes count.
        phase: for a file, as for `read_net`.

    Raises:
        GlorotError: if the file cannot be read, or the batch is none.
    """
    if isinstance(model, Net):
        return model
    if not str(model).endswith(".prototxt"):
        raise GlorotError(
            f"{str(model)!r} is no model: text stands for the path of a Caffe net, whose name ends in .prototxt"
        )
    if inputs is not None and not isinstance(inputs, Mapping):
        raise GlorotError(f"inputs of a Caffe net must be a dict {{blob: array}}, got {type(inputs).__name__}")
    return read_net(
        model, phase=phase, input_shapes={name: _shape(name, batch) for name, batch in (inputs or {}).items()}
    )


def _shape(name: str, batch: Any) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in np.shape(batch))
    except (TypeError, ValueError) as error:
        raise GlorotError(
            f"inputs: expected an array for blob {name!r}, got {type(batch).__name__}: {error}"
        ) from error


def inventory(net: Net, inputs: Any = None) -> Inventory:
    """Take stock of a Caffe net.

    Args:
        net: the net.
        inputs: not looked at; the graph of a net is known without a batch.

    Returns:
        The inventory; a blob is called by its layer and its index, as in "conv1.0".
    """
    owned = [(node.layer.name, parameter) for node in net.nodes for parameter in _parameters(node)]
    parameters = tuple(parameter for _, parameter in owned)
    stock = Inventory("caffe", parameters, "" if parameters else f"{net.source} has no layer with weights")
    return observed(stock, lower(net), {parameter.path: layer for layer, parameter in owned})


def _parameters(node: Node) -> list[Parameter]:
    found = []
    for index, (blob, owner) in enumerate(zip(node.blobs, node.owners, strict=True)):
        path = node.path(index)
        parts = () if owner is not None else tuple(replace(part, name=path + part.name) for part in blob.parts)
        found.append(Parameter(path, blob.shape, "float32", parts, owner))
    return found
