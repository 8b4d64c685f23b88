"""Whether the processes that hold tensors together are about to write the same weights."""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
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

_TURNS: dict[tuple[int, ...], Iterator[int]] = defaultdict(itertools.count)
"""How often processes of these ranks have asked each other."""


def check_agreed(draws: Iterable[Draw]) -> None:
    """Check, before anything is written, that every process of a mesh is about to draw the same for its shards.

    The first process leaves a hash of what it draws in the store through which the processes met, and each of the
    others compares its own: no tensor is sent, and nobody waits for another.

    Raises:
        GlorotError: in each process that was given another plan or seed than the first.
    """
    meshes: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for name, tensor, key, law in draws:
        if is_sharded(tensor):
            meshes[_ranks(tensor)].append(f"{name}\0{tuple(tensor.shape)}\0{key}\0{law!r}")
    for ranks, held in meshes.items():
        if len(ranks) > 1:
            _check_one(ranks, held)


def _ranks(tensor: "DTensor") -> tuple[int, ...]:
    return tuple(tensor.device_mesh.mesh.flatten().tolist())


def _check_one(ranks: tuple[int, ...], drawn: list[str]) -> None:
    from torch import distributed
    from torch.distributed.distributed_c10d import _get_default_store

    if distributed.get_backend() == "fake":  # one process plays all of them
        return
    own = hashlib.sha256("\n".join(drawn).encode()).hexdigest()
    place = f"glorot/{hashlib.sha256(repr(ranks).encode()).hexdigest()[:16]}/{next(_TURNS[ranks])}"
    try:
        first = _get_default_store().compare_set(place, "", own).decode()
    except (NotImplementedError, RuntimeError):  # the processes met in another way
        return
    if first != own:
        name, _, _ = drawn[0].partition("\0")
        among = f"{', '.join(map(str, ranks[:8]))}{' …' if len(ranks) > 8 else ''}"
        raise GlorotError(
            f"rank {distributed.get_rank()} is about to write other weights, from {name} on, than the first of ranks "
            f"{among} that asked: their plans or seeds differ; hand the same plan and the same seed to every process "
            "(nothing was written here)"
        )
