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
from glorot.graph import Forward, Graph
from glorot.inventory import Inventory, Parameter
from glorot.inventory.seeing import observed


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


def layers(net: Net, inputs: Any = None) -> Inventory:
    """Take stock of a Caffe net by its layers.

    Args:
        net: the net.
        inputs: not looked at; a net has its shapes.

    Returns:
        The inventory; a blob is called by its layer and its index, as in "conv1.0".
    """
    parameters = tuple(parameter for node in net.nodes for parameter in _parameters(node))
    return Inventory("caffe", parameters, "" if parameters else f"{net.source} has no layer with weights")


def graph(net: Net, stock: Inventory, inputs: Any = None, forward: Forward | None = None) -> Graph:
    """Return what a Caffe net computes, which its definition tells.

    Args:
        net: the net.
        stock: not looked at; each layer states what its blobs do.
        inputs: not looked at; a net has its shapes.
        forward: None; a net runs as it is defined.

    Raises:
        GlorotError: if a function is to run it.
    """
    if forward is not None:
        raise GlorotError("forward= runs a model, and a Caffe net runs as it is defined; leave it out")
    return lower(net)


def inventory(net: Net) -> Inventory:
    """Return all that is known of a net, by its layers and by its graph."""
    return observed(layers(net), lower(net))


def _parameters(node: Node) -> list[Parameter]:
    found = []
    for index, (blob, owner) in enumerate(zip(node.blobs, node.owners, strict=True)):
        path = node.path(index)
        parts = () if owner is not None else tuple(replace(part, name=path + part.name) for part in blob.parts)
        found.append(Parameter(path, blob.shape, "float32", parts, owner, layer=node.layer.name))
    return found
