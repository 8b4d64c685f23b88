"""Reading shards back, and comparing them with what the stream draws."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError
from glorot.files import reading
from glorot.plans import Plan
from glorot.stream.elements import BFLOAT16
from glorot.stream.schedule import checked_threads
from glorot.text import number
from glorot.weights.blocks import Block, Held, arrays_in
from glorot.weights.folder import complete_in
from glorot.weights.shards import INDEX, SHARD_SIZE, Shard, lay_out
from glorot.weights.working import draw_all
from glorot.weights.writing import Told, as_folder

TOLERANCE = 1e-5
"""By how much whole-matrix laws may differ from machine to machine, as a share of the largest element."""

MANTISSA = {"float32": 23, "bfloat16": 7, "float16": 10}
"""Bits of a number after its first one."""


class Difference(NamedTuple):
    """The first element of a file that is not what the stream draws.

    Attributes:
        file: the name of the file.
        tensor: the name of the tensor.
        place: where in it, along each axis.
        stored: what the file holds there.
        drawn: what the stream draws.
    """

    file: str
    tensor: str
    place: tuple[int, ...]
    stored: float
    drawn: float

    def __str__(self) -> str:
        where = f"{self.tensor}[{', '.join(map(str, self.place))}]" if self.place else self.tensor
        stored = "NaN" if math.isnan(self.stored) else number(self.stored)
        return f"{self.file}: {where} is {stored}, and the stream draws {number(self.drawn)}"


def verify(
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
) -> tuple[Difference, ...]:
    """Read what `write` wrote, and compare it with what the stream draws, bit by bit.

    difference ⟺ file[j] ≠ cast(law(word(i))); laws that draw whole matrices: |file[j] − drawn[j]| > 1e-5 · max |drawn|

    Args:
        plan: as for `write`.
        folder: as for `write`.
        seed: as for `write`.
        dtype: as for `write`.
        shard_size: as for `write`.
        only_shard: as for `write`.
        partial: as for `write`.
        threads: how many threads draw; by default as many as there are processors.
        progress: function of the number of bytes of each block that was compared.

    Returns:
        The first difference in each file that has one.

    Raises:
        GlorotError: if a file is missing, or is of other weights.

    Example:
        >>> import glorot, tempfile, torch
        >>> plan, folder = glorot.plan(torch.nn.Linear(300, 100), "xavier"), tempfile.mkdtemp()
        >>> _ = glorot.weights.write(plan, folder, seed=0)
        >>> glorot.weights.verify(plan, folder, seed=0)
        ()
        >>> with open(f"{folder}/model.safetensors", "r+b") as file:
        ...     _ = file.seek(-1, 2), file.write(b"?")
        >>> print(glorot.weights.verify(plan, folder, seed=0)[0])
        model.safetensors: bias[99] is 0.5, and the stream draws 0

    References:
        The format: https://github.com/huggingface/safetensors.
    """
    folder = as_folder(folder)
    layout = lay_out(plan, seed, dtype, shard_size, partial=partial)
    asked, count = layout.numbered(only_shard), checked_threads(threads)
    found = complete_in(folder, layout)
    needed = [shard.name for shard in asked] + ([INDEX] if layout.has_index and only_shard is None else [])
    missing = [name for name in needed if name not in found]
    if missing:
        raise GlorotError(f"{folder / missing[0]} is not there; write it first, by the same command without --verify")
    compared = (_first_difference(folder / shard.name, shard, count, progress) for shard in asked)
    return tuple(one for one in compared if one is not None)


def _first_difference(path: Path, shard: Shard, threads: int, progress: Told | None) -> Difference | None:
    found: dict[int, Difference] = {}
    with reading(path, ".safetensors") as file:

        def compare(block: Block, drawn: NDArray[np.uint8]) -> None:
            file.seek(len(shard.header) + block.start)
            stored = np.frombuffer(file.read(block.size), np.uint8)
            if progress is not None:
                progress(block.size)
            if not np.array_equal(stored, drawn):
                pairs = zip(arrays_in(block, stored), arrays_in(block, drawn), strict=True)
                told = (_difference_in(path.name, one, theirs, ours) for (one, theirs), (_, ours) in pairs)
                first = next((one for one in told if one is not None), None)
                if first is not None:
                    found[block.start] = first

        draw_all(shard.tensors, threads, compare)
    return found[min(found)] if found else None


def _difference_in(file: str, one: Held, stored: NDArray[Any], drawn: NDArray[Any]) -> Difference | None:
    """Return the first difference in a box of a tensor; equal bits are equal, NaN or not."""
    theirs, ours = _numbers(stored), _numbers(drawn)
    differs = _bits(stored) != _bits(drawn)
    if one.tensor.whole_laws:
        step = np.ldexp(1.0, -MANTISSA.get(one.tensor.dtype, 52))  # where two that are near are rounded apart
        differs &= ~np.isclose(theirs, ours, rtol=step, atol=TOLERANCE * float(np.abs(ours).max(initial=0)))
    if not differs.any():
        return None
    place = np.unravel_index(int(differs.argmax()), differs.shape)
    whole = tuple(int(n) + start for n, (start, _) in zip(place, one.box, strict=True))
    return Difference(file, one.tensor.name, whole, float(theirs[place]), float(ours[place]))


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    return array.view(f"u{array.dtype.itemsize}")


def _numbers(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype == BFLOAT16:
        return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return array
