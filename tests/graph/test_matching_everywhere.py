"""Names are found between all frameworks for the small nets that are written once."""

import pytest
from nets_everywhere import NETS
from one_net_everywhere import FRAMEWORKS, batch_of, built, common, planned

import glorot
from effort import slow_after
from glorot.inventory import path_of

ROWS = [(name, one, other) for name in NETS for one in FRAMEWORKS for other in FRAMEWORKS]
FIRST = [(name, "torch", ("keras", "nnx")[turn % 2]) for turn, name in enumerate(NETS)]


@pytest.mark.parametrize(
    ("name", "one", "other"), slow_after(len(FIRST), [*FIRST, *(r for r in ROWS if r not in FIRST)])
)
def test_names_of_a_net_that_is_written_once_are_found(name: str, one: str, other: str):
    net = NETS[name].net
    plan = planned(net, one)
    names = glorot.match(plan, built(net, other), inputs=batch_of(net, other))
    assert all(common(here) == common(there) for here, there in names.items())
    assert {path_of(there) for there in names.values()} == {path_of(entry.name) for entry in plan}
