"""Bugs of initialisation from public trackers that checks of laws name, each beside its healthy twin."""

import math
from collections.abc import Callable
from typing import Any

import equinox
import jax
import jax.numpy as jnp
import pytest
import torch
from flax import nnx
from torch import nn
from torch.nn import functional, init

import glorot

Arguments = dict[str, Any]


def grouped(wrong: bool) -> Arguments:
    """The inputs of a grouped convolution counted over all groups: mmdetection#5622, mlx#4536."""
    model = nn.Sequential(nn.Conv2d(128, 64, 3, groups=8), nn.ReLU(), nn.Conv2d(64, 8, 1))
    init.kaiming_normal_(model[0].weight)
    if wrong:
        model[0].weight.data /= 8**0.5
    return {"model": model, "inputs": torch.randn(2, 128, 6, 6)}


class Scan(nn.Module):
    """A state space as of Mamba, whose minus stands where it is told to."""

    def __init__(self, minus: str, width: int = 32, states: int = 16) -> None:
        super().__init__()
        self.minus, self.states = minus, states
        self.mix, self.step, self.out = nn.Linear(width, 2 * states), nn.Linear(width, width), nn.Linear(width, width)
        self.A_log = nn.Parameter(torch.arange(1.0, states + 1).log().repeat(width, 1))
        steps = torch.empty(width).uniform_(math.log(1e-3), math.log(0.1)).exp()
        self.step.bias.data = steps + torch.log(-torch.expm1(-steps))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        into, out = self.mix(x).split(self.states, -1)
        steps = functional.softplus(self.step(x))[..., None]
        rates = self.A_log.exp()
        decay = {
            "rate": lambda: torch.exp(steps * -rates),
            "step": lambda: torch.exp(-steps * rates),
            "product": lambda: torch.exp(-(rates * steps)),
        }[self.minus]()
        state, made = x.new_zeros(len(x), x.shape[2], self.states), []
        for t in range(x.shape[1]):
            state = decay[:, t] * state + steps[:, t] * into[:, t, None] * x[:, t, :, None]
            made.append((state * out[:, t, None]).sum(-1))
        return self.out(torch.stack(made, 1))


def rates(mean: float, wrong: bool) -> Arguments:
    """Noise over the logarithms of the rates: mad-lab#3, flash-linear-attention#380."""
    model = Scan("rate")
    if wrong:
        init.normal_(model.A_log, mean, std=0.02)
    return {"model": model, "inputs": torch.randn(2, 5, 32)}


def steps(minus: str, wrong: bool) -> Arguments:
    """Steps whose bias stays at one: flash-linear-attention#739, transformers#43717."""
    model = Scan(minus)
    if wrong:
        init.ones_(model.step.bias)
    return {"model": model, "inputs": torch.randn(2, 5, 32)}


class Mixture(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.gate = nn.LayerNorm(128), nn.Linear(128, 4, bias=False)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(128, 64), nn.GELU(), nn.Linear(64, 128)) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed = self.norm(x)
        made = torch.stack([expert(normed) for expert in self.experts], -1)
        return x + (made * self.gate(normed).softmax(-1)[:, None]).sum(-1)


def router(wrong: bool) -> Arguments:
    """A router drawn far too wide starts decided: PaddleFleet#991."""
    model = Mixture()
    if wrong:
        init.uniform_(model.gate.weight, -1, 1)
    else:
        init.zeros_(model.gate.weight)
    return {"model": model, "inputs": torch.randn(32, 128)}


def padded(wrong: bool) -> Arguments:
    """Noise over the padding row: Graphormer#41, pytorch#6411."""
    model = nn.Sequential(nn.Embedding(64, 32, padding_idx=3), nn.Flatten(), nn.Linear(320, 8))
    init.normal_(model[0].weight, std=0.1)
    if not wrong:
        model[0].weight.data[3] = 0
    return {"model": model, "inputs": torch.randint(64, (8, 10))}


def gates(wrong: bool) -> Arguments:
    """A forget bias written where another library's order of gates has it."""
    model = nn.LSTM(16, 32, num_layers=2, batch_first=True)
    for name, bias in model.named_parameters():
        if "bias" in name:
            init.zeros_(bias)
    gate = "ifgo".index("o" if wrong else "f")
    model.bias_hh_l1.data[32 * gate : 32 * (gate + 1)] = 2.0
    return {"model": model, "inputs": torch.randn(4, 6, 16)}


def shut(wrong: bool) -> Arguments:
    """A forget bias of the wrong sign."""
    model = nn.LSTMCell(16, 32)
    model.bias_ih.data[32:64] += -2.0 if wrong else 2.0
    return {"model": model, "inputs": torch.randn(4, 16)}


def recurrent(wrong: bool) -> Arguments:
    """One orthogonal matrix over all gates of a recurrent layer."""
    model = nn.GRU(24, 48, batch_first=True)
    for weight in [model.weight_hh_l0] if wrong else model.weight_hh_l0.data.chunk(3):
        init.orthogonal_(weight)
    return {"model": model, "inputs": torch.randn(4, 6, 24)}


class Fused(nn.Module):
    """Attention whose q, k and v are pieces of one matrix, which nothing but what becomes of them shows."""

    def __init__(self) -> None:
        super().__init__()
        self.mixed, self.out = nn.Linear(64, 192, bias=False), nn.Linear(64, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, two, three = (piece.unflatten(-1, (4, 16)).transpose(1, 2) for piece in self.mixed(x).chunk(3, -1))
        return x + self.out(functional.scaled_dot_product_attention(one, two, three).transpose(1, 2).flatten(2))


def fused(wrong: bool) -> Arguments:
    """One orthogonal matrix over q, k and v."""
    model = Fused()
    for weight in [model.mixed.weight] if wrong else model.mixed.weight.data.chunk(3):
        init.orthogonal_(weight)
    return {"model": model, "inputs": torch.randn(4, 6, 64)}


class Cell(nn.Module):
    """An LSTM that a model writes for itself, with its gates in another order: o, g, f, i."""

    def __init__(self, inputs: int = 16, width: int = 32) -> None:
        super().__init__()
        self.width, self.into, self.around = (
            width,
            nn.Linear(inputs, 4 * width),
            nn.Linear(width, 4 * width, bias=False),
        )
        init.zeros_(self.into.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = state = x.new_zeros(len(x), self.width)
        for t in range(x.shape[1]):
            o, g, f, i = (self.into(x[:, t]) + self.around(out)).chunk(4, -1)
            state = f.sigmoid() * state + i.sigmoid() * g.tanh()
            out = o.sigmoid() * state.tanh()
        return out


def own_gates(gate: str, bias: float) -> Arguments:
    """A constant in one gate of such a cell."""
    model = Cell()
    at = 32 * "ogfi".index(gate)
    model.into.bias.data[at : at + 32] = bias
    return {"model": model, "inputs": torch.randn(4, 6, 16)}


def own_recurrent(wrong: bool) -> Arguments:
    """One orthogonal matrix over the gates of such a cell."""
    model = Cell()
    for weight in [model.around.weight] if wrong else model.around.weight.data.chunk(4):
        init.orthogonal_(weight)
    return {"model": model, "inputs": torch.randn(4, 6, 16)}


CASES: dict[str, tuple[str, str, Callable[[bool], Arguments]]] = {
    "groups not divided by": ("GL301 warning", "0.weight", grouped),
    "gates of one orthogonal matrix": ("GL301 warning", "weight_hh_l0[r], weight_hh_l0[z], weight_hh_l0[n]", recurrent),
    "q, k and v of one orthogonal matrix": (
        "GL301 warning",
        "mixed.weight[q], mixed.weight[k], mixed.weight[v]",
        fused,
    ),
    "noise over rates": ("GL309 warning", "A_log", lambda wrong: rates(0.0, wrong)),
    "noise over rates around another": ("GL309 warning", "A_log", lambda wrong: rates(1.0, wrong)),
    "a minus on the rate": ("GL309 warning", "step.bias", lambda wrong: steps("rate", wrong)),
    "a minus on the step": ("GL309 warning", "step.bias", lambda wrong: steps("step", wrong)),
    "a minus on the product": ("GL309 warning", "step.bias", lambda wrong: steps("product", wrong)),
    "noise for padding": ("GL315 warning", "0.weight[padding]", padded),
    "the forget gate's constant in another": ("GL316 warning", "bias_hh_l1[o]", gates),
    "a forget gate that starts shut": ("GL316 warning", "bias_ih[f]", shut),
    "the constant in another gate of an own cell": (
        "GL316 warning",
        "into.bias[1]",
        lambda wrong: own_gates("g" if wrong else "f", 1.0),
    ),
    "an own cell that starts shut": (
        "GL316 warning",
        "into.bias[2]",
        lambda wrong: own_gates("f", -3.0 if wrong else 0.0),
    ),
    "gates of an own cell of one orthogonal matrix": ("GL301 warning", "around.weight", own_recurrent),
    "a router that starts decided": ("GL302 warning", "gate.weight", router),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bug_is_named_and_its_twin_is_not(name: str) -> None:
    begin, path, make = CASES[name]
    torch.manual_seed(0)
    (found,) = glorot.check(**make(True), select=begin.split()[0]).findings
    assert str(found).startswith(f"{begin}: {path}")
    torch.manual_seed(0)
    assert glorot.check(**make(False), select="GL2,GL3").findings == ()


class Equalised(nn.Module):
    """A layer that multiplies its weight by He's std whenever it runs."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.scale = nn.Parameter(torch.randn(width, width)), (2 / width) ** 0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.leaky_relu(functional.linear(x, self.weight * self.scale), 0.2)


def equalised() -> Arguments:
    model = nn.Sequential(*[Equalised(128) for _ in range(4)], nn.Linear(128, 1))
    targets = torch.randn(64, 1)
    return {"model": model, "inputs": torch.randn(64, 128), "targets": targets, "loss": functional.mse_loss}


class Noisy(nn.Module):
    """w = μ + σ·ε, with σ a function of its parameter, and ε kept in a buffer or drawn at each call."""

    def __init__(self, inputs: int, outputs: int, kept: bool) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.randn(outputs, inputs) / inputs**0.5)
        self.spread = nn.Parameter(torch.full((outputs, inputs), 0.5 / inputs**0.5 if kept else -4.0))
        self.kept = kept
        self.register_buffer("noise", torch.randn(outputs, inputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kept:
            return functional.linear(x, self.mean + self.spread * self.noise)
        return functional.linear(x, self.mean + functional.softplus(self.spread) * torch.randn_like(self.mean))


def noisy(kept: bool) -> Arguments:
    model = nn.Sequential(Noisy(8, 32, kept), nn.ReLU(), Noisy(32, 4, kept))
    return {"model": model, "inputs": torch.randn(16, 8)}


class Spread(Noisy):
    """The noise of a result whose variance is made of the inputs' squares: as of w = μ + σ·ε, a sum later."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = functional.linear(x, self.mean)
        variance = functional.linear(x.square(), functional.softplus(self.spread).square())
        return mean + (variance + 1e-8).sqrt() * torch.randn_like(mean)


class Gained(nn.Linear):
    """A weight whose rows are set to a length each: a gain of ones is no row of equal weights."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.gain = nn.Parameter(torch.ones(outputs, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.gain * functional.normalize(self.weight, dim=1), self.bias)


class Boxes(nn.Module):
    """Queries that attend to a map and say a class and a box each, whose last layer starts at zero."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.queries, self.classes = nn.Parameter(torch.randn(12, width)), nn.Linear(width, 5)
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.box = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4))
        init.zeros_(self.box[2].weight)
        init.zeros_(self.box[2].bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        queries = self.queries.expand(len(x), -1, -1)
        queries = queries + functional.scaled_dot_product_attention(self.q(queries), self.k(x), self.v(x))
        return torch.cat([self.classes(queries), self.box(queries).sigmoid()], -1)


HEALTHY: dict[str, Callable[[], Arguments]] = {
    "equalised learning rate": equalised,
    "noise of a buffer": lambda: noisy(True),
    "noise of each call": lambda: noisy(False),
    "noise of each result": lambda: {
        "model": nn.Sequential(Spread(8, 32, False), nn.ReLU(), Spread(32, 4, False)),
        "inputs": torch.randn(16, 8),
    },
    "gains of rows": lambda: {
        "model": nn.Sequential(Gained(8, 32), nn.ReLU(), Gained(32, 4)),
        "inputs": torch.randn(16, 8),
    },
    "boxes that start in the middle": lambda: {"model": Boxes(), "inputs": torch.randn(4, 20, 64)},
}


@pytest.mark.parametrize("name", HEALTHY)
def test_what_is_meant_is_not_found(name: str) -> None:
    torch.manual_seed(0)
    assert glorot.check(**HEALTHY[name]()).findings == ()


def test_a_constant_that_a_weight_is_multiplied_by_counts() -> None:
    torch.manual_seed(0)
    given = equalised()
    for layer in given["model"][:4]:
        layer.scale *= 8
    found = glorot.check(**given, select="GL302").findings
    assert [one.paths for one in found] == [tuple(f"{n}.weight" for n in range(4))]
    assert found[0].figure == pytest.approx(8 * 2**0.5, rel=0.05)


def in_keras(gate: str, bias: float) -> Arguments:
    import keras

    layer = keras.layers.LSTM(8)
    layer.build((None, 5, 4))
    values = layer.get_weights()
    at = "ifgo".index(gate) * 8
    values[2][:], values[2][at : at + 8] = 0, bias
    layer.set_weights(values)
    return {"model": keras.Sequential([keras.Input((5, 4)), layer])}


def in_equinox(gate: str, bias: float) -> Arguments:
    cell = equinox.nn.LSTMCell(4, 8, key=jax.random.key(0))
    at = "ifgo".index(gate) * 8
    return {"model": equinox.tree_at(lambda one: one.bias, cell, jnp.zeros(32).at[at : at + 8].set(bias))}


def in_nnx(gate: str, bias: float) -> Arguments:
    cell = nnx.LSTMCell(4, 8, rngs=nnx.Rngs(0))
    getattr(cell, f"h{gate}").bias[...] = jnp.full(8, bias)
    return {"model": cell}


@pytest.mark.parametrize("make", [in_keras, in_equinox, in_nnx])
def test_the_gates_of_every_framework(make: Callable[[str, float], Arguments]) -> None:
    for gate, bias, begin in (("g", 1.0, "holds a constant that belongs in"), ("f", -3.0, "shuts the forget gate")):
        (found,) = glorot.check(**make(gate, bias), select="GL316").findings
        assert found.why.startswith(begin)
    assert glorot.check(**make("f", 1.0), select="GL316").findings == ()


def test_a_table_that_is_tied_to_a_head_trains_its_padding_row() -> None:
    model = nn.ModuleDict({"table": nn.Embedding(32, 8, padding_idx=0), "head": nn.Linear(8, 32, bias=False)})
    init.normal_(model["table"].weight)
    model["head"].weight = model["table"].weight
    assert glorot.check(model, select="GL315").findings == ()
