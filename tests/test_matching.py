"""Matching: one plan starts one network in every framework from the same weights, and nobody writes names by hand."""

from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import glorot
import matching_nets as nets
from effort import examples, slow_after
from glorot.errors import GlorotError

pytestmark = pytest.mark.usefixtures("keys_that_compile_quickly")

PAIRS = [(net, *pair) for net, frameworks in nets.NETS.items() for pair in permutations(frameworks, 2)]
FIRST = [pair for pair in PAIRS if pair[1] == "torch"]


def planned(net: str, framework: str) -> glorot.Plan:
    """Return a plan by which no two parameters start alike."""
    model, batch = nets.built(net, framework)
    rules = [("*", "normal(std=0.4)"), *([("*var*", "uniform(0.5, 1.5)")] if net == "residual" else [])]
    return glorot.plan(model, "xavier", inputs=batch, rules=rules)


def names_in(plan: glorot.Plan, net: str, framework: str) -> dict[str, str]:
    model, batch = nets.built(net, framework)
    return glorot.match(plan, model, inputs=batch)


@pytest.mark.parametrize(
    ("net", "one", "other"), slow_after(len(FIRST), [*FIRST, *(pair for pair in PAIRS if pair not in FIRST)])
)
def test_a_net_answers_alike_in_another_framework(net: str, one: str, other: str):
    plan = planned(net, one)
    names = names_in(plan, net, other)
    found = nets.answer(net, other, plan, names)
    np.testing.assert_allclose(found, nets.answer(net, one, plan), rtol=0, atol=2e-5)


def test_parts_that_are_taken_for_each_other_would_be_noticed():
    plan = planned("mlp", "torch")
    names = names_in(plan, "mlp", "keras")
    assert names["layers.1.kernel"] == "2.weight"
    names |= {"layers.1.kernel": "4.weight", "layers.2.kernel": "2.weight"}
    difference = nets.answer("mlp", "keras", plan, names) - nets.answer("mlp", "torch", plan)
    assert abs(difference).max() > 0.01


# ---- random nets -----------------------------------------------------------------------------------------------------


class Drawn(nn.Module):
    """A net of dense layers, each fed by the sum of some before it, under names and in orders that are drawn.

    Attributes:
        kinds: the activation of each layer.
        feeds: the layers that feed each layer; -1 is the batch.
        called: the name of each layer.
        order: the order in which layers run.
    """

    def __init__(
        self, kinds: list[str], feeds: list[set[int]], called: list[str], registered: list[int], order: list[int]
    ) -> None:
        super().__init__()
        self.kinds, self.feeds, self.called, self.order = kinds, feeds, called, order
        for n in registered:
            setattr(self, called[n], nn.Linear(4, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = {-1: x}
        for n in self.order:
            z = getattr(self, self.called[n])(sum(made[fed] for fed in sorted(self.feeds[n])))
            made[n] = getattr(torch, self.kinds[n])(z)
        return sum(made[n] for n in sorted(made) if n >= 0)


def orders(feeds: list[set[int]]) -> st.SearchStrategy[list[int]]:
    """Draw an order in which every layer runs after those that feed it."""

    def sorted_by(weights: list[int]) -> list[int]:
        found: list[int] = []
        while len(found) < len(feeds):
            ready = [n for n in range(len(feeds)) if n not in found and feeds[n] <= {-1, *found}]
            found.append(min(ready, key=weights.__getitem__))
        return found

    return st.permutations(range(len(feeds))).map(sorted_by)


@st.composite
def pairs_of_nets(draw: st.DrawFn) -> tuple[Drawn, Drawn]:
    """Draw one net twice, with layers that are called, registered and run in two ways."""
    count = draw(st.integers(1, 6))
    kinds = draw(st.lists(st.sampled_from(["tanh", "relu"]), min_size=count, max_size=count))
    feeds = [draw(st.sets(st.integers(-1, n - 1), min_size=1, max_size=2)) for n in range(count)]
    plain = [f"fc{n}" for n in range(count)]
    shuffled = draw(st.permutations([f"fc{n}" for n in range(count)]))
    named = draw(st.sampled_from([plain, shuffled, list("abcdef")[:count]]))
    first = Drawn(kinds, feeds, plain, list(range(count)), draw(orders(feeds)))
    return first, Drawn(kinds, feeds, named, draw(st.permutations(range(count))), draw(orders(feeds)))


X = torch.from_numpy(np.random.default_rng(4).standard_normal((5, 4)).astype(np.float32))


@given(pairs_of_nets())
@examples(200)
def test_a_random_net_is_matched_right_or_refused(pair: tuple[Drawn, Drawn]):
    first, second = pair
    plan = glorot.plan(first, "xavier", inputs=X, rules=[("*", "normal(std=0.5)")])
    try:
        names = glorot.match(plan, second, inputs=X)
    except GlorotError as error:
        if not str(error).startswith("several parts fit, and nothing tells which is which:"):
            raise
        return
    expected = glorot.apply(plan, first, seed=0)(X).detach()
    torch.testing.assert_close(glorot.apply(plan, second, seed=0, names=names)(X).detach(), expected)


@given(st.lists(st.integers(3, 4), min_size=2, max_size=6), st.data())
@examples(50)
def test_a_chain_is_matched_whatever_its_layers_are_called(widths: list[int], data: st.DataObject):
    layers = [nn.Linear(a, b) for a, b in pairwise(widths)]
    batch = torch.ones(2, widths[0])
    plan = glorot.plan(nn.Sequential(*layers), "xavier", inputs=batch)
    order = data.draw(st.permutations(range(len(layers))))

    class Chain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList(layers[n] for n in order)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for n in range(len(layers)):
                x = self.parts[order.index(n)](x)
            return x

    names = glorot.match(plan, Chain(), inputs=batch)
    assert names == {f"parts.{at}.{what}": f"{n}.{what}" for at, n in enumerate(order) for what in ("weight", "bias")}
