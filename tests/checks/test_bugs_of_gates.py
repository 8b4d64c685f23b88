"""Gates of cells that models write for themselves: which bias lies before which, whatever their order and layers."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import init

import glorot
from glorot.adapters import take_inventory
from glorot.graph import Folded
from glorot.inventory.cells import cells_in

WIDTH = 8


class Written(nn.Module):
    """An LSTM by hand, c′ = σ(f + 1)·c + σ(i)·tanh(g), whose four sums a subclass makes."""

    opened = 0.0

    def sums(self, x: torch.Tensor, out: torch.Tensor) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = state = x.new_zeros(len(x), WIDTH, *x.shape[3:])
        for t in range(x.shape[1]):
            gates = self.sums(x[:, t], out)
            kept = (gates["f"] + self.opened).sigmoid() * state
            state = kept + gates["i"].sigmoid() * gates["g"].tanh()
            out = gates["o"].sigmoid() * state.tanh()
        return out


class OfMaps(Written):
    """Of images, with one convolution for all gates, in the order i, f, o, g."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3 + WIDTH, 4 * WIDTH, 3, padding=1)
        init.zeros_(self.conv.bias)

    def sums(self, x: torch.Tensor, out: torch.Tensor) -> dict[str, torch.Tensor]:
        return dict(zip("ifog", self.conv(torch.cat([x, out], 1)).chunk(4, 1), strict=True))


class Normed(Written):
    """With a norm before the bias, in the order i, f, g, o."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.around = nn.Linear(3, 4 * WIDTH, bias=False), nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.norm, self.bias = nn.LayerNorm(4 * WIDTH), nn.Parameter(torch.zeros(4 * WIDTH))

    def sums(self, x: torch.Tensor, out: torch.Tensor) -> dict[str, torch.Tensor]:
        return dict(zip("ifgo", (self.norm(self.into(x) + self.around(out)) + self.bias).chunk(4, -1), strict=True))


class Apart(Written):
    """With a layer for each gate, and 1 added to the forget gate when it runs."""

    opened = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.ModuleDict({gate: nn.Linear(3 + WIDTH, WIDTH) for gate in "fogi"})
        for layer in self.gates.children():
            init.zeros_(layer.bias)  # type: ignore[arg-type]

    def sums(self, x: torch.Tensor, out: torch.Tensor) -> dict[str, torch.Tensor]:
        both = torch.cat([x, out], -1)
        return {gate: layer(both) for gate, layer in self.gates.items()}


KINDS: dict[str, tuple[Callable[[], Written], tuple[int, ...], str, str]] = {
    "a convolution": (OfMaps, (2, 4, 3, 5, 5), "conv.bias", "ifog"),
    "a norm": (Normed, (2, 4, 3), "bias", "ifgo"),
    "a layer each": (Apart, (2, 4, 3), "gates.{}.bias", ""),
}


def with_bias(kind: str, gate: str, bias: float) -> glorot.checks.Report:
    make, shape, path, order = KINDS[kind]
    torch.manual_seed(0)
    model = make()
    values = model.get_parameter(path.format(gate)).data
    (values[WIDTH * order.index(gate) :][:WIDTH] if order else values).fill_(bias)
    return glorot.check(model, torch.randn(shape), select="GL316")


@pytest.mark.parametrize("kind", KINDS)
def test_a_forget_gate_that_starts_shut(kind: str) -> None:
    opened = 1.0 if kind == "a layer each" else 0.0
    (found,) = with_bias(kind, "f", -3.0 - opened).findings
    assert found.path.startswith(KINDS[kind][2].format("f"))
    assert found.why == "shuts the forget gate, so that states last a step"
    assert found.figure == pytest.approx(-3.0, abs=1e-3)
    assert with_bias(kind, "f", -0.5 - opened).findings == ()


@pytest.mark.parametrize("gate", ["i", "g", "o"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_in_another_gate(kind: str, gate: str) -> None:
    findings = with_bias(kind, gate, 1.0).findings
    if kind == "a layer each":  # which opens its forget gate when it runs
        assert findings == ()
        return
    (found,) = findings
    assert found.why == "holds a constant that belongs in the forget gate, whose bias is 0"


def test_a_gated_sum_without_a_state_is_no_cell() -> None:
    class Highway(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate, self.other, self.body = (nn.Linear(8, 8) for _ in range(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.gate(x).sigmoid() * x + self.other(x).sigmoid() * self.body(x).tanh()

    graph = take_inventory(nn.Sequential(Highway(), Highway()), torch.randn(4, 8)).graph
    assert graph is not None
    assert list(cells_in(Folded(graph))) == []


def test_the_own_law_of_a_recurrent_layer_is_no_wrong_fan() -> None:
    torch.manual_seed(0)
    model = nn.LSTM(16, 64, num_layers=2, bidirectional=True)  # where 3 states are the fans of the stored shape
    assert glorot.check(model, select="GL301").findings == ()
