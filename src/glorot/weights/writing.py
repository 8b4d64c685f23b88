"""Writing a plan's weights to a folder: shard by shard, each whole or not at all."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError
from glorot.files import beside, write_whole
from glorot.plans import Plan
from glorot.stream.schedule import checked_threads
from glorot.text import counted, quoted
from glorot.weights.blocks import Block
from glorot.weights.folder import check_room, complete_in, held
from glorot.weights.shards import INDEX, SHARD_SIZE, Shard, lay_out, size_text
from glorot.weights.tensors import left_out_text
from glorot.weights.working import draw_all

Told = Callable[[int], None]
"""Receives the number of bytes of each block that was dealt with."""


class Written(NamedTuple):
    """What was written.

    Attributes:
        folder: where to.
        files: the files of tensors that were written now.
        kept: those that were complete already.
        missing: how many others of the same weights are not there yet.
        size: how many bytes were written.
        seconds: how long that took.
        left_out: the tensors that are in none of the files, for the plan leaves them alone.
    """

    folder: Path
    files: tuple[str, ...]
    kept: tuple[str, ...]
    missing: int
    size: int
    seconds: float
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        wrote = f"wrote {counted(len(self.files), 'file')} to {self.folder}"
        if self.files:
            wrote += f", {size_text(self.size)} in {self.seconds:.1f} s ({size_text(self.size / self.seconds)}/s)"
        kept = f"; {counted(len(self.kept), 'file')} there already" if self.kept else ""
        missing = f"; {self.missing} still missing, and the index with them" if self.missing else ""
        return wrote + kept + missing + left_out_text(self.left_out)


def write(
    plan: Plan,
    folder: str | Path,
    *,
    seed: int,
    dtype: str = "float32",
    shard_size: str | int = SHARD_SIZE,
    only_shard: int | None = None,
    partial: bool = False,
    threads: int | None = None,
    progress: Told | None = None,
) -> Written:
    """Write the weights of a plan straight to disk, without building the model.

    W = what `glorot.apply(plan, model, seed=seed)` writes into a model of this dtype, bit by bit

    The folder gets sharded safetensors with their index, in the names and layouts of the planned model, as
    `from_pretrained` of transformers reads them. A run that was interrupted is taken up again: files that are complete
    are kept.

    Args:
        plan: the plan.
        folder: where to; it is made if need be. Files of other names than these are left alone.
        seed: 0 ≤ seed < 2**64.
        dtype: the type of all weights: float32, bfloat16, float16 or float64.
        shard_size: bytes of a file's tensors at most, as a number or as text such as "500MB" or "2GiB"; a tensor that
            is larger has a file to itself.
        only_shard: the number of the one file to write, from 1 on; whoever completes the set writes the index.
        partial: whether tensors are left out that the plan leaves alone; otherwise they are refused.
        threads: how many threads draw; by default as many as there are processors.
        progress: function of the number of bytes of each block that was written.

    Returns:
        What was written, to print.

    Raises:
        GlorotError: if the plan does not say all of a tensor, the folder holds other weights, another process writes
            to it, or it cannot be written; files that are complete stay, and no half of a file is left.

    Example:
        >>> import glorot, tempfile, torch
        >>> from safetensors.torch import load_file
        >>> model, folder = torch.nn.Linear(300, 100), tempfile.mkdtemp()
        >>> plan = glorot.plan(model, "xavier")
        >>> glorot.weights.write(plan, folder, seed=0).files
        ('model.safetensors',)
        >>> weights = load_file(f"{folder}/model.safetensors")
        >>> torch.equal(weights["weight"], glorot.apply(plan, model, seed=0).weight)
        True

    References:
        The format: https://github.com/huggingface/safetensors.
    """
    folder = as_folder(folder)
    layout = lay_out(plan, seed, dtype, shard_size, partial=partial)
    asked, count = layout.numbered(only_shard), checked_threads(threads)
    started = time.perf_counter()
    with held(folder, only_shard):
        found = complete_in(folder, layout)
        todo = [shard for shard in asked if shard.name not in found]
        check_room(folder, todo)
        for shard in todo:
            _write_shard(folder / shard.name, shard, count, progress)
        found = complete_in(folder, layout)
        missing = [shard for shard in layout.shards if shard.name not in found]
        if layout.has_index and not missing and INDEX not in found:
            write_whole(folder / INDEX, layout.index)
    return Written(
        folder,
        files=tuple(shard.name for shard in todo),
        kept=tuple(shard.name for shard in asked if shard not in todo),
        missing=len(missing),
        size=sum(shard.size for shard in todo),
        seconds=time.perf_counter() - started,
        left_out=layout.left_out,
    )


def as_folder(folder: object) -> Path:
    """Return the path of a folder as one.

    Raises:
        GlorotError: if it is none.
    """
    if not isinstance(folder, str | Path) or not str(folder):
        raise GlorotError(f"folder must be a path, got {quoted(folder)}")
    return Path(folder)


def _write_shard(path: Path, shard: Shard, threads: int, progress: Told | None) -> None:
    start = len(shard.header)
    with beside(path) as file:
        file.write(shard.header)

        def put(block: Block, data: NDArray[np.uint8]) -> None:
            file.seek(start + block.start)
            file.write(data.data)
            if progress is not None:
                progress(block.size)

        draw_all(shard.tensors, threads, put)
