"""Weights in Caffe's own file: the `.caffemodel`, a NetParameter of layers that hold blobs of float32.

    NetParameter      name 1, layers 2 (V1), layer 100
    LayerParameter    name 1, type 2, blobs 7          V1: name 4, blobs 6, layer 1 (V0: name 1, blobs 50)
    BlobProto         data 5, shape 7 (dim 1), double_data 8, and the older num, channels, height, width 1 to 4

A field that is not in this list, such as one of a fork of Caffe, is skipped.
"""

import math
import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from glorot.caffe.formats import wire
from glorot.caffe.formats.wire import Span, enclosed, fields, lead, refusal, signed, varint, varints
from glorot.caffe.limits import MOST_AXES, MOST_ELEMENTS
from glorot.errors import GlorotError
from glorot.files import reading, write_whole
from glorot.text import shape_text

LARGEST = 2**31 - 1
"""The bytes of the largest file that readers of protobuf take."""

LONGEST_NAME = 1000  # bytes: each blob gets the name of its layer, so a long one would take memory for each of them

MOST_BLOBS = 1000  # in one layer, where Caffe's own have a handful
MOST_IN_ALL = 50_000  # layers and blobs


class StoredLayer(NamedTuple):
    """A layer as a `.caffemodel` holds it: `kind` is Caffe's type, such as "Convolution"."""

    name: str
    kind: str
    blobs: tuple[NDArray[np.float32], ...]


class _Form(NamedTuple):
    """The numbers of the fields of a layer: its name, its blobs, and the older layer that it may wrap."""

    name: int
    blobs: int
    inner: Optional["_Form"] = None  # always field 1


Piece = bytes | NDArray[np.float32]

LAYERS = {2: _Form(name=4, blobs=6, inner=_Form(name=1, blobs=50)), 100: _Form(name=1, blobs=7)}


def read_caffemodel(path: str | Path) -> dict[str, NDArray[np.float32]]:
    """Return the blobs of a `.caffemodel` by the name of their layer and their index.

    Args:
        path: the file, as any version of Caffe wrote it. Numbers stored as float64 are rounded to float32; a blob
            without `shape` has the four axes of the older format: a bias of n numbers is 1×1×1×n.

    Returns:
        An array for each blob, in stored order: `conv1.0`, `conv1.1`, … They are copies, free to be written to.

    Raises:
        GlorotError: if the file cannot be read or is no well-formed `.caffemodel`: at which byte, and what was
            expected there.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp(), "net.caffemodel")
        >>> layer = StoredLayer("ip", "InnerProduct", (np.ones((2, 3), np.float32), np.zeros(2, np.float32)))
        >>> {name: blob.shape for name, blob in read_caffemodel(write_caffemodel(place, "net", [layer])).items()}
        {'ip.0': (2, 3), 'ip.1': (2,)}
    """
    with reading(path, ".caffemodel") as file:  # an empty file cannot be mapped
        is_empty = not os.fstat(file.fileno()).st_size
        data = memoryview(b"" if is_empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return parse(data, str(path))


def parse(data: memoryview, source: str) -> dict[str, NDArray[np.float32]]:
    """Return the blobs in the bytes of a `.caffemodel`; `source` names them in errors."""
    if not data:
        raise GlorotError(f"{source}: byte 0: the file is empty; expected a .caffemodel")
    if bytes(data[:4]) == b"\x89HDF":
        raise GlorotError(f"{source}: byte 0: this is an HDF5 file; expected a .caffemodel, which is protobuf")
    try:
        return _net(Span(source, data, 0, len(data)))
    except GlorotError as error:
        if not _is_text(bytes(data[:400])):
            raise
        raise GlorotError(
            f"{source}: byte 0: this is a text file, such as a .prototxt; expected a .caffemodel, which holds weights"
        ) from error


def _is_text(head: bytes) -> bool:
    """Tell whether the first bytes of a file are UTF-8, the last letter perhaps cut, without control characters."""
    cut = len(head) - len(head.decode(errors="ignore").encode())
    return cut < 4 and not any(byte < 9 or 13 < byte < 32 for byte in head)


def _net(net: Span) -> dict[str, NDArray[np.float32]]:
    arrays: dict[str, NDArray[np.float32]] = {}
    seen: set[str] = set()
    known, layers = False, 0
    for number, kind, body in fields(net):
        if kind != wire.BYTES or number not in {1, *LAYERS}:
            continue
        known = True
        if number == 1:
            _text(body, "the name of the net")
            continue
        layers += 1
        name, blobs = _layer(body, LAYERS[number])
        if layers + len(arrays) + len(blobs) > MOST_IN_ALL:
            raise refusal(body, body.start, f"more than {MOST_IN_ALL} layers and blobs; no net has so many")
        if not blobs:
            continue
        if not name:
            raise refusal(body, body.start, "a layer has blobs but no name; expected one to call them by")
        if name in seen:
            raise refusal(body, body.start, f"a second layer {name!r} has blobs; expected one layer of this name")
        seen.add(name)
        arrays |= {f"{name}.{n}": _blob(blob, f"{name}.{n}") for n, blob in enumerate(blobs)}
    if not known:
        raise refusal(net, net.stop, "the file ends here; expected the name of a net or a layer, as in a .caffemodel")
    return arrays


def _layer(layer: Span, form: _Form) -> tuple[str, list[Span]]:
    """Return the name of a layer and where its blobs lie."""
    name, blobs = "", list[Span]()
    for number, kind, body in fields(layer):
        if kind != wire.BYTES:
            continue
        if number == form.name:
            name = _text(body, "the name of a layer")
        elif number == form.blobs:
            blobs.append(body)
        elif number == 1 and form.inner is not None:
            inner_name, inner_blobs = _layer(body, form.inner)
            name = inner_name or name
            blobs += inner_blobs
        if len(blobs) > MOST_BLOBS:
            raise refusal(body, body.start, f"more than {MOST_BLOBS} blobs in one layer; no layer has so many")
    return name, blobs


def _text(body: Span, what: str) -> str:
    if body.stop - body.start > LONGEST_NAME:
        length = body.stop - body.start
        raise refusal(body, body.start, f"{what} takes {length} bytes; expected at most {LONGEST_NAME}")
    try:
        return bytes(body.content).decode()
    except UnicodeDecodeError as error:
        raise refusal(body, body.start + error.start, f"{what} is no text; expected UTF-8") from error


def _blob(blob: Span, name: str) -> NDArray[np.float32]:
    old_shape: dict[int, int] = {}
    dims = list[int]()
    floats, doubles = bytearray(), bytearray()  # a field may come in many pieces, packed or one number each
    for number, kind, body in fields(blob):
        match number, kind:
            case ((1 | 2 | 3 | 4), wire.VARINT):
                old_shape[number] = signed(next(varints(body)), 32)
            case 5, (wire.BYTES | wire.FIXED32):
                floats += _numbers(body, 4)
            case 7, wire.BYTES:
                _add_dims(dims, body, name)
            case 8, (wire.BYTES | wire.FIXED64):
                doubles += _numbers(body, 8)
    shape = [old_shape.get(n, 0) for n in (1, 2, 3, 4)] if old_shape else dims
    try:
        size = _size(shape)
    except GlorotError as error:
        raise refusal(blob, blob.start, f"{name!r} {error}") from error
    count = len(doubles) // 8 or len(floats) // 4
    if count != size:
        problem = f"{name!r} holds {count} numbers; expected {size} for its shape {shape_text(shape)}"
        raise refusal(blob, blob.start, problem)
    if not doubles:
        return np.ndarray(shape, "<f4", floats).astype(np.float32, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold is infinite, as in Caffe
        return np.ndarray(shape, "<f8", doubles).astype(np.float32)


def _numbers(run: Span, width: int) -> memoryview:
    length = run.stop - run.start
    if length % width:
        raise refusal(run, run.start, f"the data take {length} bytes; expected a multiple of {width}")
    return run.content


def _add_dims(dims: list[int], shape: Span, name: str) -> None:
    for number, kind, body in fields(shape):
        if number == 1 and kind in (wire.VARINT, wire.BYTES):
            for dim in varints(body):
                dims.append(signed(dim, 64))
                if len(dims) > MOST_AXES:
                    raise refusal(shape, shape.start, f"{name!r} has too many axes; expected at most {MOST_AXES}")


def _size(shape: Sequence[int]) -> int:
    """Return how many numbers a blob of a shape holds; raise an error if Caffe could not hold it."""
    if len(shape) > MOST_AXES:
        raise GlorotError(f"has {len(shape)} axes; expected at most {MOST_AXES}")
    if min(shape, default=0) < 0 or math.prod(max(1, dim) for dim in shape) > MOST_ELEMENTS:
        raise GlorotError(
            f"has the shape {shape_text(shape)}; expected dims ≥ 0 whose product is at most {MOST_ELEMENTS}"
        )
    return math.prod(shape)


def write_caffemodel(path: str | Path, net_name: str, layers: Sequence[StoredLayer]) -> Path:
    """Write the weights of a net as the file that Caffe, OpenCV and others load.

    Args:
        path: the file to write; its folder must exist.
        net_name: the name of the net.
        layers: its layers; those without blobs are written too.

    Returns:
        The path written.

    Raises:
        GlorotError: if a `.caffemodel` cannot hold the layers, or the place cannot be written; nothing is left behind.

    Example:
        >>> import tempfile
        >>> layer = StoredLayer("ip", "InnerProduct", (np.ones((2, 3), np.float32),))
        >>> write_caffemodel(Path(tempfile.mkdtemp(), "net.caffemodel"), "net", [layer]).stat().st_size
        60
    """
    return write_whole(path, caffemodel_bytes(net_name, layers))


def caffemodel_bytes(net_name: str, layers: Iterable[StoredLayer]) -> Iterator[bytes | memoryview]:
    r"""Return the pieces of a `.caffemodel`, to be written one after the other, as Caffe 1.0 writes them.

    Args:
        net_name: the name of the net.
        layers: its layers. The pieces are views of their blobs; a blob that is not contiguous is copied at its turn.

    Returns:
        An iterator of pieces; what cannot be written is found before the first one.

    Raises:
        GlorotError: if two layers with blobs share a name, a name or a shape is none that Caffe reads, a blob is not
            of float32, or the file would be larger than 2³¹ − 1 bytes.

    Example:
        >>> layer = StoredLayer("ip", "InnerProduct", (np.ones(1, np.float32),))
        >>> [bytes(piece) for piece in caffemodel_bytes("net", [layer])][-2:]
        [b'\x00\x00\x80?', b':\x03\n\x01\x01']
    """
    pieces: list[Piece] = [enclosed(1, _name_bytes(net_name, "the net"))]
    seen: set[str] = set()
    for layer in layers:
        if layer.blobs and (not layer.name or layer.name in seen):
            raise GlorotError(f"a layer with blobs has the name {layer.name!r}; expected a name of its own")
        seen |= {layer.name} if layer.blobs else set()
        content = _layer_pieces(layer)
        pieces += [lead(100, sum(map(_length, content))), *content]
    length = sum(map(_length, pieces))
    if length > LARGEST:
        raise GlorotError(
            f"{net_name!r} would take {length} bytes as a .caffemodel, but readers of protobuf refuse more than "
            f"{LARGEST}: save as .safetensors or .npz instead"
        )
    return (piece if isinstance(piece, bytes) else _raw(piece) for piece in pieces)


def _layer_pieces(layer: StoredLayer) -> list[Piece]:
    name, kind = (_name_bytes(text, f"layer {layer.name!r}") for text in (layer.name, layer.kind))
    pieces: list[Piece] = [enclosed(1, name), enclosed(2, kind)]
    for n, blob in enumerate(layer.blobs):
        if blob.dtype != np.float32:
            raise GlorotError(f"{layer.name}.{n} has dtype {blob.dtype}; expected float32, which a .caffemodel holds")
        try:
            _size(blob.shape)
        except GlorotError as error:
            raise GlorotError(f"{layer.name}.{n} {error}") from error
        data: list[Piece] = [lead(5, blob.nbytes), blob] if blob.size else []
        dims = b"".join(map(varint, blob.shape))
        shape = enclosed(7, enclosed(1, dims)) if dims else b""
        pieces += [lead(7, sum(map(_length, data)) + len(shape)), *data, shape]
    return pieces


def _name_bytes(name: str, owner: str) -> bytes:
    try:
        written = name.encode()
    except UnicodeEncodeError as error:
        raise GlorotError(f"{owner}: the text {name!r} cannot be written as UTF-8: give it another one") from error
    if len(written) > LONGEST_NAME:
        raise GlorotError(f"{owner}: a text takes {len(written)} bytes; expected at most {LONGEST_NAME}")
    return written


def _length(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.nbytes


def _raw(blob: NDArray[np.float32]) -> memoryview:
    return np.asarray(blob, "<f4", order="C").reshape(-1).view(np.uint8).data
