"""Shards: how tensors are shared out over files, and what each file begins with."""

import functools
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from glorot.errors import GlorotError
from glorot.plans import Plan
from glorot.weights.blocks import cut
from glorot.weights.safetensors import header_of
from glorot.weights.tensors import StoredTensor, identify, tensors_of

SHARD_SIZE = "5GB"
"""As large as a file is at most, if nothing else is asked for."""

UNITS = {"": 1, **{f"{letter}B": 1000**n for n, letter in enumerate("KMGT", 1)},
         **{f"{letter}IB": 1024**n for n, letter in enumerate("KMGT", 1)}}  # fmt: skip

INDEX = "model.safetensors.index.json"
"""What the index of the shards is called."""


@dataclass(frozen=True)
class Shard:
    """One file.

    Attributes:
        name: its name.
        tensors: what it holds, in its order.
        metadata: what its header says beside the tensors.
    """

    name: str
    tensors: tuple[StoredTensor, ...]
    metadata: dict[str, str]

    @functools.cached_property
    def header(self) -> bytes:
        """All that comes before the first tensor."""
        return header_of({one.name: (one.dtype, one.shape, one.size) for one in self.tensors}, self.metadata)

    @functools.cached_property
    def held(self) -> int:
        """How many bytes the tensors take."""
        return sum(one.size for one in self.tensors)

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return len(self.header) + self.held


@dataclass(frozen=True)
class Layout:
    """All files of a plan's weights.

    Attributes:
        shards: the files of tensors.
        left_out: the names of the tensors that are in none of them, for the plan leaves them alone.
    """

    shards: tuple[Shard, ...]
    left_out: tuple[str, ...]

    @functools.cached_property
    def index(self) -> str:
        """The index of the shards, as JSON."""
        data = {
            "metadata": {"total_size": sum(shard.held for shard in self.shards)},
            "weight_map": {one.name: shard.name for shard in self.shards for one in shard.tensors},
        }
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"

    @property
    def has_index(self) -> bool:
        """Whether the index is a file; one shard needs none."""
        return len(self.shards) > 1

    @property
    def largest_matrix(self) -> int:
        """How many bytes the largest tensor takes, in float32, that a law draws whole and no block can cut."""
        held = (one for shard in self.shards for tensor in shard.tensors if tensor.whole_laws for one in cut(tensor, 1))
        return max((4 * math.prod(one.extents) for one in held), default=0)

    def numbered(self, number: int | None) -> tuple[Shard, ...]:
        """Return the one shard of a number from 1 on, all of them for None.

        Raises:
            GlorotError: if there is none of this number.
        """
        if number is None:
            return self.shards
        if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= len(self.shards):
            raise GlorotError(f"only_shard must be a number from 1 to {len(self.shards)}, got {number!r}")
        return (self.shards[number - 1],)


def lay_out(
    plan: Plan, seed: int, dtype: str = "float32", shard_size: str | int = SHARD_SIZE, *, partial: bool = False
) -> Layout:
    """Share the tensors of a plan out over files, in the order of the plan.

    Args:
        plan: the plan.
        seed: 0 ≤ seed < 2**64.
        dtype: the type of all weights.
        shard_size: bytes of a file's tensors at most, as a number or as text such as "500MB" or "2GiB"; a tensor that
            is larger has a file to itself.
        partial: whether tensors may be left out that the plan leaves alone.

    Raises:
        GlorotError: if the plan does not say all of a tensor, or an argument does not fit.

    Example:
        >>> import glorot, torch
        >>> plan = glorot.plan(torch.nn.Sequential(torch.nn.Linear(30, 20), torch.nn.Linear(20, 10)))
        >>> [(shard.name, len(shard.tensors)) for shard in lay_out(plan, 0, shard_size="2.5KB").shards]
        [('model-00001-of-00002.safetensors', 2), ('model-00002-of-00002.safetensors', 2)]
    """
    tensors, left_out = tensors_of(plan, seed, dtype, partial=partial)
    if not tensors:
        raise GlorotError("the plan leaves every tensor alone: there is nothing to write")
    groups = _pack(tensors, bytes_of(shard_size))
    common = {
        "format": "pt" if plan.framework == "torch" else "np",
        "glorot.plan": identify(plan),
        "glorot.seed": str(seed),
        "glorot.dtype": dtype,
    }
    count = len(groups)
    names = [f"model-{n:05d}-of-{count:05d}.safetensors" for n in range(1, count + 1)]
    shards = [
        Shard(name, tuple(group), common | {"glorot.shard": f"{n} of {count}"})
        for n, (name, group) in enumerate(zip(names if count > 1 else ["model.safetensors"], groups, strict=True), 1)
    ]
    return Layout(tuple(shards), tuple(left_out))


def _pack(tensors: Sequence[StoredTensor], limit: int) -> list[list[StoredTensor]]:
    """Fill one file after the other, and sort each so that counters of 8 bytes leave the rest aligned."""
    groups: list[list[StoredTensor]] = []
    size = 0
    for tensor in tensors:
        if not groups or size + tensor.size > limit:
            groups.append([])
            size = 0
        groups[-1].append(tensor)
        size += tensor.size
    return [sorted(group, key=lambda one: one.dtype != "int64") for group in groups]


def size_text(size: float) -> str:
    """Write a number of bytes as people say it.

    Example:
        >>> size_text(5e9), size_text(1536), size_text(12)
        ('5.00 GB', '1.54 KB', '12 B')
    """
    for unit in ("GB", "MB", "KB"):
        if size >= UNITS[unit]:
            return f"{size / UNITS[unit]:.2f} {unit}"
    return f"{size:.0f} B"


def bytes_of(size: str | int) -> int:
    """Return a size in bytes.

    Args:
        size: a number of bytes, or text: "5GB" has powers of 1000, "5GiB" powers of 1024.

    Raises:
        GlorotError: if it is something else, or less than a byte.

    Example:
        >>> bytes_of("1.5MB"), bytes_of("2 KiB"), bytes_of(10)
        (1500000, 2048, 10)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([A-Za-z]*)", str(size).strip())
    unit = None if found is None or isinstance(size, bool) else UNITS.get("" if found[2] == "B" else found[2].upper())
    count = 0 if found is None or unit is None else int(float(found[1]) * unit)
    if count < 1:
        raise GlorotError(f"shard_size must be a number of bytes, or text such as 500MB or 5GiB, got {size!r}")
    return count
