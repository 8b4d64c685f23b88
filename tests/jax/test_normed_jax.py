"""Wrappers of Flax and Equinox that norm weights: what a layer uses is what the plan draws."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import glorot

X = jnp.linspace(-1, 1, 32).reshape(4, 8)
KEY = jax.random.key(0)
Wrap = Callable[..., Any]


class Linen(nn.Module):
    wrap: Wrap = staticmethod(lambda layer: layer)
    has_state: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        last = self.wrap(nn.Dense(6))
        x = nn.relu(nn.Dense(8)(x))
        return last(x, update_stats=False) if self.has_state else last(x)


class Nnx(nnx.Module):
    def __init__(self, wrap: Wrap = lambda layer, rngs: layer) -> None:
        rngs = nnx.Rngs(0)
        self.a, self.b = nnx.Linear(8, 8, rngs=rngs), wrap(nnx.Linear(8, 6, rngs=rngs), rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.b(nnx.relu(self.a(x)))


def linen(*fields: Any) -> Any:
    module = Linen(*fields)
    return module, module.init(KEY, X)


def equinox(wrap: Wrap = lambda layer: layer) -> Any:
    layers = [eqx.nn.Linear(8, 8, key=KEY), eqx.nn.Lambda(jax.nn.relu), wrap(eqx.nn.Linear(8, 6, key=KEY))]
    return eqx.nn.Sequential(layers)


def out_of(model: Any) -> Any:
    """Return what a model computes of the batch."""
    if isinstance(model, tuple):
        return model[0].apply(model[1], X)
    return jax.vmap(model)(X) if isinstance(model, eqx.Module) else model(X)


WEIGHT_NORMS: dict[str, tuple[Callable[[], Any], Callable[[], Any], str, str]] = {
    "linen": (lambda: linen(nn.WeightNorm), linen, "Dense_0.kernel", "Dense_0.kernel"),
    "linen, of inputs": (lambda: linen(lambda one: nn.WeightNorm(one, feature_axes=0)), linen, *["Dense_0.kernel"] * 2),
    "linen, over all": (lambda: linen(lambda one: nn.WeightNorm(one, feature_axes=None)), linen, *["Dense_0.kernel"] * 2),
    "nnx": (lambda: Nnx(nnx.WeightNorm), Nnx, "b.layer_instance.kernel", "b.kernel"),
    "equinox": (lambda: equinox(eqx.nn.WeightNorm), equinox, "layers.2.layer.weight", "layers.2.weight"),
    "equinox, over all": (
        lambda: equinox(lambda one: eqx.nn.WeightNorm(one, axis=None)), equinox, "layers.2.layer.weight",
        "layers.2.weight",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "make_plain", "path", "plain_path"), WEIGHT_NORMS.values(), ids=WEIGHT_NORMS)
def test_a_weight_norm_uses_what_the_plan_draws(
    make: Callable[[], Any], make_plain: Callable[[], Any], path: str, plain_path: str
) -> None:
    model, batch = make(), X[0] if isinstance(make(), eqx.Module) else X
    plan, plain = glorot.plan(model, inputs=batch), glorot.plan(make_plain(), inputs=batch)
    entry = plan[path]
    assert len(plan.entries) == len(plain.entries) == 4
    assert plan.buffers == ()
    assert (entry.shape, entry.fans, entry.fed_by) == (plain[plain_path].shape, plain[plain_path].fans, "relu")
    assert entry.why.endswith("; stored as its direction, with its norm beside it")
    inner = path.removesuffix(".kernel").removesuffix(".weight")
    outer = plain_path.removesuffix(".kernel").removesuffix(".weight")
    names = {f"{outer}.{end}": f"{inner}.{end}" for end in ("bias", path.rpartition(".")[2])}
    started = glorot.apply(plan, model, seed=0, inputs=batch)
    expected = glorot.apply(plan, make_plain(), seed=0, inputs=batch, names=None if path == plain_path else names)
    np.testing.assert_allclose(out_of(started), out_of(expected), rtol=1e-5, atol=1e-6)


def test_a_weight_norm_whose_weight_is_skipped_stays_as_it_is() -> None:
    model = equinox(eqx.nn.WeightNorm)
    started = glorot.initialize(model, seed=0, rules=[("layers.2.layer.weight", "skip")])
    assert jnp.array_equal(started.layers[2].g, model.layers[2].g)


def test_a_weight_norm_without_a_scale_says_that_it_has_norm_1() -> None:
    model = Nnx(lambda layer, rngs: nnx.WeightNorm(layer, use_scale=False, rngs=rngs))
    plan = glorot.plan(model, inputs=X)
    assert plan["b.layer_instance.kernel"].why == "gain for relu; used with norm 1, whatever it holds"
    assert glorot.apply(plan, model, seed=0)(X).shape == (4, 6)


SPECTRAL: dict[str, tuple[Callable[[], Any], str]] = {
    "linen": (lambda: linen(nn.SpectralNorm, True), "Dense_0.kernel"),
    "nnx": (lambda: Nnx(nnx.SpectralNorm), "b.layer_instance.kernel"),
    "equinox": (lambda: equinox(lambda one: eqx.nn.SpectralNorm(one, "weight", key=KEY)), "layers.2.layer.weight"),
}


@pytest.mark.parametrize(("make", "path"), SPECTRAL.values(), ids=SPECTRAL)
def test_a_spectral_norm_is_said_and_its_weight_seen(make: Callable[[], Any], path: str) -> None:
    model = make()
    batch = None if isinstance(model, eqx.Module) else X  # it asks for its state, too, where it is given a batch
    plan = glorot.plan(model, inputs=batch)
    assert plan[path].why == "gain for relu; divided by its largest singular value where it is used"
    assert len(plan.entries) == 4
    glorot.apply(plan, model, seed=0, inputs=batch)
