"""Activations of Keras: layers, functions and operations under their names in the catalogue."""

import functools
from typing import Any

import keras
import pytest
import tensorflow as tf
from keras import layers, ops
from keras_zoo import traced

from glorot.keras.layers import activation_of

A = keras.activations
NAMES: list[tuple[Any, str | None]] = [
    (None, "identity"),
    (A.linear, "identity"),
    (A.relu, "relu"),
    (A.relu6, "relu6"),
    (A.leaky_relu, "leaky_relu(negative_slope=0.2)"),
    (A.elu, "elu"),
    (A.selu, "selu"),
    (A.gelu, "gelu"),
    (ops.gelu, "gelu_tanh"),  # its default differs from that of the activation
    (functools.partial(A.gelu, approximate=True), "gelu_tanh"),
    (A.silu, "silu"),
    (A.mish, "mish"),
    (A.softplus, "softplus"),
    (A.softsign, "softsign"),
    (A.tanh, "tanh"),
    (A.sigmoid, "sigmoid"),
    (A.hard_sigmoid, "hardsigmoid"),
    (A.hard_silu, "hardswish"),
    (A.hard_tanh, "hardtanh"),
    (A.log_sigmoid, "logsigmoid"),
    (A.soft_shrink, "softshrink"),
    (A.tanh_shrink, "tanhshrink"),
    (ops.sin, "sin"),
    (tf.nn.relu, "relu"),
    (functools.partial(A.leaky_relu, negative_slope=0.1), "leaky_relu(negative_slope=0.1)"),
    (A.softmax, None),
    (lambda x: ops.relu(x), "relu"),  # noqa: PLW0108
    (layers.LeakyReLU(0.3), "leaky_relu(negative_slope=0.3)"),
    (layers.ReLU(), "relu"),
    (layers.ReLU(max_value=6), "relu6"),
    (layers.ReLU(negative_slope=0.1), "leaky_relu(negative_slope=0.1)"),
    (layers.ReLU(max_value=3), None),
    (layers.ReLU(threshold=1.0), None),
    (layers.ELU(0.5), "elu(alpha=0.5)"),
    (layers.Softmax(), None),
    (layers.Activation("hard_silu"), "hardswish"),
    (layers.Activation(functools.partial(A.elu, alpha=2.0)), "elu(alpha=2)"),
    (layers.Activation("linear"), "identity"),
    (layers.Dense(3), None),
    (layers.Flatten(), None),
]


@pytest.mark.parametrize(("given", "name"), NAMES)
def test_activations_are_named_as_in_the_catalogue(given: Any, name: str | None) -> None:
    assert activation_of(given) == name


def test_a_function_is_known_by_its_values_and_not_by_its_name() -> None:
    def relu(x: Any) -> Any:
        return ops.tanh(x)

    assert activation_of(relu) == "tanh"


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (ops.relu, "relu"),
        (lambda x: ops.leaky_relu(x, 0.1), "leaky_relu(negative_slope=0.1)"),
        (lambda x: ops.gelu(x, approximate=False), "gelu"),
        (lambda x: A.relu(x, max_value=6), "relu6"),
        (lambda x: ops.maximum(x, 0), "relu"),
        (lambda x: ops.clip(x, 0, 6), "relu6"),
        (lambda x: ops.square(ops.relu(x)), "relu_squared"),
        (lambda x: ops.relu(x) ** 2, "relu_squared"),
        (lambda x: x * ops.sigmoid(x), "silu"),
        (lambda x: ops.sigmoid(x) * x, "silu"),
        (lambda x: 0.5 * ops.tanh(x), "0.5·tanh"),
        (lambda x: ops.transpose(ops.reshape(ops.relu(x), (-1, 4)))[0], "relu"),
        (lambda x: ops.concatenate([ops.relu(x), ops.relu(x)]), "relu"),
        (lambda x: ops.concatenate([ops.relu(x), ops.tanh(x)]), "relu | tanh"),
        (lambda x: 2.0 * ops.concatenate([ops.relu(x), ops.relu(x)]), "2·relu"),
        (ops.softmax, "identity"),
        (lambda x: x * ops.tanh(x), "a function"),
        (lambda x: x**2, "a function"),
        (lambda x: ops.relu(x) + x, "2·leaky_relu(negative_slope=0.5)"),
        (layers.LayerNormalization(), "identity"),
        (lambda x: layers.LayerNormalization()(ops.relu(x)), "identity"),
        (lambda x: layers.Dropout(0.1)(layers.Reshape((2, 2))(ops.relu(x))), "relu"),
        (lambda x: layers.Concatenate()([ops.relu(x), ops.relu(x)]), "relu"),
        (lambda x: layers.Add()([ops.relu(x), ops.relu(x)]), "2·relu"),
        (lambda x: layers.Multiply()([x, ops.tanh(x)]), "a function"),
    ],
)  # fmt: skip
def test_what_feeds_the_layer_behind_an_operation(write: Any, name: str) -> None:
    x = keras.Input((4,))
    y = write(layers.Dense(4)(x))
    flat = layers.Flatten()(y) if len(y.shape) > 1 else layers.Reshape((1,))(y)
    model = keras.Model(x, layers.Dense(2)(flat))
    assert list(traced(model).values())[1][:2] == (2, name)
