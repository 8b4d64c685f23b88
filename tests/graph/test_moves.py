"""Moves: labels arrive where NumPy puts the elements."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glorot.graph import Folded, Graph
from glorot.graph.moves import box, moved
from glorot.graph.operations import Broadcast, Flip, Join, Pad, Permute, Reshape, Slice, Take
from glorot.inventory.kernels import follow_parameter, label_axes, thin

Array = np.ndarray[Any, Any]


def a_reshape(draw: Any, array: Array) -> tuple[Any, Array]:
    size, shape = array.size, []
    while size > 1 and len(shape) < 3:
        shape.append(draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0])))
        size //= shape[-1]
    return Reshape(), array.reshape([*shape, size])


def a_permute(draw: Any, array: Array) -> tuple[Any, Array]:
    order = tuple(draw(st.permutations(range(array.ndim))))
    return Permute(order), np.transpose(array, order)


def a_slice(draw: Any, array: Array) -> tuple[Any, Array]:
    index: list[Any] = []
    for size in array.shape:
        start = draw(st.integers(0, size - 1))
        stop, step = draw(st.integers(start + 1, size)), draw(st.integers(1, 2))
        index.append(start if draw(st.integers(0, 3)) == 0 else (start, stop, step))
    return Slice(tuple(index)), array[tuple(one if isinstance(one, int) else slice(*one) for one in index)]


def a_flip(draw: Any, array: Array) -> tuple[Any, Array]:
    axes = tuple(axis for axis in range(array.ndim) if draw(st.booleans()))
    return Flip(axes), np.flip(array, axes)


def a_broadcast(draw: Any, array: Array) -> tuple[Any, Array]:
    before = draw(st.integers(0, array.ndim))
    count = draw(st.integers(1, 3))
    at = tuple(axis + (axis >= before) for axis in range(array.ndim))
    return Broadcast(at), np.repeat(np.expand_dims(array, before), count, axis=before)


MOVES = (a_reshape, a_permute, a_slice, a_flip, a_broadcast)


@st.composite
def chains(draw: Any) -> tuple[tuple[int, ...], list[tuple[Any, tuple[int, ...]]], Array]:
    """Draw (a shape, moves with the shapes of their results, where NumPy puts the elements)."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    array = np.arange(np.prod(shape)).reshape(shape)
    steps = []
    for one in draw(st.lists(st.sampled_from(MOVES), min_size=1, max_size=6)):
        if array.size < 500 and array.ndim < 5:
            move, array = one(draw, array)
            steps.append((move, array.shape))
    return shape, steps, array


@given(chains())
def test_a_chain_of_moves_does_what_numpy_does(chain: Any):
    shape, steps, expected = chain
    array = np.arange(np.prod(shape)).reshape(shape)
    for move, result in steps:
        array = moved(move, [array], result)
    np.testing.assert_array_equal(array, expected)


@given(chains())
def test_the_elements_of_a_parameter_are_followed_through_a_chain(chain: Any):
    shape, steps, expected = chain
    graph = Graph()
    start = value = graph.parameter("w", shape)
    for move, result in steps:
        value = graph.step(move, [value], result)
    labels = follow_parameter(Folded(graph), start, label_axes(shape, range(len(shape))), value)
    np.testing.assert_array_equal(labels, expected)


def test_padding_holds_what_it_is_told_to():
    made = moved(Pad(((1, 0), (0, 2))), [np.ones((1, 2), int)], (2, 4), fill=-1)
    assert made.tolist() == [[-1, -1, -1, -1], [1, 1, -1, -1]]


def test_what_is_joined_and_taken_lies_where_numpy_puts_it():
    one, two = np.arange(4).reshape(2, 2), np.arange(4, 10).reshape(2, 3)
    np.testing.assert_array_equal(moved(Join(1), [one, two], (2, 5)), np.concatenate([one, two], 1))
    np.testing.assert_array_equal(moved(Take(1, (2, 0)), [two], (2, 2)), two[:, [2, 0]])


def test_an_index_that_is_not_known_moves_nothing():
    assert moved(Take(0), [np.arange(4)], (2,)) is None


def test_a_box_is_cut_along_one_axis():
    array = np.arange(24).reshape(4, 6)
    np.testing.assert_array_equal(moved(Slice(box((4, 6), 1, 1, 6, 2)), [array], (4, 3)), array[:, 1:6:2])
    np.testing.assert_array_equal(moved(Slice(box((4, 6))), [array], (4, 6)), array)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 2), (2, 0), (0, 1, 2)])
def test_labels_number_the_elements_along_axes(axes: tuple[int, ...]):
    shape = (2, 3, 4)
    labels = label_axes(shape, axes)
    for index in np.ndindex(shape):
        number = 0
        for axis in axes:
            number = number * shape[axis] + index[axis]
        assert labels[index] == number
    assert thin(labels).size == np.prod([shape[axis] for axis in axes])
