"""A comparison takes models, losses and seeds as people have them, and never loses what was trained."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import glorot
from glorot.comparison import run as running
from glorot.errors import GlorotError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 6)).astype(np.float32)
Y = np.arange(48) % 3
DATA = (X, Y, X, Y)


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))


def test_a_model_is_copied_for_each_run_and_stays_as_it_was() -> None:
    model = net()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    result = glorot.compare(model, DATA, ["current", "zeros"], 2, epochs=1)
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
    starts = [run.epochs[0].train_loss for run in result["current"].runs]
    assert starts[0] == starts[1] != result["zeros"].runs[0].epochs[0].train_loss  # its own weights, in each run


def test_only_some_of_a_model_is_started_and_the_rest_keeps_what_it_has() -> None:
    model = net()
    result = glorot.compare(model, DATA, ["zeros", "xavier"], 1, epochs=1, only="2.*")
    for name in ("zeros", "xavier"):
        drawn = {entry.name for entry in result[name].plan if entry.distribution is not None}
        assert drawn == {"2.weight", "2.bias"}
    assert result["zeros"].runs[0].start.layers[0].std > 0
    with pytest.raises(GlorotError, match=r"rule '3\.\*' matches no parameter"):
        glorot.compare(model, DATA, ["zeros"], 1, epochs=1, only="3.*")


def test_seeds_may_be_named() -> None:
    named = glorot.compare(net, DATA, ["xavier"], [1, 5], epochs=1)
    assert [run.seed for run in named["xavier"].runs] == [1, 5]
    assert named.seeds == 2
    counted = glorot.compare(net, DATA, ["xavier"], 2, epochs=1)
    assert named["xavier"].runs[0].epochs == counted["xavier"].runs[1].epochs
    ranged = glorot.compare(net, DATA, ["xavier"], range(5, 6), epochs=1)
    assert ranged["xavier"].runs[0].epochs == named["xavier"].runs[1].epochs


@pytest.mark.parametrize("seeds", [0, -1, True, 1.5, [], [1, 1], [-1], [2**64], ["1"], "12", None])
def test_seeds_of_another_form_are_refused(seeds: Any) -> None:
    words = "^seeds must be a positive integer, or different seeds from 0 on such as \\[5, 6\\], got "
    with pytest.raises(GlorotError, match=words):
        glorot.compare(net, DATA, ["xavier"], seeds, epochs=1)


class TwoAnswers(nn.Module):
    """Returns a dict, whose logits are the main output."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.aux = net(), nn.Linear(6, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.body(x), "aux": self.aux(x)}


def test_a_loss_is_given_what_the_model_returns() -> None:
    def loss(returned: dict[str, torch.Tensor], targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(returned["logits"], targets) + returned["aux"].square().mean()

    result = glorot.compare(TwoAnswers, DATA, ["xavier"], 1, epochs=4, loss=loss)
    run = result["xavier"].runs[0]
    assert run.epochs[-1].train_loss < run.epochs[0].train_loss
    assert run.epochs[-1].train_accuracy > 0.3  # of the main output
    plain = glorot.compare(TwoAnswers, DATA, ["xavier"], 1, epochs=1)
    assert plain["xavier"].runs[0].epochs[0].train_loss < run.epochs[0].train_loss  # without the second term


def test_a_loss_that_does_not_fit_names_what_it_was_given() -> None:
    def loss(returned: Any, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(returned["logits"], targets[:5])

    with pytest.raises(GlorotError, match=r"^the loss failed on targets of shape \(32,\) and a dict with ValueError: "):
        glorot.compare(TwoAnswers, DATA, ["xavier"], 1, epochs=1, loss=loss)


def test_a_net_that_begins_with_an_embedding_keeps_its_results() -> None:
    tokens = RNG.integers(0, 20, size=(48, 5))
    labels = (tokens[:, 0] > 9).astype(int)
    build = lambda: nn.Sequential(nn.Embedding(20, 8), nn.Flatten(), nn.Linear(40, 2))  # noqa: E731
    result = glorot.compare(build, (tokens, labels, tokens, labels), ["auto"], 1, epochs=1)
    assert len(result["auto"].runs) == 1
    assert result["auto"].prediction is None


def test_a_prediction_that_fails_never_costs_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise GlorotError("no theory here")

    monkeypatch.setattr(running, "prediction", fail)
    result = glorot.compare(net, DATA, ["xavier"], 1, epochs=1)
    assert result["xavier"].prediction is None
    assert len(result["xavier"].runs) == 1
