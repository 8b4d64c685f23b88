"""An optimiser's first step beside the weights, and models of every precision."""

import math
from typing import Any

import jax
import numpy as np
import pytest
import torch
from same_mlp import VALUES, mlp_in_jax, mlp_in_torch, run
from torch import Tensor, nn

import glorot
from glorot.errors import GlorotError


def stepped(model: nn.Module, optimizer: torch.optim.Optimizer, goal: Tensor) -> list[float]:
    """Return the update/weight ratio of each kernel after one real step."""
    before = [parameter.detach().clone() for parameter in model.parameters()]
    nn.functional.cross_entropy(model(torch.from_numpy(VALUES)), goal).backward()
    optimizer.step()
    pairs = zip(before, model.parameters(), strict=True)
    return [((after.detach() - old).norm() / old.norm()).item() for old, after in pairs if old.dim() == 2]


OPTIMIZERS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.5, weight_decay=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_update_ratio_is_that_of_a_real_first_step(name: str) -> None:
    make, goal = OPTIMIZERS[name], torch.arange(6) % 3
    model = mlp_in_torch()
    optimizer = make(model.parameters())
    before = [parameter.detach().clone() for parameter in model.parameters()]
    own = glorot.measure(model, VALUES, goal, optimizer=optimizer)
    made = glorot.measure(model, VALUES, goal, optimizer=make)
    assert all(map(torch.equal, before, model.parameters()))
    assert not optimizer.state
    expected = stepped(model, optimizer, goal)
    for signal in (own, made):
        assert [signal.step(one).update_ratio for one in ("0", "2")] == pytest.approx(expected, rel=1e-4)
        assert "update" in str(signal)
        assert math.isnan(signal.step("0 → tanh").update_ratio)


def test_a_transformation_of_gradients_is_tried_in_jax() -> None:
    class Descent:
        def init(self, weights: Any) -> None:
            return None

        def update(self, gradients: Any, state: None, weights: Any) -> Any:
            return jax.tree.map(lambda gradient: -0.5 * gradient, gradients), state

    model, goal = mlp_in_torch(), np.arange(6) % 3
    there = glorot.measure(mlp_in_jax(model), VALUES, goal, forward=run, optimizer=Descent())
    expected = stepped(model, torch.optim.SGD(model.parameters(), lr=0.5), torch.from_numpy(goal))
    assert [there.step(one).update_ratio for one in ("0", "2")] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (3, r"^optimizer is an optimiser of the model's parameters, or a function parameters → optimiser, got a int$"),
        (lambda parameters: 3, r"^optimizer must return a torch\.optim\.Optimizer, got a int$"),
        (
            torch.optim.SGD(mlp_in_torch().parameters()),
            r"^4 parameters of the optimiser are not in the model; build it",
        ),
        (lambda parameters: {}["lr"], r"^the first step of the optimiser failed with KeyError: 'lr'$"),
    ],
)
def test_what_is_no_optimiser_of_the_model_is_refused(optimizer: Any, message: str) -> None:
    with pytest.raises(GlorotError, match=message):
        glorot.measure(mlp_in_torch(), VALUES, optimizer=optimizer)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_a_model_of_any_precision_is_measured(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 30 * 30, 4))
    x = torch.randn(8, 3, 32, 32)
    plain = glorot.measure(model, x).step("0")
    assert plain.sample < 8 * 32 * 30 * 30  # so that it is reduced where it lies
    other = glorot.measure(model.to(dtype), x.to(dtype)).step("0")
    assert other.second_moment == pytest.approx(plain.second_moment, rel=0.02)
    assert other.gradient_std == pytest.approx(plain.gradient_std, rel=0.02)
