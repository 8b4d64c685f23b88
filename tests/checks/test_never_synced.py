"""GL208: networks that follow another one, and were never set to its weights."""

import copy
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from flax import nnx
from torch import nn

import glorot
from glorot.checks import Finding


def found(model: Any, **more: Any) -> tuple[Finding, ...]:
    return glorot.check(model, select="GL203,GL208", **more).findings


def net(*sizes: int) -> nn.Sequential:
    a, b, c = sizes or (12, 32, 4)
    return nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c))


Copy = Callable[[nn.Module], nn.Module]


class Shadow(nn.Module):
    """A moving average whose tensors are buffers without dots in their names, as diffusion models keep it."""

    def __init__(self, other: nn.Module) -> None:
        super().__init__()
        self.register_buffer("decay", torch.tensor(0.999))
        for path, parameter in other.named_parameters():
            self.register_buffer(path.replace(".", ""), parameter.detach().clone())


def momentum_encoder(make: Copy) -> nn.Module:
    q = net()
    return nn.ModuleDict({"encoder_q": q, "encoder_k": make(q).requires_grad_(False)})


def two_critics(make: Copy) -> nn.Module:
    first, second = net(), net()
    return nn.ModuleDict({"qf1": first, "qf2": second, "qf1_target": make(first), "qf2_target": make(second)})


def within(make: Copy) -> nn.Module:
    online = nn.ModuleDict({"actor": net(), "critic": net(16, 32, 1)})
    return nn.ModuleDict({"online": online, "target": nn.ModuleDict({"critic": make(online["critic"])})})


def plain(follower: str, leader: str) -> Callable[[Copy], nn.Module]:
    def build(make: Copy) -> nn.Module:
        leading = net()
        return nn.ModuleDict({leader: leading, follower: make(leading), "other": net(5, 5, 5)})

    return build


PAIRS: dict[str, tuple[Callable[[Copy], nn.Module], list[str]]] = {
    # github.com/ray-project/ray/issues/45614, github.com/rail-berkeley/softlearning/issues/18
    "q_target": (plain("q_target", "q"), ["q_target"]),
    "ac_targ": (plain("ac_targ", "ac"), ["ac_targ"]),
    "targetNet": (plain("targetNet", "policyNet"), ["targetNet"]),
    # github.com/Haochen-Wang409/U2PL/issues/128
    "ema_model": (plain("ema_model", "model"), ["ema_model"]),
    "teacher": (plain("teacher", "student"), ["teacher"]),
    "target_encoder": (plain("target_encoder", "context_encoder"), ["target_encoder"]),
    "two critics": (two_critics, ["qf1_target", "qf2_target"]),
    "within another": (within, ["target"]),
    "q_bar": (lambda make: nn.ModuleDict({"q": (one := net()), "q_bar": make(one).requires_grad_(False)}), ["q_bar"]),
    "keys": (momentum_encoder, ["encoder_k"]),
    "shadows": (lambda make: nn.ModuleDict({"model": (one := net()), "model_ema": Shadow(make(one))}), ["model_ema"]),
    "averaged": (
        lambda make: nn.ModuleDict({"net": (one := net()), "swa_net": torch.optim.swa_utils.AveragedModel(make(one))}),
        ["swa_net"],
    ),
}


def anew(module: nn.Module) -> nn.Module:
    again = copy.deepcopy(module)
    for layer in again.modules():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    return again


def lagging(module: nn.Module) -> nn.Module:
    again = copy.deepcopy(module)
    for parameter in again.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return again


@pytest.mark.parametrize("name", PAIRS)
def test_a_follower_is_set_to_what_it_follows(name: str) -> None:
    torch.manual_seed(0)
    build, blamed = PAIRS[name]
    assert found(build(copy.deepcopy)) == ()
    assert found(build(lagging)) == ()
    warned = found(build(anew))
    assert {one.code for one in warned} == {"GL208"}
    assert [path for one in warned for path in one.paths] == blamed
    assert all(one.severity == "warning" and abs(one.figure) < 0.3 for one in warned)


def test_the_network_that_is_followed_is_named() -> None:
    (one,) = found(plain("q_target", "q")(anew))
    assert one.why == "follows q by its name, and starts with other weights"
    assert one.remedy == "copy the weights into it after both are initialised"


def trained(module: nn.Module) -> nn.Module:
    again = anew(module)
    for parameter in again.parameters():
        parameter.data *= 1.6
    return again


APART = {
    "a teacher that is trained": plain("teacher", "student")(trained),
    "a random target that a predictor learns": plain("target", "predictor")(anew),
    "languages on both sides": plain("target_encoder", "source_encoder")(anew),
    "another architecture": nn.ModuleDict({"teacher": net(12, 64, 4), "student": net()}),
    "projections of one layer": nn.ModuleDict({"target_proj": nn.Linear(8, 8), "context_proj": nn.Linear(8, 8)}),
    "heads that are trained": nn.ModuleDict({"encoder_q": net(), "encoder_k": net()}),
}


@pytest.mark.parametrize("model", APART.values(), ids=APART.keys())
def test_networks_that_are_meant_to_differ_are_let_pass(model: nn.Module) -> None:
    assert found(model) == ()


def test_the_part_that_was_not_copied_is_named() -> None:
    online, target = net(), net()
    target[0].load_state_dict(online[0].state_dict())
    (one,) = found(nn.ModuleDict({"online": online, "target": target}))
    assert one.paths == ("target.2.weight",)
    assert one.why == "lies in what follows online, and is no copy, as others are"


def test_attention_that_is_frozen_has_keys_of_its_own() -> None:
    layers = {name: nn.Linear(16, 16).requires_grad_(False) for name in ("query", "key", "q_t")}
    assert found(nn.ModuleDict({**layers, "head": nn.Linear(16, 2)})) == ()


def test_a_network_that_an_optimizer_trains_follows_nobody() -> None:
    model = plain("target_encoder", "encoder")(anew)
    assert len(found(model)) == 1
    assert found(model, optimizer=torch.optim.SGD(model.parameters(), 0.1)) == ()


def in_jax(*, wrong: bool) -> Any:
    keys = jax.random.split(jax.random.key(0), 4)
    one, other = (
        {"a": {"kernel": jax.random.normal(a, (12, 32))}, "b": {"kernel": jax.random.normal(b, (32, 4))}}
        for a, b in (keys[:2], keys[2:])
    )
    return {"params": one, "target_params": other if wrong else jax.tree.map(jnp.copy, one)}


class Agent(nnx.Module):
    def __init__(self, *, wrong: bool) -> None:
        rngs = nnx.Rngs(0)
        self.q, self.target_q = (nnx.List([nnx.Linear(12, 32, rngs=rngs), nnx.Linear(32, 4, rngs=rngs)]) for _ in "ab")
        if not wrong:
            nnx.update(self.target_q, nnx.state(self.q))


class InKeras(keras.Model):  # type: ignore[misc]
    def __init__(self, *, wrong: bool) -> None:
        super().__init__()
        self.q, self.q_target = (
            keras.Sequential([keras.Input((12,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(4)]) for _ in "ab"
        )
        self.q_target.trainable = False
        if not wrong:
            self.q_target.set_weights([np.copy(one) for one in self.q.get_weights()])


@pytest.mark.parametrize("build", [in_jax, Agent, InKeras])
def test_in_every_framework(build: Callable[..., Any]) -> None:
    assert [one.code for one in found(build(wrong=True))] == ["GL208"]
    assert found(build(wrong=False)) == ()
