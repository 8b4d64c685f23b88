"""Rules, names and what is refused between a recipe and a plan."""

import numpy as np
import pytest
import torch
from torch import nn

import glorot
from glorot import stream
from glorot.adapters import take_inventory as inventory
from glorot.distributions import Normal
from glorot.errors import GlorotError
from glorot.plans import shared_names


def attention() -> nn.Module:
    return nn.MultiheadAttention(4, 2)


def test_names_go_with_the_path_of_a_fused_parameter():
    names = shared_names(inventory(attention()), {"in_proj_weight": "mha/kernel", "in_proj_bias[k]": "key bias"})
    assert names["in_proj_weight[q]"] == "mha/kernel[q]"
    assert names["in_proj_bias[k]"] == "key bias"
    assert names["in_proj_bias[v]"] == "in_proj_bias[v]"
    assert names["out_proj.weight"] == "out_proj.weight"


def test_shared_names_give_shared_numbers():
    one, other = nn.Sequential(nn.Linear(3, 2)), nn.ModuleDict({"dense": nn.Linear(3, 2)})
    glorot.apply(glorot.plan(one, "he"), one, seed=4, names={"0.weight": "kernel"})
    glorot.apply(glorot.plan(other, "he"), other, seed=4, names={"dense.weight": "kernel"})
    np.testing.assert_array_equal(one[0].weight.detach().numpy(), other["dense"].weight.detach().numpy())


def test_a_plan_with_shared_names_serves_a_model_of_other_paths():
    one, other = nn.Sequential(nn.Linear(3, 2)), nn.ModuleDict({"dense": nn.Linear(3, 2)})
    rules = [("kernel", "he_normal"), ("0.bias", "ones")]  # by the name in the plan, or by that in the model
    plan = glorot.plan(one, "zeros", rules=rules, names={"0.weight": "kernel", "0.bias": "shift"})
    assert [(entry.name, entry.scheme) for entry in plan.entries] == [("kernel", "he_normal"), ("shift", "ones")]
    glorot.apply(plan, one, seed=4, names={"0.weight": "kernel", "0.bias": "shift"})
    glorot.apply(plan, other, seed=4, names={"dense.weight": "kernel", "dense.bias": "shift"})
    expected = stream.draw(stream.key_of(4, "kernel"), plan["kernel"].distribution, (2, 3))
    for layer in (one[0], other["dense"]):
        np.testing.assert_array_equal(layer.weight.detach().numpy(), expected)
        assert layer.bias.tolist() == [1, 1]


def test_where_names_only_swap_those_of_the_model_the_plan_has_the_names_given():
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    swapped = {"0.weight": "1.weight", "1.weight": "0.weight"}
    plan = glorot.plan(model, rules=[("0.weight", "zeros"), ("1.weight", "ones")])
    glorot.apply(plan, model, seed=0, names=swapped)
    assert [layer.weight[0, 0].item() for layer in model] == [1, 0]


def test_initialize_takes_names_and_axes_too():
    model = nn.Module()
    model.w = nn.Parameter(torch.empty(3, 2))
    glorot.initialize(model, "he_normal", seed=1, names={"w": "kernel"}, axes={"w": "io"})
    drawn = stream.draw(stream.key_of(1, "kernel"), Normal(std=(2 / 3) ** 0.5), (2, 3))
    np.testing.assert_array_equal(model.w.detach().numpy().T, drawn)


def test_initialize_takes_a_prefix_as_apply_does():
    plan = glorot.plan(attention(), "he")
    for prefix in ("", "student."):
        expected = glorot.apply(plan, attention(), seed=1, prefix=prefix).out_proj.weight
        found = glorot.initialize(attention(), "he", seed=1, prefix=prefix).out_proj.weight
        assert torch.equal(found, expected), prefix
        drawn = stream.draw(stream.key_of(1, f"{prefix}out_proj.weight"), plan["out_proj.weight"].distribution, (4, 4))
        np.testing.assert_array_equal(found.detach().numpy(), drawn)


def test_the_last_rule_that_matches_decides():
    rules = [("*", "zeros"), ("out_proj.*", "skip"), ("out_proj.bias", "ones")]
    plan = glorot.plan(attention(), rules=rules)
    assert plan["in_proj_weight[k]"].scheme == "zeros"
    assert plan["out_proj.weight"].scheme == ""
    assert plan["out_proj.bias"].scheme == "ones"
    assert plan["out_proj.bias"].why == "rule 'out_proj.bias'"


def test_a_rule_may_name_one_part():
    plan = glorot.plan(attention(), rules=[("in_proj_weight[v]", "zeros")])
    assert [plan[f"in_proj_weight[{p}]"].scheme for p in "qkv"] == ["balanced", "balanced", "zeros"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rules": {"a": "zeros"}}, r"rules must be a list of \(path pattern, scheme or 'skip'\) pairs, got dict"),
        (
            {"rules": [("a", "zeros", 3)]},
            r"a rule is a pair \(path pattern, scheme or 'skip'\), got \('a', 'zeros', 3\)",
        ),
        ({"rules": ["*"]}, r"a rule is a pair .*got '\*'"),
        ({"rules": [("*", 3)]}, "a scheme is text such as 'xavier_uniform' or a glorot scheme, got int"),
        ({"rules": [("*bias", "xavir")]}, "unknown scheme 'xavir'"),
        ({"only": 3}, r"only must be a path pattern such as 'head\.\*', got 3"),
        ({"only": "head.*"}, r"rule 'head\.\*' matches no parameter; paths here look like: in_proj_weight\[q\]"),
    ],
)
def test_rules_of_another_form_are_refused(settings, words):
    with pytest.raises(GlorotError, match=words):
        glorot.plan(attention(), **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"names": {"gone": "x"}}, "names gives a name to 'gone', which the model does not have$"),
        ({"names": {"0.weight": "w", "1.weight": "w"}}, "names gives one name, 'w', to both '0.weight' and '1.weight'"),
        ({"names": ["w"]}, r"names must be a dict \{path in the model: name\}, got \['w'\]"),
        ({"names": {"0.weight": ""}}, "names gives '0.weight' an empty name"),
        ({"prefix": None}, "prefix must be text, got None"),
    ],
)
def test_names_of_another_form_are_refused_and_nothing_written(settings, words):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    before = model[0].weight.detach().clone()
    with pytest.raises(GlorotError, match=words):
        glorot.apply(glorot.plan(model), model, seed=0, **settings)
    np.testing.assert_array_equal(model[0].weight.detach().numpy(), before.numpy())
