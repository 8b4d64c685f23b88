"""How far a look at a long file has got: a bar on stderr, in a terminal alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from glorot.errors import GlorotError
from glorot.preserving import draws_undone
from glorot.text import counted

with draws_undone():  # rich draws a number when it is first imported
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

Told = Callable[[str, int], None]

LONG = 2**28
"""Bytes from which on a file takes long enough for a bar."""


@contextmanager
def watch_file(
    progress: Told | bool | None, tensors: int, size: int, console: Console | None = None
) -> Iterator[Told | None]:
    """Yield what receives the progress of a look at a file.

    Args:
        progress: None shows a bar in a terminal, for a file from 256 MiB; True for any file; False shows none; a
            function receives the name of each tensor that was looked at, and how many bytes it has.
        tensors: how many tensors the file has.
        size: how many bytes they have.
        console: where to draw; stderr by default.

    Raises:
        GlorotError: if progress is something else.

    Example:
        >>> with watch_file(print, 1, 24) as told:
        ...     told("fc.weight", 24)
        fc.weight 24
    """
    if callable(progress):
        yield progress
        return
    if progress is not None and not isinstance(progress, bool):
        raise GlorotError(f"progress must be True, False, None, or a function of (name, bytes), got {progress!r}")
    console = console or Console(stderr=True)
    is_seen = console.is_terminal and console.file.isatty()  # FORCE_COLOR alone makes a log no terminal
    if not is_seen or progress is False or (progress is None and size < LONG):
        yield None
        return
    bar = Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=console, transient=True,
    )  # fmt: skip
    task, done = bar.add_task(f"0 of {counted(tensors, 'tensor')}", total=size), 0

    def told(_: str, count: int) -> None:
        nonlocal done
        done += 1
        bar.update(task, advance=count, description=f"{done} of {counted(tensors, 'tensor')}")

    with bar:
        yield told
