"""The safetensors format, read: the length of a header, the header in JSON, the bytes of each tensor."""

import json
import math
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from glorot.errors import GlorotError
from glorot.forensics.formats import FORMATS, Bits
from glorot.forensics.stored import Stored
from glorot.text import shape_text

LONGEST_HEADER = 100_000_000
"""Bytes of the longest header that readers of the format take."""

DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "C64": "complex64",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
"""What the format's names of dtypes are called elsewhere."""


def begins(head: bytes) -> bool:
    """Tell whether a file begins as the format does, if perhaps with a length that cannot be."""
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and (length < LONGEST_HEADER or head[8:10] in (b'{"', b"{}", b"{ "))


def read(path: Path, file: BinaryIO) -> list[Stored]:
    """Return the tensors of an open `.safetensors` file."""
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    start = 8 + length
    if start > size:
        raise _cut_off(path, f"its header takes {length} bytes", size)
    try:
        header = json.loads(file.read(length))
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        found = [_entry(name, entry) for name, entry in entries.items()]
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as error:
        raise GlorotError(f"{path}: the header of this .safetensors file is damaged ({error}); save it again") from None
    end = start + max((stop for *_, stop in found), default=0)
    if end > size:
        raise _cut_off(path, f"its header describes {end} bytes", size)
    return [
        Stored(name, shape, dtype, _view(path, start + a, start + b, dtype), is_mapped=True)
        for name, shape, dtype, a, b in found
    ]


def _entry(name: str, entry: dict[str, Any]) -> tuple[str, tuple[int, ...], str, int, int]:
    """Return name, shape, dtype, and the first byte of a tensor and the one after its last."""
    shape = tuple(int(length) for length in entry["shape"])
    dtype = DTYPES.get(entry["dtype"], str(entry["dtype"]))
    start, stop = map(int, entry["data_offsets"])
    known = dtype in FORMATS or dtype in DTYPES.values()
    expected = math.prod(shape) * width(dtype) if known else stop - start
    if not 0 <= start <= stop or min(shape, default=0) < 0 or stop - start != expected:
        raise ValueError(f"{name} has {stop - start} bytes for the shape {shape_text(shape)} of {dtype}")
    return name, shape, dtype, start, stop


def width(dtype: str) -> int:
    """Return how many bytes an element takes."""
    return FORMATS[dtype].bits.itemsize if dtype in FORMATS else np.dtype(dtype).itemsize


def _view(path: Path, start: int, stop: int, dtype: str) -> Callable[[], Bits]:
    bits = FORMATS[dtype].bits if dtype in FORMATS else np.dtype(np.uint8)
    return lambda: mapped(path, bits, start, (stop - start) // bits.itemsize)


def mapped(path: Path, dtype: np.dtype[Any], start: int, count: int) -> Bits:
    """Return elements of a file, mapped into memory, as a flat array that cannot be written to."""
    if not count:
        return np.empty(0, dtype)
    skipped = start % mmap.ALLOCATIONGRANULARITY
    with path.open("rb") as file:  # as np.memmap does it, which takes ten times as long
        pages = mmap.mmap(
            file.fileno(), skipped + count * dtype.itemsize, access=mmap.ACCESS_READ, offset=start - skipped
        )
    return np.frombuffer(pages, dtype, count, skipped)


def _cut_off(path: Path, expected: str, size: int) -> GlorotError:
    return GlorotError(f"{path}: this .safetensors file is cut off: {expected}, and the file has {size}; copy it again")
