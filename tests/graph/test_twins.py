"""What no batch reaches is planned like its twin in another block, and the plan says so."""

import torch
from torch import nn

import glorot
from glorot.inventory import Parameter, Part
from glorot.inventory.twins import like_twins


class Expert(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate_up, self.down = nn.Parameter(torch.randn(8, 24)), nn.Linear(12, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, up = (x @ self.gate_up).chunk(2, -1)
        return self.down(nn.functional.silu(gate) * up)


class Mixture(nn.Module):
    """Three experts, of which the batch reaches the first alone; a layer beside them that it does not reach."""

    def __init__(self) -> None:
        super().__init__()
        self.experts, self.spare, self.head = (
            nn.ModuleList(Expert() for _ in range(3)),
            nn.Linear(8, 3),
            nn.Linear(8, 3),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x + self.experts[0](x))


def test_an_expert_that_no_token_is_routed_to_is_planned_like_its_twin():
    plan = glorot.plan(Mixture(), inputs=torch.randn(4, 8))
    for piece in ("gate", "up"):
        first, third = plan[f"experts.0.gate_up[{piece}]"], plan[f"experts.2.gate_up[{piece}]"]
        assert (third.role, third.fans, third.view) == (first.role, first.fans, first.view)
        assert (third.distribution, third.purpose) == (first.distribution, first.purpose)
        assert third.why == "Xavier; like experts.0.gate_up, for the batch does not reach it"
    down = plan["experts.1.down.weight"]
    assert down.fed_by == "silu × identity"
    assert down.why == "gain for silu × identity; like experts.0.down.weight, for the batch does not reach it"
    assert [entry.name for entry in plan if entry.seen and entry.name.startswith("experts.1")] == []


def test_what_has_no_twin_is_known_by_its_class():
    plan = glorot.plan(Mixture(), inputs=torch.randn(4, 8))
    assert plan["spare.weight"].why == "Xavier"
    assert str(plan).endswith("known by their class alone, for the batch does not reach them: spare.weight, spare.bias")


def test_a_plan_of_twins_is_carried_out():
    model = Mixture()
    plan = glorot.plan(model, inputs=torch.randn(4, 8))
    glorot.apply(plan, model, seed=0)
    assert torch.equal(model.experts[2].down.bias, torch.zeros(8))
    assert not torch.equal(model.experts[1].gate_up, model.experts[2].gate_up)


def parameter(path: str, seen: bool, shape: tuple[int, ...] = (4, 4), layer: str = "Linear") -> Parameter:
    part = Part(
        path, "oi", shape, "kernel" if seen else "unknown", layer, seen=seen, fed_by="relu" if seen else "identity"
    )
    return Parameter(path, shape, "float32", (part,))


def test_a_twin_has_the_same_name_shape_and_class():
    shown = parameter("a.0.w", seen=True)
    others = [
        parameter("a.1.w", seen=False), parameter("b.1.w", seen=False), parameter("a.2.w", seen=False, shape=(4, 5)),
        parameter("a.3.w", seen=False, layer="Conv1d"),
    ]  # fmt: skip
    found = like_twins([shown, *others])
    assert [one.parts[0].fed_by for one in found] == ["relu", "relu", "identity", "identity", "identity"]
    assert found[1].parts[0].note == "like a.0.w, for the batch does not reach it"
    assert found[1].parts[0].name == "a.1.w"


def test_the_nearest_twin_counts():
    found = like_twins([parameter("a.0.w", seen=True), parameter("a.7.w", seen=False), parameter("a.9.w", seen=True)])
    assert found[1].parts[0].note == "like a.9.w, for the batch does not reach it"
