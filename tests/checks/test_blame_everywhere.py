"""The tensor behind a step is found in other frameworks than PyTorch too."""

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from flax import nnx

import glorot
from glorot.checks import Finding


def found(code: str, model: Any, *args: Any, **more: Any) -> list[Finding]:
    return [one for one in glorot.check(model, *args, **more).findings if one.code == code]


def drawn(seed: int, *shape: int) -> jax.Array:
    return jax.random.normal(jax.random.key(seed), shape)


def square(outputs: Any, targets: Any) -> Any:
    return ((outputs - targets) ** 2).mean()


class Cosine(nnx.Module):
    """Attention by cosines, with the logarithm of a temperature."""

    def __init__(self, tau: float) -> None:
        self.qkv, self.out = nnx.Linear(32, 96, rngs=nnx.Rngs(0)), nnx.Linear(32, 32, rngs=nnx.Rngs(1))
        self.tau = nnx.Param(jnp.asarray(tau))

    def __call__(self, x: jax.Array) -> jax.Array:
        q, k, v = jnp.split(self.qkv(x), 3, -1)
        q, k = (one / jnp.linalg.norm(one, axis=-1, keepdims=True) for one in (q, k))
        return self.out(jax.nn.softmax(q @ k.swapaxes(1, 2) * jnp.exp(self.tau[...]), -1) @ v)


def test_a_temperature_is_blamed_for_wide_logits_in_flax() -> None:
    (one,) = found("GL407", Cosine(5.0), drawn(2, 4, 16, 32))
    assert one.path == "tau"
    assert not found("GL407", Cosine(1.0), drawn(2, 4, 16, 32))


class Regression(nnx.Module):
    """A net of values, which normalises its inputs by a std that is not trained."""

    def __init__(self, std: float, mean: float) -> None:
        start = nnx.initializers.constant(mean)
        self.up = nnx.Linear(32, 64, rngs=nnx.Rngs(0))
        self.out = nnx.Linear(64, 1, bias_init=start, rngs=nnx.Rngs(1))
        self.std = nnx.Variable(jnp.full((32,), std))

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.out(jax.nn.relu(self.up(x / self.std[...])))


def test_a_std_of_zero_and_a_bias_far_from_the_targets_are_blamed_in_flax() -> None:
    batch = drawn(2, 64, 32), 400 + 3 * drawn(3, 64, 1)
    (one,) = found("GL401", Regression(0.0, 400.0), *batch, loss=square)
    assert one.path == "std"
    (one,) = found("GL409", Regression(1.0, 0.0), *batch, loss=square)
    assert one.path == "out.bias"
    assert not glorot.check(Regression(1.0, 400.0), *batch, loss=square).findings


@pytest.mark.parametrize(("start", "count"), [("zeros", 1), ("normal", 0)])
def test_an_embedding_of_zeros_is_named_in_keras(start: str, count: int) -> None:
    initializer = keras.initializers.Zeros() if start == "zeros" else keras.initializers.RandomNormal(seed=0)
    layers = [keras.layers.Embedding(50, 32, embeddings_initializer=initializer), keras.layers.Dense(50)]
    model = keras.Sequential([keras.Input((16,), dtype="int32"), *layers])
    ids = np.arange(64).reshape(4, 16) % 50
    assert len(found("GL105", model, ids)) == count


@pytest.mark.parametrize(("mean", "count"), [(0.0, 1), (400.0, 0)])
def test_a_bias_far_from_the_targets_is_blamed_in_keras(mean: float, count: int) -> None:
    keras.utils.set_random_seed(0)
    head = keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(mean))
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(32, activation="relu"), head])
    inputs, targets = np.asarray(drawn(2, 64, 16)), 400 + 3 * np.asarray(drawn(3, 64, 1))

    def loss(outputs: Any, goal: Any) -> Any:
        return keras.ops.mean(keras.ops.square(outputs - goal))

    findings = found("GL409", model, inputs, targets, loss=loss)
    assert len(findings) == count
    assert all(one.path.endswith("bias") for one in findings)
