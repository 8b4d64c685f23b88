"""Zeros under a weight norm have no direction: they are refused in every framework, where they would become NaN or stay."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
import torch
from flax import nnx

import glorot
from glorot.errors import GlorotError

X = jnp.linspace(-1, 1, 32).reshape(4, 8)
KEY = jax.random.key(0)
RNGS = nnx.Rngs(0)


def linen(module: nn.Module, **kwargs: Any) -> Any:
    return module, module.init(KEY, X, **kwargs)


def in_torch(norm: Callable[..., Any]) -> torch.nn.Module:
    return torch.nn.Sequential(norm(torch.nn.Linear(8, 6)))


WEIGHT_NORMS: dict[str, tuple[Callable[[], Any], str]] = {
    "torch": (lambda: in_torch(torch.nn.utils.parametrizations.weight_norm), "0.weight"),
    "linen": (lambda: linen(nn.WeightNorm(nn.Dense(6))), "layer_instance.kernel"),
    "nnx": (lambda: nnx.WeightNorm(nnx.Linear(8, 6, rngs=RNGS), rngs=RNGS), "layer_instance.kernel"),
    "nnx, unscaled": (
        lambda: nnx.WeightNorm(nnx.Linear(8, 6, rngs=RNGS), use_scale=False, rngs=RNGS), "layer_instance.kernel",
    ),
    "equinox": (lambda: eqx.nn.WeightNorm(eqx.nn.Linear(8, 6, key=KEY)), "layer.weight"),
    "equinox, over all": (lambda: eqx.nn.WeightNorm(eqx.nn.Linear(8, 6, key=KEY), axis=None), "layer.weight"),
    "equinox, spectral": (
        lambda: eqx.nn.SpectralNorm(eqx.nn.Linear(8, 6, key=KEY), "weight", key=KEY), "layer.weight",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "path"), WEIGHT_NORMS.values(), ids=WEIGHT_NORMS)
def test_zeros_under_a_norm_are_refused(make: Callable[[], Any], path: str):
    model = make()
    plan = glorot.plan(model, rules=[(path, "zeros")], inputs=False)
    with pytest.raises(GlorotError) as caught:
        glorot.apply(plan, model, seed=0)
    message = str(caught.value)
    assert message.startswith(f"{path} cannot hold what the plan draws for it: it is ")
    assert message.endswith(f"; give it another law by a rule, or leave it alone with rules=[({path!r}, 'skip')]")
    if not isinstance(model, torch.nn.Module):
        assert ", and zeros have no norm to be divided by; " in message
    glorot.initialize(model, seed=0, rules=[(path, "normal(0.1)")], inputs=False)


FLAX: dict[str, tuple[Callable[[], Any], str]] = {
    "linen": (lambda: linen(nn.SpectralNorm(nn.Dense(6)), update_stats=False), "layer_instance.kernel"),
    "nnx": (lambda: nnx.SpectralNorm(nnx.Linear(8, 6, rngs=RNGS), rngs=RNGS), "layer_instance.kernel"),
}


@pytest.mark.parametrize(("make", "path"), FLAX.values(), ids=FLAX)
def test_flax_leaves_zeros_as_they_are_under_a_spectral_norm(make: Callable[[], Any], path: str):
    model = make()
    plan = glorot.plan(model, rules=[(path, "zeros")], inputs=False)
    assert any("sigma" in buffer for buffer in plan.buffers), plan.buffers
    started = glorot.apply(plan, model, seed=0)
    made = started[0].apply(started[1], X, update_stats=False) if isinstance(started, tuple) else started(X)
    assert float(jnp.abs(made).max()) == 0
