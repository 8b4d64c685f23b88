"""`glorot apply` without a model: the weights of a plan straight to a folder."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from glorot import weights
from glorot.errors import GlorotError
from glorot.plans import Plan
from glorot.preserving import draws_undone
from glorot.text import counted, printable
from glorot.weights import Told
from glorot.weights.blocks import BLOCK
from glorot.weights.folder import complete_in
from glorot.weights.shards import SHARD_SIZE, Layout, lay_out, size_text
from glorot.weights.tensors import left_out_text

PAUSE = 10.0
"""Seconds from one line about the progress to the next, where no terminal shows a bar."""

OPTIONS = (
    click.option("--dtype", help="The type of all weights: bfloat16, float16 or float64.  [default: float32]"),
    click.option("--shard-size", metavar="SIZE",
                 help=f"How large a file is at most, such as 500MB or 2GiB.  [default: {SHARD_SIZE}]"),
    click.option("--only-shard", type=int, metavar="K", help="Write only file K; other machines write the others."),
    click.option("--partial", is_flag=True, help="Leave out the tensors that the plan leaves alone."),
    click.option("--verify", is_flag=True, help="Read all back and compare; exit code 1 if they differ."),
    click.option("--dry-run", is_flag=True, help="Write nothing, and show the index that would be written."),
)  # fmt: skip


def folder_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a folder of shards to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


NAMES = ("dtype", "shard_size", "only_shard", "partial", "verify", "dry_run")


def refuse_folder_options(options: dict[str, Any]) -> None:
    """Take the options of a folder out of those of a command for one file.

    Raises:
        GlorotError: if one of them was given.
    """
    given = [name for name in NAMES if options.pop(name)]
    if given:
        raise GlorotError(
            f"--{given[0].replace('_', '-')} is for a folder of shards, which a plan alone is written to; leave TARGET "
            "out: glorot apply PLAN_FILE --seed INTEGER -o FOLDER"
        )


def write_folder(plan: Plan, folder: Path, seed: int, options: dict[str, Any]) -> None:
    """Write a plan's weights to a folder, and read them back if that is asked for.

    Args:
        plan: the plan.
        folder: where to.
        seed: the seed.
        options: the values of `folder_options`.

    Raises:
        GlorotError: as `weights.write` does.
        SystemExit: with 1 if what was read back differs.
    """
    how: dict[str, Any] = {
        "seed": seed,
        "dtype": options["dtype"] or "float32",
        "shard_size": options["shard_size"] or SHARD_SIZE,
        "partial": options["partial"],
    }
    layout, number = lay_out(plan, **how), options["only_shard"]
    chosen = layout.numbered(number)
    if layout.largest_matrix > BLOCK:
        size = size_text(layout.largest_matrix)
        click.echo(f"some laws draw whole matrices, of up to {size} each: one at a time, in memory", err=True)
    if options["dry_run"]:
        _show(layout, folder)
        return
    kept = complete_in(folder, layout)
    with watched("writing", sum(shard.held for shard in chosen if shard.name not in kept)) as told:
        written = weights.write(plan, folder, only_shard=number, progress=told, **how)
    click.echo(printable(str(written)), err=True)
    if options["verify"]:
        with watched("comparing", sum(shard.held for shard in chosen)) as told:
            differences = weights.verify(plan, folder, only_shard=number, progress=told, **how)
        for one in differences:
            click.echo(printable(str(one)))
        if differences:
            raise SystemExit(1)
        click.echo(f"verified {counted(len(chosen), 'file')}: as the stream draws them", err=True)


def _show(layout: Layout, folder: Path) -> None:
    """Print the index, and what would be written."""
    found = complete_in(folder, layout)
    click.echo(printable(layout.index, keep="\n"), nl=False)
    todo = [shard for shard in layout.shards if shard.name not in found]
    size = size_text(sum(shard.size for shard in todo))
    kept = len(layout.shards) - len(todo)
    there = f"; {counted(kept, 'file')} there already" if kept else ""
    would = f"would write {counted(len(todo), 'file')}, {size}, to {folder}"
    click.echo(printable(f"{would}{there}{left_out_text(layout.left_out)}"), err=True)


@contextmanager
def watched(what: str, size: int) -> Iterator[Told]:
    """Show on stderr how far something has got, with its speed: as a bar in a terminal, else now and then as a line.

    Args:
        what: what is being done.
        size: how many bytes there are.

    Yields:
        What receives the number of bytes of each step.
    """
    with draws_undone():  # rich draws a number when it is first imported
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
    console = Console(stderr=True)
    if not (console.is_terminal and console.file.isatty()):
        yield _Lines(what, size)
        return
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=size)
        yield lambda count: bar.advance(task, count)


class _Lines:
    """Writes a line now and then."""

    def __init__(self, what: str, size: int) -> None:
        self.what, self.size, self.done = what, size, 0
        self.start = self.told = time.perf_counter()

    def __call__(self, count: int) -> None:
        self.done += count
        now = time.perf_counter()
        if now - self.told > PAUSE:
            self.told = now
            speed = size_text(self.done / (now - self.start))
            click.echo(f"{self.what}: {size_text(self.done)} of {size_text(self.size)}, {speed}/s", err=True)
