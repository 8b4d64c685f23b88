"""Which blocks of a parameter this process holds: all of a plain tensor, shards of a DTensor."""

import itertools
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeGuard

from torch import Tensor

from glorot.errors import GlorotError
from glorot.stream.pieces import Box

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor
    from torch.distributed.tensor.placement_types import Placement

Span = tuple[int, int]


class Block(NamedTuple):
    """A block of a stored tensor, in the memory of this process.

    Attributes:
        local: the memory, as a plain tensor.
        box: (start, stop) along each axis of the whole tensor.
        is_first: whether no process before this one holds a replica of it.
    """

    local: Tensor
    box: Box
    is_first: bool = True


class Split(NamedTuple):
    """How an axis is dealt out along one axis of the mesh of processes.

    Attributes:
        ways: how many processes share it.
        rank: which of them this is.
        factor: into how many pieces it is cut first, of each of which every process gets its share.
    """

    ways: int
    rank: int
    factor: int = 1


def is_sharded(tensor: object) -> "TypeGuard[DTensor]":
    """Tell whether several processes hold a tensor together, as a DTensor.

    Example:
        >>> import torch
        >>> is_sharded(torch.zeros(3))
        False
    """
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(tensor, module.DTensor)


def is_plain(tensor: Tensor) -> bool:
    """Tell whether this process holds a tensor as it is: no DTensor, and none of several that it plays at once."""
    return not is_sharded(tensor) and _played(tensor) is None


def _played(tensor: Tensor) -> dict[int, Tensor] | None:
    """Return what each of the processes holds that this one plays, under PyTorch's LocalTensorMode; else None."""
    return getattr(tensor, "_local_tensors", None)


def locals_of(tensor: Tensor) -> list[Tensor]:
    """Return what this process holds of a tensor as plain tensors, as a rule one."""
    return [tensor] if is_plain(tensor) else [local for _, local in _held(tensor)]


def check_placements(path: str, tensor: Tensor) -> None:
    """Check that the shards of a tensor are weights, and of the sizes that its placements ask for.

    Raises:
        GlorotError: if they are sums that are still to be taken over processes, or of another shape.
    """
    if not is_sharded(tensor):
        return
    if any(placement.is_partial() for placement in tensor.placements):
        raise GlorotError(
            f"{path} has the placements {tuple(tensor.placements)}: a partial sum is still to be taken over processes, "
            "and weights are none; redistribute it to Replicate() or Shard()"
        )
    for rank, local in _held(tensor):
        for spans in _spans(tensor, rank):
            expected = tuple(sum(stop - start for start, stop in axis) for axis in spans)
            if tuple(local.shape) != expected:
                raise GlorotError(
                    f"{path} has a shard of shape {tuple(local.shape)} on rank {rank}, where its placements "
                    f"{tuple(tensor.placements)} over {tuple(tensor.device_mesh.shape)} processes leave {expected} of "
                    f"{tuple(tensor.shape)}; make it by distribute_tensor, or by from_local with shards as torch.chunk "
                    "cuts them"
                )


def is_left_out(tensor: Tensor) -> bool:
    """Tell whether the mesh of a DTensor leaves this process out, which then holds nothing of it."""
    return is_sharded(tensor) and not any(True for rank, _ in _held(tensor) for _ in _spans(tensor, rank))


def refuse_left_out(path: str, tensor: "DTensor") -> NoReturn:
    """Say that a process can't see what others hold together.

    Raises:
        GlorotError: always.
    """
    raise GlorotError(
        f"{path} is held by the ranks {tensor.device_mesh.mesh.flatten().tolist()}, of which this process is none; "
        "call this in those processes alone"
    )


def _spans(tensor: "DTensor", rank: int) -> Iterator[list[list[Span]]]:
    """Yield what a process holds of each axis of a tensor; nothing for a process that the mesh leaves out."""
    mesh = tensor.device_mesh
    for coordinate in (mesh.mesh == rank).nonzero().tolist():
        yield [
            held_spans(size, _splits(tensor.placements, mesh.shape, coordinate, axis))
            for axis, size in enumerate(tensor.shape)
        ]


def blocks(tensor: Tensor) -> Iterator[Block]:
    """Yield what this process holds of a tensor, block by block; nothing is sent or gathered.

    Args:
        tensor: a plain tensor, or a DTensor that `check_placements` has let pass, evenly cut or not.
    """
    if not is_sharded(tensor):
        yield from (Block(local, tuple((0, size) for size in tensor.shape)) for local in locals_of(tensor))
        return
    mesh = tensor.device_mesh
    for rank, local in _held(tensor):
        for coordinate, spans in zip((mesh.mesh == rank).nonzero().tolist(), _spans(tensor, rank), strict=True):
            axes = list(map(_with_places, spans))
            replicated = [rank for how, rank in zip(tensor.placements, coordinate, strict=True) if how.is_replicate()]
            for runs in itertools.product(*axes):
                place, box = zip(*runs, strict=True) if runs else ((), ())
                yield Block(local[tuple(slice(*span) for span in place)], box, not any(replicated))


def _held(tensor: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield what processes hold with their rank: this one alone, or all those that it plays."""
    from torch.distributed import get_rank

    local = tensor._local_tensor if is_sharded(tensor) else tensor
    played = _played(local)
    for rank, held in [(get_rank(), local)] if played is None else played.items():
        yield rank, held.detach()


def _splits(
    placements: "Sequence[Placement]", counts: Sequence[int], coordinate: Sequence[int], axis: int
) -> list[Split]:
    """Return how the placements of a DTensor deal out one of its axes, in order."""
    return [
        Split(count, rank, getattr(placement, "split_factor", 1))
        for placement, count, rank in zip(placements, counts, coordinate, strict=True)
        if getattr(placement, "dim", None) == axis
    ]


def held_spans(size: int, splits: Sequence[Split]) -> list[Span]:
    """Return which elements of an axis a process holds, as (start, stop) of runs, in the order of its memory.

    Each split deals out what those before it left, in shares of ⌈n / ways⌉ as `torch.chunk` does: the last may be
    smaller, or empty.

    Args:
        size: how many elements the whole axis has.
        splits: how it is dealt out, axis by axis of the mesh.

    Example:
        Ten rows over two processes, and each half over three:

        >>> held_spans(10, [Split(2, 1), Split(3, 2)])
        [(9, 10)]

        As tensor parallelism over 2 and FSDP over 3 lay them, every half first dealt out to the three:

        >>> held_spans(12, [Split(3, 0, factor=2)])
        [(0, 2), (6, 8)]
    """
    held = [(0, size)]
    for split in splits:
        pieces = [_chunk(held, split.factor, piece) for piece in range(split.factor)]
        held = [span for piece in pieces for span in _chunk(piece, split.ways, split.rank)]
    return _joined(held)


def _chunk(spans: Sequence[Span], count: int, rank: int) -> list[Span]:
    """Return one share of the elements of spans, as `torch.chunk` cuts them."""
    total = sum(stop - start for start, stop in spans)
    share = -(-total // count)
    first, last = min(total, share * rank), min(total, share * (rank + 1))
    found, passed = [], 0
    for start, stop in spans:
        begin, end = max(first - passed, 0), min(last - passed, stop - start)
        if begin < end:
            found.append((start + begin, start + end))
        passed += stop - start
    return found


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Join runs of which one begins where the last one ends."""
    joined = list[Span]()
    for start, stop in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = joined[-1][0], stop
        else:
            joined.append((start, stop))
    return joined


def _with_places(spans: Sequence[Span]) -> list[tuple[Span, Span]]:
    """Return for each run where it lies in the memory of the process, and the run itself."""
    ends = list(itertools.accumulate((stop - start for start, stop in spans), initial=0))
    return list(zip(itertools.pairwise(ends), spans, strict=True))
