"""The weights of a net: from a plan to arrays, and from arrays to a `.caffemodel`."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.arrays import check, check_memory, filled, is_whole
from glorot.caffe.formats.caffemodel import StoredLayer, write_caffemodel
from glorot.caffe.model import net_of
from glorot.caffe.nets import Net, Node
from glorot.errors import GlorotError
from glorot.plans import Assignment
from glorot.text import shape_text

Arrays = dict[str, NDArray[np.float32]]


def write(net: Net, assignments: Sequence[Assignment], device: Any = None) -> Arrays:
    """Return the weights of a net.

    Args:
        net: the net.
        assignments: what its parts are written from.
        device: None; arrays lie in memory.

    Returns:
        {"conv1.0": array, …} by layer and index, float32; a shared blob under each of its names, as one array. A blob
        that the plan leaves alone is not there.

    Raises:
        GlorotError: if a law does not fit its blob, or the weights are larger than the memory.
    """
    pieces: dict[str, list[Assignment]] = defaultdict(list)
    for assignment in assignments:
        check(assignment, "float32")
        pieces[assignment.part.path].append(assignment)
    size = 4 * sum(math.prod(blob.shape) for node in net.nodes for blob in node.blobs)
    check_memory(size, f"{net.source}: its weights")
    arrays: Arrays = {}
    for node in net.nodes:
        for index, (blob, owner) in enumerate(zip(node.blobs, node.owners, strict=True)):
            path = node.path(index)
            if owner in arrays:
                arrays[path] = arrays[owner].reshape(blob.shape)
            elif path in pieces:
                untouched = None if is_whole(blob.shape, pieces[path]) else np.zeros(blob.shape, np.float32)
                arrays[path] = filled(blob.shape, pieces[path], untouched)
    return arrays


def save(path: str | Path, net: Net | str | Path, arrays: Mapping[str, NDArray[Any]]) -> Path:
    """Write weights as a `.caffemodel`, which Caffe, OpenCV and their like read.

    Args:
        path: the file to write.
        net: the net that they belong to, or the path of its `.prototxt`.
        arrays: {"conv1.0": array, …} as `glorot.apply` returns them. A layer that has none of its blobs here is left
            out, so that a reader keeps what it has.

    Returns:
        The path written.

    Raises:
        GlorotError: if a blob is missing, unknown or of another shape, or the place cannot be written; nothing is
            left behind then.

    Example:
        >>> import glorot
        >>> from glorot.caffe import parse_net, read_caffemodel, save
        >>> net = parse_net('input: "x" input_dim: [1, 3, 8, 8] '
        ...     'layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 5 } }')
        >>> weights = glorot.apply(glorot.plan(net, "xavier"), net, seed=0)
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     read_caffemodel(save(f"{folder}/net.caffemodel", net, weights))["fc.0"].shape
        (5, 192)

    References:
        Caffe 1.0, `src/caffe/proto/caffe.proto`, NetParameter.
    """
    net = net_of(net)
    known = {node.path(index) for node in net.nodes for index in range(len(node.blobs))}
    unknown = sorted(set(arrays) - known)
    if unknown:
        raise GlorotError(
            f"the net has no blob {unknown[0]!r}; its blobs are called like {', '.join(sorted(known)[:4])}"
        )
    layers = [stored for node in net.nodes if (stored := _stored(node, arrays)).blobs]
    return write_caffemodel(path, net.name, layers)


def _stored(node: Node, arrays: Mapping[str, NDArray[Any]]) -> StoredLayer:
    paths = [node.path(index) for index in range(len(node.blobs))]
    missing = [path for path in paths if path not in arrays]
    if missing and len(missing) < len(paths):
        raise GlorotError(
            f"{missing[0]} has no values, and a .caffemodel holds all blobs of a layer or none; give it some"
        )
    found = () if missing else tuple(fitting(node, index, arrays[path]) for index, path in enumerate(paths))
    return StoredLayer(node.layer.name, node.layer.kind, found)


def fitting(node: Node, index: int, given: Any) -> NDArray[np.float32]:
    """Return values as those of a blob: float32, in its shape; not copied if they are that already.

    Args:
        node: the layer of the blob.
        index: its index.
        given: an array or tensor of its shape, or of the four axes that blobs had before they had a shape.

    Raises:
        GlorotError: if the values are no numbers, or of another shape.
    """
    path, shape = node.path(index), node.blobs[index].shape
    try:
        array = np.asarray(given.detach().cpu() if hasattr(given, "detach") else given).astype(np.float32, copy=False)
    except (TypeError, ValueError) as error:
        raise GlorotError(f"{path}: expected an array of numbers, got {type(given).__name__}: {error}") from error
    if array.shape not in (shape, (1,) * (4 - len(shape)) + shape):
        raise GlorotError(f"{path} has shape {shape_text(array.shape)}, expected {shape_text(shape)}")
    return np.ascontiguousarray(array).reshape(shape)
