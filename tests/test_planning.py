"""Rules, names and what is refused between a recipe and a plan."""

import numpy as np
import pytest
from torch import nn

import glorot
from glorot.errors import GlorotError
from glorot.planning import stream_names


def attention() -> nn.Module:
    return nn.MultiheadAttention(4, 2)


def test_names_go_with_the_path_of_a_fused_parameter():
    names = stream_names(
        glorot.plan(attention()), "net.", {"in_proj_weight": "mha/kernel", "in_proj_bias[k]": "key bias"}
    )
    assert names["in_proj_weight[q]"] == "net.mha/kernel[q]"
    assert names["in_proj_bias[k]"] == "net.key bias"
    assert names["in_proj_bias[v]"] == "net.in_proj_bias[v]"
    assert names["out_proj.weight"] == "net.out_proj.weight"


def test_shared_names_give_shared_numbers():
    one, other = nn.Sequential(nn.Linear(3, 2)), nn.ModuleDict({"dense": nn.Linear(3, 2)})
    glorot.apply(glorot.plan(one, "he"), one, seed=4, names={"0.weight": "kernel"})
    glorot.apply(glorot.plan(other, "he"), other, seed=4, names={"dense.weight": "kernel"})
    np.testing.assert_array_equal(one[0].weight.detach().numpy(), other["dense"].weight.detach().numpy())


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
        ({"names": {"gone": "x"}}, "names gives a name to 'gone', which the plan does not have"),
        ({"names": {"0.weight": "w", "1.weight": "w"}}, "names gives one name, 'w', to both '0.weight' and '1.weight'"),
        ({"names": ["w"]}, "prefix must be text and names a dict of names, got '' and list"),
        ({"prefix": None}, "prefix must be text and names a dict of names, got None and dict"),
    ],
)
def test_names_of_another_form_are_refused_and_nothing_written(settings, words):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    before = model[0].weight.detach().clone()
    with pytest.raises(GlorotError, match=words):
        glorot.apply(glorot.plan(model), model, seed=0, **settings)
    np.testing.assert_array_equal(model[0].weight.detach().numpy(), before.numpy())
