"""What PyTorch makes of a module: scripted, traced and compiled modules are served, an exported program says its way out."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import glorot
from glorot.errors import GlorotError

X = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.relu(self.a(x)))


def exported() -> Any:
    return torch.export.export(Net(), (X,))


@pytest.mark.parametrize("verb", [glorot.plan, lambda one: glorot.initialize(one, seed=0)], ids=["plan", "initialize"])
def test_an_exported_program_says_what_to_plan_instead(verb: Callable[[Any], Any]):
    with pytest.raises(GlorotError) as caught:
        verb(exported())
    assert str(caught.value) == (
        "a torch.export.ExportedProgram is no module, so it is neither planned nor written; hand in program.module(), "
        "whose parameters are those of the program, or the model that it was exported from"
    )


def test_the_module_of_an_exported_program_has_its_parameters():
    program = exported()
    module = program.module()
    glorot.initialize(module, "auto", seed=0, inputs=X)
    plan = glorot.plan(Net(), inputs=X)
    other = glorot.apply(plan, Net(), seed=0)
    assert all(torch.equal(program.state_dict[name], tensor) for name, tensor in other.state_dict().items())


MADE: dict[str, Callable[[nn.Module], nn.Module]] = {
    "compiled": lambda model: torch.compile(model, backend="eager"),
    "traced by fx": torch.fx.symbolic_trace,
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_what_is_made_of_a_module_has_its_plan(make: Callable[[nn.Module], nn.Module]):
    plan, expected = glorot.plan(make(Net()), inputs=X), glorot.plan(Net(), inputs=X)
    assert [(e.name, e.fed_by, e.distribution) for e in plan] == [(e.name, e.fed_by, e.distribution) for e in expected]
    assert plan["b.weight"].fed_by == "relu"
