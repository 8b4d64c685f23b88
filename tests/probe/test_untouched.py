"""Whatever inspects a model leaves it, and the random numbers of the process, as they were."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import glorot
from effort import examples
from glorot import probe
from glorot.adapters import take_inventory as inventory
from glorot.errors import GlorotError

X = torch.linspace(-1, 1, 6 * 4).reshape(6, 4)


class Restless(nn.Module):
    """A layer that changes all it can get at while it runs."""

    def __init__(self, fails: bool) -> None:
        super().__init__()
        self.fails = fails
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("average", torch.full((4,), float("nan")))
        self.register_buffer("mask", torch.tril(torch.ones(1, 4)).expand(3, 4))
        self.register_buffer("nothing", None)

    def forward(self, x: Tensor) -> Tensor:
        self.steps = self.steps + 1  # another tensor under the same name
        self.average.copy_(x.detach().mean(dim=0))
        self.nothing = torch.ones(1)
        x = x + torch.rand(1) + random.random() + np.random.rand()  # noqa: NPY002
        self.train(not self.training)
        if self.fails:
            raise RuntimeError("no")
        return x


def build(fails: bool, shared: bool) -> nn.Sequential:
    first = nn.Linear(4, 4)
    return nn.Sequential(
        *(first, nn.BatchNorm1d(4), nn.ReLU(inplace=True), nn.Dropout(0.5)),
        *(first if shared else nn.Linear(4, 4), Restless(fails), nn.Linear(4, 3)),
    )


def state(model: nn.Module) -> dict[str, Any]:
    """Return all that may not change, identities included."""
    return {
        "modes": [module.training for module in model.modules()],
        "buffers": [id(b) for b in model.buffers()],
        "values": [b.detach().numpy().tobytes() for b in model.buffers()],
        "names": [sorted(module._buffers) for module in model.modules()],
        "parameters": [(id(p), p._version, p.requires_grad, p.detach().numpy().tobytes()) for p in model.parameters()],
        "grads": [(id(p.grad), None if p.grad is None else p.grad.numpy().tobytes()) for p in model.parameters()],
        "hooks": [
            list(getattr(module, kind))
            for module in model.modules()
            for kind in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
        ],
        "random": (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()),  # noqa: NPY002
        "grad mode": torch.is_grad_enabled(),
        "fast path": torch.backends.mha.get_fastpath_enabled(),
    }


LOOKS: dict[str, Callable[[nn.Module], Any]] = {
    "inventory": lambda model: inventory(model, X),
    "inventory unseen": inventory,
    "plan": lambda model: glorot.plan(model, "auto", inputs=X),
    "measure": lambda model: probe.measure(model, X),
    "measure a loss": lambda model: probe.measure(model, X, torch.arange(6) % 3),
    "measure against nonsense": lambda model: probe.measure(model, X, torch.arange(5)),
    "a batch that does not fit": lambda model: glorot.plan(model, inputs=X[:, :3]),
    "a batch with NaN": lambda model: probe.measure(model, X * float("nan")),
}
REFUSE = {"measure against nonsense", "a batch that does not fit", "a batch with NaN"}


@examples(12)
@given(
    modes=st.lists(st.booleans(), min_size=8, max_size=8),
    trained=st.lists(st.booleans(), min_size=8, max_size=8),
    with_grads=st.lists(st.booleans(), min_size=8, max_size=8),
    fails=st.booleans(),
    shared=st.booleans(),
    hooked=st.integers(0, 6),
    seed=st.integers(0, 2**16),
)
@pytest.mark.parametrize("look", LOOKS)
def test_looking_changes_nothing(
    look: str,
    modes: list[bool],
    trained: list[bool],
    with_grads: list[bool],
    fails: bool,
    shared: bool,
    hooked: int,
    seed: int,
) -> None:
    model = build(fails, shared)
    for module, mode in zip(model.modules(), modes, strict=False):
        module.training = mode
    for parameter, trains, has_grad in zip(model.parameters(), trained, with_grads, strict=False):
        parameter.requires_grad_(trains)
        parameter.grad = torch.full_like(parameter, 0.5) if has_grad else None
    model[-1].bias.requires_grad_(True)  # a model that is frozen as a whole is refused
    model[hooked].register_forward_hook(lambda *_: None)
    random.seed(seed)
    before = state(model)
    if look in REFUSE or (fails and look != "inventory unseen"):
        with pytest.raises(GlorotError):
            LOOKS[look](model)
    else:
        LOOKS[look](model)
    assert state(model) == before


def test_the_property_can_fail() -> None:
    model = build(fails=False, shared=False).train()
    before = state(model)
    model(X)
    after = state(model)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"modes", "buffers", "values", "random"}


def test_a_loss_that_calls_backward_leaves_no_gradients() -> None:
    model = build(fails=False, shared=False)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        value = (outputs - targets).square().mean()
        value.backward(retain_graph=True)
        return value

    probe.measure(model, X, torch.zeros(6, 3), loss)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_single_trained_bias_is_enough_for_gradients() -> None:
    model = build(fails=False, shared=False).requires_grad_(False)
    model[0].bias.requires_grad_(True)
    signal = probe.measure(model, X)
    assert all(layer.gradient_std > 0 for layer in signal.layers)
    assert all(math.isnan(layer.weight_gradient_std) for layer in signal.layers)


def test_looking_twice_sees_the_same() -> None:
    model = build(fails=False, shared=False)
    torch.manual_seed(5)
    assert probe.measure(model, X, torch.arange(6) % 3) == probe.measure(model, X, torch.arange(6) % 3)


def test_the_weights_do_not_change_while_they_are_measured_without_gradients() -> None:
    model = build(fails=False, shared=False)
    before = state(model)
    with torch.no_grad():
        signal = probe.measure(model, X)
    assert signal["0"].gradient_std > 0
    assert state(model) == before
