"""The safetensors format: the length of a header, the header in JSON, and the bytes of each array in its order."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError

NAMES = {
    "float64": "F64", "int64": "I64", "uint64": "U64", "complex64": "C64",
    "float32": "F32", "int32": "I32", "uint32": "U32",
    "float16": "F16", "bfloat16": "BF16", "int16": "I16", "uint16": "U16",
    "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
"""What the format calls a dtype."""


def pieces_of(arrays: Mapping[str, NDArray[Any]]) -> Iterator[bytes | memoryview]:
    """Yield the content of a file that holds arrays, without a copy of those whose memory lies in order.

    Args:
        arrays: the arrays by name.

    Raises:
        GlorotError: if the format has no name for a dtype.

    Example:
        >>> head, data = pieces_of({"b": np.zeros(2, np.float32)})
        >>> head[8:], data.nbytes
        (b'{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  ', 8)
    """
    ordered = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))  # so that each lies aligned
    for name in ordered:
        if arrays[name].dtype.name not in NAMES:
            raise GlorotError(f"{name}: safetensors has no dtype {arrays[name].dtype.name}; save as .npz instead")
    yield header_of({name: (arrays[name].dtype.name, arrays[name].shape, arrays[name].nbytes) for name in ordered})
    for name in ordered:
        array = np.ascontiguousarray(arrays[name], arrays[name].dtype.newbyteorder("<"))
        yield array.reshape(-1).view(np.uint8).data


def header_of(
    tensors: Mapping[str, tuple[str, Sequence[int], int]], metadata: Mapping[str, str] | None = None
) -> bytes:
    """Return how a file begins: the length of its header, and the header, filled up so that the data lie aligned.

    Args:
        tensors: (dtype, shape, size in bytes) by name, in the order in which they lie in the file.
        metadata: what else is said, text by text.

    Example:
        >>> header_of({"b": ("float32", (2,), 8)}, {"seed": "0"})[8:]
        b'{"__metadata__":{"seed":"0"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}      '
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, (dtype, shape, size) in tensors.items():
        start, end = end, end + size
        header[name] = {"dtype": NAMES[dtype], "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
