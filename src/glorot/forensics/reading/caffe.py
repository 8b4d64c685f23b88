"""A `.caffemodel`, read."""

from pathlib import Path

from glorot.caffe.formats.caffemodel import read_caffemodel
from glorot.forensics.stored import Stored


def begins(head: bytes) -> bool:
    """Tell whether a file begins with a field that a `.caffemodel` begins with: the name of the net, or a layer."""
    return head[:1] in (b"\x0a", b"\x12") or head[:2] == b"\xa2\x06"


def read(path: Path) -> list[Stored]:
    """Return the blobs of a `.caffemodel`, by the name of their layer and their index."""
    return [Stored.of_array(name, blob) for name, blob in read_caffemodel(path).items()]
