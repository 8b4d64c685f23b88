"""Networks that are written in every framework, each with layers of one shape that only the graph or names tell apart."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import keras
import numpy as np
import torch
from flax import linen, nnx
from torch import nn

import glorot
from glorot.caffe import parse_net, to_torch
from matching_sequences import (
    WIDTH,
    WORDS,
    GruInTorch,
    LstmInNnx,
    TiedInNnx,
    TiedInTorch,
    dense,
    gru_in_keras,
    lstm_in_keras,
    rngs,
    tied_in_keras,
)

HEADS = 2
ROWS = np.random.default_rng(0).standard_normal((3, WIDTH)).astype(np.float32)
IMAGES = np.random.default_rng(1).standard_normal((2, WIDTH, 10, 10)).astype(np.float32)
TOKENS = np.random.default_rng(2).standard_normal((2, 5, WIDTH)).astype(np.float32)
LAST = np.moveaxis(IMAGES, 1, -1).copy()
"""The images with channels last."""


# ---- four dense layers of one shape ----------------------------------------------------------------------------------


def mlp_in_torch() -> nn.Module:
    layers = [layer for _ in range(4) for layer in (nn.Linear(WIDTH, WIDTH), nn.Tanh())]
    return nn.Sequential(*layers)


def mlp_in_keras() -> keras.Model:
    return keras.Sequential([keras.Input((WIDTH,)), *(dense(WIDTH, activation="tanh") for _ in range(4))])


class MlpInNnx(nnx.Module):
    """Four layers whose names are in another order than the layers run in."""

    def __init__(self) -> None:
        self.d, self.a, self.c, self.b = (nnx.Linear(WIDTH, WIDTH, rngs=rngs()) for _ in range(4))

    def __call__(self, x: Any) -> Any:
        for layer in (self.b, self.d, self.a, self.c):
            x = jnp.tanh(layer(x))
        return x


class MlpInLinen(linen.Module):
    @linen.compact
    def __call__(self, x: Any) -> Any:
        for _ in range(4):
            x = jnp.tanh(linen.Dense(WIDTH)(x))
        return x


class MlpInEquinox(eqx.Module):
    layers: list[eqx.nn.Linear]

    def __init__(self) -> None:
        self.layers = [eqx.nn.Linear(WIDTH, WIDTH, key=jax.random.key(0)) for _ in range(4)]

    def __call__(self, x: Any) -> Any:
        for layer in reversed(self.layers):
            x = jnp.tanh(jax.vmap(layer)(x))
        return x


MLP_OF_CAFFE = 'input: "x" input_shape { dim: 3 dim: 8 }' + "".join(
    f"""
layer {{ name: "ip{n}" type: "InnerProduct" bottom: "{below}" top: "{n}" inner_product_param {{ num_output: 8
  weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "tanh{n}" type: "TanH" bottom: "{n}" top: "{n}" }}"""
    for n, below in zip("2143", "x214", strict=True)
)


# ---- a convolutional net, LeNet's plan with layers of one shape --------------------------------------------------------


class CnnInTorch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv2, self.conv1 = (nn.Conv2d(WIDTH, WIDTH, 3) for _ in range(2))  # registered the other way round
        self.ip1, self.ip2 = (nn.Linear(WIDTH, WIDTH) for _ in range(2))

    def forward(self, x: Any) -> Any:
        x = nn.functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.relu(self.conv2(x)).mean((2, 3))
        return self.ip2(torch.relu(self.ip1(x)))


def cnn_in_keras() -> keras.Model:
    conv = keras.layers.Conv2D
    layers = [conv(WIDTH, 3, activation="relu"), keras.layers.MaxPool2D(2), conv(WIDTH, 3, activation="relu")]
    layers += [keras.layers.GlobalAveragePooling2D(), dense(WIDTH, activation="relu"), dense(WIDTH)]
    return keras.Sequential([keras.Input((10, 10, WIDTH)), *layers])


class CnnInNnx(nnx.Module):
    def __init__(self) -> None:
        self.features = nnx.List(nnx.Conv(WIDTH, WIDTH, (3, 3), padding="VALID", rngs=rngs()) for _ in range(2))
        self.head = nnx.List(nnx.Linear(WIDTH, WIDTH, rngs=rngs()) for _ in range(2))

    def __call__(self, x: Any) -> Any:
        x = nnx.max_pool(nnx.relu(self.features[0](x)), (2, 2), (2, 2))
        x = nnx.relu(self.features[1](x)).mean((1, 2))
        return self.head[1](nnx.relu(self.head[0](x)))


class CnnInLinen(linen.Module):
    @linen.compact
    def __call__(self, x: Any) -> Any:
        x = linen.max_pool(linen.relu(linen.Conv(WIDTH, (3, 3), padding="VALID")(x)), (2, 2), (2, 2))
        x = linen.relu(linen.Conv(WIDTH, (3, 3), padding="VALID")(x)).mean((1, 2))
        return linen.Dense(WIDTH)(linen.relu(linen.Dense(WIDTH)(x)))


class CnnInEquinox(eqx.Module):
    convs: tuple[eqx.nn.Conv2d, ...]
    head: eqx.nn.MLP

    def __init__(self) -> None:
        self.convs = tuple(eqx.nn.Conv2d(WIDTH, WIDTH, 3, key=jax.random.key(0)) for _ in range(2))
        self.head = eqx.nn.MLP(WIDTH, WIDTH, WIDTH, 1, key=jax.random.key(0))

    def __call__(self, x: Any) -> Any:
        def one(image: Any) -> Any:
            z = eqx.nn.MaxPool2d(2, 2)(jax.nn.relu(self.convs[0](image)))
            return self.head(jax.nn.relu(self.convs[1](z)).mean((1, 2)))

        return jax.vmap(one)(x)


CNN_OF_CAFFE = """
input: "x" input_shape { dim: 2 dim: 8 dim: 10 dim: 10 }
layer { name: "conv1" type: "Convolution" bottom: "x" top: "conv1"
  convolution_param { num_output: 8 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  convolution_param { num_output: 8 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
  pooling_param { pool: AVE global_pooling: true } }
layer { name: "ip1" type: "InnerProduct" bottom: "pool2" top: "ip1"
  inner_product_param { num_output: 8 weight_filler { type: "xavier" } } }
layer { name: "relu3" type: "ReLU" bottom: "ip1" top: "ip1" }
layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2"
  inner_product_param { num_output: 8 weight_filler { type: "xavier" } } }
"""


# ---- two transformer blocks, one matrix for q, k and v against three ---------------------------------------------------


class BlocksInTorch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        options = {"dropout": 0.0, "batch_first": True, "norm_first": True}
        self.h = nn.ModuleList(nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, **options) for _ in range(2))
        self.last = nn.LayerNorm(WIDTH)

    def forward(self, x: Any) -> Any:
        for block in self.h:
            x = block(x)
        return self.last(x)


class BlockInKeras(keras.layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        norm = keras.layers.LayerNormalization
        self.before, self.between = norm(epsilon=1e-5), norm(epsilon=1e-5)
        self.attend = keras.layers.MultiHeadAttention(HEADS, WIDTH // HEADS)
        self.wide, self.narrow = dense(2 * WIDTH, activation="relu"), dense(WIDTH)

    def call(self, x: Any) -> Any:
        z = self.before(x)
        x = x + self.attend(z, z)
        return x + self.narrow(self.wide(self.between(x)))


class BlocksInKeras(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.stack = [BlockInKeras(), BlockInKeras()]
        self.final = keras.layers.LayerNormalization(epsilon=1e-5)

    def call(self, x: Any) -> Any:
        for block in self.stack:
            x = block(x)
        return self.final(x)


def blocks_in_keras() -> keras.Model:
    model = BlocksInKeras()
    model(TOKENS)
    return model


class BlockInNnx(nnx.Module):
    def __init__(self) -> None:
        self.ln2, self.ln1 = (nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs()) for _ in range(2))
        self.attn = nnx.MultiHeadAttention(HEADS, WIDTH, decode=False, rngs=rngs())
        self.fc, self.proj = nnx.Linear(WIDTH, 2 * WIDTH, rngs=rngs()), nnx.Linear(2 * WIDTH, WIDTH, rngs=rngs())

    def __call__(self, x: Any) -> Any:
        x = x + self.attn(self.ln1(x))
        return x + self.proj(nnx.relu(self.fc(self.ln2(x))))


class BlocksInNnx(nnx.Module):
    def __init__(self) -> None:
        self.norm = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs())
        self.second, self.first = BlockInNnx(), BlockInNnx()

    def __call__(self, x: Any) -> Any:
        return self.norm(self.second(self.first(x)))


# ---- a residual block whose shortcut has the shape of its last convolution ---------------------------------------------


class ResidualInTorch(nn.Module):
    """As in torchvision: the shortcut runs last."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(WIDTH, 4, 1, bias=False)
        self.conv1, self.conv2, self.conv3 = (nn.Conv2d(a, b, 1, bias=False) for a, b in ((4, 4), (4, 4), (4, 16)))
        self.bn1, self.bn2, self.bn3 = (nn.BatchNorm2d(size) for size in (4, 4, 16))
        self.downsample = nn.Sequential(nn.Conv2d(4, 16, 1, bias=False), nn.BatchNorm2d(16))

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.stem(x))
        z = torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))
        z = self.bn3(self.conv3(z))
        return torch.relu(z + self.downsample(x))


def residual_in_keras() -> keras.Model:
    """As in keras.applications: the shortcut runs first."""

    def conv(z: Any, size: int) -> Any:
        z = keras.layers.Conv2D(size, 1, use_bias=False)(z)
        return keras.layers.BatchNormalization(epsilon=1e-5)(z)

    given = keras.Input((10, 10, WIDTH))
    x = keras.layers.Conv2D(4, 1, use_bias=False, activation="relu")(given)
    shortcut = conv(x, 16)
    z = conv(keras.layers.ReLU()(conv(keras.layers.ReLU()(conv(x, 4)), 4)), 16)
    return keras.Model(given, keras.layers.ReLU()(shortcut + z))


class ResidualInNnx(nnx.Module):
    def __init__(self) -> None:
        sizes = {"shortcut": 16, "first": 4, "second": 4, "third": 16}
        for name, size in sizes.items():
            setattr(self, name, nnx.Conv(4, size, (1, 1), use_bias=False, rngs=rngs()))
            setattr(self, f"norm_{name}", nnx.BatchNorm(size, use_running_average=True, rngs=rngs()))
        self.start = nnx.Conv(WIDTH, 4, (1, 1), use_bias=False, rngs=rngs())

    def __call__(self, x: Any) -> Any:
        x = nnx.relu(self.start(x))
        z = nnx.relu(self.norm_first(self.first(x)))
        z = nnx.relu(self.norm_second(self.second(z)))
        return nnx.relu(self.norm_third(self.third(z)) + self.norm_shortcut(self.shortcut(x)))


# ---- all of them -------------------------------------------------------------------------------------------------------

Built = tuple[Callable[[], Any], Any]
"""What builds a model, and its batch."""

NETS: dict[str, dict[str, Built]] = {
    "mlp": {
        "torch": (mlp_in_torch, ROWS),
        "keras": (mlp_in_keras, ROWS),
        "nnx": (MlpInNnx, ROWS),
        "linen": (MlpInLinen, ROWS),
        "equinox": (MlpInEquinox, ROWS),
        "caffe": (lambda: parse_net(MLP_OF_CAFFE), ROWS),
    },
    "cnn": {
        "torch": (CnnInTorch, IMAGES),
        "keras": (cnn_in_keras, LAST),
        "nnx": (CnnInNnx, LAST),
        "linen": (CnnInLinen, LAST),
        "equinox": (CnnInEquinox, IMAGES),
        "caffe": (lambda: parse_net(CNN_OF_CAFFE), IMAGES),
    },
    "blocks": {
        "torch": (BlocksInTorch, TOKENS),
        "keras": (blocks_in_keras, TOKENS),
        "nnx": (BlocksInNnx, TOKENS),
    },
    "residual": {
        "torch": (ResidualInTorch, IMAGES),
        "keras": (residual_in_keras, LAST),
        "nnx": (ResidualInNnx, LAST),
    },
    "gru": {"torch": (GruInTorch, TOKENS), "keras": (gru_in_keras, TOKENS)},
    "lstm": {"keras": (lstm_in_keras, TOKENS), "nnx": (LstmInNnx, TOKENS)},
    "tied": {"torch": (TiedInTorch, WORDS), "keras": (tied_in_keras, WORDS), "nnx": (TiedInNnx, WORDS)},
}


def built(net: str, framework: str) -> tuple[Any, Any]:
    """Return a net in a framework, and its batch as that framework takes it."""
    build, batch = NETS[net][framework]
    model = build()
    if framework == "torch":
        return model.eval(), torch.from_numpy(batch)
    if framework == "linen":
        return (model, model.init(jax.random.key(0), batch)), batch
    return model, None if framework == "caffe" else batch


def answer(net: str, framework: str, plan: glorot.Plan, names: dict[str, str] | None = None) -> np.ndarray[Any, Any]:
    """Return what a net that a plan started makes of its batch, with channels last."""
    model, inputs = built(net, framework)
    started: Any = glorot.apply(plan, model, seed=3, names=names, inputs=inputs)
    batch = NETS[net][framework][1]
    if framework == "caffe":
        arrays, started = started, to_torch(model)
        started.load_state_dict({path: torch.from_numpy(array) for path, array in arrays.items()})
    if framework in ("torch", "caffe"):
        with torch.no_grad():
            found = started(torch.from_numpy(batch)).numpy()
        return np.moveaxis(found, 1, -1) if found.ndim == 4 else found
    return np.asarray(started[0].apply(started[1], batch) if framework == "linen" else started(batch))
