"""Plan and apply on Keras models: the values of the stream where each layout says, every element once."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import layers
from keras_zoo import LAYERS, assigned, built, planned, poisoned, values_of
from numpy.typing import NDArray

import glorot
from effort import slow_after
from glorot import stream
from glorot.adapters import take_inventory as inventory
from glorot.arrays import filled
from glorot.distributions import Constant, Normal, Uniform
from glorot.errors import GlorotError
from glorot.inventory import Part, View
from glorot.keras.model import variables_of
from glorot.keras.weights import write
from glorot.plans import Assignment, assignments, resolve
from glorot.recipes import as_recipe

Array = NDArray[Any]
Pieces = dict[str, Array]


def gates(order: str, axis: int, turn: Callable[[Array], Array] = np.transpose) -> Callable[[Pieces], Array]:
    return lambda p: np.concatenate([turn(p[f"[{gate}]"]) for gate in order], axis)


def two_rows(p: Pieces) -> Array:
    return np.stack([np.concatenate([p[f"[{whence}_{gate}]"] for gate in "zrn"]) for whence in ("input", "recurrent")])


def of_groups(p: Pieces) -> Array:
    return np.concatenate([np.transpose(group, (2, 3, 1, 0)) for group in p[""]], axis=3)


def of_channels(p: Pieces) -> Array:
    return np.stack([np.transpose(channel[:, 0], (1, 2, 0)) for channel in p[""]], axis=2)


WHOLE: Callable[[Pieces], Array] = lambda p: p[""]  # noqa: E731
MATRIX: Callable[[Pieces], Array] = lambda p: p[""].T  # noqa: E731
CONV_GATE: Callable[[Array], Array] = lambda gate: np.transpose(gate, (2, 3, 1, 0))  # noqa: E731

# how Keras stores the pieces of each variable, written out
STORED: dict[str, dict[str, Callable[[Pieces], Array]]] = {
    "Dense": {"kernel": MATRIX, "bias": WHOLE},
    "EinsumDense": {"kernel": lambda p: p[""].T.reshape(3, 2, 4), "bias": lambda p: p[""].reshape(2, 4)},
    "EinsumDense of experts": {"kernel": lambda p: np.transpose(p[""], (0, 2, 1)), "bias": WHOLE},
    "EinsumDense of words": {"kernel": MATRIX},
    "EinsumDense in the middle": {"kernel": MATRIX, "bias": lambda p: p[""].reshape(4, 1)},
    "EinsumDense of outputs first": {"kernel": lambda p: p[""].reshape(4, 2, 3), "bias": WHOLE},
    "Conv1D": {"kernel": lambda p: np.transpose(p[""], (2, 1, 0))},
    "Conv2D": {"kernel": lambda p: np.transpose(p[""], (2, 3, 1, 0)), "bias": WHOLE},
    "Conv2D of channels first": {"kernel": lambda p: np.transpose(p[""], (2, 3, 1, 0))},
    "Conv3D": {"kernel": lambda p: np.transpose(p[""], (2, 3, 4, 1, 0))},
    "Conv2D in groups": {"kernel": of_groups},
    "Conv1DTranspose": {"kernel": lambda p: np.transpose(p[""], (2, 0, 1))},
    "Conv2DTranspose": {"kernel": lambda p: np.transpose(p[""], (2, 3, 0, 1))},
    "Conv3DTranspose": {"kernel": lambda p: np.transpose(p[""], (2, 3, 4, 0, 1))},
    "DepthwiseConv1D": {"kernel": lambda p: np.transpose(p[""][:, :, 0], (2, 0, 1)), "bias": WHOLE},
    "DepthwiseConv2D": {"kernel": of_channels},
    "DepthwiseConv2D of one channel": {"kernel": lambda p: np.transpose(p[""], (2, 3, 1, 0))},
    "SeparableConv2D": {
        "depthwise_kernel": of_channels,
        "pointwise_kernel": lambda p: np.transpose(p[""], (2, 3, 1, 0)),
        "bias": WHOLE,
    },
    "Embedding": {"embeddings": WHOLE},
    "ReversibleEmbedding": {"embeddings": WHOLE, "reverse_embeddings": MATRIX},
    "SimpleRNN": {"kernel": MATRIX, "recurrent_kernel": MATRIX, "bias": WHOLE},
    "LSTM": {"kernel": gates("ifgo", 1), "recurrent_kernel": gates("ifgo", 1), "bias": gates("ifgo", 0)},
    "GRU": {"kernel": gates("zrn", 1), "recurrent_kernel": gates("zrn", 1), "bias": two_rows},
    "GRU that resets before": {"bias": gates("zrn", 0)},
    "Bidirectional": {"forward.kernel": gates("ifgo", 1), "backward.recurrent_kernel": gates("ifgo", 1)},
    "RNN of stacked cells": {"cells.0.kernel": gates("ifgo", 1), "cells.1.recurrent_kernel": MATRIX},
    "ConvLSTM2D": {
        "kernel": gates("ifgo", 3, CONV_GATE),
        "recurrent_kernel": gates("ifgo", 3, CONV_GATE),
        "bias": gates("ifgo", 0),
    },
    "LayerNormalization": {"gamma": WHOLE, "beta": WHOLE},
    "PReLU": {"alpha": WHOLE},
    "AdditiveAttention": {"attention.scale": lambda p: p[""][0]},
    "MultiHeadAttention": {
        "attention.query.kernel": lambda p: p[""].T.reshape(3, 2, 4),
        "attention.query.bias": lambda p: p[""].reshape(2, 4),
        "attention.value.kernel": lambda p: p[""].T.reshape(3, 2, 4),
        "attention.output.kernel": lambda p: p[""].T.reshape(2, 4, 3),
        "attention.output.bias": WHOLE,
    },
    "GroupQueryAttention": {
        "attention.key.kernel": lambda p: p[""].T.reshape(3, 2, 4),
        "attention.output.kernel": lambda p: p[""].T.reshape(4, 4, 3),
    },
}


@pytest.mark.parametrize("kind", STORED)
def test_stored_variables_are_views_of_the_stream(kind: str) -> None:
    model = poisoned(built(kind))
    write(model, assigned(model, "zeros", 5, rules=[("*", "normal(1.0)")]))
    stored, parts = values_of(model), inventory(model).parts
    for path, layout in STORED[kind].items():
        pieces = {
            part.name.removeprefix(path): stream.draw(stream.key_of(5, part.name), Normal(), part.shape, part.axes)
            for part in parts
            if part.path == path
        }
        np.testing.assert_array_equal(stored[path], layout(pieces), err_msg=path)


@pytest.mark.parametrize("kind", LAYERS)
def test_parts_cover_every_element_once(kind: str) -> None:
    model = poisoned(built(kind))
    parts = inventory(model).parts
    numbered = [Assignment(part, Constant(n), stream.key_of(0, "")) for n, part in enumerate(parts, start=1)]
    write(model, numbered)
    written = np.concatenate([values.ravel() for values in _untied(model).values()])
    values, counts = np.unique(written, return_counts=True)
    assert values.tolist() == list(range(1, len(parts) + 1))  # NaN, what was not written, would be here too
    assert counts.tolist() == [math.prod(part.shape) for part in parts]


def _untied(model: Any) -> dict[str, Array]:
    tied = {parameter.path for parameter in inventory(model).parameters if parameter.tied_to is not None}
    return {path: values for path, values in values_of(model).items() if path not in tied}


RECIPES = ["auto", "random", "xavier", "he", "lecun", "standard", "zeros"]


@pytest.mark.parametrize("recipes", slow_after(1, [RECIPES[:2], RECIPES[2:]]), ids="-".join)
@pytest.mark.parametrize("kind", LAYERS)
def test_every_recipe_starts_every_layer(kind: str, recipes: list[str]) -> None:
    model = built(kind)
    seen = inventory(model)
    for recipe in recipes:
        plan = resolve(seen, as_recipe(recipe))
        assert all(entry.distribution is not None and entry.why for entry in plan.entries), recipe
        write(poisoned(model), assignments(plan, seen, 0))
        assert all(np.isfinite(values).all() for values in values_of(model).values()), recipe


def test_orthogonal_gates_are_orthogonal_each() -> None:
    model = built("GRU")
    write(model, assigned(model, "auto", 0))
    for gate in np.split(values_of(model)["recurrent_kernel"], 3, axis=1):
        np.testing.assert_allclose(gate.T @ gate, np.eye(4), atol=1e-5)


def test_a_matrix_law_is_drawn_in_the_order_of_the_part() -> None:
    model = built("EinsumDense")
    write(model, assigned(model, "orthogonal", 3))
    drawn = glorot.draw("orthogonal", (3, 8), seed=3, name="kernel")
    np.testing.assert_array_equal(values_of(model)["kernel"], drawn.reshape(3, 2, 4))


# the public verbs


def small() -> Any:
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(5, activation="relu"),
            layers.Dense(4),
            layers.Activation("tanh"),
            layers.Dense(2),
        ]
    )


def test_the_verbs_take_a_keras_model() -> None:
    model = small()
    plan = glorot.plan(model)
    assert plan["layers.1.kernel"].why == "gain for relu"
    assert plan["layers.3.kernel"].why == "gain for tanh"
    assert glorot.apply(plan, model, seed=7) is model
    np.testing.assert_array_equal(
        values_of(model)["layers.0.kernel"],
        stream.draw(stream.key_of(7, "layers.0.kernel"), plan["layers.0.kernel"].distribution, (5, 3)).T,
    )
    same = glorot.initialize(small(), seed=7)
    for path, values in values_of(model).items():
        np.testing.assert_array_equal(values, values_of(same)[path])


def test_draw_equals_a_dense_and_a_convolution_as_keras_stores_them() -> None:
    dense, conv = built("Dense"), built("Conv2D")
    for model in (dense, conv):
        write(model, assigned(model, "xavier_uniform", 3))
    np.testing.assert_array_equal(
        values_of(dense)["kernel"], glorot.draw("xavier_uniform", (3, 4), seed=3, name="kernel")
    )
    np.testing.assert_array_equal(
        values_of(conv)["kernel"], glorot.draw("xavier_uniform", (3, 2, 2, 4), seed=3, name="kernel")
    )


# shared with PyTorch

TWINS: dict[str, tuple[Any, Callable[[], torch.nn.Module], tuple[int, ...]]] = {
    "dense": (lambda: layers.Dense(4), lambda: torch.nn.Linear(3, 4), (3,)),
    "conv": (lambda: layers.Conv2D(4, (3, 2)), lambda: torch.nn.Conv2d(3, 4, (3, 2)), (7, 6, 3)),
    "strided": (lambda: layers.Conv1D(4, 3, strides=2), lambda: torch.nn.Conv1d(3, 4, 3, stride=2), (9, 3)),
    "groups": (lambda: layers.Conv2D(6, 3, groups=3), lambda: torch.nn.Conv2d(3, 6, 3, groups=3), (7, 6, 3)),
    "depthwise": (
        lambda: layers.DepthwiseConv2D(3, depth_multiplier=2),
        lambda: torch.nn.Conv2d(3, 6, 3, groups=3),
        (7, 6, 3),
    ),
    "transposed": (
        lambda: layers.Conv2DTranspose(4, 3, strides=2),
        lambda: torch.nn.ConvTranspose2d(3, 4, 3, stride=2),
        (5, 4, 3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("twin", TWINS)
def test_pytorch_computes_the_same_from_shared_names(twin: str) -> None:
    build, module, shape = TWINS[twin]
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    ours, theirs = build(), module()
    ours(x)
    rules = [("*", "normal(0.5)")]
    glorot.initialize(theirs, "zeros", seed=1, rules=rules)
    plan = glorot.plan(theirs, "zeros", rules=rules)
    glorot.apply(plan, ours, seed=1, names={"kernel": "weight"})
    rank = len(shape)
    with torch.no_grad():
        channels_first = torch.from_numpy(x.transpose(0, rank, *range(1, rank)).copy())
        expected = theirs(channels_first).numpy()
    found = keras.ops.convert_to_numpy(ours(x))
    np.testing.assert_allclose(found.transpose(0, rank, *range(1, rank)), expected, atol=1e-5)
    bits = {math.prod(v.shape): np.sort(v.ravel()).tobytes() for v in values_of(ours).values()}
    assert bits == {p.numel(): np.sort(p.detach().numpy().ravel()).tobytes() for p in theirs.parameters()}


def test_heads_lie_as_the_rows_of_a_pytorch_projection() -> None:
    ours = built("MultiHeadAttention")
    theirs = torch.nn.Linear(3, 8)
    glorot.initialize(theirs, "xavier_normal", seed=2)
    glorot.initialize(ours, "xavier_normal", seed=2, names={"attention.query.kernel": "weight"})
    query = values_of(ours)["attention.query.kernel"]  # (D, H, hd)
    np.testing.assert_array_equal(query.reshape(3, 8).T, theirs.weight.detach().numpy())


# what is left alone


def test_only_the_parts_of_a_rule_are_written() -> None:
    model = built("LSTM")
    before = values_of(model)
    write(model, assigned(model, "current", 0, rules=[("kernel[g]", "constant(7)")]))
    after = values_of(model)
    np.testing.assert_array_equal(after["kernel"][:, 8:12], np.full((3, 4), 7.0, np.float32))
    after["kernel"][:, 8:12] = before["kernel"][:, 8:12]
    for path, values in before.items():
        np.testing.assert_array_equal(after[path], values)


def test_what_a_rule_leaves_alone_keeps_its_float64() -> None:
    model = built("LSTM", "float64")
    before = values_of(model)["kernel"]
    write(model, assigned(model, "current", 0, rules=[("kernel[g]", "constant(7)")]))
    after = values_of(model)["kernel"]
    assert after.dtype == np.float64
    assert (before.astype(np.float32) != before).any()
    np.testing.assert_array_equal(np.delete(after, slice(8, 12), 1), np.delete(before, slice(8, 12), 1))


def test_statistics_seeds_optimizers_and_metrics_stay() -> None:
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5, seed=1), layers.Dense(2)]
    )
    model.compile("adam", "mse", metrics=["mae"], run_eagerly=True)
    model.fit(np.ones((4, 3)), np.ones((4, 2)), epochs=0, verbose=0)
    model.optimizer.build(model.trainable_variables)
    state = (
        [v for v in model.variables if not v.trainable and "moving_" not in v.name]
        + model.optimizer.variables
        + model.metrics_variables
    )
    before = [keras.ops.convert_to_numpy(v).copy() for v in state]
    assert len(state) > 8
    write(model, assigned(model, "random", 0))
    for values, variable in zip(before, state, strict=True):
        np.testing.assert_array_equal(values, keras.ops.convert_to_numpy(variable))


# dtypes


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "mixed_float16"])
def test_values_are_cast_once(dtype: str) -> None:
    model, reference = built("Dense", dtype), built("Dense")
    for one in (model, reference):
        write(one, assigned(one, "xavier_normal", 3))
    stored, exact = values_of(model)["kernel"], values_of(reference)["kernel"]
    assert stored.dtype.name == dtype.replace("mixed_float16", "float32")
    np.testing.assert_array_equal(stored, exact.astype(stored.dtype))


def test_a_law_beyond_the_dtype_is_refused_and_nothing_is_written() -> None:
    model = built("LSTM", "float16")
    before = values_of(model)
    with pytest.raises(GlorotError) as caught:
        write(model, assigned(model, "random", 0, rules=[("bias[o]", "constant(1e5)")]))
    words = "bias[o]: Constant(value=100000.0) reaches 100000, but float16 holds at most 65504"
    assert str(caught.value) == f"{words}; choose a smaller scale or a wider dtype"
    for path, values in before.items():
        np.testing.assert_array_equal(values_of(model)[path], values)


class Counting(layers.Layer):
    def build(self, shape: Any) -> None:
        self.count = self.add_weight(shape=(3,), dtype="int32", initializer="zeros")

    def call(self, x: Any) -> Any:
        return x


def test_integers_are_refused() -> None:
    model = Counting()
    model(np.ones((2, 3)))
    with pytest.raises(GlorotError) as caught:
        write(model, assigned(model, "zeros", 0, rules=[("count", "zeros")]))
    assert str(caught.value) == (
        "count: dtype int32 holds no weights that are drawn; expected float32, bfloat16, float16, float64 or a float8 "
        "that has a sign and a zero; cast it, or skip it by a rule"
    )
    write(model, assigned(model, "zeros", 0, rules=[("count", "skip")]))


def test_a_matrix_law_on_a_bias_is_refused_by_name() -> None:
    model = small()
    with pytest.raises(GlorotError, match=r"^layers\.0\.bias: orthogonal"):
        planned(model, rules=[("layers.0.bias", "orthogonal")])


# the middle, without a framework


def test_arrays_are_filled_without_a_framework() -> None:
    part = Part("w[b]", "oi", (2, 3), "kernel", "Dense", view=View(box=((0, 3), (2, 4)), order=(1, 0)))
    key, law = stream.key_of(1, "w[b]"), Uniform.symmetric(0.5)
    current = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    array = filled((3, 4), [Assignment(part, law, key)], current)
    np.testing.assert_array_equal(array[:, :2], current[:, :2])
    np.testing.assert_array_equal(array[:, 2:], stream.draw(key, law, (2, 3)).T)
    assert current[0, 2] == 2.0  # what was handed in stays


def test_every_variable_has_one_path() -> None:
    model = built("Bidirectional")
    assert len(variables_of(model)) == len(model.trainable_variables) == 6
