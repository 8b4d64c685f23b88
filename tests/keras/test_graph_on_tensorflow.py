"""The rows of TensorFlow's operations: what they become, and that they compute what TensorFlow computes."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from graph_on_backend import graph_of, traced
from keras import layers

from glorot.graph import Graph
from glorot.graph.functions import function
from glorot.graph.moves import moved
from glorot.graph.operations import Contract, Convolve, Map, Opaque


def values(graph: Graph, x: Any) -> Any:
    """Return what a graph of moves and maps makes of an array, its last value."""
    leaves = [value for value in graph.values if value.leaf]
    known = {one.id: x if one.leaf == "input" else np.full(one.shape, one.number, np.float32) for one in leaves}
    for step in graph.steps:
        arrays = [known[operand] for operand in step.operands]
        is_map = isinstance(step.operation, Map)
        shape = graph.shape(step.result)
        known[step.result] = (
            function(step.operation.function)(*arrays) if is_map else moved(step.operation, arrays, shape)
        )
    return known[graph.steps[-1].result]


MOVES: dict[str, Callable[[Any], Any]] = {
    "a negative step": lambda x: x[:, ::-2],
    "an ellipsis and a new axis": lambda x: x[..., None, 1:3],
    "a new axis before": lambda x: x[None, 0, 1:],
    "from the end": lambda x: x[-1, :-1, -2],
    "split": lambda x: tf.split(x, [1, 3], axis=1)[1],
    "unstack": lambda x: tf.unstack(x, axis=2)[-1],
    "stack": lambda x: tf.stack([x, 2 * x], axis=1),
    "tile": lambda x: tf.tile(x, [2, 1, 3]),
    "repeat": lambda x: tf.repeat(x, 3, axis=1),
    "roll": lambda x: tf.roll(x, [1, -2], axis=[1, 2]),
    "reverse": lambda x: tf.reverse(x, [0, 2]),
    "pad": lambda x: tf.pad(x, [[0, 0], [1, 2], [3, 0]]),
    "transpose": lambda x: tf.transpose(x, [2, 0, 1]),
    "gather": lambda x: tf.gather(x, [3, 0, 0], axis=1),
    "broadcast": lambda x: tf.broadcast_to(x[:, :1], [2, 5, 6]),
    "space to batch": lambda x: tf.space_to_batch(x[..., None], [2, 3], [[0, 0], [0, 0]]),
    "space to batch and back": lambda x: tf.batch_to_space(
        tf.space_to_batch(x[..., None], [3, 2], [[1, 1], [1, 1]]), [3, 2], [[1, 0], [0, 2]]
    ),
    "depth to space": lambda x: tf.nn.depth_to_space(tf.reshape(x, [2, 1, 2, 12]), 2),
    "space to depth": lambda x: tf.nn.space_to_depth(x[..., None], 2),
    "the nearest": lambda x: tf.image.resize(x[..., None], [6, 12], method="nearest"),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_move_of_tensorflow_is_done_alike_on_numbers(name: str) -> None:
    x = np.arange(48, dtype=np.float32).reshape(2, 4, 6)
    graph = traced(MOVES[name], 2, 4, 6)
    np.testing.assert_array_equal(values(graph, x), MOVES[name](tf.constant(x)).numpy())


@pytest.mark.parametrize(
    ("multiply", "spec"),
    [
        (lambda x: tf.matmul(x, tf.transpose(x, [0, 2, 1])), "bai,bio->bao"),
        (lambda x: tf.matmul(x, x, transpose_b=True), "bai,boi->bao"),
        (lambda x: tf.matmul(x[0], x[0], transpose_a=True), "ia,io->ao"),
        (lambda x: tf.einsum("bij,bkj->bik", x, x), "bij,bkj->bik"),
        (lambda x: tf.einsum("...ij,kj->...ik", x, x[0]), "Aij,kj->Aik"),
    ],
)
def test_products_of_matrices_are_spelled_out(multiply: Callable[[Any], Any], spec: str) -> None:
    steps = traced(multiply, 2, 4, 6).steps
    assert [step.operation.spec for step in steps if isinstance(step.operation, Contract)] == [spec]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (
            layers.Conv2D(4, (3, 2), strides=2, padding="same"),
            Convolve((3, 2), (2, 2), ((1, 1), (0, 0)), (1, 1), 1, False, 3, (3, 2, 0, 1)),
        ),
        (
            layers.Conv2D(6, 3, groups=2, dilation_rate=2),  # TensorFlow cuts the map into blocks, and leaves no gaps
            Convolve((3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 2, False, 3, (3, 2, 0, 1)),
        ),
        (
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            Convolve((3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 4, False, 3, (3, 2, 0, 1)),
        ),
        (
            layers.Conv2DTranspose(5, 3, strides=2, padding="same"),
            Convolve((3, 3), (2, 2), ((0, 1), (0, 1)), (1, 1), 1, True, 3, (2, 3, 0, 1)),
        ),
    ],
)
def test_convolutions_are_what_their_layers_say(layer: Any, expected: Convolve) -> None:
    graph = graph_of(keras.Sequential([keras.Input((9, 8, 4)), layer]))
    assert [step.operation for step in graph.steps if isinstance(step.operation, Convolve)] == [expected]


TABLE = tf.Variable(np.ones((9, 6), np.float32))


@pytest.mark.parametrize(
    ("compute", "names"),
    [
        (lambda x: tf.cond(tf.size(x) > tf.cast(x[0, 0, 0], tf.int32), lambda: tf.nn.relu(x), lambda: -x), "relu neg"),
        (lambda x: tf.while_loop(lambda n, z: n < 3, lambda n, z: (n + 1, tf.tanh(z)), (0, x))[1], "tanh tanh"),
        (lambda x: tf.map_fn(lambda row: tf.sin(row), x), "sin sin"),  # noqa: PLW0108
        (lambda x: tf.recompute_grad(lambda z: tf.sin(z))(x), "sin"),  # noqa: PLW0108
        (lambda x: tf.exp(tf.gather(TABLE, tf.cast(x[0, 0], tf.int32))), "exp"),
        (lambda x: tf.exp(x @ tf.transpose(TABLE)), "exp"),
        (lambda x: tf.exp(tf.numpy_function(np.asarray, [x], tf.float32)), "exp"),
        (lambda x: tf.where(tf.random.uniform(tf.shape(x)) > 0.2, x / 0.8, 0.0), "greater div where"),
    ],
)
def test_what_tensorflow_wraps_is_opened(compute: Callable[[Any], Any], names: str) -> None:
    steps = traced(compute, 2, 4, 6).steps
    counts = {"add", "less"}  # of the turns of a loop
    found = [step.operation.function for step in steps if isinstance(step.operation, Map)]
    assert [name for name in found if name not in counts][-len(names.split()) :] == names.split()


def test_what_is_not_understood_keeps_its_name() -> None:
    assert [step.operation for step in traced(lambda x: tf.cumsum(x, axis=1), 2, 4).steps] == [Opaque("Cumsum")]
