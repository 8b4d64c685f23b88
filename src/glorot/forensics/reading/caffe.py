"""A `.caffemodel`, read."""

from pathlib import Path

from glorot.caffe.formats.caffemodel import read_caffemodel
from glorot.forensics.stored import Stored


def read(path: Path) -> list[Stored]:
    """Return the blobs of a `.caffemodel`, by the name of their layer and their index."""
    return [Stored.of_array(name, blob) for name, blob in read_caffemodel(path).items()]
