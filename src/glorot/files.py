"""One way to read files, regular ones alone; and one way to write them, whole or not at all."""

import errno
import functools
import itertools
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from glorot.errors import GlorotError

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

UNFINISHED: set[Path] = set()
"""Files that are being written, for whoever ends the process in the midst of it to remove."""

LARGEST = 256 * 2**20
"""Bytes of the largest file that is read whole: more than the plan of 100,000 parts takes."""

DEEPEST = 100
"""Levels of the deepest JSON that is read; our own files have about 10."""


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
    except GlorotError:
        raise
    except (OSError, ValueError) as error:
        raise GlorotError(f"cannot read {path}: {_reason(error)}; give the path of a {kind} file") from error


def read_whole(path: str | Path, kind: str) -> bytes:
    """Read a regular file of a size that fits the memory.

    Args:
        path: the file.
        kind: what errors call a file that is expected here, such as "plan".

    Returns:
        All its bytes.

    Raises:
        GlorotError: if the file cannot be read, or is larger than 256 MiB.

    Example:
        >>> import tempfile
        >>> read_whole(write_whole(Path(tempfile.mkdtemp(), "rules"), "*.bias=zeros"), "rules")
        b'*.bias=zeros'
    """
    with reading(path, kind) as file:
        pieces = iter(functools.partial(file.read, 2**20), b"")  # files of the system do not tell their size
        data = b"".join(itertools.islice(pieces, LARGEST // 2**20 + 1))
        if len(data) > LARGEST:
            raise OSError(f"it is larger than {LARGEST >> 20} MiB")
    return data


def read_json(path: str | Path, kind: str, remedy: str) -> Any:
    """Read a file of JSON.

    Args:
        path: the file.
        kind: what errors call a file that is expected here, such as "plan".
        remedy: what errors advise where the file is something else.

    Returns:
        The data, in which every text can be written again.

    Raises:
        GlorotError: if the file cannot be read, is not JSON, gives a key twice in one object, or is nested deeper than
            100 levels.

    Example:
        >>> import tempfile
        >>> read_json(write_whole(Path(tempfile.mkdtemp(), "plan.json"), "[1, 2]"), "plan", "make one")
        [1, 2]
    """
    raw = read_whole(path, kind)
    wrong = f"{path} is not a {kind}: "
    try:
        text = raw.decode()
        data = json.loads(text, object_pairs_hook=_object_of)
        if r"\ud" in text.lower():  # half a character, which JSON can write and UTF-8 cannot
            json.dumps(data, ensure_ascii=False).encode()
        if _is_deeper(data, DEEPEST):
            raise RecursionError
    except _RepeatedKeyError as error:
        raise GlorotError(f"{wrong}its JSON gives the key {error} twice in one object; {remedy}") from None
    except ValueError as error:  # no JSON, no UTF-8, or a whole number of thousands of digits
        raise GlorotError(f"{wrong}it is not valid JSON ({error}); {remedy}") from error
    except RecursionError:
        raise GlorotError(f"{wrong}its JSON is nested too deeply; {remedy}") from None
    return data


class _RepeatedKeyError(Exception):
    """A key that one object of JSON has twice, of which a reader would silently drop one."""


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON as a dict."""
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedKeyError(repr(next(name for name in names if names.count(name) > 1)))
    return data


def _is_deeper(data: Any, most: int) -> bool:
    """Tell whether lists and dicts are nested in each other deeper than this."""
    level = [data]
    for _ in range(most):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


@contextmanager
def beside(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file beside its place to write; flush it to the disk and rename it there once all went well.

    A link is followed, and what it names is written. A new file gets the mode that the process gives to new files, an
    existing one keeps its own. Into a pipe or a device the finished file is copied.

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
    growing: Path | None = None
    try:
        mode = _mode_of(path)
        is_stream = mode is not None and not stat.S_ISREG(mode)
        target = path if is_stream else Path(os.path.realpath(path))
        growing = _name_in(Path(tempfile.gettempdir()) if is_stream else target.parent)
        UNFINISHED.add(growing)
        os.close(os.open(growing, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666 if mode is None else 0o600))
        with growing.open("wb") as file:
            yield file
        if is_stream:
            _pour(growing, target)
        else:
            _settle(growing, target, mode)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if growing is not None:
            with suppress(OSError):
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


@contextmanager
def locked(path: Path, words: str, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock file, so that processes that share a folder keep out of each other's way.

    Args:
        path: the file; it is made, and removed by the last process that holds it. A process that dies holds none.
        words: what errors say where another process holds it.
        shared: whether others may hold it in this way too.

    Raises:
        GlorotError: if another process holds it, or it cannot be made.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp(), ".lock")
        >>> with locked(place, "busy"), locked(place, "busy"):
        ...     pass
        Traceback (most recent call last):
        glorot.errors.GlorotError: busy
    """
    if fcntl is None:  # a system without such locks
        yield
        return
    try:
        descriptor = _lock(path, shared)
    except BlockingIOError:
        raise GlorotError(words) from None
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        yield
    finally:
        with suppress(OSError):  # others hold it still
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(path: Path, shared: bool) -> int:
    """Return a descriptor that holds a lock on the file that is there, for another process may have just removed it."""
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _mode_of(path: Path) -> int | None:
    """Return the type and mode of what is at a place, None where there is nothing, or raise if it is not to be written.

    The system follows the links: the path that `/dev/stdout` stands for cannot always be opened.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    except ValueError as error:  # a path that no file can have
        raise OSError(str(error)) from error
    if stat.S_ISDIR(mode):
        raise OSError("this is a folder")
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        raise OSError("this is neither a regular file nor a pipe")
    return mode


def _name_in(folder: Path) -> Path:
    """Return a new name for a file of this process, and remove what dead processes of this machine have left there."""
    with suppress(OSError):  # a folder that may be written need not be readable
        for path in folder.iterdir():
            if _is_stale(path):
                path.unlink(missing_ok=True)
    return folder / f"{_prefix()}{os.getpid()}-{os.urandom(8).hex()}"


@functools.cache
def _prefix() -> str:
    """Return what names of unfinished files begin with: the machine, and where it counts processes from."""
    host = re.sub(r"[^\w.]", "_", os.uname().nodename if hasattr(os, "uname") else "", flags=re.ASCII)
    counted = 0
    with suppress(OSError):  # containers of one name count from 1 each
        counted = Path("/proc/self/ns/pid").stat().st_ino
    return f".glorot-{host[:64]}-{counted}-"


def _is_stale(path: Path) -> bool:
    """Tell whether a path is an unfinished file of a process of this machine that is no more."""
    owner = re.fullmatch(rf"{re.escape(_prefix())}([1-9]\d{{0,8}})-[0-9a-f]{{16}}", path.name)
    if owner is None or path in UNFINISHED or os.name != "posix":  # elsewhere to ask of a process is to end it
        return False
    number = int(owner[1])
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return number == os.getpid()  # one of the same number, before us


def _pour(growing: Path, target: Path) -> None:
    """Copy a finished file into a pipe or a device."""
    with growing.open("rb") as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)


def _settle(growing: Path, target: Path, mode: int | None) -> None:
    """Flush a finished file to the disk and give it its mode and its name, then flush its folder."""
    with growing.open("rb+") as file:
        os.fsync(file.fileno())
    if mode is not None:
        growing.chmod(mode & 0o777)
    growing.replace(target)
    if os.name == "posix":
        _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where it may be opened and its file system can do so."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: Exception) -> GlorotError:
    return GlorotError(f"cannot write {path}: {_reason(error)}; give a path in a folder you may write to")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
