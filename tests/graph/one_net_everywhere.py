"""One net written once, and built in PyTorch, Flax NNX and Keras, for tests that hold their plans side by side."""

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import torch
from flax import nnx
from keras import ops
from torch import nn
from torch.nn import functional as F  # noqa: N812

import glorot
from glorot.distributions import Constant

FRAMEWORKS = ("torch", "nnx", "keras")

Operations = Any
"""The functions that a net is written in, by one name in every framework."""


@dataclass(frozen=True)
class Net:
    """A net that is written once.

    Attributes:
        forward: its output, of (operations, its layers and weights, the batch).
        layers: the inputs and outputs of each dense layer.
        weights: the shape of each weight that no layer owns.
        tables: the rows and columns of each table that is looked up.
        dropout: the share that its layer `drop` drops; None for a net without.
        batch: the batch.
    """

    forward: Callable[[Operations, Any, Any], Any]
    layers: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    weights: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    tables: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    dropout: float | None = None
    batch: Any = None


_TORCH = types.SimpleNamespace(
    **{
        name: getattr(torch, name) for name in ("abs", "cos", "exp", "sin", "sqrt", "rsqrt", "tanh", "sigmoid", "where")
    },
    **{name: getattr(F, name) for name in ("celu", "gelu", "glu", "relu", "relu6", "selu", "silu", "softplus")},
    **{name: getattr(torch, name) for name in ("maximum", "minimum", "square", "expm1", "reshape", "einsum", "stack")},
    softmax=lambda z: torch.softmax(z, -1),
    mean=lambda z, axis, keeps=False: z.mean(axis, keepdim=keeps),
    sum=lambda z, axis, keeps=False: z.sum(axis, keepdim=keeps),
    max=lambda z, axis: z.amax(axis, keepdim=True),
    permute=torch.permute,
    concat=torch.cat,
    array=torch.from_numpy,
    to=lambda z, shape: z.expand(shape),
    argmax=lambda z: z.argmax(-1),
    take=lambda table, index: table[torch.as_tensor(index)],
    pick=lambda z, index: torch.gather(z, -1, torch.as_tensor(index.copy())),
)
_JAX = types.SimpleNamespace(
    **{
        name: getattr(jnp, name) for name in ("abs", "cos", "exp", "sin", "sqrt", "tanh", "where", "maximum", "minimum")
    },
    **{name: getattr(jax.nn, name) for name in ("celu", "glu", "relu", "relu6", "selu", "silu", "softplus", "sigmoid")},
    **{name: getattr(jnp, name) for name in ("square", "expm1", "reshape", "einsum", "stack")},
    rsqrt=jax.lax.rsqrt,
    gelu=lambda z: jax.nn.gelu(z, approximate=False),
    softmax=jax.nn.softmax,
    mean=lambda z, axis, keeps=False: jnp.mean(z, axis, keepdims=keeps),
    sum=lambda z, axis, keeps=False: jnp.sum(z, axis, keepdims=keeps),
    max=lambda z, axis: jnp.max(z, axis, keepdims=True),
    permute=jnp.transpose,
    concat=jnp.concatenate,
    array=jnp.asarray,
    to=jnp.broadcast_to,
    argmax=lambda z: jnp.argmax(z, -1),
    take=lambda table, index: table[index],
    pick=lambda z, index: jnp.take_along_axis(z, index, -1),
)
_KERAS = types.SimpleNamespace(
    **{name: getattr(ops, name) for name in ("abs", "cos", "exp", "sin", "sqrt", "rsqrt", "tanh", "sigmoid", "where")},
    **{name: getattr(ops, name) for name in ("celu", "glu", "relu", "relu6", "selu", "silu", "softplus", "expm1")},
    **{name: getattr(ops, name) for name in ("maximum", "minimum", "square", "reshape", "einsum", "stack")},
    gelu=lambda z: ops.gelu(z, approximate=False),
    softmax=ops.softmax,
    mean=lambda z, axis, keeps=False: ops.mean(z, axis, keepdims=keeps),
    sum=lambda z, axis, keeps=False: ops.sum(z, axis, keepdims=keeps),
    max=lambda z, axis: ops.max(z, axis, keepdims=True),
    permute=ops.transpose,
    concat=ops.concatenate,
    array=lambda array: array,
    to=ops.broadcast_to,
    argmax=lambda z: ops.argmax(z, -1),
    take=lambda table, index: ops.take(table, index, axis=0),
    pick=lambda z, index: ops.take_along_axis(z, index, -1),
)


def start_of(shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return what a weight that no layer owns holds in every framework: numbers that look drawn."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


class InTorch(nn.Module):
    def __init__(self, net: Net) -> None:
        super().__init__()
        for name, (inputs, outputs) in net.layers.items():
            self.add_module(name, nn.Linear(inputs, outputs))
        for name, shape in net.weights.items():
            self.register_parameter(name, nn.Parameter(torch.from_numpy(start_of(shape))))
        for name, (rows, columns) in net.tables.items():
            self.add_module(name, nn.Embedding(rows, columns))
        if net.dropout is not None:
            self.drop = nn.Dropout(net.dropout)
        self.written = net.forward

    def forward(self, x: Any) -> Any:
        return self.written(_TORCH, self, x)


class InNnx(nnx.Module):
    def __init__(self, net: Net) -> None:
        rngs = nnx.Rngs(0)
        for name, sizes in net.layers.items():
            setattr(self, name, nnx.Linear(*sizes, rngs=rngs))
        for name, shape in net.weights.items():
            setattr(self, name, nnx.Param(jnp.asarray(start_of(shape))))
        for name, sizes in net.tables.items():
            setattr(self, name, nnx.Embed(*sizes, rngs=rngs))
        if net.dropout is not None:
            self.drop = nnx.Dropout(net.dropout, rngs=rngs)
        self.written = net.forward

    def __call__(self, x: Any) -> Any:
        return self.written(_JAX, self, x)


class InKeras(keras.Model):
    def __init__(self, net: Net, is_trained: bool) -> None:
        super().__init__()
        for name, (_, outputs) in net.layers.items():
            setattr(self, name, keras.layers.Dense(outputs))
        for name, shape in net.weights.items():
            setattr(self, name, self.add_weight(shape=shape, name=name))
            getattr(self, name).assign(start_of(shape))
        for name, sizes in net.tables.items():
            setattr(self, name, keras.layers.Embedding(*sizes))
        if net.dropout is not None:
            dropping = keras.layers.Dropout(net.dropout)
            self.drop = lambda x: dropping(x, training=is_trained)
        self.written = net.forward

    def call(self, x: Any) -> Any:
        return self.written(_KERAS, self, x)


def built(net: Net, framework: str, is_trained: bool = False) -> Any:
    """Return a net in a framework, in train or in eval mode."""
    if framework == "torch":
        return InTorch(net).train(is_trained)
    if framework == "nnx":
        model = InNnx(net)
        (model.train if is_trained else model.eval)()
        return model
    model = InKeras(net, is_trained)
    model(net.batch)
    return model


def batch_of(net: Net, framework: str) -> Any:
    """Return the batch of a net as a framework takes it."""
    return torch.from_numpy(net.batch) if framework == "torch" else net.batch


def planned(net: Net, framework: str, recipe: str | None = None, is_trained: bool = False) -> glorot.Plan:
    """Return the plan of a net in a framework."""
    model = built(net, framework, is_trained)
    return glorot.plan(model, recipe, inputs=batch_of(net, framework))


def common(name: str) -> str:
    """Return a name as it is the same in every framework."""
    for theirs in (".kernel", ".embeddings", ".embedding"):
        name = name.replace(theirs, ".weight")
    return name


def rows_of(plan: glorot.Plan) -> dict[str, dict[str, Any]]:
    """Return what a plan says of each part, in words that hold in every framework."""
    rows = {}
    for entry in plan:
        law, fans = entry.distribution, entry.fans
        rows[common(entry.name)] = {
            "role": entry.role,
            "fans": None if fans is None else (float(fans.fan_in), float(fans.fan_out)),
            "fed by": entry.fed_by,
            "followed by": entry.followed_by,
            "law": type(law).__name__,
            "std": 0.0 if law is None else float(np.float64(law.std)),
            "value": law.value if isinstance(law, Constant) else None,
            "seen": entry.seen,
            "way": entry.way,
        }
    return rows
