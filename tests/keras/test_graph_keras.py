"""The graph of a Keras model: the same on every backend, and as that of the same functions of jax.numpy."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import tensorflow as tf
from graph_on_backend import MODELS, C, between, functions, graph_of, state_of, told, told_between, traced
from keras import layers, ops

from glorot.errors import GlorotError
from glorot.graph import Folded, Graph
from glorot.graph.operations import Slice
from glorot.inventory.seen import seen_in
from glorot.jax.graph import lower as lower_jaxpr
from glorot.keras.graph import lower
from glorot.keras.model import variables_of

SCRIPT = Path(__file__).parent / "graph_on_backend.py"
BACKENDS = ("tensorflow", "jax", "torch")

# ---- functions between two layers -----------------------------------------------------------------------------------

N = jax.nn
IN_JAX: dict[str, Callable[[Any], Any]] = {
    "celu": N.celu,
    "gelu_by_tanh": lambda z: 0.5 * z * (1 + jnp.tanh(C * (z + 0.044715 * z * z * z))),
    "hard_swish": lambda z: z * N.relu6(z + 3) / 6,
    "where_leaky": lambda z: jnp.where(z > 0, z, 0.1 * z),
    "mish": lambda z: z * jnp.tanh(N.softplus(z)),
    "relu_by_abs": lambda z: (jnp.abs(z) + z) / 2,
    "relu_squared": lambda z: N.relu(z) ** 2,
    "relu_times_relu": lambda z: N.relu(z) * N.relu(z),
    "tanh_of_half": lambda z: jnp.tanh(z / 2),
    "twice_relu": lambda z: 2 * N.relu(z),
    "tanh_plus_one": lambda z: jnp.tanh(z) + 1,
    "quick_gelu": lambda z: z * N.sigmoid(1.702 * z),
    "threshold_by_where": lambda z: jnp.where(z > 0.5, z, 0.0),
    "sine_of_30": lambda z: jnp.sin(30 * z),
    "activations.celu": N.celu,
    "activations.elu": N.elu,
    "activations.exponential": jnp.exp,
    "activations.gelu": lambda z: N.gelu(z, approximate=False),
    "activations.glu": N.glu,
    "activations.hard_shrink": lambda z: jnp.where(jnp.abs(z) > 0.5, z, 0.0),
    "activations.hard_sigmoid": N.hard_sigmoid,
    "activations.hard_silu": N.hard_silu,
    "activations.hard_tanh": N.hard_tanh,
    "activations.leaky_relu": lambda z: N.leaky_relu(z, 0.2),
    "activations.linear": lambda z: z,
    "activations.log_sigmoid": N.log_sigmoid,
    "activations.log_softmax": N.log_softmax,
    "activations.mish": N.mish,
    "activations.relu": N.relu,
    "activations.relu6": N.relu6,
    "activations.selu": N.selu,
    "activations.sigmoid": N.sigmoid,
    "activations.silu": N.silu,
    "activations.soft_shrink": lambda z: jnp.sign(z) * N.relu(jnp.abs(z) - 0.5),
    "activations.softmax": N.softmax,
    "activations.softplus": N.softplus,
    "activations.softsign": N.soft_sign,
    "activations.sparse_plus": N.sparse_plus,
    "activations.sparse_sigmoid": N.sparse_sigmoid,
    "activations.squareplus": N.squareplus,
    "activations.tanh": jnp.tanh,
    "activations.tanh_shrink": lambda z: z - jnp.tanh(z),
    "activations.threshold": lambda z: jnp.where(z > 0.5, z, 0.1),
}


def in_jax(function: Callable[[Any], Any]) -> list[Any]:
    """Return what the graph of jax.numpy tells of a function between two layers."""
    width = jax.eval_shape(function, jnp.ones(8)).shape[0]
    shapes = [(8, 8), (width, 8), (8, 3)]

    def net(weights: Any, x: Any) -> Any:
        first, second, third = weights
        return jnp.tanh(function(x @ first) @ second) @ third

    jaxpr = jax.make_jaxpr(net)([np.ones(shape, np.float32) for shape in shapes], np.ones((4, 8), np.float32))

    def leaves(graph: Graph) -> list[int]:
        return [*(graph.parameter(str(n), shape) for n, shape in enumerate(shapes)), graph.input((4, 8))]

    return told_between(lower_jaxpr(jaxpr, leaves))


def test_every_function_is_compared() -> None:
    assert set(functions()) == set(IN_JAX)


@pytest.mark.parametrize("name", IN_JAX)
def test_a_function_between_two_layers_is_what_it_is_in_jax(name: str) -> None:
    assert told_between(graph_of(between(functions()[name]))) == in_jax(IN_JAX[name])


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (lambda: layers.ReLU(6.0), "relu6"),
        (lambda: layers.ReLU(negative_slope=0.1), "leaky_relu(negative_slope=0.1)"),
        (lambda: layers.LeakyReLU(0.3), "leaky_relu(negative_slope=0.3)"),
        (lambda: layers.ELU(0.5), "elu(alpha=0.5)"),
        (layers.PReLU, "relu"),  # its slope starts at 0
        (lambda: layers.PReLU(keras.initializers.Constant(0.1)), "leaky_relu(negative_slope=0.1)"),
        (lambda: layers.PReLU(ops.ones), "leaky_relu(negative_slope=0.25)"),
        (layers.LayerNormalization, "identity"),
        (layers.RMSNormalization, "identity"),
        (lambda: layers.GroupNormalization(4), "identity"),
        (layers.BatchNormalization, "identity"),
        (lambda: layers.Dropout(0.3), "identity"),
    ],
)
def test_a_layer_between_two_layers_is_known_by_what_it_computes(layer: Callable[[], Any], name: str) -> None:
    assert told_between(graph_of(between(layer())))[0] == name


def test_a_norm_starts_a_signal_of_its_own() -> None:
    given = keras.Input((8,))
    x = layers.BatchNormalization()(ops.gelu(layers.Dense(8)(given), approximate=False))
    model = keras.Model(given, layers.Dense(2)(ops.tanh(x)))
    seen = seen_in(Folded(graph_of(model)))
    assert (seen["layers.0.kernel"].followed_by, seen["layers.2.kernel"].source.text) == ("gelu", "tanh")


def test_a_mask_is_no_part_of_the_signal() -> None:
    given = keras.Input((6,), dtype="int32")
    model = keras.Model(given, layers.LSTM(4)(layers.Embedding(9, 4, mask_zero=True)(given)))
    assert told(graph_of(model))["sources"]["layers.1.recurrent_kernel"][0] == "sigmoid × tanh"


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "softplus"])
@pytest.mark.parametrize(
    "norm",
    [
        layers.LayerNormalization,
        layers.RMSNormalization,
        layers.UnitNormalization,
        lambda: layers.GroupNormalization(4),
    ],
    ids=["layer", "rms", "unit", "group"],
)
def test_a_norm_is_known_after_any_activation(norm: Callable[[], Any], activation: str) -> None:
    """One that saturates hides how its own input was scaled."""
    given = keras.Input((32,))
    model = keras.Model(given, layers.Dense(3)(norm()(layers.Dense(32, activation=activation)(given))))
    seen = seen_in(Folded(graph_of(model)))
    assert seen["layers.2.kernel"].source.text == "identity"
    assert seen["layers.0.kernel"].followed_by == activation


# ---- the same model on every backend ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    """What the graphs show on each backend, in a process of its own."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(BACKENDS, pool.map(run_on, BACKENDS), strict=True))


def run_on(backend: str) -> dict[str, Any]:
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert result["backend"] == backend
    return result


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("what", ["order", "roles", "sources", "followers"])
@pytest.mark.parametrize("model", MODELS)
def test_a_model_has_one_graph(found: dict[str, dict[str, Any]], model: str, what: str, backend: str) -> None:
    here, there = found[backend][model][what], found["tensorflow"][model][what]
    assert here == there


UNLIKE = {"torch": {"activations.sparse_plus", "activations.log_softmax"}}
"""What PyTorch's own graph does not know yet: zeros like a tensor on meta, and the logarithm of shares."""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_function_is_one_on_every_backend(found: dict[str, dict[str, Any]], backend: str) -> None:
    here, there = found["tensorflow"]["functions"], found[backend]["functions"]
    assert {name for name in here if here[name] != there[name]} == UNLIKE.get(backend, set())


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_left_opaque(found: dict[str, dict[str, Any]], backend: str) -> None:
    assert [found[backend][model]["opaque"] for model in ("sequence", "image")] == [[], []]


@pytest.mark.parametrize("model", MODELS)
def test_every_variable_that_runs_has_a_role(model: str) -> None:
    build, shape = MODELS[model]
    built = build()
    roles = told(graph_of(built, shape))["roles"]
    assert set(variables_of(built)) - set(roles) == ({"unused.kernel", "unused.bias"} if shape else set())


def test_a_subclassed_model_is_seen_in_the_order_in_which_it_runs() -> None:
    build, shape = MODELS["subclassed"]
    seen = told(graph_of(build(), shape))
    assert seen["order"][:2] == ["first.kernel", "stack.0.kernel"]
    assert seen["order"][-1] == "last.kernel"
    assert (seen["roles"]["gain"], seen["roles"]["places"]) == ("scale", "shift")
    assert seen["sources"]["last.kernel"][0] == "silu"
    assert seen["followers"]["first.kernel"] == "relu"


def test_the_gates_of_a_cell_are_pieces_of_one_product() -> None:
    graph = graph_of(keras.Sequential([keras.Input((6, 3)), layers.LSTM(4)]))
    cuts = {step.operation.index[1] for step in graph.steps if isinstance(step.operation, Slice) and graph.shape(step.result) == (2, 4)}  # fmt: skip
    assert cuts >= {(0, 4, 1), (4, 8, 1), (8, 12, 1), (12, 16, 1)}
    assert told(graph)["sources"]["layers.0.recurrent_kernel"][0] == "sigmoid × tanh"


# ---- what is given ---------------------------------------------------------------------------------------------------


def test_a_model_of_open_sizes_is_followed_on_the_first_that_fit() -> None:
    given = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, strides=2)(layers.Conv2D(4, 7, strides=4)(given))
    graph = graph_of(keras.Model(given, layers.Dense(2)(layers.GlobalMaxPooling2D()(x))))
    assert [graph.shape(value.id) for value in graph.values if value.leaf == "input"] == [(2, 32, 32, 3)]


def test_named_inputs_go_by_their_names() -> None:
    one, other = keras.Input((3,), name="one"), keras.Input((4,), name="other")
    model = keras.Model({"one": one, "other": other}, layers.Dense(2)(layers.Concatenate()([one, other])))
    graph = graph_of(model)
    assert sorted(graph.shape(value.id) for value in graph.values if value.leaf == "input") == [(2, 3), (2, 4)]


def test_narrow_numbers_are_compared_with_more_tolerance() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, dtype="bfloat16")])
    assert (graph_of(model).tolerance, traced(lambda x: x + 1, 2).tolerance) == (2e-2, 1e-4)


def test_looking_leaves_the_state_alone() -> None:
    build, shape = MODELS["subclassed"]
    model = build()
    before = state_of(model)
    graph_of(model, shape)
    assert state_of(model) == before
    model(np.ones(shape, np.float32))
    assert state_of(model) != before  # the seed of its dropout


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_a_batch_that_does_not_fit_is_refused() -> None:
    model = keras.Sequential([keras.Input((8,)), layers.Dense(2)])
    with pytest.raises(
        GlorotError, match=r"^the batch does not fit the model: .*expected axis -1 of input shape to have"
    ):
        graph_of(model, (2, 7))


def test_a_model_that_asks_for_numbers_is_refused_in_its_own_words() -> None:
    with pytest.raises(GlorotError, match=r"^the batch does not fit the model: .*bool"):
        traced(lambda x: x if tf.reduce_sum(x) > 0 else -x, 2, 4)


def test_a_model_without_inputs_of_its_own_asks_for_a_batch() -> None:
    expected = "this Dense has no inputs to be followed on; hand in a batch as inputs"
    with pytest.raises(GlorotError) as caught:
        lower(keras.layers.Dense(3))
    assert str(caught.value) == expected
