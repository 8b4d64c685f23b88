"""Parameters that no layer explains: where a forward pass meets them, and what their labels make of that."""

from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import glorot
from effort import slow_after
from glorot.recipes import RECIPES

pytestmark = pytest.mark.usefixtures("keys_that_compile_quickly")

KEY = jax.random.key(0)
RELU = jax.nn.relu


class InNnx(nnx.Module):
    def __init__(self) -> None:
        self.w, self.v = nnx.Param(jnp.ones((3, 4))), nnx.Param(jnp.ones((4, 5)))
        self.last = nnx.Linear(5, 2, rngs=nnx.Rngs(0))

    def __call__(self, x: Any) -> Any:
        return self.last(jnp.tanh(RELU(x @ self.w[...]) @ self.v[...]))


class InLinen(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        w = self.param("w", nn.initializers.ones_init(), (3, 4))
        v = self.param("v", nn.initializers.ones_init(), (4, 5))
        return nn.Dense(2, name="last")(jnp.tanh(RELU(x @ w) @ v))


class InEquinox(eqx.Module):
    w: jax.Array
    v: jax.Array
    last: eqx.nn.Linear

    def __call__(self, x: Any) -> Any:
        return self.last(jnp.tanh(RELU(x @ self.w) @ self.v))


X = jnp.ones((1, 3))
MODELS = {
    "nnx": lambda: (InNnx(), X),
    "linen": lambda: ((InLinen(), InLinen().init(KEY, X)), X),
    "equinox": lambda: (InEquinox(jnp.ones((3, 4)), jnp.ones((4, 5)), eqx.nn.Linear(5, 2, key=KEY)), X[0]),
}


@pytest.mark.parametrize("framework", MODELS)
def test_labelled_parameters_get_the_gain_of_what_feeds_them(framework: str) -> None:
    model, inputs = MODELS[framework]()
    plan = glorot.plan(model, inputs=inputs, axes={"w": "io", "v": "io"})
    last = "last.weight" if framework == "equinox" else "last.kernel"
    assert [(plan[name].fed_by, plan[name].followed_by, plan[name].depth) for name in ("w", "v", last)] == [
        ("identity", "relu", 1),
        ("relu", "tanh", 2),
        ("tanh", "identity", 3),
    ]
    assert plan["v"].why == "gain for relu"


class Scaled(nnx.Linear):
    """A layer that is known, with a parameter of its own that scales its kernel."""

    def __init__(self) -> None:
        super().__init__(3, 4, rngs=nnx.Rngs(0))
        self.g = nnx.Param(jnp.ones(4))

    def __call__(self, x: Any) -> Any:
        return x @ (self.kernel[...] * self.g[...]) + self.bias[...]


def test_what_scales_a_kernel_does_not_hide_what_follows_it() -> None:
    plan = glorot.plan(nnx.Sequential(Scaled(), nnx.relu), inputs=X, rules=[("*.g", "ones")])
    assert plan["layers.0.kernel"].followed_by == "relu"


# adapters


class Adapted(nnx.Module):
    def __init__(self) -> None:
        self.up = nnx.Linear(3, 4, rngs=nnx.Rngs(0))
        self.down = nnx.LoRALinear(4, 2, lora_rank=2, rngs=nnx.Rngs(1))

    def __call__(self, x: Any) -> Any:
        return self.down(RELU(self.up(x)))


def test_the_second_matrix_of_an_adapter_is_fed_by_the_first() -> None:
    plan = glorot.plan(Adapted(), inputs=X)
    assert plan["down.lora.lora_a"].fed_by == plan["down.kernel"].fed_by == "relu"
    assert plan["down.lora.lora_b"].fed_by == "identity"


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name not in ("pytorch", "caffe")])
@pytest.mark.parametrize("stack", slow_after(1, [0, 3]))
def test_an_adapter_starts_neutral(recipe: str, stack: int) -> None:
    def build() -> Any:
        return nnx.vmap(Adapted, in_axes=(), out_axes=0, axis_size=stack)() if stack else Adapted()

    def run(model: Any) -> Any:
        x = jnp.arange(6.0).reshape(2, 3)
        return nnx.vmap(lambda model: model(x))(model) if stack else model(x)

    model = build()
    new = glorot.initialize(model, recipe, seed=0, only="*lora_*")
    np.testing.assert_array_equal(run(new), run(model))
    weights = new.down.lora.lora_a[...], model.down.lora.lora_a[...]
    assert (recipe == "current") == bool((weights[0] == weights[1]).all())
    assert new.down.lora.lora_b[...].shape == model.down.lora.lora_b[...].shape
