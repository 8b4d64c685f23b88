"""`glorot.diff` with names: one network in PyTorch, Keras, JAX and Caffe is compared in law, part by part."""

import re
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from flax import nnx
from torch import nn

import glorot
from glorot.caffe import parse_net, to_torch
from glorot.errors import GlorotError

CAFFE = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 32 } } }
layer { name: "fc1" type: "InnerProduct" bottom: "data" top: "fc1" inner_product_param { num_output: 64 } }
layer { name: "tanh" type: "TanH" bottom: "fc1" top: "tanh" }
layer { name: "fc2" type: "InnerProduct" bottom: "tanh" top: "fc2" inner_product_param { num_output: 16 } }
"""


def in_torch() -> nn.Module:
    return nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 16))


def in_keras() -> Any:
    dense = keras.layers.Dense
    return keras.Sequential([keras.Input((32,)), dense(64, activation="tanh"), dense(16)])


class InNnx(nnx.Module):
    def __init__(self) -> None:
        self.last, self.first = nnx.Linear(64, 16, rngs=nnx.Rngs(0)), nnx.Linear(32, 64, rngs=nnx.Rngs(1))

    def __call__(self, x: Any) -> Any:
        return self.last(jnp.tanh(self.first(x)))


def in_caffe() -> nn.Module:
    return to_torch(parse_net(CAFFE))


BUILDS: dict[str, Callable[[], Any]] = {"torch": in_torch, "keras": in_keras, "nnx": InNnx, "caffe": in_caffe}
PATHS = {
    "torch": ("0.weight", "0.bias", "2.weight", "2.bias"),
    "keras": ("layers.0.kernel", "layers.0.bias", "layers.1.kernel", "layers.1.bias"),
    "nnx": ("first.kernel", "first.bias", "last.kernel", "last.bias"),
    "caffe": ("fc1.0", "fc1.1", "fc2.0", "fc2.1"),
}
BATCH = np.ones((2, 32), np.float32)


def names_of(here: str, there: str) -> dict[str, str]:
    """Return what the parameters of one framework are called in another."""
    return dict(zip(PATHS[here], PATHS[there], strict=True))


def batch_for(model: Any) -> Any:
    return torch.from_numpy(BATCH) if isinstance(model, nn.Module) else BATCH


def plan_of(model: Any) -> glorot.Plan:
    return glorot.plan(model, "xavier_normal", inputs=batch_for(model))


def started(framework: str, seed: int, rules: Any = ()) -> Any:
    model = BUILDS[framework]()
    return glorot.initialize(model, "xavier_normal", seed=seed, rules=rules, inputs=batch_for(model))


@pytest.mark.parametrize("other", ["keras", "nnx", "caffe"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_network_in_two_frameworks_is_one(other: str, is_first: bool) -> None:
    frameworks = ("torch", other) if is_first else (other, "torch")
    a, b = started(frameworks[0], 0), started(frameworks[1], 1)
    names = names_of(frameworks[1], frameworks[0])
    assert names == glorot.match(plan_of(a), b, batch_for(b))
    told = "no differences; 2 the same; 2 equal in law"
    assert str(glorot.diff(a, b, names=names)).startswith(f"{told} (a std off by ")
    assert str(glorot.diff(plan_of(a), b, names=names)) == told
    assert str(glorot.diff(a, plan_of(b), names=names)) == told
    assert not glorot.diff(plan_of(a), plan_of(b), names=names)


@pytest.mark.parametrize("other", ["keras", "nnx", "caffe"])
def test_what_differs_in_law_is_named_as_in_a(other: str) -> None:
    names = names_of(other, "torch")
    wide = started(other, 1, rules=[(PATHS[other][2], "xavier_normal(gain=1.5)")])
    (found,) = glorot.diff(started("torch", 0), wide, names=names).differences
    assert (found.kind, found.paths) == ("law", ("2.weight",))
    assert re.fullmatch(r"has 1\.[456] times the std in B", found.why)
    (found,) = glorot.diff(plan_of(in_torch()), wide, names=names).differences
    assert (found.paths, found.why) == ((PATHS[other][2],), "does not follow the law of the plan")


def test_the_same_bits_in_another_order_of_axes_are_the_same() -> None:
    a, b, names = in_torch(), in_keras(), names_of("keras", "torch")
    plan = plan_of(a)
    glorot.apply(plan, a, seed=0)
    glorot.apply(plan, b, seed=0, names=names)
    assert str(glorot.diff(a, b, names=names)) == "no differences; 4 the same"
    assert str(glorot.diff(a.state_dict(), b, names=names)) == "no differences; 4 the same"


def test_pieces_of_a_fused_tensor_are_compared_with_tensors_of_their_own() -> None:
    class Apart(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v = (nn.Linear(32, 32) for _ in range(3))

    fused, apart = nn.Module(), Apart()
    fused.attention = nn.MultiheadAttention(32, 2)
    glorot.initialize(apart, "xavier_normal", seed=0)
    glorot.initialize(fused, "xavier_normal", seed=1)
    names = {
        f"{letter}.{kind}": f"attention.in_proj_{kind}[{letter}]" for letter in "qkv" for kind in ("weight", "bias")
    }
    found = glorot.diff(fused, apart, names=names)
    assert (found.same, found.alike) == (3, 3)
    assert [(one.kind, one.paths) for one in found.differences] == [
        ("missing", ("attention.out_proj.weight", "attention.out_proj.bias"))
    ]


def test_buffers_that_one_framework_alone_has_are_left_out_and_told() -> None:
    here = nn.Sequential(nn.Linear(32, 64), nn.BatchNorm1d(64))
    there = keras.Sequential([keras.Input((32,)), keras.layers.Dense(64), keras.layers.BatchNormalization()])
    plan = glorot.plan(here, "xavier_normal")
    names = glorot.match(plan, there)
    glorot.apply(plan, here, seed=0), glorot.apply(plan, there, seed=0, names=names)
    found = glorot.diff(here, there, names=names)
    assert not found
    assert found.notes == ("not compared, because no plan has them: 1.num_batches_tracked",)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"layers.9.kernel": "0.weight"}, r"^names gives a name to 'layers.9.kernel', which B does not have \(did you"),
        (
            {"layers.0.bias": "0.bias", "layers.1.bias": "0.bias"},
            r"^names gives one name, '0.bias', to both 'layers.0.bias' and 'layers.1.bias' of B$",
        ),
        (["layers.0.bias"], r"^names must be a dict \{path in the model: name\}, got \["),
    ],
)
def test_names_that_do_not_fit_are_refused(names: Any, message: str) -> None:
    with pytest.raises(GlorotError, match=message):
        glorot.diff(in_torch(), in_keras(), names=names)
    if isinstance(names, dict):
        with pytest.raises(GlorotError, match=message):
            glorot.diff(plan_of(in_torch()), plan_of(in_keras()), names=names)
