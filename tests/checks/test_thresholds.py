"""Each check that has a threshold trips, or stays silent, where a setting moves it to the other side."""

import math
from collections import OrderedDict
from typing import Any

import pytest
import torch
from examples_of_checks import example_of
from torch import nn

import glorot
from glorot.checks import Check
from glorot.checks.registry import all_checks
from glorot.errors import GlorotError

SIDES = {
    "GL102": (1e20, 1e30),
    "GL103": (1e7, 1e8),
    "GL111": (0.25, 0.1),
    "GL301": (0.1, 0.5),
    "GL302": (7, 9),
    "GL303": (20, 25),
    "GL304": (99, 101),
    "GL305": (0.4, 0.5),
    "GL306": (100, 2100),
    "GL307": (4, 6),
    "GL309": (0.5, 1.0),
    "GL310": (0.6, 0.7),
    "GL313": (0.1, 0.01),
    "GL402": (0.02, 0.0001),
    "GL403": (3000, 5000),
    "GL404": (0.7, 0.8),
    "GL405": (0.9, 1.0),
    "GL406": (0.95, 0.99999),
    "GL407": (1.1, 1.01),
    "GL408": (350, 400),
    "GL409": (1.0, 4.0),
    "GL502": (1e-4, 1e-12),
    "GL503": (700, 1500),
    "GL504": (30, 50),
    "GL505": (0.45, 0.5),
    "GL507": (2, 3),
    "GL508": (1e3, 1e15),
    "GL603": (1.5, 2.0),
    "GL701": (0.2, 10),
}
"""Of the example of each check: a threshold at which it fails, and one at which it does not."""


def half_tiny() -> dict[str, Any]:
    layer = nn.Linear(256, 256)
    nn.init.normal_(layer.weight, std=1e-4)
    return {"model": layer.half()}


def slow_steps() -> dict[str, Any]:
    model = nn.Sequential(OrderedDict(dt_proj=nn.Linear(8, 64), dt=nn.Softplus()))
    model.dt_proj.bias.data = torch.linspace(0.3, 0.9, 64).expm1().log()
    return {"model": model, "inputs": torch.randn(4, 8)}


def wide_head() -> dict[str, Any]:
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 100))
    nn.init.normal_(model[2].weight, std=0.35)
    return {"model": model, "inputs": torch.randn(64, 64), "targets": torch.randint(100, (64,))}


OTHERS = {"GL305": half_tiny, "GL309": slow_steps, "GL409": wide_head}
"""Faults of which no more is said than that they pass the threshold; the examples of these checks say more."""


@pytest.mark.parametrize("code", [one.code for one in all_checks() if one.threshold is not None])
def test_a_setting_moves_the_threshold_to_the_other_side(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    given = OTHERS[code]() if code in OTHERS else example_of(code, monkeypatch)
    fails, passes = SIDES[code]
    found = [
        glorot.check(**{**given, "select": code, "thresholds": {code: limit}}).findings for limit in (fails, passes)
    ]
    assert [{one.code for one in findings} for findings in found] == [{code}, set()]


@pytest.mark.parametrize("check", [one for one in all_checks() if one.threshold is not None], ids=lambda one: one.code)
def test_a_page_names_the_setting_and_its_default(check: Check) -> None:
    assert f"Setting: `{check.name} = {check.threshold:.4g}`, " in check.sections()["What it does"]


def test_a_threshold_by_name_or_code() -> None:
    layer = nn.Linear(3, 4)
    layer.weight.data[1, 2] = 50.0
    assert not glorot.check(layer, select="GL103").findings
    for key in ("huge-values", "GL103"):
        (found,) = glorot.check(layer, select="GL103", thresholds={key: 20}).findings
        assert str(found) == "GL103 error: weight: holds numbers past 20 (50, expected below 20)"


REFUSED: dict[str, tuple[Any, str]] = {
    "unknown": ({"branch-scael": 3}, "there is no check 'branch-scael'; the nearest are branch-scale"),
    "none": ({"GL101": 3}, "GL101 not-finite has no threshold; those that have one are raw-memory, huge-values, "),
    "text": ({"GL307": "3"}, "the threshold of GL307 branch-scale must be a positive number, got '3'"),
    "true": ({"GL307": True}, "the threshold of GL307 branch-scale must be a positive number, got True"),
    "zero": ({"GL307": 0}, "the threshold of GL307 branch-scale must be a positive number, got 0"),
    "NaN": ({"GL307": math.nan}, "the threshold of GL307 branch-scale must be a positive number, got nan"),
    "twice": ({"GL307": 2, "branch-scale": 3}, "of GL307 branch-scale is given twice, by code and by name"),
    "no mapping": (
        [("GL307", 2)],
        "thresholds must be a mapping of numbers by the name of a check, got [('GL307', 2)]",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_threshold_that_is_none(name: str) -> None:
    given, words = REFUSED[name]
    with pytest.raises(GlorotError) as caught:
        glorot.check(nn.Linear(3, 4), thresholds=given)
    assert words in str(caught.value)
