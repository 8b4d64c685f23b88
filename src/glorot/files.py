"""Writing files whole or not at all."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from glorot.errors import GlorotError


def write_whole(path: str | Path, data: str | bytes | Iterable[bytes | memoryview]) -> Path:
    """Write a file beside its place, flush it to the disk and rename it there.

    Args:
        path: the file to write; its folder must exist.
        data: the whole content; text is written as UTF-8, pieces one after the other without joining them.

    Returns:
        The path written.

    Raises:
        GlorotError: if the place cannot be written; nothing is left behind, nor if the pieces raise an error.

    Example:
        >>> place = Path(tempfile.mkdtemp(), "weights")
        >>> write_whole(place, [b"head", memoryview(b"data")]).read_bytes()
        b'headdata'
    """
    path = Path(path)
    pieces = [data.encode()] if isinstance(data, str) else [data] if isinstance(data, bytes) else data
    beside: Path | None = None
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        beside = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(mode)
        beside.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise GlorotError(f"cannot write {path}: {reason}; give a path in a folder you may write to") from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)
    return path
