"""The weights that a net starts from: its own fillers, and arrays or a file in their place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.caffe.formats.caffemodel import read_caffemodel
from glorot.caffe.model import inventory
from glorot.caffe.nets import Net
from glorot.caffe.weights import Arrays, fitting, write
from glorot.catalogue import nearest
from glorot.errors import GlorotError
from glorot.plans import assignments, resolve
from glorot.recipes import as_recipe

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
    plan = resolve(found, as_recipe("caffe")) if found.parts else None
    arrays = write(net, assignments(plan, found, seed)) if plan is not None else {}
    if weights is None:
        return arrays
    given = _given(net, weights)
    for path in given:
        if path not in arrays:
            raise GlorotError(f"{path!r} is no blob of this net{nearest(str(path), arrays)}")
    for node in net.nodes:
        for index, owner in enumerate(node.owners):
            path = node.path(index)
            if path in given:
                arrays[path] = fitting(node, index, given[path]).copy()
                is_other = owner is not None and not _are_equal(arrays[path], arrays[owner])
                if is_other:
                    raise GlorotError(f"{path} shares the blob of {owner} and must hold the same numbers")
            elif owner is not None:
                arrays[path] = arrays[owner].reshape(node.blobs[index].shape)
    return arrays


def _given(net: Net, weights: Weights) -> Mapping[str, Any]:
    if isinstance(weights, Mapping):
        return weights
    if not isinstance(weights, str | Path) or Path(weights).suffix != ".caffemodel":
        given = repr(str(weights)) if isinstance(weights, str | Path) else type(weights).__name__
        raise GlorotError(
            f"weights must be {{blob: array}} or the path of a .caffemodel, got {given}; read other files by yourself "
            "and give the arrays"
        )
    layers = {node.layer.name for node in net.nodes}
    return {path: array for path, array in read_caffemodel(weights).items() if path.rpartition(".")[0] in layers}


def _are_equal(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    return np.array_equal(one.ravel(), other.ravel(), equal_nan=True)
