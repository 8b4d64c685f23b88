"""Which activation feeds and follows each layer: traced from a batch, and guessed from the order of modules."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from zoo import Rows, conv_net, traced

from glorot import probe
from glorot.adapters import take_inventory as inventory

X = torch.linspace(-1, 1, 2 * 4).reshape(2, 4)
IMAGES = torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)


class Calls(nn.Module):
    """Layers a, b and c, each 4 → 4, combined by a function."""

    def __init__(self, run: Callable[["Calls", Tensor], Tensor], names: str = "ab") -> None:
        super().__init__()
        for name in names:
            self.add_module(name, nn.Linear(4, 4))
        self.run = run

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "F.relu": (F.relu, "relu"),
    "torch.relu": (torch.relu, "relu"),
    "F.relu in place": (lambda z: F.relu(z, inplace=True), "relu"),
    "relu_": (lambda z: z.relu_(), "relu"),
    "torch.relu_": (torch.relu_, "relu"),
    "torch.tanh": (torch.tanh, "tanh"),
    "Tensor.sigmoid": (lambda z: z.sigmoid(), "sigmoid"),
    "F.sigmoid": (F.sigmoid, "sigmoid"),
    "F.gelu": (F.gelu, "gelu"),
    "F.gelu with tanh": (lambda z: F.gelu(z, approximate="tanh"), "gelu_tanh"),
    "F.leaky_relu": (F.leaky_relu, "leaky_relu"),
    "F.leaky_relu(z, 0.2)": (lambda z: F.leaky_relu(z, 0.2), "leaky_relu(negative_slope=0.2)"),
    "F.leaky_relu by name": (lambda z: F.leaky_relu(z, negative_slope=0.3), "leaky_relu(negative_slope=0.3)"),
    "F.elu(z, 0.5)": (lambda z: F.elu(z, 0.5), "elu(alpha=0.5)"),
    "F.silu": (F.silu, "silu"),
    "F.selu": (F.selu, "selu"),
    "F.mish": (F.mish, "mish"),
    "F.softplus": (F.softplus, "softplus"),
    "F.hardswish": (F.hardswish, "hardswish"),
    "F.logsigmoid": (F.logsigmoid, "logsigmoid"),
    "torch.sin": (torch.sin, "sin"),
    "relu, squared": (lambda z: F.relu(z).square(), "relu_squared"),
    "relu ** 2": (lambda z: torch.pow(F.relu(z), 2), "relu_squared"),
    "nn.ReLU6": (nn.ReLU6(), "relu6"),
    "nn.LeakyReLU(0.2)": (nn.LeakyReLU(0.2), "leaky_relu(negative_slope=0.2)"),
    "nn.GELU of tanh": (nn.GELU(approximate="tanh"), "gelu_tanh"),
    "nn.SiLU in place": (nn.SiLU(inplace=True), "silu"),
    "nn.PReLU": (nn.PReLU(), "leaky_relu(negative_slope=0.25)"),
    "nn.Hardtanh": (nn.Hardtanh(), "hardtanh"),
    "F.hardtanh(z, 0, 6)": (lambda z: F.hardtanh(z, 0, max_val=6), "relu6"),
    "F.hardtanh of other bounds": (lambda z: F.hardtanh(z, -2.0, 2.0), "a function"),
    "clamp(min=0)": (lambda z: z.clamp(min=0), "relu"),
    "torch.clip(z, 0)": (lambda z: torch.clip(z, 0), "relu"),
    "clamp(0, 6)": (lambda z: torch.clamp(z, 0, 6), "relu6"),
    "clamp of other bounds": (lambda z: z.clamp(-2, 2), "a function"),
    "clamp at a tensor": (lambda z: z.clamp(min=torch.tensor(0.0)), "relu"),
    "clamp_min": (lambda z: z.clamp_min(0), "relu"),
    "clamp_min_ at 1": (lambda z: z.clamp_min_(1), "a function"),
    "maximum": (lambda z: torch.maximum(z, torch.tensor(0.0)), "relu"),
    "maximum, zero first": (lambda z: torch.maximum(torch.zeros(4), z), "relu"),
    "max with zeros_like": (lambda z: torch.max(z, torch.zeros_like(z)), "relu"),
    "maximum with a one": (lambda z: torch.maximum(z, torch.ones_like(z)), "a function"),
    "maximum with a result": (lambda z: torch.maximum(z, z - z), "relu"),
    "z·sigmoid(z)": (lambda z: z * torch.sigmoid(z), "silu"),
    "sigmoid(z)·z": (lambda z: z.sigmoid().mul(z), "silu"),
    "z·sigmoid(z) in place": (lambda z: z.mul_(z.sigmoid()), "silu"),
    "none": (lambda z: z, "identity"),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_feeds_the_next_layer_and_follows_the_last(name: str) -> None:
    function, expected = ACTIVATIONS[name]
    model = Calls(lambda m, x: m.b(function(m.a(x))))
    assert traced(model, X) == {"a": (1, "identity", expected), "b": (2, expected, "identity")}


MOVES: dict[str, Callable[[Tensor], Tensor]] = {
    "dropout": lambda h: F.dropout(h, 0.5),
    "nn.Dropout": nn.Dropout(),
    "view": lambda h: h.view(4, 2).reshape(2, 4).contiguous(),
    "chunk and cat": lambda h: torch.cat(h.chunk(2, dim=-1), dim=-1),
    "transpose": lambda h: h.t().transpose(0, 1).T.mT,
    "slice": lambda h: h[:, :4],
    "max pool": lambda h: F.max_pool1d(h.unsqueeze(1).expand(2, 1, 4), 1).squeeze(1),
    "to": lambda h: h.double().to(torch.float32),
}


@pytest.mark.parametrize("name", MOVES)
def test_what_moves_values_about_keeps_the_activation(name: str) -> None:
    move = MOVES[name]
    behind = Calls(lambda m, x: m.b(move(torch.tanh(m.a(x)))))
    before = Calls(lambda m, x: m.b(torch.tanh(move(m.a(x)))))
    assert traced(behind, X) == traced(before, X) == {"a": (1, "identity", "tanh"), "b": (2, "tanh", "identity")}


SCALES: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "h * 2": (lambda h: h * 2, "2·relu"),
    "2 * h": (lambda h: 2 * h, "2·relu"),
    "h *= 2": (lambda h: h.mul_(2), "2·relu"),
    "h / 2": (lambda h: h / 2, "0.5·relu"),
    "h.div(2)": (lambda h: h.div(2), "0.5·relu"),
    "a number in a tensor": (lambda h: torch.tensor(0.5) * h, "0.5·relu"),
}


@pytest.mark.parametrize("name", SCALES)
def test_a_factor_counts(name: str) -> None:
    scale, expected = SCALES[name]
    assert traced(Calls(lambda m, x: m.b(scale(torch.relu(m.a(x))))), X)["b"] == (2, expected, "identity")
    inside = traced(Calls(lambda m, x: m.b(torch.tanh(scale(m.a(x))))), X)
    assert inside == {
        "a": (1, "identity", "a function"),
        "b": (2, "a function", "identity"),
    }  # tanh(z/2) is not tanh(z)


@pytest.mark.parametrize(
    ("divided", "expected"),
    [(lambda h: 2 / h, "a function"), (lambda h: h / h, "a function"), (lambda h: h * h[:1], "sigmoid × sigmoid")],
)
def test_what_is_no_scale_loses_the_activation(divided: Callable[[Tensor], Tensor], expected: str) -> None:
    assert traced(Calls(lambda m, x: m.b(divided(torch.sigmoid(m.a(x))))), X)["b"] == (2, expected, "identity")


def test_a_gate_by_the_sigmoid_of_another_tensor_is_no_silu() -> None:
    model = Calls(lambda m, x: m.c(m.b(x) * torch.sigmoid(m.a(x))), "abc")
    assert traced(model, X)["a"] == (2, "identity", "sigmoid")
    assert traced(model, X)["c"] == (3, "identity × sigmoid", "identity")


def test_a_written_silu_is_measured_as_one() -> None:
    def gated(z: Tensor) -> Tensor:
        return z * torch.sigmoid(z)

    written = Calls(lambda m, x: m.b(gated(m.a(x))))
    called = Calls(lambda m, x: m.b(F.silu(m.a(x))))
    called.load_state_dict(written.state_dict())
    found, expected = probe.measure(written, X).layers[0], probe.measure(called, X).layers[0]
    assert (found.activation, found.preactivation_std) == ("silu", expected.preactivation_std)
    assert found.second_moment == pytest.approx(expected.second_moment, rel=1e-5)


class Recurrent(nn.Module):
    """A recurrent layer with a head."""

    def __init__(self, layer: nn.Module, follow: Callable[[Tensor], Tensor] = torch.clone) -> None:
        super().__init__()
        self.layer, self.head, self.follow = layer, nn.Linear(5, 2), follow

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.layer(x)
        return self.head(self.follow(out[..., -1, :]))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("layer", "unseen", "run"),
    [
        (nn.LSTM, "tanh", "sigmoid × tanh"),  # the output gate times tanh of the cell
        (nn.GRU, "tanh", "mean of tanh"),  # the state before and the new one, weighed
        (nn.RNN, "tanh", "tanh"),
        (lambda i, o: nn.RNN(i, o, nonlinearity="relu"), "relu", "relu"),
    ],
)
def test_a_head_behind_a_recurrent_layer_is_fed_by_its_state(
    layer: Callable[[int, int], nn.Module], unseen: str, run: str
) -> None:
    model = Recurrent(layer(4, 5))
    assert traced(model)["head"] == (2, unseen, "identity")
    assert traced(model, X.reshape(1, 2, 4))["head"] == (2, run, "identity")


def test_an_activation_behind_a_state_feeds_the_head_and_follows_nothing() -> None:
    parts = {part.name: part for part in inventory(Recurrent(nn.LSTM(4, 5), torch.relu), X.reshape(1, 2, 4)).parts}
    assert parts["head.weight"].fed_by == "relu"
    assert parts["layer.weight_ih_l0[g]"].followed_by == "identity"


MIXES: dict[str, tuple[Callable[[Calls, Tensor], Tensor], Rows]] = {
    "residual": (
        lambda m, x: m.c(x + m.b(torch.relu(m.a(x)))),
        {"a": (1, "identity", "relu"), "b": (2, "relu", "identity"), "c": (3, "sum", "identity")},
    ),
    "activation behind a residual": (
        lambda m, x: m.c(torch.relu(x + m.b(torch.relu(m.a(x))))),
        {"a": (1, "identity", "relu"), "b": (2, "relu", "identity"), "c": (3, "relu", "identity")},
    ),
    "branches": (
        lambda m, x: m.c(torch.tanh(m.a(x))) + m.b(torch.relu(m.a(x))),
        {"a": (1, "identity", "tanh"), "b": (3, "relu", "identity"), "c": (2, "tanh", "identity")},
    ),
    "gate": (
        lambda m, x: m.c(F.silu(m.a(x)) * m.b(x)),
        {"a": (1, "identity", "silu"), "b": (2, "identity", "identity"), "c": (3, "silu × identity", "identity")},
    ),
    "concat of one activation": (
        lambda m, x: m.c(torch.cat([torch.tanh(m.a(x)), torch.tanh(m.b(x))])),
        {"a": (1, "identity", "tanh"), "b": (2, "identity", "tanh"), "c": (3, "tanh", "identity")},
    ),
    "concat of two activations": (
        lambda m, x: m.c(torch.cat([torch.relu(m.a(x)), torch.tanh(m.b(x))])),
        {"a": (1, "identity", "relu"), "b": (2, "identity", "tanh"), "c": (3, "relu | tanh", "identity")},
    ),
    "concat with the input": (
        lambda m, x: m.c(m.b(torch.cat([torch.relu(m.a(x)), x]))),
        {"a": (1, "identity", "relu"), "b": (2, "relu | identity", "identity"), "c": (3, "identity", "identity")},
    ),
    "concat before the activation": (
        lambda m, x: m.c(torch.relu(torch.cat([m.a(x), m.b(x)]))),
        {"a": (1, "identity", "relu"), "b": (2, "identity", "relu"), "c": (3, "relu", "identity")},
    ),
    "another order than registered": (
        lambda m, x: m.a(torch.tanh(m.b(F.relu(m.c(x))))),
        {"c": (1, "identity", "relu"), "b": (2, "relu", "tanh"), "a": (3, "tanh", "identity")},
    ),
    "softmax is none": (
        lambda m, x: m.c(m.b(m.a(x).softmax(-1))),
        {"a": (1, "identity", "identity"), "b": (2, "identity", "identity"), "c": (3, "identity", "identity")},
    ),
    "two activations are one function": (
        lambda m, x: m.c(m.b(torch.tanh(torch.sigmoid(m.a(x))))),
        {"a": (1, "identity", "a function"), "b": (2, "a function", "identity"), "c": (3, "identity", "identity")},
    ),
    "a layer that runs twice": (
        lambda m, x: m.c(torch.tanh(m.b(torch.relu(m.b(torch.tanh(m.a(x))))))),
        {"a": (1, "identity", "tanh"), "b": (2, "tanh", "relu"), "c": (3, "tanh", "identity")},
    ),
    "a layer that never runs": (
        lambda m, x: m.b(torch.tanh(m.a(x))),
        {"a": (1, "identity", "tanh"), "b": (2, "tanh", "identity"), "c": (0, "identity", "identity")},
    ),
}


@pytest.mark.parametrize("name", MIXES)
def test_what_mixes_values(name: str) -> None:
    run, expected = MIXES[name]
    assert traced(Calls(run, "abc"), X) == expected


CHAINS = {"another order than registered", "two activations are one function"}


@pytest.mark.parametrize("name", MIXES)
def test_what_is_a_chain(name: str) -> None:
    is_chain = name in CHAINS or name == "a layer that never runs"
    assert probe.measure(Calls(MIXES[name][0], "abc"), X).chain is is_chain


@pytest.mark.parametrize("inputs", [False, IMAGES], ids=["unseen", "run"])
@pytest.mark.parametrize("inplace", [False, True])
def test_a_convolutional_net(inplace: bool, inputs: Tensor | bool) -> None:
    pooled = "identity" if inputs is False else "mean of identity"
    assert traced(conv_net(inplace), inputs) == {
        "0": (1, "identity", "relu"),  # through the norm
        "5": (2, "relu", "relu"),  # through pooling and dropout
        "10": (3, pooled, "tanh"),  # a norm after the activation sets mean and variance
        "12": (4, "tanh", "identity"),
    }


class Block(nn.Module):
    """A residual block of ResNet."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.conv2, self.bn2 = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x
        return self.relu(out)


def test_residual_blocks() -> None:
    assert traced(nn.Sequential(Block(), Block()), IMAGES) == {
        "0.conv1": (1, "identity", "relu"),
        "0.conv2": (2, "relu", "identity"),
        "1.conv1": (3, "relu", "relu"),
        "1.conv2": (4, "relu", "identity"),
    }


# without a batch


def test_one_activation_module_in_several_places() -> None:
    act = nn.ReLU()
    model = nn.Sequential(nn.Linear(4, 4), act, nn.Linear(4, 4), act, nn.Linear(4, 4))
    assert traced(model) == traced(model, X)
    assert [row[1] for row in traced(model).values()] == ["identity", "relu", "relu"]


@pytest.mark.parametrize("norm", [nn.LayerNorm(4), nn.BatchNorm1d(4, affine=False), nn.RMSNorm(4)])
def test_norms_pass_the_layer_on_and_set_the_signal_anew(norm: nn.Module) -> None:
    model = nn.Sequential(nn.Linear(4, 4), norm, nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), norm, nn.Linear(4, 4))
    expected = {
        "0": (1, "identity", "tanh"),
        "3": (2, "tanh", "tanh"),
        "6": (3, "identity", "identity"),
    }
    assert traced(model) == traced(model, X) == expected


def test_order_of_registration_cannot_see_functions() -> None:
    model = Calls(lambda m, x: m.a(torch.tanh(m.b(x))))
    assert traced(model) == {"a": (1, "identity", "identity"), "b": (2, "identity", "identity")}
