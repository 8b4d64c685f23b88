"""Every recipe on one inventory: what kernels, biases, norms and embeddings get, and why."""

import pytest
import torch
from torch import nn

import glorot
from glorot.distributions import Constant, Normal, Orthogonal, Uniform
from glorot.errors import GlorotError
from glorot.inventory import Inventory, Parameter, Part
from glorot.recipes import RECIPES, Recipe, as_recipe
from glorot.schemes import as_scheme


class Everything(nn.Module):
    """One layer of each role."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 16, padding_idx=0)
        self.memory = nn.LSTM(16, 8)
        self.norm = nn.LayerNorm(8)
        self.first = nn.Linear(8, 24)
        self.relu = nn.ReLU()
        self.second = nn.Linear(24, 4)
        self.slope = nn.PReLU()


# recipe: laws of second.weight (24 → 4), memory.weight_hh_l0[f] (8 → 8), table.weight[after] and second.bias
ROWS = {
    "zeros": (Constant(0.0), Constant(0.0), Constant(0.0), Constant(0.0)),
    "constant(0.3)": (Constant(0.3), Constant(0.3), Constant(0.3), Constant(0.0)),
    "random(0.2)": (Normal(0.0, 0.2), Normal(0.0, 0.2), Normal(0.0, 0.2), Constant(0.0)),
    "standard": (Uniform.symmetric(24**-0.5), Uniform.symmetric(8**-0.5), Normal(0.0, 0.25), Constant(0.0)),
    "xavier": (Uniform.symmetric((6 / 28) ** 0.5), Uniform.symmetric((6 / 16) ** 0.5), Normal(0.0, 0.25), Constant(0.0)),
    "he": (Normal(0.0, (2 / 24) ** 0.5), Normal(0.0, 0.5), Normal(0.0, 0.25), Constant(0.0)),
    "lecun": (Normal(0.0, (1 / 24) ** 0.5), Normal(0.0, (1 / 8) ** 0.5), Normal(0.0, 0.25), Constant(0.0)),
    "auto": (Uniform.symmetric((12 / 28) ** 0.5), Orthogonal(1.0), Normal(0.0, 0.25), Constant(0.0)),
    "pytorch": (Uniform.symmetric(24**-0.5), Uniform.symmetric(8**-0.5), Normal(0.0, 1.0), Uniform.symmetric(24**-0.5)),
    "current": (None, None, None, None),
}  # fmt: skip
PARTS = ("second.weight", "memory.weight_hh_l0[f]", "table.weight[after]", "second.bias")


def test_the_table_has_every_recipe():
    asks_the_net = {"caffe"}  # tests/caffe/test_fillers.py
    assert {as_recipe(text).text.partition("(")[0] for text in ROWS} == set(RECIPES) - asks_the_net


@pytest.mark.parametrize(("text", "laws"), ROWS.items(), ids=list(ROWS))
def test_a_recipe_gives_each_part_its_law(text, laws):
    plan = glorot.plan(Everything(), text)
    for name, expected in zip(PARTS, laws, strict=True):
        law = plan[name].distribution
        assert type(law) is type(expected), name
        if law is not None and expected is not None:
            assert list(law.to_json().values())[1:] == pytest.approx(list(expected.to_json().values())[1:]), name


@pytest.mark.parametrize("text", [text for text in ROWS if text != "current"])
def test_norms_slopes_and_padding_start_neutral_in_every_recipe(text):
    plan = glorot.plan(Everything(), text)
    assert plan["norm.weight"].distribution == Constant(1.0)
    assert plan["norm.bias"].distribution == Constant(0.0)
    assert plan["slope.weight"].distribution == Constant(0.25)
    assert plan["table.weight[padding]"].distribution == Constant(0.0)


@pytest.mark.parametrize("text", list(ROWS))
def test_every_entry_says_why(text):
    for entry in glorot.plan(Everything(), text).entries:
        assert len(entry.why) >= 5
        assert (entry.distribution is None) == (entry.scheme == "")
        if entry.scheme:
            assert as_scheme(entry.scheme)(entry.fans, entry.shape, entry.axes) == entry.distribution


@pytest.mark.parametrize("text", list(ROWS))
def test_the_text_of_a_recipe_makes_it_again(text):
    assert as_recipe(as_recipe(text).text) == as_recipe(text)


def test_auto_opens_the_forget_gate_once():
    plan = glorot.plan(Everything(), "auto")
    assert plan["memory.bias_ih_l0[f]"].distribution == Constant(1.0)
    assert plan["memory.bias_hh_l0[f]"].distribution == Constant(0.0)
    assert plan["memory.bias_ih_l0[i]"].distribution == Constant(0.0)


def test_auto_gives_the_gain_to_the_layer_that_is_fed():
    net = nn.Sequential(nn.Linear(50, 50), nn.Sigmoid(), nn.Linear(50, 50), nn.Tanh(), nn.Linear(50, 50))
    plan = glorot.plan(net, "auto")
    xavier = (6 / 100) ** 0.5
    assert plan["0.weight"].distribution.high == pytest.approx(xavier)
    assert plan["2.weight"].distribution.high == pytest.approx(4 * xavier)
    assert plan["4.weight"].distribution.std ** 2 == pytest.approx(2 / (50 * (0.3942944904 + 0.4644029024)))
    assert plan["4.weight"].fed_by == "tanh"


def test_a_scheme_serves_as_a_recipe():
    plan = glorot.plan(nn.Linear(30, 10), "xavier_normal(gain=2)")
    assert plan.recipe == "xavier_normal(gain=2)"
    assert plan["weight"].distribution == Normal(0.0, 2 * (2 / 40) ** 0.5)
    assert plan["bias"].distribution == Constant(0.0)
    assert glorot.plan(nn.Linear(30, 10), as_scheme("xavier_normal(gain=2)")) == plan


def test_a_recipe_of_ones_own_is_taken_as_it_is():
    mine = Recipe("mine", as_recipe("zeros").choose)
    assert glorot.plan(nn.Linear(3, 2), mine).recipe == "mine"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("xavir", "unknown recipe 'xavir' \\(did you mean 'xavier'"),
        ("autto", "unknown recipe 'autto' \\(did you mean 'auto'.*recipes: auto, caffe, constant, current"),
        (7, "a recipe is text such as 'xavier', a recipe or a scheme, got int"),
        ("random(std=0)", "normal: std must be a positive number, got 0"),
        ("he(distribution='gamma')", "he: distribution must be one of uniform, normal, got 'gamma'"),
        ("random(sigma=1)", "there is no argument 'sigma'"),
    ],
)
def test_refusals_name_the_nearest(given, words):
    with pytest.raises(GlorotError, match=words):
        glorot.plan(nn.Linear(3, 2), given)


def test_the_recipe_of_pytorch_refuses_another_framework():
    part = Part("w", "oi", (2, 3), "kernel", "Dense")
    inventory = Inventory("keras", (Parameter("w", (3, 2), "float32", (part,)),))
    with pytest.raises(GlorotError, match="needs a PyTorch model, got keras; use 'standard'"):
        as_recipe("pytorch").choose(part, inventory)


def test_unknown_parameters_stop_every_recipe_but_current():
    class Mixture(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mixed = nn.Parameter(torch.zeros(1, 1, 8))

    with pytest.raises(
        GlorotError, match=r"(?s)mixed  1×1×8  in Mixture.*rules=\[\('mixed', 'normal\(std=0.02\)'\)\].*'skip'"
    ):
        glorot.plan(Mixture())
    assert glorot.plan(Mixture(), "current")["mixed"].distribution is None
    assert glorot.plan(Mixture(), rules=[("mixed", "skip")])["mixed"].distribution is None
    assert glorot.plan(Mixture(), rules=[("mix*", "normal(0.02)")])["mixed"].distribution == Normal(0.0, 0.02)
