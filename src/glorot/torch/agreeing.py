"""Whether the processes that hold tensors together are about to write the same weights."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from torch import Tensor

from glorot.distributions import Distribution
from glorot.errors import GlorotError
from glorot.stream.philox import Key
from glorot.torch.shards import is_sharded

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

Draw = tuple[str, Tensor | None, Key, Distribution]
"""What is about to be written: its name, where to, the key of its numbers and its law."""

_TURNS: dict[tuple[int, ...], tuple[int, int]] = {}
"""For some ranks: after how many collective operations they last asked each other, and how often since."""

PLANS = "their plans or seeds differ; hand the same plan and the same seed to every process"
"""What is wrong, and what to do, where plans are applied."""


def check_agreed(draws: Iterable[Draw], what: str = PLANS) -> None:
    """Check, before anything is written, that every process of a mesh is about to draw the same.

    The first process leaves a hash of what it draws in the store through which the processes met, and each of the
    others compares its own: no tensor is sent, and nobody waits for another. Where a model has DTensors, its plain
    tensors count too, as they are replicas; a model without any is not known to be one of several.

    Args:
        draws: what is about to be written.
        what: what to say of processes that differ.

    Raises:
        GlorotError: in each process that was given another plan or seed than the first.
    """
    meshes: dict[tuple[int, ...], list[str]] = defaultdict(list)
    replicas = []
    for name, tensor, key, law in draws:
        row = f"{name}\0{key}\0{law!r}"
        if is_sharded(tensor):
            meshes[_ranks(tensor)].append(row)
        else:
            replicas.append(row)
    for ranks, held in meshes.items():
        if len(ranks) > 1:
            _check_one(ranks, [*held, *replicas], what)


def _ranks(tensor: "DTensor") -> tuple[int, ...]:
    return tuple(tensor.device_mesh.mesh.flatten().tolist())


def _check_one(ranks: tuple[int, ...], drawn: list[str], what: str) -> None:
    from torch import distributed
    from torch.distributed.distributed_c10d import _get_default_group, _get_default_store

    if distributed.get_backend() == "fake":  # one process plays all of them
        return
    own = hashlib.sha256("\n".join(drawn).encode()).hexdigest()
    try:  # the number of operations so far is the same in all, even where one of them has stumbled in between
        done = _get_default_group()._get_sequence_number_for_group()  # type: ignore[attr-defined]
        last, turn = _TURNS.get(ranks, (done, -1))
        _TURNS[ranks] = done, turn + 1 if last == done else 0
        place = f"glorot/{hashlib.sha256(repr(ranks).encode()).hexdigest()[:16]}/{done}/{_TURNS[ranks][1]}"
        first = _get_default_store().compare_set(place, "", own).decode()
    except (NotImplementedError, RuntimeError):  # the processes met in another way
        return
    if first != own:
        among = f"{', '.join(map(str, ranks[:8]))}{' …' if len(ranks) > 8 else ''}"
        raise GlorotError(
            f"rank {distributed.get_rank()} is about to write other weights than the first of ranks {among} that "
            f"asked: {what} (nothing was written here)"
        )
