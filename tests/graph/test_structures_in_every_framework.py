"""Branches and purposes are the same in every framework, and those that the text of a net says."""

import pytest
from one_net_everywhere import FRAMEWORKS, common, planned
from structures_everywhere import STRUCTURES

CASES = [
    pytest.param(name, framework, marks=[] if framework == "torch" or name == "mixture" else [pytest.mark.slow])
    for name in STRUCTURES
    for framework in FRAMEWORKS
]


@pytest.mark.parametrize(("name", "framework"), CASES)
def test_branches_and_purposes_are_those_of_the_text(name: str, framework: str):
    right = STRUCTURES[name]
    plan = planned(right.net, framework)
    branches = {common(one.name): (one.branch.stream, one.branch.index, one.branch.count) for one in plan if one.branch}
    assert branches == right.branches
    assert {common(entry.name): entry.purpose for entry in plan if entry.purpose} == right.purposes
