"""Each activation of the catalogue in every framework: one table, and a row that is missing is named."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from flax import nnx
from keras import ops
from torch import nn
from torch.nn import functional as F  # noqa: N812

import glorot
from glorot.activations import ACTIVATIONS, activation
from glorot.comparison.digits import deep_net

Between = Callable[[Any], Any]
A = keras.activations


class Row(NamedTuple):
    """How an activation is written in each framework; of Caffe the layer, None where it has none."""

    torch: Between
    keras: Between
    jax: Between
    caffe: str | None = None


TABLE = {
    "elu": Row(F.elu, A.elu, jax.nn.elu, 'type: "ELU"'),
    "erf": Row(torch.erf, ops.erf, jax.lax.erf),
    "gelu": Row(F.gelu, A.gelu, lambda z: jax.nn.gelu(z, approximate=False)),
    "gelu_tanh": Row(lambda z: F.gelu(z, approximate="tanh"), ops.gelu, jax.nn.gelu),
    "hardsigmoid": Row(F.hardsigmoid, A.hard_sigmoid, jax.nn.hard_sigmoid),
    "hardswish": Row(F.hardswish, keras.layers.Activation("hard_silu"), jax.nn.hard_silu),
    "hardtanh": Row(F.hardtanh, A.hard_tanh, jax.nn.hard_tanh),
    "identity": Row(nn.Identity(), A.linear, lambda z: z, 'type: "Dropout"'),
    "leaky_relu": Row(
        F.leaky_relu,
        lambda z: ops.leaky_relu(z, 0.01),
        jax.nn.leaky_relu,
        'type: "ReLU" relu_param { negative_slope: 0.01 }',
    ),
    "logsigmoid": Row(F.logsigmoid, A.log_sigmoid, jax.nn.log_sigmoid),
    "mish": Row(F.mish, keras.layers.Activation("mish"), jax.nn.mish),
    "relu": Row(F.relu, A.relu, jax.nn.relu, 'type: "ReLU"'),
    "relu6": Row(F.relu6, A.relu6, jax.nn.relu6),
    "relu_squared": Row(lambda z: F.relu(z).square(), lambda z: ops.square(ops.relu(z)), lambda z: jax.nn.relu(z) ** 2),
    "selu": Row(F.selu, A.selu, jax.nn.selu),
    "sigmoid": Row(torch.sigmoid, A.sigmoid, jax.nn.sigmoid, 'type: "Sigmoid"'),
    "silu": Row(F.silu, A.silu, jax.nn.silu),
    "sin": Row(torch.sin, ops.sin, jnp.sin),
    "softplus": Row(F.softplus, A.softplus, jax.nn.softplus, 'type: "BNLL"'),
    "softshrink": Row(F.softshrink, A.soft_shrink, lambda z: jnp.sign(z) * jnp.maximum(abs(z) - 0.5, 0)),
    "softsign": Row(F.softsign, A.softsign, jax.nn.soft_sign),
    "tanh": Row(torch.tanh, A.tanh, jnp.tanh, 'type: "TanH"'),
    "tanhshrink": Row(F.tanhshrink, A.tanh_shrink, lambda z: z - jnp.tanh(z)),
}
BATCH = np.ones((2, 3), np.float32)


def in_torch(between: Between) -> str:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            return self.second(between(self.first(x)))

    return glorot.plan(Net(), inputs=torch.from_numpy(BATCH))["second.weight"].fed_by


def in_keras(between: Between) -> str:
    x = keras.Input((3,))
    model = keras.Model(x, keras.layers.Dense(2)(between(keras.layers.Dense(4)(x))))
    return [entry for entry in glorot.plan(model) if entry.role == "kernel"][1].fed_by


def in_nnx(between: Between) -> str:
    class Net(nnx.Module):
        def __init__(self) -> None:
            self.first, self.second = nnx.Linear(3, 4, rngs=nnx.Rngs(0)), nnx.Linear(4, 2, rngs=nnx.Rngs(0))

        def __call__(self, x: Any) -> Any:
            return self.second(between(self.first(x)))

    return glorot.plan(Net(), inputs=jnp.asarray(BATCH))["second.kernel"].fed_by


def in_equinox(between: Between) -> str:
    class Net(eqx.Module):
        first: eqx.nn.Linear
        second: eqx.nn.Linear

        def __call__(self, x: Any) -> Any:
            return self.second(between(self.first(x)))

    one, two = jax.random.split(jax.random.key(0))
    net = Net(eqx.nn.Linear(3, 4, key=one), eqx.nn.Linear(4, 2, key=two))
    return glorot.plan(net, inputs=jnp.asarray(BATCH[0]))["second.weight"].fed_by


FRAMEWORKS: dict[str, tuple[str, Callable[[Between], str]]] = {
    "torch": ("torch", in_torch),
    "keras": ("keras", in_keras),
    "nnx": ("jax", in_nnx),
    "equinox": ("jax", in_equinox),
}


def test_no_activation_lacks_its_row() -> None:
    assert sorted(TABLE) == sorted(ACTIVATIONS)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", TABLE)
def test_an_activation_has_its_own_name_in_every_framework(name: str, framework: str) -> None:
    column, seen = FRAMEWORKS[framework]
    assert seen(getattr(TABLE[name], column)) == name


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.caffe])
def test_an_activation_has_its_own_name_in_caffe(name: str, tmp_path: Any) -> None:
    dense = (
        'layer {{ name: "{0}" type: "InnerProduct" bottom: "{1}" top: "{0}" inner_product_param {{ num_output: 4 }} }}'
    )
    net = tmp_path / "net.prototxt"
    net.write_text(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }\n'
        + dense.format("first", "x")
        + f'layer {{ name: "phi" bottom: "first" top: "phi" {TABLE[name].caffe} }}\n'
        + dense.format("second", "phi")
    )
    assert glorot.plan(net, "auto")["second.0"].fed_by == name


@pytest.mark.parametrize("name", TABLE)
def test_every_framework_computes_what_the_catalogue_says(name: str) -> None:
    z = np.linspace(-4, 4, 41, dtype=np.float32)
    expected = activation(name).function(z.astype(np.float64))
    row = TABLE[name]
    values = {
        "torch": row.torch(torch.from_numpy(z)).numpy(),
        "keras": np.asarray(row.keras(keras.ops.convert_to_tensor(z))),
        "jax": np.asarray(row.jax(jnp.asarray(z))),
    }
    for framework, value in values.items():
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=2e-6, err_msg=framework)


@pytest.mark.parametrize("name", TABLE)
def test_compare_trains_a_net_of_each(name: str) -> None:
    z = torch.linspace(-3, 3, 13)
    layers = [
        module for module in deep_net(3, 2, name, 1, 4).modules() if not isinstance(module, nn.Linear | nn.Sequential)
    ]
    assert len(layers) == 1
    np.testing.assert_allclose(layers[0](z).numpy(), TABLE[name].torch(z).numpy(), rtol=1e-6)
