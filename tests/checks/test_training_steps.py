"""`glorot.check(…, steps=k)`: steps of training on copies, after which all is as it was."""

import copy
import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import glorot
from glorot.errors import GlorotError

X = torch.randn(32, 20, generator=torch.Generator().manual_seed(1))
Y = torch.arange(32) % 5


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def net() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(20, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(32, 32),
        nn.ReLU(),
        nn.Linear(32, 5),
    )


def losses(model: nn.Module, steps: int = 5, **more: Any) -> tuple[float, ...]:
    report = glorot.check(model, X, Y, steps=steps, select="GL101", **more)
    assert report.steps is not None
    return report.steps


def warmed(model: nn.Module) -> torch.optim.Optimizer:
    """Return an optimizer that has a state, and a schedule that has replaced its step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    torch.optim.lr_scheduler.StepLR(optimizer, 1)
    for _ in range(2):
        functional.cross_entropy(model(X), Y).backward()
        optimizer.step()
    return optimizer


def all_of(model: nn.Module, optimizer: Any) -> Any:
    """Return all that steps could change."""
    tensors = [(name, one.clone()) for name, one in model.state_dict().items()]
    gradients = [None if one.grad is None else one.grad.clone() for one in model.parameters()]
    held = [[id(one) for one in group["params"]] for group in optimizer.param_groups]
    modes = [one.training for one in model.modules()]
    drawn = torch.get_rng_state(), np.random.get_state()[1], random.getstate()  # noqa: NPY002 - the global one
    return tensors, gradients, copy.deepcopy(optimizer.state_dict()), held, modes, drawn, X.clone(), Y.clone()


def is_same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor | np.ndarray):
        return one.tobytes() == other.tobytes() if isinstance(one, np.ndarray) else torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


class Noisy(nn.Sequential):
    """Draws from every generator, writes to its batch, and may fail in its n-th pass."""

    calls, fails = 0, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.fails:
            raise RuntimeError("no memory left")
        x += 0 * (np.random.rand() + random.random())  # noqa: NPY002
        return super().forward(functional.dropout(x, 0.1, self.training))


@pytest.mark.parametrize("fails", [0, 4])
def test_nothing_is_changed_whether_all_steps_are_taken_or_one_fails(fails: int) -> None:
    model = Noisy(*net())
    optimizer = warmed(model)
    functional.cross_entropy(model(X), Y).backward()
    model[4].eval()
    model.calls, model.fails = 0, fails
    before = all_of(model, optimizer)
    if fails:
        with pytest.raises(GlorotError, match=r"^step \d of training failed: no memory left$"):
            losses(model, optimizer=optimizer)
    else:
        assert len(losses(model, optimizer=optimizer)) == 6
    assert is_same(before, all_of(model, optimizer))
    assert model.calls == 0
    before[0][0][1].view(-1)[0] += 1e-7  # what would be seen
    assert not is_same(before, all_of(model, optimizer))


def test_the_losses_are_those_of_a_real_training_with_the_state_of_the_optimizer() -> None:
    model = net().eval()
    optimizer = warmed(model)
    found = losses(model, optimizer=optimizer, steps=4)
    trained = []
    for _ in range(5):
        optimizer.zero_grad()
        value = functional.cross_entropy(model(X), Y)
        trained.append(value.item())
        value.backward()
        optimizer.step()
    assert found == pytest.approx(trained, rel=1e-5)


def test_dropout_draws_the_same_in_every_step() -> None:
    model = nn.Sequential(nn.Linear(20, 64), nn.Dropout(0.5), nn.Linear(64, 5))
    assert len({*losses(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.0))}) == 1
    with torch.no_grad():
        assert not torch.equal(model(X), model(X))  # or else it would show nothing


def test_without_an_optimizer_adam_steps() -> None:
    model = net().eval()
    expected = losses(model, optimizer=torch.optim.Adam(model.parameters(), lr=1e-3))
    assert losses(model) == expected
    assert expected[-1] < expected[0]


OPTIMIZERS = {
    "L-BFGS, which evaluates again": lambda model: torch.optim.LBFGS(model.parameters(), lr=0.1),
    "several": lambda model: [
        torch.optim.SGD(model[:4].parameters(), lr=0.1), torch.optim.Adam(model[4:].parameters())
    ],
    "a rate that is a tensor": lambda model: torch.optim.Adam(model.parameters(), lr=torch.tensor(1e-2)),
    "groups with own rates": lambda model: torch.optim.SGD(
        [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[4:].parameters()}], lr=0.01, momentum=0.9
    ),
}  # fmt: skip


@pytest.mark.parametrize("build", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_optimizers_of_every_kind_step_on_copies(build: Any) -> None:
    model = net().eval()
    optimizer = build(model)
    several = optimizer if isinstance(optimizer, list) else [optimizer]
    before = [all_of(model, one) for one in several]
    found = losses(model, optimizer=optimizer)
    assert found[-1] < found[0]
    assert is_same(before, [all_of(model, one) for one in several])


def test_tied_weights_stay_tied_in_the_copy() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(16, 8), nn.Linear(8, 16, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, tokens: Tensor) -> Tensor:
            assert self.head.weight is self.embed.weight
            return self.head(self.embed(tokens))

    model, tokens = Tied(), torch.arange(16).view(2, 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert len(optimizer.param_groups[0]["params"]) == 1
    report = glorot.check(model, tokens, tokens, optimizer=optimizer, steps=3, select="GL101")
    assert report.steps is not None
    assert report.steps[-1] < report.steps[0]


def test_a_loss_with_parameters_is_copied_too() -> None:
    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.log_scale = nn.Parameter(torch.zeros(()))

        def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return functional.cross_entropy(outputs * self.log_scale.exp(), targets) + self.log_scale.square()

    model, loss = net().eval(), Weighted()
    optimizer = torch.optim.SGD([*model.parameters(), *loss.parameters()], lr=0.5)
    found = losses(model, loss=loss, optimizer=optimizer)
    assert found[-1] < found[0]
    assert loss.log_scale.item() == 0
    assert loss.log_scale.grad is None


def test_a_loss_that_is_no_number_ends_the_steps() -> None:
    model = net().eval()
    found = losses(model, optimizer=torch.optim.SGD(model.parameters(), lr=1e30), steps=9)
    assert 1 < len(found) < 10
    assert not math.isfinite(found[-1])
    report = glorot.check(model, X, Y, optimizer=torch.optim.SGD(model.parameters(), lr=1e30), steps=9, select="GL101")
    assert report.to_json()["steps"][-1] is None


def test_the_report_tells_of_the_loss() -> None:
    report = glorot.check(net().eval(), X, Y, steps=5)
    assert report.steps is not None
    line = f"loss over 5 steps: {report.steps[0]:.4g} → {report.steps[-1]:.4g}"
    assert line in str(report).splitlines()
    assert report.to_json()["steps"] == list(report.steps)
    none = glorot.check(net(), X, Y)
    assert none.steps is None
    assert "loss over" not in str(none)
    assert none.to_json()["steps"] is None


# ---- refusals --------------------------------------------------------------------------------------------------------


class Alone(nn.Linear):
    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("cannot pickle '_thread.lock' object")


class Shared(nn.Linear):
    def __deepcopy__(self, memo: Any) -> Any:
        return self


class Closed(nn.Module):
    """A model whose forward is a function that keeps the layer, which a copy keeps too."""

    def __init__(self) -> None:
        super().__init__()
        layer = self.layer = nn.Linear(20, 5)
        self.run = lambda x: layer(x) * 1.0

    def forward(self, x: torch.Tensor) -> Any:
        return self.run(x)


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no copy": (
        lambda: nn.Sequential(Alone(20, 5)),
        {},
        "steps are taken on copies, and copy.deepcopy of the model failed with TypeError: cannot pickle '_thread.lock' "
        "object; leave steps= out, or give its class a __deepcopy__",
    ),
    "a copy that is none": (
        lambda: nn.Sequential(Shared(20, 5)),
        {},
        "steps are taken on copies, and a copy of this Sequential shares 0.weight; leave steps= out",
    ),
    "a copy that uses the model": (
        Closed,
        {},
        "steps are taken on copies, and the copy of this Closed computes with layer.weight of the model itself, so "
        "whether its loss would fall can't be told: a function that it keeps, as a lambda, holds the layer; let it "
        "reach the layer through self, or leave steps= out",
    ),
    "nothing to train": (
        lambda: net().requires_grad_(False),
        {},
        "no parameter of the model requires a gradient, so no step can be taken; leave steps= out",
    ),
    "a number that is none": (net, {"steps": -1}, "steps must be a whole number, 0 or more, got -1"),
    "a flag": (net, {"steps": True}, "steps must be a whole number, 0 or more, got True"),
    "no batch": (
        net, {"inputs": None, "targets": None}, "steps= trains on a batch, and there is none; pass inputs= and targets="
    ),
    "no loss": (
        net, {"targets": None}, "steps= needs a loss that can fall, and there is none; pass targets=, or loss="
    ),
}  # fmt: skip


@pytest.mark.parametrize(("build", "more", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(build: Any, more: dict[str, Any], text: str) -> None:
    with pytest.raises(GlorotError) as caught:
        glorot.check(build(), **{"inputs": X, "targets": Y, "steps": 3, **more})
    assert str(caught.value) == text


def test_a_weights_file_takes_no_steps(tmp_path: Any) -> None:
    torch.save(net().state_dict(), tmp_path / "net.pt")
    with pytest.raises(GlorotError, match="steps= needs one: load the file into a model, and pass that"):
        glorot.check(tmp_path / "net.pt", steps=2)


def test_the_adam_of_ours_takes_steps_in_half_precision() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4)).half()
    report = glorot.check(model, torch.randn(32, 16).half(), torch.randint(4, (32,)), steps=5)
    assert report.steps is not None
    assert report.steps[-1] < report.steps[0]
