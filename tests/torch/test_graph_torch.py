"""From what a PyTorch model runs to a graph: functions between layers."""

import math

import numpy as np
import pytest
import torch
from graph_nets import lowered, source_before
from torch import nn
from torch.nn import functional as f

from glorot.inventory.seen import seen_in

C = math.sqrt(2 / math.pi)


def set_by_pieces(z):
    y = torch.empty_like(z)
    y[:, :3] = torch.relu(z[:, :3])
    y[:, 3:] = torch.relu(z[:, 3:])
    return y


def written_through_a_view(z):
    z.view(2, 2, 8).relu_()
    return z


WRITTEN = {
    "identity": lambda z: z.clone().contiguous(),
    "elu": f.celu,
    "elu(alpha=1.5)": lambda z: torch.where(z > 0, z, 1.5 * torch.expm1(z)),
    "gelu_tanh": lambda z: 0.5 * z * (1 + torch.tanh(C * (z + 0.044715 * z * z * z))),
    "hardswish": lambda z: z * f.relu6(z + 3) / 6,
    "leaky_relu(negative_slope=0.1)": lambda z: torch.where(z > 0, z, 0.1 * z),
    "mish": lambda z: z * torch.tanh(f.softplus(z)),
    "relu": lambda z: (torch.abs(z) + z) / 2,
    "relu_squared": lambda z: f.relu(z) * f.relu(z),
    "2·relu": lambda z: 2 * f.relu(z),
    "silu": lambda z: z * torch.sigmoid(z),
    "softsign": f.softsign,
    "identity × sigmoid": lambda z: f.glu(torch.cat([z, z], -1) * 1.0),
    "relu × identity": lambda z: f.relu(z[:, :4]).repeat(1, 2) * z[:, 4:].repeat(1, 2),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_a_function_is_named_by_what_it_computes(text):
    assert source_before(WRITTEN[text]).text == text


IN_PLACE = {
    "a relu in place": lambda z: f.relu(z, inplace=True),
    "a relu of dropout in place": lambda z: f.dropout(f.relu(z), 0.1, training=True, inplace=True),
    "one that is set piece by piece": set_by_pieces,
    "one that is written through a view": written_through_a_view,
    "one copied into zeros": lambda z: torch.zeros(4, 8).copy_(f.relu(z)),
    "one into an output": lambda z: torch.clamp(z, 0, None, out=torch.empty(4, 8)),
    "one under a mask that is a constant": lambda z: z.relu().masked_fill(torch.eye(4, 8).bool(), 0.0),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_what_is_written_in_place_is_seen_by_whoever_reads_the_memory(name):
    assert source_before(IN_PLACE[name]).text == "relu"


def test_a_tensor_that_is_overwritten_is_no_longer_what_it_was():
    def overwritten(z):
        y = z.relu()
        y.copy_(torch.tanh(z))
        return y

    assert source_before(overwritten).text == "tanh"


def test_numbers_over_numbers_are_read_when_they_are_used():
    def scaled(z):
        factors = torch.ones(8)
        shifted = z.relu() * factors
        factors.fill_(2.0)
        return shifted * factors

    assert source_before(scaled).text == "2·relu"


MODULES = {
    "elu": nn.ELU(), "elu(alpha=1.5)": nn.ELU(1.5), "selu": nn.SELU(), "gelu": nn.GELU(), "gelu_tanh": nn.GELU("tanh"),
    "hardsigmoid": nn.Hardsigmoid(), "hardswish": nn.Hardswish(), "hardtanh": nn.Hardtanh(), "relu6": nn.ReLU6(),
    "leaky_relu": nn.LeakyReLU(), "leaky_relu(negative_slope=0.2)": nn.LeakyReLU(0.2), "logsigmoid": nn.LogSigmoid(),
    "mish": nn.Mish(), "relu": nn.ReLU(), "sigmoid": nn.Sigmoid(), "silu": nn.SiLU(), "softplus": nn.Softplus(),
    "softshrink": nn.Softshrink(), "softsign": nn.Softsign(), "tanh": nn.Tanh(), "tanhshrink": nn.Tanhshrink(),
    "leaky_relu(negative_slope=0.2292)": nn.RReLU(),
}  # fmt: skip


@pytest.mark.parametrize("text", MODULES)
def test_every_activation_of_the_library_is_known(text):
    assert source_before(MODULES[text]).text == text


Z = np.linspace(-12, 12, 240_001)
DENSITY = np.exp(-(Z**2) / 2) / np.sqrt(2 * np.pi)

UNNAMED = {
    "hardshrink": (nn.Hardshrink(1.0), np.where(abs(Z) > 1, Z, 0)),
    "threshold": (nn.Threshold(0.5, 0.0), np.where(Z > 0.5, Z, 0)),
    "softplus of beta 5": (nn.Softplus(5.0), np.logaddexp(0, 5 * Z) / 5),
    "tanh of half": (lambda z: torch.tanh(z / 2), np.tanh(Z / 2)),
    "sine of frequency 3": (lambda z: torch.sin(3 * z), np.sin(3 * Z)),
}


@pytest.mark.parametrize("name", UNNAMED)
def test_a_function_that_is_not_in_the_catalogue_keeps_its_moments(name):
    function, values = UNNAMED[name]
    source = source_before(function)
    assert source.text == "a function"
    assert source.squares[0] == pytest.approx(np.trapezoid(values**2 * DENSITY, Z), rel=2e-3)


NORMS = {
    "layer norm": lambda z: f.layer_norm(z, (8,)),
    "rms norm": lambda z: f.rms_norm(z, (8,)),
    "one by hand": lambda z: (z - z.mean(-1, keepdim=True)) / torch.sqrt(z.var(-1, keepdim=True) + 1e-6),
    "rms by hand": lambda z: z * torch.rsqrt(z.pow(2).mean(-1, keepdim=True) + 1e-6),
    "unit length": lambda z: f.normalize(z, dim=-1),
    "softmax": lambda z: z.softmax(-1),
}


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_is_the_end_of_what_came_before(name):
    assert source_before(lambda z: NORMS[name](z.relu())).text == "identity"


def test_slopes_of_channels_lie_along_the_channels():
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.PReLU(8), nn.Conv2d(8, 2, 1))
    lowering, folded = lowered(net, torch.ones(1, 3, 5, 4), slopes={"1.weight": 0.25})
    assert lowering.error is None
    assert [use.role for use in folded.uses["1.weight"]] == ["slope"]
    assert seen_in(folded)["2.weight"].source.text == "leaky_relu(negative_slope=0.25)"


def test_a_prelu_starts_with_the_slope_of_its_layer():
    lowering, folded = lowered(
        nn.Sequential(nn.Linear(8, 8), nn.PReLU(8), nn.Linear(8, 8)), torch.ones(4, 8), slopes={"1.weight": 0.25}
    )
    assert lowering.error is None
    assert [use.role for use in folded.uses["1.weight"]] == ["slope"]
