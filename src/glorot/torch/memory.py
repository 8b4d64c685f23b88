"""What parameters share: the memory of tied ones, and of those that overlap, which nothing can start apart."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from glorot.errors import GlorotError
from glorot.inventory import Part, View

HARDEST = 1_000_000
"""Steps after which two views whose elements interleave are taken to overlap."""

Rows = set[tuple[int, int]]
"""Rows of a table, as (start, stop)."""


class _Laid:
    """The elements of a tensor as NumPy sees memory, which it does not read."""

    def __init__(self, tensor: Tensor) -> None:
        size = tensor.element_size()
        self.__array_interface__ = {
            "version": 3,
            "typestr": f"|V{size}",
            "data": (tensor.data_ptr(), False),
            "shape": tuple(tensor.shape),
            "strides": tuple(step * size for step in tensor.stride()),
        }


def memory_of(tensor: Tensor) -> Hashable:
    """Return what two parameters have in common if they are tied: the same elements in memory, as they lie."""
    if type(tensor) is not nn.Parameter or tensor.is_meta or tensor.layout != torch.strided or not tensor.numel():
        return id(tensor)
    where = (tensor.untyped_storage().data_ptr(), tensor.storage_offset())
    return where, tuple(tensor.shape), tensor.stride(), tensor.dtype


def check_apart(tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Raise, naming both, if two tensors that are to be written share some of their memory, but are not tied.

    Args:
        tensors: (path, dense tensor) pairs.
    """
    storages: dict[int, list[tuple[int, int, str, Tensor]]] = defaultdict(list)
    for path, tensor in {memory_of(tensor): (path, tensor) for path, tensor in tensors}.values():
        if tensor.numel():
            first, last = _reach(tensor)
            storages[tensor.untyped_storage().data_ptr()].append((first, last, path, tensor))
    for group in storages.values():
        near: list[tuple[int, int, str, Tensor]] = []
        for one in sorted(group, key=lambda row: row[:2]):
            near = [other for other in near if other[1] > one[0]]
            other = next((other for other in near if _overlap(one[3], other[3])), None)
            if other is not None:
                raise GlorotError(
                    f"{other[2]} and {one[2]} share some of their memory, so that writing one changes the other; give "
                    f"one a copy, or leave it alone with rules=[({one[2]!r}, 'skip')]"
                )
            near.append(one)


def _reach(tensor: Tensor) -> tuple[int, int]:
    """Return the first byte of a tensor and the one after its last."""
    size = tensor.element_size()
    last = sum((extent - 1) * step for extent, step in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.data_ptr(), tensor.data_ptr() + (last + 1) * size


def _overlap(one: Tensor, other: Tensor) -> bool:
    try:
        return np.shares_memory(np.asarray(_Laid(one)), np.asarray(_Laid(other)), max_work=HARDEST)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def padding_of(parts: Iterable[Part]) -> Rows:
    """Return the rows of a table that stay zero."""
    return {
        part.view.box[0]
        for part in parts
        if part.role == "padding" and part.view is not None and part.view.box is not None
    }


def with_padding(parts: tuple[Part, ...], rows: Rows) -> tuple[Part, ...]:
    """Cut rows that stay zero out of the parts of a tied parameter, which another of its owners asks for.

    Args:
        parts: the parts as one owner has them: one whole one, or a table already cut into rows.
        rows: the rows to cut out.

    Returns:
        The parts, with one of role `padding` for each of the rows.

    Raises:
        GlorotError: if the parts lie in another way.
    """
    rows = rows - padding_of(parts)
    if not rows:
        return parts
    cut = [part for part in parts if part.role != "padding"]
    whole = len(parts) == 1 and parts[0].view is None
    if not whole and not all(_is_rows(part) for part in cut):
        raise GlorotError(
            f"{parts[0].path} is tied to a table whose padding row stays 0, and is cut in another way here; "
            "leave it alone with a rule, or untie it"
        )
    kept = sorted(rows | padding_of(parts))
    total = max(_rows_of(part)[1] for part in parts)
    ends = [0, *(end for row in kept for end in row), total]
    pieces = [("embedding", ends[n], ends[n + 1]) for n in range(0, len(ends), 2)]
    return tuple(
        _piece(cut[0], parts[0].path, role, start, stop)
        for role, start, stop in sorted([*pieces, *(("padding", *row) for row in kept)], key=lambda piece: piece[1])
        if stop > start
    )


def _is_rows(part: Part) -> bool:
    return part.role == "embedding" and (part.view is None or part.view == View(box=part.view.box))


def _rows_of(part: Part) -> tuple[int, int]:
    return (0, part.shape[0]) if part.view is None or part.view.box is None else part.view.box[0]


def _piece(part: Part, path: str, role: str, start: int, stop: int) -> Part:
    """Return rows of a part, under a name that says which."""
    box = ((start, stop), *((0, size) for size in part.shape[1:]))
    name = f"{path}[{'padding ' if role == 'padding' else ''}{start}:{stop}]"
    return replace(
        part,
        name=name,
        role="padding" if role == "padding" else part.role,
        shape=(stop - start, *part.shape[1:]),
        view=View(box=box),
    )
