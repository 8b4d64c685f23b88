"""Blocks of stored tensors hold what the whole would hold there, whatever the view of the part."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from glorot.inventory import View
from glorot.inventory.boxes import shares, steps_in
from glorot.inventory.layouts import complete, place_in

Box = tuple[tuple[int, int], ...]


@st.composite
def spans(draw: Any, size: int) -> tuple[int, int]:
    """Draw (start, stop) within an axis; now and then nothing or all of it."""
    ends = draw(st.lists(st.integers(0, size), min_size=2, max_size=2))
    return min(ends), max(ends)


@st.composite
def views(draw: Any) -> tuple[tuple[int, ...], View]:
    """Draw a stored shape and a view of it."""
    splits = draw(st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=3), min_size=1, max_size=3))
    extents = [math.prod(split) for split in splits]
    before = [draw(st.integers(0, 2)) for _ in extents]
    after = [draw(st.integers(0, 2)) for _ in extents]
    shape = tuple(sum(sizes) for sizes in zip(before, extents, after, strict=True))
    unfold = tuple(size for split in splits for size in split)
    order = tuple(draw(st.permutations(range(len(unfold)))))
    view = View(
        box=tuple((start, start + extent) for start, extent in zip(before, extents, strict=True)),
        unfold=unfold,
        cut=tuple(draw(spans(size)) for size in unfold),
        order=order,
        flip=tuple(axis for axis in range(len(unfold)) if draw(st.booleans())),
    )
    return shape, view


def indices_of(shape: tuple[int, ...], view: View | None) -> NDArray[Any]:
    """Return for each element of a stored tensor its index in the part, and -1 outside of that."""
    stored = np.full(shape, -1)
    place = place_in(stored, view)
    place[...] = np.arange(place.size).reshape(place.shape)
    return stored


@given(st.data())
def test_a_block_holds_of_a_part_what_the_whole_holds_there(data: st.DataObject) -> None:
    shape, view = data.draw(views())
    whole = indices_of(shape, view)
    numbers = np.arange(math.prod(complete(view, shape).extents)).reshape(complete(view, shape).extents)
    block = tuple(data.draw(spans(size)) for size in shape)
    held = np.full([stop - start for start, stop in block], -1)
    written = 0
    for share in shares(view, shape, block):
        place = place_in(held, share.view)
        place[...] = numbers[tuple(slice(*span) for span in share.box)]
        written += place.size
    np.testing.assert_array_equal(held, whole[tuple(slice(*span) for span in block)])
    assert written == (held >= 0).sum()  # no element is written twice


@given(st.data())
def test_an_index_in_the_stored_tensor_grows_by_even_steps(data: st.DataObject) -> None:
    shape, view = data.draw(views())
    found = place_in(np.arange(math.prod(shape)).reshape(shape), view)
    first, steps = steps_in(view, shape)
    grown = sum((n * step for n, step in zip(np.indices(found.shape), steps, strict=True)), np.zeros(found.shape, int))
    np.testing.assert_array_equal(found, first + grown)


@pytest.mark.parametrize(
    ("view", "shape", "block", "boxes"),
    [
        pytest.param(None, (4, 3), ((1, 2), (0, 3)), [((1, 2), (0, 3))], id="a whole tensor, and one row"),
        pytest.param(None, (), (), [()], id="a scalar"),
        pytest.param(None, (4,), ((2, 2),), [], id="an empty shard"),
        pytest.param(View(order=(1, 0)), (4, 3), ((1, 2), (0, 3)), [((0, 3), (1, 2))], id="a transposed kernel"),
        pytest.param(View(box=((2, 4), (0, 3))), (6, 3), ((3, 6), (0, 3)), [((1, 2), (0, 3))], id="a fused piece"),
        pytest.param(View(box=((2, 4), (0, 3))), (6, 3), ((4, 6), (0, 3)), [], id="a shard that the piece misses"),
        pytest.param(View(flip=(0,)), (5,), ((0, 2),), [((3, 5),)], id="a kernel that runs backwards"),
    ],
)
def test_the_boxes_of(view: View | None, shape: tuple[int, ...], block: Box, boxes: list[Box]) -> None:
    assert [share.box for share in shares(view, shape, block)] == boxes


def test_an_axis_split_in_k_gives_at_most_2k_minus_1_boxes() -> None:
    found = list(shares(View(unfold=(3, 4, 5)), (60,), ((7, 58),)))
    assert [share.box for share in found] == [
        ((0, 1), (1, 2), (2, 5)),
        ((0, 1), (2, 4), (0, 5)),
        ((1, 2), (0, 4), (0, 5)),
        ((2, 3), (0, 3), (0, 5)),
        ((2, 3), (3, 4), (0, 3)),
    ]
