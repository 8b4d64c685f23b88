"""Layers of Flax that are given initializers of the drop-in, and nothing else."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from test_jax_sharding import mesh

from glorot.jax import initializers

KEY = jax.random.key(3, impl="rbg")  # compiles in a tenth of the time
IMAGE = jnp.ones((1, 8, 8, 16))


class Net(nn.Module):
    """A convolution, a layer of several axes and an embedding, by the initializers of a module."""

    module: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        init = self.module
        x = nn.Conv(64, (3, 3), kernel_init=init.he_normal(), bias_init=init.constant(0.1))(x)
        x = nn.DenseGeneral((4, 32), axis=(-2, -1), kernel_init=init.lecun_uniform())(nn.relu(x))
        return nn.Embed(50, 32, embedding_init=init.normal(0.02)).attend(nn.tanh(x))


def spreads(tree: Any) -> dict[str, float]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): float(leaf.std()) for path, leaf in leaves if leaf.size >= 500}


def test_a_linen_model_starts_alike_by_the_drop_in():
    init = jax.jit(Net(initializers).init)
    ours, theirs = init(KEY, IMAGE), jax.jit(Net(jax.nn.initializers).init)(KEY, IMAGE)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    assert spreads(ours) == pytest.approx(spreads(theirs), rel=0.05)
    assert len(spreads(ours)) == 3
    again, other = spreads(init(KEY, IMAGE)), spreads(init(jax.random.key(4, impl="rbg"), IMAGE))
    assert again == spreads(ours)
    assert not set(again.values()) & set(other.values())


def test_linen_modules_that_are_built_alike_are_compiled_once():
    traced = []

    @functools.partial(jax.jit, static_argnums=0)
    def run(layer: nn.Module, key: jax.Array) -> Any:
        traced.append(layer)
        return layer.init(key, jnp.ones((2, 8)))

    for build in (initializers.xavier_uniform, initializers.glorot_uniform, jax.nn.initializers.xavier_uniform):
        for _ in range(2):
            run(nn.Dense(4, kernel_init=build()), KEY)
    assert len(traced) == 1 + 2  # one for the drop-in, and two for JAX's own
    assert nn.Dense(4, kernel_init=initializers.he_normal()) == nn.Dense(4, kernel_init=initializers.he_normal())


def test_stacked_layers_of_linen_differ():
    layers = nn.vmap(nn.Dense, variable_axes={"params": 0}, split_rngs={"params": True}, axis_size=3)
    kernel = layers(32, kernel_init=initializers.lecun_normal()).init(KEY, jnp.ones((3, 2, 16)))["params"]["kernel"]
    assert kernel.shape == (3, 16, 32)
    assert not np.array_equal(kernel[0], kernel[1])
    assert float(kernel.std()) == pytest.approx(0.25, rel=0.1)


def test_linen_with_partitioning_is_born_sharded():
    layer = nn.Dense(64, kernel_init=nn.with_partitioning(initializers.he_uniform(), (None, "x")))
    devices, inputs = mesh(8), jnp.ones((2, 40))
    expected = nn.unbox(layer.init(KEY, inputs))["params"]["kernel"]
    specs = nn.get_partition_spec(jax.eval_shape(layer.init, KEY, inputs))
    shardings = jax.tree.map(lambda spec: NamedSharding(devices, spec), specs, is_leaf=lambda x: isinstance(x, P))
    kernel = nn.unbox(jax.jit(layer.init, out_shardings=shardings)(KEY, inputs))["params"]["kernel"]
    assert kernel.sharding.is_equivalent_to(NamedSharding(devices, P(None, "x")), 2)
    assert np.array_equal(kernel, expected)


def test_nnx_layers():
    def build(module: Any) -> nnx.Module:
        rngs = nnx.Rngs(5)
        return nnx.List(
            [
                nnx.Linear(64, 128, kernel_init=module.orthogonal(2.0), bias_init=module.zeros, rngs=rngs),
                nnx.Conv(16, 32, (3,), kernel_init=module.he_normal(), bias_init=module.constant(1), rngs=rngs),
                nnx.Embed(50, 64, embedding_init=module.normal(0.02), param_dtype=jnp.bfloat16, rngs=rngs),
            ]
        )

    ours = nnx.to_pure_dict(nnx.state(build(initializers), nnx.Param))
    theirs = nnx.to_pure_dict(nnx.state(nnx.eval_shape(lambda: build(jax.nn.initializers)), nnx.Param))
    shapes = [jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree) for tree in (ours, theirs)]
    assert shapes[0] == shapes[1]
    expected = {"[0]['kernel']": 2 / 128**0.5, "[1]['kernel']": (2 / 48) ** 0.5, "[2]['embedding']": 0.02}
    assert spreads(ours) == pytest.approx(expected, rel=0.06)
    assert ours[1]["bias"].tolist() == [1] * 32
    kernel = np.asarray(ours[0]["kernel"])
    np.testing.assert_allclose(kernel @ kernel.T, 4 * np.eye(64), atol=1e-5)


def test_an_nnx_layer_is_born_sharded():
    devices = mesh(8)

    @nnx.jit
    def build() -> nnx.Linear:
        kernel_init = nnx.with_partitioning(initializers.lecun_normal(), (None, "x"))
        return nnx.Linear(16, 64, kernel_init=kernel_init, rngs=nnx.Rngs(0))

    with jax.set_mesh(devices):
        layer = build()
    alone = nnx.Linear(16, 64, kernel_init=initializers.lecun_normal(), rngs=nnx.Rngs(0))
    assert layer.kernel[...].sharding.is_equivalent_to(NamedSharding(devices, P(None, "x")), 2)
    assert np.array_equal(layer.kernel[...], alone.kernel[...])
