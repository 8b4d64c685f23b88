"""How a tensor lies on several ranks: whole on each, or in parts."""

import functools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from glorot.checks.evidence import Array, Evidence
from glorot.inventory import Parameter, runs

WRAPPERS = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""What wrappers put into the paths of a rank's tensors."""


class OnRanks(NamedTuple):
    """A parameter as it lies on several ranks.

    Attributes:
        parameter: the parameter.
        pieces: what each rank holds, in order.
        axis: the stored axis that it is split along; None if it is not split, or was flattened before.
        shards: how many different parts there should be; 1 if each rank holds the whole.
        members: for each part, the ranks (places in `pieces`) that hold it.
    """

    parameter: Parameter
    pieces: tuple[Array, ...]
    axis: int | None
    shards: int
    members: tuple[tuple[int, ...], ...]

    @property
    def whole(self) -> Array:
        """The tensor, put together from the first rank of each part."""
        parts = [self.pieces[ranks[0]] for ranks in self.members]
        if self.shards == 1:
            return parts[0]
        if self.axis is None:
            return np.concatenate([part.reshape(-1) for part in parts]).reshape(self.parameter.shape)
        return np.concatenate(parts, axis=self.axis)


def on_ranks(evidence: Evidence) -> Iterator[OnRanks]:
    """Yield the parameters that lie on the ranks in a way that can be told by their shapes.

    A parameter that one rank alone has, as in a pipeline, says nothing, unless that rank holds the whole.
    """
    ranks = [_bare(rank) for rank in evidence.ranks or ()]
    for parameter in evidence.inventory.parameters:
        if parameter.tied_to is None and parameter.parts and not all(runs(part.role) for part in parameter.parts):
            found = _on_ranks(parameter, tuple(rank[parameter.path] for rank in ranks if parameter.path in rank))
            if found is not None:
                yield found


def buffers_on_ranks(evidence: Evidence) -> Iterator[tuple[str, tuple[Array, ...]]]:
    """Yield the buffers that several ranks hold in the shape of the model's, but for running statistics."""
    ranks = [_bare(rank) for rank in evidence.ranks or ()]
    for path, values in evidence.buffers.items():
        known = evidence.inventory.parameter(path)
        pieces = tuple(rank[path] for rank in ranks if path in rank and rank[path].shape == values.shape)
        if known is None and len(pieces) > 1:
            yield path, pieces


def unplaced(evidence: Evidence) -> Iterator[tuple[Parameter, int]]:
    """Yield the parameters whose shapes on the ranks don't make up their own, with how many ranks hold them."""
    ranks = [_bare(rank) for rank in evidence.ranks or ()]
    for parameter in evidence.inventory.parameters:
        if parameter.tied_to is None and parameter.parts:
            pieces = tuple(rank[parameter.path] for rank in ranks if parameter.path in rank)
            if not pieces or _on_ranks(parameter, pieces) is None:
                yield parameter, len(pieces)


def bare(path: str) -> str:
    """Return a path without the steps that wrappers put into it.

    Example:
        >>> bare("module.layers.0._orig_mod.weight")
        'layers.0.weight'
    """
    return ".".join(step for step in path.split(".") if step not in WRAPPERS)


def _bare(rank: Mapping[str, Array]) -> dict[str, Array]:
    return {bare(path): one for path, one in rank.items()}


def _on_ranks(parameter: Parameter, pieces: tuple[Array, ...]) -> OnRanks | None:
    shapes = [piece.shape for piece in pieces]
    split = _split(parameter.shape, shapes) if pieces else None
    if split is None:
        return None
    axis, shards = split
    return OnRanks(parameter, pieces, axis, shards, _members(pieces, shards))


def _split(whole: tuple[int, ...], shapes: list[tuple[int, ...]]) -> tuple[int | None, int] | None:
    """Return the axis along which shapes are parts of a whole, and how many parts; None if they are not.

    Example:
        >>> _split((32, 512), [(32, 128)] * 4), _split((32, 512), [(16, 512)] * 4), _split((8, 2), [(4,)] * 4)
        ((1, 4), (0, 2), (None, 4))
    """
    if all(shape == whole for shape in shapes):
        return None, 1
    if all(len(shape) == len(whole) for shape in shapes):
        apart = {n for shape in shapes for n in range(len(whole)) if shape[n] != whole[n]}
        if len(apart) != 1:
            return None
        axis = apart.pop()
        shards = _shards(whole[axis], [shape[axis] for shape in shapes])
        return None if shards is None else (axis, shards)
    if all(len(shape) == 1 for shape in shapes):
        shards = _shards(int(np.prod(whole)), [shape[0] for shape in shapes])
        return None if shards is None else (None, shards)
    return None


def _shards(whole: int, sizes: list[int]) -> int | None:
    """Return how many parts make up the whole: all of them, or fewer that several ranks hold each."""
    if sum(sizes) == whole:
        return len(sizes)
    size = sizes[0]
    is_even = len(set(sizes)) == 1 and size > 0 and whole % size == 0
    return whole // size if is_even and len(sizes) % (whole // size) == 0 else None


def _members(pieces: tuple[Array, ...], shards: int) -> tuple[tuple[int, ...], ...]:
    """Return the ranks of each part: neighbours hold different parts, or the same, whichever fits what they hold."""
    count = len(pieces)
    across = tuple(tuple(range(part, count, shards)) for part in range(shards))
    if shards in (1, count):
        return across
    copies = count // shards
    beside = tuple(tuple(range(part * copies, (part + 1) * copies)) for part in range(shards))
    return max((across, beside), key=functools.partial(_agreeing, pieces))


def _agreeing(pieces: tuple[Array, ...], members: tuple[tuple[int, ...], ...]) -> int:
    """Return how many ranks hold what the first rank of their part holds."""
    return sum(same(pieces[one], pieces[ranks[0]]) for ranks in members for one in ranks)


def same(one: Array, other: Array) -> bool:
    """Tell whether two tensors hold the same, NaN included."""
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"))
