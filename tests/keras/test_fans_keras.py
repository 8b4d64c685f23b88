"""Fans of Keras layers: against the counted table, and against connections counted with a ones-kernel and gradients."""

import csv
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

from effort import examples
from glorot.adapters import take_inventory as inventory
from glorot.fans import Fans
from glorot.keras.model import variables_of

LINES = (Path(__file__).parents[1] / "data" / "fans.csv").read_text(encoding="utf-8").splitlines()
TABLE = {row["layer"]: row for row in csv.DictReader(line for line in LINES if not line.startswith("#"))}

# the layer, the shape of its input, and the variable whose parts are meant
MODELS: dict[str, tuple[Callable[[], Any], tuple[int, ...], str]] = {
    "dense 300->100": (lambda: layers.Dense(100), (300,), "kernel"),
    "conv 64->128 3x3": (lambda: layers.Conv2D(128, 3), (8, 8, 64), "kernel"),
    "conv 64->128 3x3 groups=4": (lambda: layers.Conv2D(128, 3, groups=4), (8, 8, 64), "kernel"),
    "depthwise 64 3x3": (lambda: layers.DepthwiseConv2D(3), (8, 8, 64), "kernel"),
    "conv transpose 64->128 3x3": (lambda: layers.Conv2DTranspose(128, 3), (8, 8, 64), "kernel"),
    "fused QKV 64->192 (each part)": (lambda: layers.Dense(192, name="qkv"), (64,), "kernel"),
    "LSTM input weights 64->128 (each gate)": (lambda: layers.LSTM(128), (5, 64), "kernel"),
    "LSTM recurrent weights 128->128 (each gate)": (lambda: layers.LSTM(128), (5, 64), "recurrent_kernel"),
}
ABSENT = {"conv transpose 64->128 3x3 groups=4"}  # Keras's transposed convolutions have no groups


def built(layer: Any, shape: tuple[int, ...]) -> Any:
    layer(keras.Input(shape))
    return layer


def test_the_table_is_covered() -> None:
    assert set(MODELS) | ABSENT == set(TABLE)


@pytest.mark.parametrize("row", MODELS)
def test_the_inventory_gives_the_counted_fans_to_every_part(row: str) -> None:
    build, shape, variable = MODELS[row]
    parts = [part for part in inventory(built(build(), shape), False).parts if part.path == variable]
    assert {part.fans for part in parts} == {Fans(float(TABLE[row]["true_in"]), float(TABLE[row]["true_out"]))}
    assert len(parts) == {"fused": 3, "LSTM ": 4}.get(row[:5], 1)


@pytest.mark.parametrize("row", MODELS)
def test_stock_keras_counts_as_the_table_says(row: str) -> None:
    build, shape, variable = MODELS[row]
    stored = tuple(variables_of(built(build(), shape))[variable].shape)
    expected = (float(TABLE[row]["keras_in"]), float(TABLE[row]["keras_out"]))
    draw = {
        mode: keras.initializers.VarianceScaling(1.0, mode, "uniform", seed=0)(stored) for mode in ("fan_in", "fan_out")
    }
    for fan, values in zip(expected, draw.values(), strict=True):
        assert float(np.abs(keras.ops.convert_to_numpy(values)).max()) == pytest.approx(math.sqrt(3 / fan), rel=2e-2)


PAGE = (Path(__file__).parents[2] / "docs" / "keras.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| (\d+)/(\d+) \| (\d+)/(\d+) \| ([\d.]+)", PAGE, flags=re.MULTILINE)


def test_the_page_tells_the_ratios_of_the_counts() -> None:
    assert len(ROWS) == 8
    for layer, *counts, told in ROWS:
        true_in, true_out, stock_in, stock_out = map(int, counts)
        assert float(told) == pytest.approx((true_in + true_out) / (stock_in + stock_out), rel=0.03), layer


# counting connections


def with_ones(layer: Any) -> Any:
    for path, variable in variables_of(layer).items():
        variable.assign(np.full(variable.shape, 0.0 if "bias" in path else 1.0))
    return layer


def ratio(values: Any) -> float:
    """Return the mean of whole numbers, as one correctly rounded quotient."""
    array = np.asarray(values.numpy())
    assert (array == array.round()).all()
    return int(array.sum()) / array.size


def count(run: Callable[[Any], Any], inputs: Any, in_window: Any = ..., out_window: Any = ...) -> Fans:
    """Count the connections of a linear map whose coefficients are all 1, over windows of interior units."""
    x = tf.constant(inputs, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = run(x)
        total = tf.reduce_sum(y)
    return Fans(ratio(y[out_window]), ratio(tape.gradient(total, x)[in_window]))


def planned(layer: Any, name: str = "kernel") -> Fans | None:
    (fans,) = {part.fans for part in inventory(layer).parts if part.path == name}
    return fans


small = st.integers(1, 4)


@examples(15)
@given(small, small)
def test_dense(inputs: int, outputs: int) -> None:
    layer = with_ones(built(layers.Dense(outputs, dtype="float64"), (inputs,)))
    assert planned(layer) == planned(layer, "bias") == count(layer, np.ones((1, inputs)))


@st.composite
def windows(draw: st.DrawFn, rank: int, transposed: bool = False) -> tuple[dict[str, Any], list[int], Any]:
    """Draw what convolutions share, the extents of an input, and the window of interior units, one stride each way."""
    per_axis = st.lists(st.integers(1, 3), min_size=rank, max_size=rank).map(tuple)
    kernel, stride = draw(per_axis), draw(per_axis)
    dilation = draw(per_axis) if max(stride) == 1 and not transposed else (1,) * rank  # Keras has not both
    reach = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
    extents = [r // s + 2 if transposed else 2 * r + s for r, s in zip(reach, stride, strict=True)]
    window = (slice(None), *(slice(r, r + s) for r, s in zip(reach, stride, strict=True)))
    return {"kernel_size": kernel, "strides": stride, "dilation_rate": dilation, "dtype": "float64"}, extents, window


CONV = {1: layers.Conv1D, 2: layers.Conv2D, 3: layers.Conv3D}
TRANSPOSED = {1: layers.Conv1DTranspose, 2: layers.Conv2DTranspose, 3: layers.Conv3DTranspose}


@examples(25)
@given(st.data(), st.integers(1, 3), small, small)
def test_convolutions(data: st.DataObject, rank: int, inputs: int, outputs: int) -> None:
    given_, extents, window = data.draw(windows(rank))
    layer = with_ones(built(CONV[rank](outputs, **given_), (*extents, inputs)))
    assert planned(layer) == count(layer, np.ones((1, *extents, inputs)), in_window=window)


@examples(4)  # TensorFlow compiles each of them
@given(st.data(), st.integers(2, 3), st.integers(1, 2), st.integers(1, 2))
def test_convolutions_in_groups(data: st.DataObject, groups: int, inputs: int, outputs: int) -> None:
    given_, extents, window = data.draw(windows(1))
    layer = with_ones(built(layers.Conv1D(outputs * groups, groups=groups, **given_), (*extents, inputs * groups)))
    assert planned(layer) == count(layer, np.ones((1, *extents, inputs * groups)), in_window=window)


@examples(25)
@given(st.data(), st.integers(1, 3), small, small)
def test_transposed_convolutions(data: st.DataObject, rank: int, inputs: int, outputs: int) -> None:
    given_, extents, window = data.draw(windows(rank, transposed=True))
    layer = with_ones(built(TRANSPOSED[rank](outputs, **given_), (*extents, inputs)))
    assert planned(layer) == count(layer, np.ones((1, *extents, inputs)), out_window=window)


@st.composite
def depthwise(draw: st.DrawFn) -> tuple[int, dict[str, Any], list[int], Any]:
    rank = draw(st.integers(1, 2))
    given_, extents, window = draw(windows(rank))
    given_["strides"] = (given_["strides"][0],) * rank  # TensorFlow strides both axes alike
    given_["dilation_rate"] = (given_["dilation_rate"][0] if given_["strides"][0] == 1 else 1,) * rank
    reach = [(k - 1) * d for k, d in zip(given_["kernel_size"], given_["dilation_rate"], strict=True)]
    extents = [2 * r + s for r, s in zip(reach, given_["strides"], strict=True)]
    window = (slice(None), *(slice(r, r + s) for r, s in zip(reach, given_["strides"], strict=True)))
    return rank, {**given_, "depth_multiplier": draw(small)}, extents, window


@examples(25)
@given(depthwise(), small)
def test_depthwise_convolutions(drawn: tuple[int, dict[str, Any], list[int], Any], inputs: int) -> None:
    rank, given_, extents, window = drawn
    kind = {1: layers.DepthwiseConv1D, 2: layers.DepthwiseConv2D}[rank]
    layer = with_ones(built(kind(**given_), (*extents, inputs)))
    assert planned(layer) == count(layer, np.ones((1, *extents, inputs)), in_window=window)


@examples(15)
@given(depthwise(), small, small)
def test_separable_convolutions_are_two(
    drawn: tuple[int, dict[str, Any], list[int], Any], inputs: int, outputs: int
) -> None:
    rank, given_, extents, window = drawn
    kind = {1: layers.SeparableConv1D, 2: layers.SeparableConv2D}[rank]
    first = {1: layers.DepthwiseConv1D, 2: layers.DepthwiseConv2D}[rank]
    layer = with_ones(built(kind(outputs, **given_), (*extents, inputs)))
    depth = with_ones(built(first(**given_), (*extents, inputs)))
    point = with_ones(built(CONV[rank](outputs, 1, dtype="float64"), (*extents, inputs * given_["depth_multiplier"])))
    ones = np.ones((1, *extents, inputs))
    assert planned(layer, "depthwise_kernel") == count(depth, ones, in_window=window)
    many = np.ones((1, *extents, inputs * given_["depth_multiplier"]))
    assert planned(layer, "pointwise_kernel") == planned(layer, "bias") == count(point, many)
    np.testing.assert_allclose(layer(ones), point(depth(ones)))


@st.composite
def equations(draw: st.DrawFn) -> tuple[str, str, dict[str, int], str]:
    """Draw an einsum of a dense layer: copies, inputs and outputs in any number and order."""
    letters = draw(st.permutations("bcdefghk"))
    copies, sums, units = (letters[at : at + draw(st.integers(least, 2))] for at, least in ((0, 0), (2, 1), (4, 1)))
    sizes = {letter: draw(st.integers(1, 3)) for letter in letters}
    inside, kernel, outside = (
        "".join(draw(st.permutations(axes))) for axes in (copies + sums, copies + sums + units, copies + units)
    )
    bias = "".join(letter for letter in outside if draw(st.booleans()))
    return f"a{inside},{kernel}->a{outside}", inside, sizes, bias


@examples(60)
@given(equations())
def test_einsums(drawn: tuple[str, str, dict[str, int], str]) -> None:
    equation, inside, sizes, bias = drawn
    outside = equation.partition("->a")[2]
    shape = tuple(sizes[letter] for letter in inside)
    layer = layers.EinsumDense(
        equation, tuple(sizes[letter] for letter in outside), bias_axes=bias or None, dtype="float64"
    )
    with_ones(built(layer, shape))
    assert planned(layer) == count(layer, np.ones((1, *shape)))
    if bias:
        assert planned(layer, "bias") == planned(layer)


@examples(10)
@given(small, small)
def test_embedding_looks_one_row_up(rows: int, dim: int) -> None:
    layer = with_ones(built(layers.Embedding(rows, dim, dtype="float64"), (2,)))
    one_hot = np.eye(1, rows)
    assert planned(layer, "embeddings") == count(lambda x: x @ tf.convert_to_tensor(layer.embeddings), one_hot)


CELLS = {
    "LSTM": (layers.LSTM, 4),
    "GRU": (layers.GRU, 3),
    "SimpleRNN": (layers.SimpleRNN, 1),
}


@pytest.mark.parametrize("kind", CELLS)
@examples(8)
@given(inputs=small, units=small)
def test_each_gate_is_a_dense_layer_of_its_own(kind: str, inputs: int, units: int) -> None:
    build, gates = CELLS[kind]
    layer = with_ones(built(build(units, dtype="float64"), (3, inputs)))
    every = inventory(layer).parts
    for name, size in (("kernel", inputs), ("recurrent_kernel", units)):
        parts = [part for part in every if part.path == name]
        assert len(parts) == gates
        pieces = tf.split(tf.convert_to_tensor(variables_of(layer)[name]), gates, axis=1)
        for part, piece in zip(parts, pieces, strict=True):
            assert part.fans == count(lambda x, piece=piece: x @ piece, np.ones((1, size)))


def test_a_gate_of_a_convolutional_lstm_is_a_convolution() -> None:
    layer = built(layers.ConvLSTM1D(4, 3, strides=2, padding="same", dtype="float64"), (5, 9, 2))
    into = with_ones(built(layers.Conv1D(4, 3, strides=2, dtype="float64"), (6, 2)))
    around = with_ones(built(layers.Conv1D(4, 3, dtype="float64"), (5, 4)))
    assert planned(layer) == count(into, np.ones((1, 6, 2)), in_window=(slice(None), slice(2, 4)))
    assert planned(layer, "recurrent_kernel") == count(around, np.ones((1, 5, 4)), in_window=(slice(None), slice(2, 3)))


@examples(8)
@given(small, small, small, small)
def test_heads_of_attention(width: int, heads: int, size: int, outputs: int) -> None:
    layer = layers.MultiHeadAttention(heads, size, value_dim=size + 1, output_shape=outputs, dtype="float64")
    layer.build((None, 5, width), (None, 5, width))
    with_ones(layer)
    found = {part.path: part.fans for part in inventory(layer).parts if part.role == "kernel"}
    ones, mixed = np.ones((1, 1, width)), np.ones((1, 1, heads, size + 1))
    assert found["query.kernel"] == count(layer._query_dense, ones)
    assert found["value.kernel"] == count(layer._value_dense, ones)
    assert found["output.kernel"] == count(layer._output_dense, mixed)
