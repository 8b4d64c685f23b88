"""Matching: one plan starts one network in every framework from the same weights, and nobody writes names by hand."""

import json
from itertools import pairwise, permutations
from pathlib import Path

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
FIRST = [  # to every framework from one net, and of the others to one
    (net, one, other) for net, one, other in PAIRS if one == "torch" and (net == "mlp" or other in ("keras", "caffe"))
]


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


# ---- what tells parts apart ------------------------------------------------------------------------------------------


class Named(nn.Module):
    """A chain of two layers and a head, under given names."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names
        for name in names[:-1]:
            self.add_module(name, nn.Linear(4, 4))
        self.add_module(names[-1], nn.Linear(4, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name in self.names:
            x = torch.tanh(self.get_submodule(name)(x))
        return x


class Attention(nn.Module):
    """Attention whose layers for q, k and v have names that say nothing."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names
        for name in sorted(names):
            self.add_module(name, nn.Linear(4, 4, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (self.get_submodule(name)(x) for name in self.names)
        return torch.softmax(q @ k.mT, -1) @ v


class Towers(nn.Module):
    """Two convolutions side by side, whose biases have one shape; or two dense layers, of which one is taken away."""

    def __init__(self, names: str, sizes: tuple[int, int]) -> None:
        super().__init__()
        self.names = names
        for name, size in zip(names, sizes, strict=True):
            self.add_module(name, nn.Conv1d(4, 4, size, padding=size // 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = (self.get_submodule(name)(x) for name in self.names)
        return torch.tanh(first) - torch.tanh(second)


def test_attention_is_matched_by_what_its_kernels_are_for():
    batch = torch.from_numpy(nets.TOKENS[..., :4])
    plan = glorot.plan(Attention("a", "b", "c"), inputs=batch)
    names = glorot.match(plan, Attention("c", "a", "b"), inputs=batch)
    assert names == {"c.weight": "a.weight", "a.weight": "b.weight", "b.weight": "c.weight"}


def test_a_bias_goes_with_its_kernel():
    batch = torch.ones(1, 4, 8)
    plan = glorot.plan(Towers("ab", (1, 3)), inputs=batch)
    names = glorot.match(plan, Towers("ba", (1, 3)), inputs=batch)
    assert names == {"b.weight": "a.weight", "b.bias": "a.bias", "a.weight": "b.weight", "a.bias": "b.bias"}


def test_lists_are_matched_by_their_numbers_where_no_batch_shows_their_order():
    def net(*lists: str) -> nn.Module:
        return nn.ModuleDict({name: nn.ModuleList(nn.Linear(4, 4) for _ in range(11)) for name in lists})

    names = glorot.match(glorot.plan(net("blocks"), inputs=False), net("h"), inputs=False)
    assert names == {f"h.{n}.{what}": f"blocks.{n}.{what}" for n in range(11) for what in ("weight", "bias")}


def test_names_in_common_are_enough_where_no_batch_shows_an_order():
    plan = glorot.plan(Named("encoder", "decoder", "head"), inputs=False)
    other = Named("my_encoder", "my_decoder", "top")
    names = glorot.match(plan, other, inputs=False)
    assert names["my_encoder.weight"] == "encoder.weight"
    assert names["my_decoder.bias"] == "decoder.bias"


# ---- refusals --------------------------------------------------------------------------------------------------------

X4 = torch.ones(2, 4)


def test_layers_of_one_shape_without_an_order_are_refused_and_a_batch_tells():
    plan = glorot.plan(Named("a", "b", "c"), inputs=X4)
    other = Named("first", "second", "third")
    with pytest.raises(GlorotError) as caught:
        glorot.match(plan, other, inputs=False)
    assert str(caught.value) == (
        "several parts fit, and nothing tells which is which:\n"
        "  4×4 (oi): a.weight, b.weight of the plan may be first.weight, second.weight of the model\n"
        "  4 (o): a.bias, b.bias of the plan may be first.bias, second.bias of the model\n"
        "tell them apart with names=, as in names={'first.weight': 'a.weight'}\n"
        "a batch shows the order of execution and what fused layers hold: give inputs= to glorot.match"
    )
    assert glorot.match(plan, other, inputs=X4)["second.bias"] == "b.bias"


def test_layers_that_are_alike_in_all_are_refused_and_one_name_tells():
    batch = torch.ones(1, 4, 8)
    plan, other = glorot.plan(Towers("ab", (3, 3)), inputs=batch), Towers("xy", (3, 3))
    with pytest.raises(GlorotError) as caught:
        glorot.match(plan, other, inputs=batch)
    assert str(caught.value).endswith("tell them apart with names=, as in names={'x.weight': 'a.weight'}")
    names = glorot.match(plan, other, inputs=batch, names={"y.weight": "a.weight"})
    assert names == {"x.weight": "b.weight", "x.bias": "b.bias", "y.weight": "a.weight", "y.bias": "a.bias"}


def test_numbers_that_contradict_the_order_of_execution_tell_nothing():
    plan = glorot.plan(Named("fc2", "fc1", "head"), inputs=X4)
    with pytest.raises(GlorotError, match="several parts fit"):
        glorot.match(plan, Named("dense1", "dense2", "top"), inputs=False)


def test_what_has_no_counterpart_is_listed():
    other = Named("a", "b", "c")
    other.b.bias, other.c = None, nn.Linear(4, 3)
    with pytest.raises(GlorotError) as caught:
        glorot.match(glorot.plan(Named("a", "b", "c"), inputs=X4), other, inputs=X4)
    assert str(caught.value) == (
        "the model is not the network of this plan: they differ in\n"
        "  4 (o): the plan has a.bias, b.bias, the model a.bias\n"
        "  2×4 (oi): the plan has c.weight, the model none\n"
        "  2 (o): the plan has c.bias, the model none\n"
        "  3×4 (oi): the plan has none, the model c.weight\n"
        "  3 (o): the plan has none, the model c.bias"
    )


def test_a_bias_that_is_beside_another_kernel_is_no_counterpart():
    one, other = Named("a", "b", "c"), Named("a", "b", "c")
    one.a.bias = other.b.bias = None
    with pytest.raises(GlorotError, match=r"a\.bias goes with a\.weight, which is a\.weight in the plan, but b\.bias"):
        glorot.match(glorot.plan(one, inputs=X4), other, inputs=X4)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a"], r"names must be a dict \{path in the model: name\}, got \['a'\]"),
        ({"d.weight": "a.weight"}, "names is about 'd.weight', which the model does not have"),
        ({"a.weight": "d.weight"}, "names calls 'a.weight' 'd.weight', which the plan does not have"),
        ({"a.bias": "a.weight"}, r"names calls 'a\.bias', 4 \(o\), 'a\.weight', which is 4×4 \(oi\)"),
        ({"a.bias": "a.bias", "b.bias": "a.bias"}, "names gives one name, 'a.bias', to both 'a.bias' and 'b.bias'"),
    ],
)
def test_names_that_do_not_fit_are_refused(names: object, message: str):
    net = Named("a", "b", "c")
    with pytest.raises(GlorotError, match=message):
        glorot.match(glorot.plan(net, inputs=X4), net, inputs=X4, names=names)


def test_a_model_in_place_of_a_plan_is_refused():
    with pytest.raises(GlorotError, match="match takes a plan first and then the model, got Named"):
        glorot.match(Named("a", "b"), Named("a", "b"))


# ---- how far parts are from batch and end ----------------------------------------------------------------------------


def test_ways_are_the_same_in_whichever_order_branches_run():
    batch = torch.ones(1, 4, 8)
    ways = [{e.name: e.way for e in glorot.plan(Towers(names, (1, 3)), inputs=batch)} for names in ("ab", "ba")]
    assert (
        ways[0]
        == ways[1]
        == dict.fromkeys(("a.weight", "b.weight"), (1, 2)) | dict.fromkeys(("a.bias", "b.bias"), (2, 1))
    )


def test_a_plan_file_keeps_ways_and_a_damaged_one_is_refused(tmp_path: Path):
    plan = glorot.plan(Named("a", "b", "c"), inputs=X4)
    file = plan.save(tmp_path / "plan.json")
    assert [entry.way for entry in glorot.Plan.load(file)] == [(1, 6), (2, 5), (3, 4), (4, 3), (5, 2), (6, 1)]
    data = json.loads(file.read_text())
    data["entries"][0]["way"] = [1, -6]
    file.write_text(json.dumps(data))
    with pytest.raises(GlorotError, match=r"entry 0 \(a\.weight\): way must be null or two numbers from 0 on"):
        glorot.Plan.load(file)
