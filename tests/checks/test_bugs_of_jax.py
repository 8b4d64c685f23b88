"""Bugs of initialisation in models of JAX that checks name, each beside its healthy twin."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

import glorot

NUMBERS = np.random.default_rng(0)
Pairs = list[tuple[str, tuple[str, ...]]]


def values(*shape: int) -> Any:
    return jnp.asarray(NUMBERS.normal(size=shape).astype("float32"))


def found(report: Any) -> Pairs:
    return [(one.code, one.paths) for one in report.findings]


class Two(nnx.Module):
    """Two layers, of which the second is called or not."""

    def __init__(self, name: str, seed: int, calls: bool) -> None:
        self.name, self.calls = name, calls
        self.q = nnx.Linear(8, 8, rngs=nnx.Rngs(0))
        setattr(self, name, nnx.Linear(8, 8, rngs=nnx.Rngs(seed)))

    def __call__(self, x: Any) -> Any:
        x = nnx.relu(self.q(x))
        return getattr(self, self.name)(x) if self.calls else x


@pytest.mark.parametrize(
    ("name", "seed", "calls", "is_named"),
    [("forgotten", 1, False, True), ("used", 1, True, False), ("old", 1, False, True)],
)
def test_a_layer_that_nothing_calls_is_named(name: str, seed: int, calls: bool, is_named: bool) -> None:
    report = glorot.check(Two(name, seed, calls), values(16, 8), jnp.arange(16) % 8, select="GL107")
    assert found(report) == [("GL107", (f"{name}.bias", f"{name}.kernel"))] * is_named


def test_params_that_a_linen_module_has_no_place_for_are_named() -> None:
    module, x = linen.Sequential([linen.Dense(8), linen.relu, linen.Dense(4)]), values(16, 8)
    params = module.init(jax.random.key(0), x)["params"]
    targets = jnp.arange(16) % 4
    assert found(glorot.check((module, {"params": params}), x, targets, select="GL107")) == []
    params |= {"head": {"kernel": values(8, 4), "bias": jnp.zeros(4)}}
    report = glorot.check((module, {"params": params}), x, targets, select="GL107")
    assert found(report) == [("GL107", ("head.kernel", "head.bias"))]
