"""GL507 and GL508: what the loss does in the first steps of training."""

from typing import Any

import keras
import numpy as np
import optax
import pytest
import torch
from flax import nnx
from torch import nn

import glorot
from glorot.checks import Finding

X = torch.randn(32, 64, generator=torch.Generator().manual_seed(1))
Y = torch.arange(32) % 10
CODES = "GL507,GL508"


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def net(phi: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 64), phi(), nn.Linear(64, 10))


def found(model: Any, optimizer: Any, steps: int = 5, **more: Any) -> list[Finding]:
    arguments: dict[str, Any] = {"inputs": X, "targets": Y, "select": CODES, **more}
    return list(glorot.check(model, optimizer=optimizer, steps=steps, **arguments).findings)


def sgd(model: nn.Module, rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=rate)


@pytest.mark.parametrize("rate", [1e-3, 1e-2, 0.1, 0.5])
def test_a_loss_that_falls_is_fine(rate: float) -> None:
    model = net()
    assert not found(model, sgd(model, rate))
    assert not found(model, torch.optim.Adam(model.parameters(), lr=1e-3), steps=20)


def test_an_optimizer_of_another_model_lowers_nothing() -> None:
    model, other = net(), net()
    optimizer = torch.optim.SGD([*other.parameters(), model[2].bias], lr=0.0)
    optimizer.param_groups[0]["lr"] = 0.1
    model[2].bias.requires_grad_(False)
    model.add_module("3", nn.Identity())
    (one,) = found(model, optimizer)
    assert (
        str(one)
        == "GL507 warning: loss: does not fall in 5 steps on one batch (1, expected less than its start after 5 steps)"
    )


def test_four_steps_are_too_few_to_tell() -> None:
    model = net()
    assert [one.code for one in found(model, sgd(model, 3e-9), steps=5)] == ["GL507"]
    assert not found(model, sgd(model, 3e-9), steps=4)


def test_a_warm_up_may_move_nothing_yet() -> None:
    model = net()
    optimizer = sgd(model, 0.1)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step * 1e-3)
    assert not found(model, optimizer)


def test_a_loss_below_zero_falls_too() -> None:
    model = net()
    fit = lambda outputs, targets: nn.functional.cross_entropy(outputs, targets) - 100  # noqa: E731
    assert not found(model, sgd(model, 0.1), loss=fit)
    (one,) = found(model, sgd(model, 3e-9), loss=fit)
    assert one.code == "GL507"


def test_a_rate_that_is_far_too_large() -> None:
    model = net(nn.ReLU)
    (one,) = found(model, sgd(model, 30.0))  # and GL507 is its effect
    assert one.code == "GL508"
    assert one.severity == "warning"
    assert one.why == "grows in the first steps of training"
    assert one.figure > 5


def test_a_loss_that_is_no_number_any_more() -> None:
    model = net(nn.ReLU)
    (one,) = found(model, sgd(model, 1e25), steps=9)
    assert one.severity == "error"
    assert one.why in ("is nan after 1 step of training", "is inf after 1 step of training")
    assert not glorot.check(model, X, Y, optimizer=sgd(model, 1e25), steps=9).ok


def test_a_trained_model_may_lose_what_no_answer_ever_had() -> None:
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(X), Y).backward()
        optimizer.step()
    assert not found(model, sgd(model, 1.0), steps=3)  # from 0.001 to 0.1 or so


def test_without_steps_neither_is_asked() -> None:
    report = glorot.check(net(), X, Y, select=CODES)
    assert {one.code: one.why for one in report.unasked} == dict.fromkeys(
        CODES.split(","), "needs steps of training, as steps=5"
    )


# ---- other frameworks ------------------------------------------------------------------------------------------------


class InNnx(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.a, self.b = nnx.Linear(64, 64, rngs=rngs), nnx.Linear(64, 10, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.b(nnx.relu(self.a(x)))


def in_keras() -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(10)])


@pytest.mark.parametrize(("build", "sgd"), [(InNnx, optax.sgd), (in_keras, keras.optimizers.SGD)])
def test_they_are_found_in_other_frameworks(build: Any, sgd: Any) -> None:
    batch = {"inputs": X.numpy(), "targets": np.asarray(Y)}
    assert not found(build(), sgd(0.1), **batch)
    assert [one.code for one in found(build(), sgd(30.0), **batch)] == ["GL508"]
    assert [one.code for one in found(build(), sgd(1e-10), **batch)] == ["GL507"]
