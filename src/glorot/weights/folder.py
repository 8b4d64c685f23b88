"""The folder of the shards: which of them are complete, and whether nothing else is in their way."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from glorot.errors import GlorotError
from glorot.files import locked, read_whole, reading
from glorot.weights.shards import INDEX, Layout, Shard, size_text

LOCK = ".glorot-lock"
"""The file that processes which write to one folder hold."""

OURS = ("*.safetensors", "*.safetensors.index.json")
"""What files of the kind that is written are called."""

LONGEST_HEADER = 100_000_000
"""Bytes of the longest header that readers of the format take."""

REMEDY = "give an empty folder, or move the file away"


def complete_in(folder: Path, layout: Layout) -> set[str]:
    """Return the names of the files in a folder that are complete, of those that a layout has.

    Args:
        folder: the folder.
        layout: what belongs in it.

    Raises:
        GlorotError: if the folder holds other shards or another index, which loading would take for parts of these.
    """
    names = {shard.name for shard in layout.shards} | ({INDEX} if layout.has_index else set())
    try:
        found = sorted(path.name for pattern in OURS for path in folder.glob(pattern))
    except OSError as error:
        raise GlorotError(f"cannot read {folder}: {error.strerror}; give a folder you may read") from error
    for name in found:
        if name not in names:
            raise GlorotError(
                f"{folder / name} is in the way: a loader would take it and {_names(layout)} together; {REMEDY}"
            )
    for shard in layout.shards:
        if shard.name in found:
            _check_shard(folder / shard.name, shard)
    if INDEX in found and read_whole(folder / INDEX, "index of shards") != layout.index.encode():
        raise GlorotError(f"{folder / INDEX} is the index of other shards than these; {REMEDY}")
    return set(found)


def _names(layout: Layout) -> str:
    first, last = layout.shards[0].name, layout.shards[-1].name
    return f"the one file {first}" if first == last else f"the files {first} to {last}"


def _check_shard(path: Path, shard: Shard) -> None:
    """Raise unless a file is a complete shard of this layout; it got its name when it was complete."""
    with reading(path, ".safetensors") as file:
        head = file.read(len(shard.header))
        if head == shard.header and path.stat().st_size == shard.size:
            return
        length = int.from_bytes(head[:8], "little")
        text = (head + file.read(min(length, LONGEST_HEADER)))[8 : 8 + length]
    written = _metadata(text)
    if "glorot.plan" not in written:
        raise GlorotError(f"{path} is no file that glorot wrote; {REMEDY}")
    words = {"plan": "another plan", "seed": "seed {}", "dtype": "dtype {}", "shard": "shard {}"}
    for key, said in words.items():
        given = written.get(f"glorot.{key}")
        if given != shard.metadata[f"glorot.{key}"]:
            raise GlorotError(
                f"{path} holds weights of {said.format(given)}, expected {_expected(key, shard)}; {REMEDY}"
            )
    raise GlorotError(f"{path} was changed since glorot wrote it, or written with another shard size; {REMEDY}")


def _expected(key: str, shard: Shard) -> str:
    return "those of this plan" if key == "plan" else f"{key} {shard.metadata[f'glorot.{key}']}"


def _metadata(text: bytes) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        header = json.loads(text)
        metadata = header.get("__metadata__") if isinstance(header, dict) else None
        if isinstance(metadata, dict):
            return metadata
    return {}


def check_room(folder: Path, shards: Sequence[Shard]) -> None:
    """Raise, before anything is written, if some shards do not fit on the disk of a folder."""
    needed = sum(shard.size for shard in shards)
    with suppress(OSError):
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise GlorotError(
                f"{folder}: {size_text(needed)} are to be written, and the disk has {size_text(free)} left; give a "
                "folder on another disk, or write some of the files there with --only-shard (only_shard=…)"
            )


@contextmanager
def held(folder: Path, number: int | None) -> Iterator[None]:
    """Make a folder if need be, and keep others from writing the same files while this process does.

    Args:
        folder: the folder; the one that it lies in must exist.
        number: the one shard that is written, which leaves the others to other processes; None for all.

    Raises:
        GlorotError: if another process writes here, or the folder cannot be made or written.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise GlorotError(
            f"cannot make the folder {folder}: {error.strerror}; give a path in a folder you may write to"
        ) from error
    busy = f"another process is writing weights to {folder}; wait for it, or give another folder"
    try:
        with ExitStack() as locks:
            locks.enter_context(locked(folder / LOCK, busy, shared=number is not None))
            if number is not None:
                locks.enter_context(locked(folder / f"{LOCK}-{number}", busy))
            else:
                for left in folder.glob(f"{LOCK}-*"):  # by processes that were killed: nobody else is here
                    left.unlink(missing_ok=True)
            yield
    except BaseException:
        if is_new:
            with suppress(OSError):  # something was written
                folder.rmdir()
        raise
