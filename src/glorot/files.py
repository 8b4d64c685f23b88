"""Reading regular files alone, and writing files whole or not at all."""

import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from glorot.errors import GlorotError

UNFINISHED: set[Path] = set()
"""Files that are being written, for whoever ends the process in the midst of it to remove."""


@contextmanager
def reading(path: str | Path, kind: str) -> Iterator[BinaryIO]:
    """Open a regular file to read; a pipe or a device, which may never end, is refused before it is opened.

    Args:
        path: the file.
        kind: what errors call a file that is expected here, such as `.prototxt`.

    Yields:
        The open file.

    Raises:
        GlorotError: if the file cannot be opened, or an OSError or a ValueError is raised while it is read.

    Example:
        >>> import tempfile
        >>> place = write_whole(Path(tempfile.mkdtemp(), "net.prototxt"), "layer { }")
        >>> with reading(place, ".prototxt") as file:
        ...     file.read()
        b'layer { }'
    """
    try:
        mode = Path(path).stat().st_mode
        if not stat.S_ISREG(mode):
            raise OSError("this is a folder" if stat.S_ISDIR(mode) else "this is no regular file")
        with Path(path).open("rb") as file:
            yield file
    except (OSError, ValueError) as error:
        raise GlorotError(f"cannot read {path}: {_reason(error)}; give the path of a {kind} file") from error


def read_json(path: str | Path, kind: str, remedy: str) -> Any:
    """Read a file of JSON.

    Args:
        path: the file.
        kind: what errors call a file that is expected here, such as "plan".
        remedy: what errors advise where the file is something else.

    Returns:
        The data, in which every text can be written again.

    Raises:
        GlorotError: if the file cannot be read, or is not JSON.

    Example:
        >>> import tempfile
        >>> read_json(write_whole(Path(tempfile.mkdtemp(), "plan.json"), "[1, 2]"), "plan", "make one")
        [1, 2]
    """
    wrong = f"{path} is not a {kind}: "
    try:
        text = Path(path).read_text(encoding="utf-8")
        data = json.loads(text)
        if r"\ud" in text.lower():  # half a character, which JSON can write and UTF-8 cannot
            json.dumps(data, ensure_ascii=False).encode()
    except OSError as error:
        raise GlorotError(f"cannot read {kind} {path}: {error.strerror or error}") from error
    except ValueError as error:  # no JSON, no UTF-8, or a whole number of thousands of digits
        raise GlorotError(f"{wrong}it is not valid JSON ({error}); {remedy}") from error
    except RecursionError:
        raise GlorotError(f"{wrong}its JSON is nested too deeply; {remedy}") from None
    return data


@contextmanager
def beside(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file beside its place to write; flush it to the disk and rename it there once all went well.

    Args:
        path: the file to write; its folder must exist.

    Yields:
        The open file, whose `name` is the path beside.

    Raises:
        GlorotError: if the place cannot be written; nothing is left behind, nor if any other error is raised.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp(), "weights")
        >>> with beside(place) as file:
        ...     file.write(b"data"), place.exists()
        (4, False)
        >>> place.read_bytes()
        b'data'
    """
    path = Path(path)
    growing = path.parent / f".{path.name}.{os.urandom(8).hex()}"
    UNFINISHED.add(growing)
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        growing.touch(mode=0o600, exist_ok=False)
    except (OSError, ValueError) as error:  # a ValueError is a path that no file can have
        UNFINISHED.discard(growing)
        raise _unwritable(path, error) from error
    try:
        with growing.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        growing.chmod(mode)
        growing.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        growing.unlink(missing_ok=True)
        UNFINISHED.discard(growing)


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
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp(), "weights")
        >>> write_whole(place, [b"head", memoryview(b"data")]).read_bytes()
        b'headdata'
    """
    pieces = [data.encode()] if isinstance(data, str) else [data] if isinstance(data, bytes) else data
    with beside(path) as file:
        file.writelines(pieces)
    return Path(path)


def _unwritable(path: Path, error: Exception) -> GlorotError:
    return GlorotError(f"cannot write {path}: {_reason(error)}; give a path in a folder you may write to")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
