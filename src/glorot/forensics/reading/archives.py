"""Zip archives: PyTorch's state dicts and NumPy's `.npz`, whose uncompressed members are mapped where they lie."""

import io
import lzma
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from glorot.errors import GlorotError
from glorot.forensics.formats import FORMATS, Bits
from glorot.forensics.reading.pickled import Tensor, tensors_in
from glorot.forensics.reading.safetensors import mapped, width
from glorot.forensics.stored import Stored

DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
"""What is raised for archives that are not whole."""

UNREADABLE = (ValueError, OSError, SyntaxError, tokenize.TokenError)
"""What is raised for arrays that are not whole, whose headers are read as Python's literals."""


def read(path: Path, file: BinaryIO) -> list[Stored]:
    """Return the tensors of an open archive."""
    try:
        archive = zipfile.ZipFile(file)
        members = {member.filename: member for member in archive.infolist()}
        pickles = [name for name in members if name.endswith("/data.pkl")]
        if pickles:
            return _of_torch(path, archive, members, pickles[0])
        if members and all(name.endswith(".npy") for name in members):
            return [_of_npz(path, archive, member) for member in members.values()]
    except DAMAGED as error:
        words = str(error) or "it ends too soon"
        raise GlorotError(f"{path}: this archive is cut off or damaged ({words}); copy it again") from None
    if "model.weights.h5" in members:
        raise GlorotError(
            f"{path}: this is a .keras file, whose weights lie in HDF5; load it with keras.saving.load_model and pass "
            "the model, or its arrays by name"
        )
    few = ", ".join(list(members)[:3])
    raise GlorotError(
        f"{path}: this zip archive holds no weights that are known here, but {few or 'nothing'}; expected a .pt or .npz"
    )


def _of_torch(path: Path, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], pickle: str) -> list[Stored]:
    """Return the tensors of a file of `torch.save`; each is read from its storage, without PyTorch."""
    folder = pickle.removesuffix("data.pkl")
    order = members.get(f"{folder}byteorder")
    if order is not None and archive.read(order) != b"little":
        raise GlorotError(f"{path}: this file has big-endian numbers; save it on a little-endian machine")

    def stored(name: str, tensor: Tensor) -> Stored:
        member = members.get(f"{folder}data/{tensor.storage}")
        if member is None or member.compress_type != zipfile.ZIP_STORED:
            raise GlorotError(f"{path}: {name}: the archive has no storage {tensor.storage} that can be read")
        start = _content_of(path, archive, member)
        bits = FORMATS[tensor.dtype].bits if tensor.dtype in FORMATS else np.dtype(f"V{width(tensor.dtype)}")
        count = member.file_size // bits.itemsize
        if start + member.file_size > path.stat().st_size:
            raise zipfile.BadZipFile(f"storage {tensor.storage} reaches beyond its end")
        if tensor.last >= count:
            raise GlorotError(
                f"{path}: {name} reaches element {tensor.last} of storage {tensor.storage}, which has {count}; "
                "copy the file again"
            )

        def load() -> Bits:
            whole = mapped(path, bits, start, count)[tensor.offset :]
            view = np.lib.stride_tricks.as_strided(
                whole, tensor.shape, [step * bits.itemsize for step in tensor.strides], writeable=False
            )
            return view.reshape(-1)

        return Stored(name, tensor.shape, tensor.dtype, load, is_mapped=tensor.is_in_order)

    return [stored(name, tensor) for name, tensor in tensors_in(archive.read(pickle), str(path))]


def _of_npz(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Stored:
    name = member.filename.removesuffix(".npy")
    if member.compress_type == zipfile.ZIP_STORED:
        return mapped_npy(path, name, _content_of(path, archive, member))
    try:
        array = np.lib.format.read_array(io.BytesIO(archive.read(member)), allow_pickle=False)
    except UNREADABLE as error:
        raise GlorotError(f"{path}: {name}: {error}") from None
    return Stored.of_array(name, array)


def _content_of(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Return the byte of the file at which the content of a member starts."""
    with archive.open(member):  # which compares the member's own header with the directory's
        pass
    with path.open("rb") as file:
        file.seek(member.header_offset)
        head = file.read(30)
    return member.header_offset + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")


def mapped_npy(path: Path, name: str, start: int) -> Stored:
    """Return the array of a `.npy` file, or of such a member that starts at this byte of an archive."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            version = np.lib.format.read_magic(file)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, by_columns, dtype = header(file)
            array: Any = _array(path, dtype, shape, by_columns, file.tell())
    except UNREADABLE as error:
        raise GlorotError(f"{path}: {name} is not an array that can be read ({error}); save it again") from None
    return Stored.of_array(name, array)


def _array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], by_columns: bool, start: int) -> Any:
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which are not run")
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, "r", start, shape, "F" if by_columns else "C")
