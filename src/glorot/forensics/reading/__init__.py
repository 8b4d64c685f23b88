"""Files of weights, told by their content: safetensors, PyTorch, NumPy, Caffe, shards. Nothing in them is ever run."""

from pathlib import Path

from glorot.errors import GlorotError
from glorot.files import reading
from glorot.forensics.reading import archives, caffe, safetensors, shards
from glorot.forensics.stored import Stored

KINDS = ".safetensors, .pt, .npz, .npy or .caffemodel"


def read(path: str | Path) -> list[Stored]:
    """Return the tensors of a file of weights, whatever its name says that it is.

    Args:
        path: a `.safetensors`, `.pt` or `.pth` (since PyTorch 1.6), `.npz`, `.npy` or `.caffemodel` file; or the index
            of shards, or a folder with one, with shards, or with one such file.

    Returns:
        Its tensors in stored order, none of them read yet where the file can be mapped into memory.

    Raises:
        GlorotError: if the file cannot be read, is cut off, is of another kind, or holds pickled code, which is not
            run.

    Example:
        >>> import tempfile, numpy as np
        >>> place = Path(tempfile.mkdtemp(), "weights.npz")
        >>> np.savez(place, w=np.ones((2, 3), np.float32))
        >>> read(place)
        [Stored(name='w', shape=(2, 3), dtype='float32')]
    """
    if Path(path).is_dir():
        return shards.of_folder(Path(path), read, KINDS)
    with reading(path, KINDS) as file:
        head = file.read(512)
        if safetensors.begins(head):
            return safetensors.read(Path(path), file)
        if head[:4] == b"PK\x03\x04":
            return archives.read(Path(path), file)
        if head[:6] == b"\x93NUMPY":
            return [archives.mapped_npy(Path(path), Path(path).stem, 0)]
    _refuse_others(path, head)
    if shards.is_json(head):
        return shards.of_index(Path(path), read)
    try:
        return caffe.read(Path(path))
    except GlorotError as error:
        if caffe.begins(head):
            raise
        told = str(error).removeprefix(f"{path}: ")
        raise GlorotError(f"{path}: expected {KINDS}; read as the last of them, {told}") from None


def _refuse_others(path: str | Path, head: bytes) -> None:
    """Raise for files of weights that are known by their first bytes, and that are not read."""
    if not head:
        raise GlorotError(f"{path}: the file is empty; expected {KINDS}")
    if head[:4] == b"\x89HDF":
        raise GlorotError(
            f"{path}: this is an HDF5 file, as Keras writes; load it in its framework and pass its arrays by name, or "
            f"save as {KINDS}"
        )
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise GlorotError(
            f"{path}: this is a bare pickle, as PyTorch wrote before 1.6, and can hold code, which is not run; load it "
            "where you trust it and save a state dict with torch.save"
        )
    if head[:2] == b"\x1f\x8b" or head[:4] == b"\x28\xb5\x2f\xfd":
        raise GlorotError(f"{path}: this file is compressed; unpack it first, and give {KINDS}")
