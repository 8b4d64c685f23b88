"""The weights that a module starts from: a net's own fillers, arrays, or a file."""

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


def started(net: Net, seed: int) -> Arrays:
    """Return the weights that the fillers of a net give it at a seed."""
    found = inventory(net)
    return write(net, assignments(resolve(found, as_recipe("caffe")), found, seed))


def given(net: Net, weights: Weights) -> Arrays:
    """Return weights that are given, as arrays of their own, after checking that they fit a net.

    Raises:
        GlorotError: if a blob is missing, unknown or of another shape.
    """
    source = "" if isinstance(weights, Mapping) else f"{weights}: "
    arrays = weights if isinstance(weights, Mapping) else read_caffemodel(weights)
    known = {node.path(index) for node in net.nodes for index in range(len(node.blobs))}
    for path in arrays:
        if path not in known:
            raise GlorotError(f"{source}{path!r} is no blob of this net{nearest(str(path), known)}")
    found: Arrays = {}
    for node in net.nodes:
        for index, owner in enumerate(node.owners):
            found[node.path(index)] = _given(node, index, owner, arrays, found, source)
    return found


def _given(
    node: Node, index: int, owner: str | None, arrays: Mapping[str, NDArray[Any]], found: Arrays, source: str
) -> NDArray[np.float32]:
    path, blob = node.path(index), node.blobs[index]
    if path not in arrays:
        if owner is not None:
            return found[owner].reshape(blob.shape)
        if not blob.is_learnt:
            return np.zeros(blob.shape, np.float32)
        raise GlorotError(
            f"{source}there is no {path}, of shape {shape_text(blob.shape)}; join them with what glorot.apply returns "
            "to start from the fillers where nothing is given"
        )
    array = np.array(arrays[path], np.float32, order="C")
    older = (1,) * (4 - len(blob.shape)) + blob.shape  # before blobs had a shape they had four axes
    if array.shape not in (blob.shape, older):
        raise GlorotError(f"{source}{path} has shape {shape_text(array.shape)}, expected {shape_text(blob.shape)}")
    if owner is not None and not np.array_equal(array.reshape(-1), found[owner].reshape(-1), equal_nan=True):
        raise GlorotError(f"{source}{path} shares the blob of {owner} and must hold the same numbers")
    return array.reshape(blob.shape)
