"""The weights that a module starts from: a net's own fillers, and arrays or a file in their place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.caffe.caffemodel import read_caffemodel
from glorot.caffe.model import inventory
from glorot.caffe.nets import Net, Node
from glorot.caffe.weights import Arrays, write
from glorot.catalogue import nearest
from glorot.errors import GlorotError
from glorot.planning import assignments, resolve
from glorot.recipes import as_recipe
from glorot.text import shape_text

Weights = Mapping[str, NDArray[Any]] | str | Path


def started(net: Net, seed: int, weights: Weights | None = None) -> Arrays:
    """Return the weights that a net starts from, as arrays of their own.

    Args:
        net: the net.
        seed: the seed of its fillers.
        weights: arrays, or the path of a `.caffemodel`, in place of its fillers as far as they go. Layers of a file
            that the net does not have are passed over, as Caffe does.

    Raises:
        GlorotError: if what is given is of no blob of the net, or of another shape.
    """
    found = inventory(net)
    arrays = write(net, assignments(resolve(found, as_recipe("caffe")), found, seed))
    if weights is None:
        return arrays
    source = "" if isinstance(weights, Mapping) else f"{weights}: "
    given = weights if isinstance(weights, Mapping) else _of_layers(net, read_caffemodel(weights))
    for path in given:
        if path not in arrays:
            raise GlorotError(f"{source}{path!r} is no blob of this net{nearest(str(path), arrays)}")
    for node in net.nodes:
        for index, owner in enumerate(node.owners):
            path = node.path(index)
            if path in given:
                arrays[path] = _fitting(node, index, np.array(given[path], np.float32, order="C"), source)
                if owner is not None and not np.array_equal(arrays[path].ravel(), arrays[owner].ravel(), equal_nan=True):
                    raise GlorotError(f"{source}{path} shares the blob of {owner} and must hold the same numbers")
            elif owner is not None:
                arrays[path] = arrays[owner].reshape(node.blobs[index].shape)
    return arrays


def _of_layers(net: Net, arrays: Arrays) -> Arrays:
    layers = {node.layer.name for node in net.nodes}
    return {path: array for path, array in arrays.items() if path.rpartition(".")[0] in layers}


def _fitting(node: Node, index: int, array: NDArray[np.float32], source: str) -> NDArray[np.float32]:
    shape = node.blobs[index].shape
    older = (1,) * (4 - len(shape)) + shape  # before blobs had a shape they had four axes
    if array.shape not in (shape, older):
        expected, given = shape_text(shape), shape_text(array.shape)
        raise GlorotError(f"{source}{node.path(index)} has shape {given}, expected {expected}")
    return array.reshape(shape)
