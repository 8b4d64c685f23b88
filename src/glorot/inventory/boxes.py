"""Boxes: what a block of a stored tensor, such as a shard or a run of its rows, holds of a part that lies in it."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from glorot.inventory.layouts import FullView, complete, split_axes
from glorot.inventory.parts import View
from glorot.stream.pieces import Box, Shape, row_major_steps


class Share(NamedTuple):
    """A box of a part that lies in a block of its stored tensor.

    Attributes:
        view: where in the block it lies.
        box: which elements of the part it holds, along the axes that the part's own view finds.
    """

    view: View
    box: Box


class _Run(NamedTuple):
    """A run along one stored axis that is a box of the axes which that axis is split into.

    Attributes:
        held: (start, stop) of the run within the block.
        digits: (start, stop) along each of the split axes.
    """

    held: tuple[int, int]
    digits: Box


def shares(view: View | None, shape: Sequence[int], block: Sequence[tuple[int, int]]) -> Iterator[Share]:
    """Yield what a block of a stored tensor holds of a part, box by box.

    A part whose axes were not split is cut to one box; where an axis was, a block may begin and end in the midst of
    it, and holds up to 2k − 1 boxes of an axis split into k.

    Args:
        view: where in the stored tensor the part lies; None if it is the whole tensor.
        shape: the shape of the stored tensor.
        block: (start, stop) along each stored axis.

    Yields:
        Boxes that do not overlap, and hold together whatever the block holds of the part.

    Example:
        Rows 3 to 8 of a matrix with 2 heads of (q, k, v), of 2 rows each; the keys are rows 2, 3, 8 and 9:

        >>> keys = View(unfold=(2, 3, 2, 5), cut=((0, 2), (1, 2), (0, 2), (0, 5)))
        >>> for share in shares(keys, (12, 5), ((3, 9), (0, 5))):
        ...     print(share.view.box, share.box)
        ((0, 1), (0, 5)) ((0, 1), (0, 1), (1, 2), (0, 5))
        ((5, 6), (0, 5)) ((1, 2), (0, 1), (0, 1), (0, 5))
    """
    full = complete(view, shape)
    groups = split_axes([stop - start for start, stop in full.box], full.unfold)
    axes = [
        list(_runs(held, span, [full.unfold[n] for n in group], [full.cut[n] for n in group]))
        for held, span, group in zip(block, full.box, groups, strict=True)
    ]
    for runs in itertools.product(*axes):
        yield _share(full, runs)


def steps_in(view: View | None, shape: Sequence[int]) -> tuple[int, Shape]:
    """Return where in a stored tensor a part begins, and by how much that index grows along each axis of the part.

    Args:
        view: where in the stored tensor the part lies; None if it is the whole tensor.
        shape: the shape of the stored tensor.

    Example:
        The keys of 2 heads of (q, k, v), of 2 rows each, along the axes (head, one of three, row, input):

        >>> steps_in(View(unfold=(2, 3, 2, 5), cut=((0, 2), (1, 2), (0, 2), (0, 5))), (12, 5))
        (10, (30, 10, 5, 1))
    """
    full = complete(view, shape)
    groups = split_axes([stop - start for start, stop in full.box], full.unfold)
    first, unfolded = 0, list[int]()
    for (start, _), step, group in zip(full.box, row_major_steps(tuple(shape)), groups, strict=True):
        inner = row_major_steps(tuple(full.unfold[n] for n in group))
        first += step * (start + sum(full.cut[n][0] * one for n, one in zip(group, inner, strict=True)))
        unfolded += [step * one for one in inner]
    steps = [unfolded[axis] for axis in full.order]
    for axis in full.flip:
        first += (full.extents[axis] - 1) * steps[axis]
        steps[axis] *= -1
    return first, tuple(steps)


def _share(full: FullView, runs: Sequence[_Run]) -> Share:
    """Return the box of a part that lies where runs along all the axes meet."""
    digits = [digit for run in runs for digit in run.digits]
    inside = [(max(lo, first), min(hi, last)) for (lo, hi), (first, last) in zip(digits, full.cut, strict=True)]
    view = View(
        box=tuple(run.held for run in runs),
        unfold=tuple(hi - lo for lo, hi in digits),
        cut=tuple((lo - start, hi - start) for (lo, hi), (start, _) in zip(inside, digits, strict=True)),
        order=full.order,
        flip=full.flip,
    )
    box = [(inside[n][0] - full.cut[n][0], inside[n][1] - full.cut[n][0]) for n in full.order]
    for axis in full.flip:
        size = full.extents[axis]
        box[axis] = size - box[axis][1], size - box[axis][0]
    return Share(view, tuple(box))


def _runs(
    held: tuple[int, int], span: tuple[int, int], sizes: Sequence[int], cuts: Sequence[tuple[int, int]]
) -> Iterator[_Run]:
    """Yield the runs of an axis that a block holds and that meet the cuts of the axes it is split into."""
    begin, end = max(held[0], span[0]), min(held[1], span[1])
    for digits in _rectangles(begin - span[0], end - span[0], sizes):
        if all(max(lo, first) < min(hi, last) for (lo, hi), (first, last) in zip(digits, cuts, strict=True)):
            start = span[0] - held[0] + _first_of(digits, sizes)
            yield _Run((start, start + math.prod(hi - lo for lo, hi in digits)), digits)


def _first_of(digits: Box, sizes: Sequence[int]) -> int:
    """Return the number that the first digits make up."""
    number = 0
    for (start, _), size in zip(digits, sizes, strict=True):
        number = number * size + start
    return number


def _rectangles(start: int, stop: int, sizes: Sequence[int]) -> Iterator[Box]:
    """Cut the numbers from start to stop into runs that are boxes of their digits."""
    if start >= stop:
        return
    if len(sizes) <= 1:
        yield ((start, stop),) if sizes else ()
        return
    inner, rest = math.prod(sizes[1:]), sizes[1:]
    first, last = -(-start // inner), stop // inner
    if first > last:  # it begins and ends within one step of the outermost digit
        yield from _within(last, start - last * inner, stop - last * inner, rest)
        return
    if first * inner > start:
        yield from _within(first - 1, start - (first - 1) * inner, inner, rest)
    if first < last:
        yield ((first, last), *((0, size) for size in rest))
    yield from _within(last, 0, stop - last * inner, rest)


def _within(digit: int, start: int, stop: int, sizes: Sequence[int]) -> Iterator[Box]:
    """Cut the numbers from start to stop within one step of the digit outside."""
    for digits in _rectangles(start, stop, sizes):
        yield ((digit, digit + 1), *digits)
