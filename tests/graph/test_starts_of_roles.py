"""A start for every role: the value of the model where it holds one, else that of practice, on meta too."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

import glorot
from glorot.distributions import Constant, Normal, Uniform

WIDTH = 8


class StateSpace(nn.Module):
    """A state space as Mamba-2 has it, of two steps."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.step, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 3)
        self.A_log, self.dt_bias = nn.Parameter(torch.zeros(WIDTH)), nn.Parameter(torch.full((WIDTH,), -4.0))
        self.D = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x[:, :2]
        signal, step = self.into(x), F.softplus(self.step(x) + self.dt_bias)
        kept = torch.exp(-torch.exp(self.A_log) * step)
        state = kept[:, 0] * (step * signal)[:, 0]
        state = kept[:, 1] * state + (step * signal)[:, 1]
        return self.out(torch.stack([state, state], 1) + self.D * signal)


class Streams(nn.Module):
    """Blocks with layer scales; a scale on the stream itself."""

    def __init__(self, blocks: int = 1) -> None:
        super().__init__()
        self.stem, self.last, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 3)
        self.up = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2 * blocks))
        self.small = nn.ParameterList(nn.Parameter(torch.full((WIDTH,), 0.5)) for _ in range(2 * blocks))
        self.stream = nn.Parameter(torch.full((WIDTH,), 0.9))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for up, small in zip(self.up, self.small, strict=True):
            x = x + small * torch.tanh(up(F.layer_norm(x, (WIDTH,))))
        return self.head(self.stream * x + torch.tanh(self.last(x)))


class Attention(nn.Module):
    """Attention with a temperature and a sink for each of two heads, and a relative bias."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.heat, self.sink = nn.Parameter(torch.zeros(2, 1, 1)), nn.Parameter(torch.zeros(2))
        self.places = nn.Parameter(torch.zeros(2, 5, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (layer(x).unflatten(-1, (2, 4)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        logits = q @ k.transpose(2, 3) * self.heat.exp() + self.places
        sink = self.sink.reshape(1, 2, 1, 1).expand(len(x), 2, 5, 1)
        shares = torch.softmax(torch.cat([logits, sink], -1), -1)[..., :-1]
        return self.out((shares @ v).transpose(1, 2).flatten(2))


class Activation(nn.Module):
    """A kernel, and an activation that learns its slopes as xIELU does."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 3)
        self.alpha_p, self.alpha_n = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.into(x)
        positive, negative = F.softplus(self.alpha_p), 0.5 + F.softplus(self.alpha_n)
        curve = torch.where(z > 0, positive * z * z, (torch.expm1(z.clamp(max=0)) - z) * negative)
        return self.out(curve + 0.5 * z)


def plan(build: type[nn.Module], *args: int, device: str = "meta") -> glorot.Plan:
    with torch.device(device):
        model = build(*args)
    return glorot.plan(model, inputs=torch.ones(2, 5, WIDTH, device=device))


@pytest.mark.parametrize(
    ("build", "path", "role", "law"),
    [
        (StateSpace, "A_log", "state_rate", Uniform(0, 2.7726)),
        (StateSpace, "dt_bias", "state_step", Uniform(-6.907, -2.252)),
        (StateSpace, "D", "scale", Constant(1)),
        (Streams, "small.0", "layer_scale", Constant(0.1)),
        (Streams, "stream", "scale", Constant(1)),
        (Attention, "heat", "temperature", Constant(2.6593)),
        (Attention, "sink", "sink", Normal(0, 0.02)),
        (Attention, "places", "relative_bias", Constant(0)),
        (Activation, "alpha_p", "temperature", Constant(0.541325)),
        (Activation, "alpha_n", "temperature", Constant(-0.432752)),
    ],
)
def test_on_meta_every_role_has_the_start_of_practice(build: type[nn.Module], path: str, role: str, law: object):
    entry = plan(build)[path]
    assert (entry.role, entry.distribution) == (role, law)


@pytest.mark.parametrize(
    ("build", "path", "words"),
    [
        (StateSpace, "A_log", "a state rate"),
        (StateSpace, "dt_bias", "a state step"),
        (Streams, "small.0", "a layer scale"),
        (Attention, "heat", "a temperature"),
        (Attention, "sink", "a sink"),
        (Attention, "places", "a relative bias"),
    ],
)
def test_what_a_model_holds_stays_where_it_knows_best(build: type[nn.Module], path: str, words: str):
    entry = plan(build, device="cpu")[path]
    assert entry.distribution is None
    assert entry.why == f"left alone: {words} keeps the start of its model (provisional)"


def test_starts_that_practice_disagrees_on_are_marked():
    marked = {entry.name for build in (StateSpace, Streams, Attention) for entry in plan(build) if "prov" in entry.why}
    assert marked == {"A_log", "dt_bias", "small.0", "small.1", "heat", "sink", "places"}


@pytest.mark.parametrize(("blocks", "start"), [(18, 0.1), (24, 1e-5), (25, 1e-6)])
def test_a_layer_scale_starts_smaller_in_a_deeper_model(blocks: int, start: float):
    entry = plan(Streams, blocks)["small.0"]
    assert entry.distribution == Constant(start)
    assert entry.why == "a branch starts small, as in CaiT at this depth (provisional)"


def test_the_numbers_of_practice_are_what_they_claim():
    def inverse_of_softplus(step: float) -> float:
        return step + math.log(-math.expm1(-step))

    assert Uniform(-6.907, -2.252) == Uniform(*(round(inverse_of_softplus(step), 3) for step in (0.001, 0.1)))
    assert (round(math.log(16), 4), round(math.log(1 / 0.07), 4)) == (2.7726, 2.6593)
