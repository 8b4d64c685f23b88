"""Checks of the family 2xx: what starts alike and should not."""

import copy
from collections.abc import Callable
from itertools import pairwise

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import glorot
from glorot.checks import Finding


def found_in(model: object, inputs: object = None) -> list[Finding]:
    return list(glorot.check(model, inputs, select="GL2").findings)


def codes(model: object, inputs: object = None) -> list[str]:
    return [one.code for one in found_in(model, inputs)]


def mlp(*sizes: int, act: Callable[[], nn.Module] = nn.Tanh) -> nn.Sequential:
    return nn.Sequential(*[step for a, b in pairwise(sizes) for step in (nn.Linear(a, b), act())][:-1])


def each(model: nn.Module, start: Callable[[Tensor], object]) -> nn.Module:
    for parameter in model.parameters():
        start(parameter)
    return model


# ---- GL201: units ----------------------------------------------------------------------------------------------------


def repeated(rows: int, often: int) -> Tensor:
    return torch.randn(rows // often, 32).repeat(often, 1)


@pytest.mark.parametrize(
    ("weight", "why"),
    [
        (torch.full((16, 32), 0.1), "starts with all units alike"),
        (torch.randn(1, 32).expand(16, 32), "starts with all units alike"),
        (repeated(16, 4), "repeats its units block by block, so its heads start alike"),
        (torch.cat([repeated(14, 1), torch.ones(2, 1) * torch.randn(32)]), "holds units that were drawn twice"),
    ],
)
def test_units_with_the_same_weights_are_told_by_how_they_repeat(weight: Tensor, why: str) -> None:
    layer = nn.Linear(32, 16)
    layer.weight.data.copy_(weight)
    (found,) = glorot.check(layer, select="GL201").findings
    assert (found.why, found.path, found.severity) == (why, "weight", "warning")
    assert found.figure == len(torch.unique(weight, dim=0))


def kernel(layer: nn.Module, values: Tensor | None = None) -> nn.Module:
    if values is not None:
        layer.weight.data.copy_(values)
    return layer


def test_rows_of_a_table_that_are_copies_are_a_note() -> None:
    table = nn.Embedding(20, 16)
    table.weight.data[15:] = table.weight.data[3]  # words that were added
    (found,) = glorot.check(table, select="GL201").findings
    assert (found.severity, found.figure, found.expected) == ("note", 15, "20 different units")


HEALTHY = {
    "a filter for each channel": kernel(nn.Conv2d(8, 8, 3, groups=8), torch.full((8, 1, 3, 3), 1 / 9)),
    "an identity": kernel(nn.Linear(16, 16), torch.eye(16)),
    "more outputs than inputs": kernel(nn.Linear(1, 64)),
    "a pixel shuffle": kernel(nn.Conv2d(4, 16, 3), torch.randn(4, 4, 3, 3).repeat_interleave(4, 0)),
    "zeros": kernel(nn.Linear(16, 16), torch.zeros(16, 16)),
    "an embedding": nn.Embedding(50, 8, padding_idx=0),
    "a position": nn.ParameterDict({"position_embedding": nn.Parameter(torch.ones(1, 16, 8))}),
    "half precision": nn.Linear(8, 4096).bfloat16(),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_units_that_are_alike_on_purpose_or_by_chance_are_let_pass(name: str) -> None:
    assert found_in(HEALTHY[name]) == []


# ---- GL202: experts and groups ---------------------------------------------------------------------------------------


class Experts(nn.Module):
    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("eni,eio->eno", x, self.weight)


def test_experts_in_one_tensor_that_are_copies_are_found() -> None:
    copies = torch.randn(1, 16, 8).repeat(4, 1, 1)
    for inputs in (torch.randn(4, 5, 16), None):
        (found,) = found_in(Experts(copies), inputs)
        assert (found.code, found.why) == ("GL202", "holds the same numbers for several of its experts")
        assert (found.figure, found.expected) == (1, "4 different ones")
        assert codes(Experts(torch.randn(4, 16, 8)), inputs) == []
    assert codes(Experts(torch.zeros(4, 16, 8))) == []


# ---- GL203: layers, networks, pieces ---------------------------------------------------------------------------------


def stack(count: int = 3) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    return nn.TransformerEncoder(layer, count, enable_nested_tensor=False)


def test_layers_that_were_copied_are_one_finding() -> None:
    (found,) = found_in(stack())
    assert (found.code, found.severity) == ("GL203", "warning")
    assert found.why == "hold the same numbers: layers.0, layers.1, layers.2 are copies"
    assert len(found.paths) == 12
    assert found.paths[0] == "layers.0.self_attn.in_proj_weight"


def test_drawing_again_tells_copied_layers_apart() -> None:
    assert codes(glorot.initialize(stack(), "auto", seed=0)) == []


def test_networks_from_one_seed_are_copies_and_from_two_are_not() -> None:
    def twins(*seeds: int) -> nn.ModuleList:
        return nn.ModuleList((torch.manual_seed(seed), mlp(8, 32, 1))[1] for seed in seeds)

    (found,) = found_in(twins(0, 0))
    assert found.why == "hold the same numbers: 0, 1 are copies"
    assert codes(twins(0, 1)) == []


def test_queries_and_keys_of_one_draw_are_pieces_that_are_equal() -> None:
    attention = nn.MultiheadAttention(32, 4)
    attention.in_proj_weight.data[32:64] = attention.in_proj_weight.data[:32]
    (found,) = glorot.check(attention, select="GL203").findings
    assert found.paths == ("in_proj_weight[q]", "in_proj_weight[k]")


def test_followers_frozen_copies_and_tied_weights_are_let_pass() -> None:
    online = mlp(8, 32, 4)
    assert codes(nn.ModuleDict({"online": online, "target": copy.deepcopy(online)})) == []
    assert codes(nn.ModuleDict({"online": online, "momentum_encoder": copy.deepcopy(online)})) == []
    assert codes(nn.ModuleDict({"online": online, "other": copy.deepcopy(online).requires_grad_(False)})) == []
    assert codes(nn.ModuleDict({"online": online, "same": online})) == []
    assert codes(nn.ModuleDict({"online": online, "other": copy.deepcopy(online)})) == ["GL203"]


def test_tables_that_are_computed_alike_are_let_pass() -> None:
    table = torch.outer(torch.arange(32.0), 10000 ** (-torch.arange(16) / 16)).sin()
    tables = {name: nn.Embedding.from_pretrained(table, freeze=False) for name in ("encoder", "decoder")}
    model = nn.ModuleDict({name: nn.ModuleDict({"embed_positions": one}) for name, one in tables.items()})
    assert codes(model) == []


def test_a_shared_initializer_of_keras_and_a_key_of_jax_used_twice_are_found() -> None:
    shared = keras.initializers.GlorotUniform(seed=0)
    layers = [keras.layers.Dense(16, kernel_initializer=shared) for _ in range(2)]
    (found,) = found_in(keras.Sequential([keras.Input((16,)), *layers]))
    assert found.code == "GL203"
    assert len(found.paths) == 2
    key = jax.random.key(0)
    draw = jax.nn.initializers.lecun_normal()
    params = {"one": {"kernel": draw(key, (16, 16))}, "two": {"kernel": draw(key, (16, 16))}}
    assert codes(params) == ["GL203"]
    params["two"]["kernel"] = draw(jax.random.key(1), (16, 16))
    assert codes(params) == []


# ---- GL204: one draw at several scales -------------------------------------------------------------------------------


@pytest.mark.parametrize("law", [nn.init.xavier_normal_, nn.init.kaiming_uniform_, nn.init.xavier_uniform_])
@pytest.mark.parametrize("sizes", [(32, 64, 64), (64, 64, 64), (24, 48, 96)])
def test_a_seed_that_is_set_for_each_layer_is_found(law: Callable[[Tensor], Tensor], sizes: tuple[int, ...]) -> None:
    model = mlp(*sizes)
    for n, layer in enumerate(model[::2]):
        torch.manual_seed(0)
        law(layer.weight)
        layer.weight.data *= 1 + n
    (found,) = found_in(model)
    assert (found.code, found.paths) == ("GL204", ("0.weight", "2.weight"))
    for layer in model[::2]:
        law(layer.weight)
    assert found_in(model) == []


# ---- GL205: symmetry that stays --------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [nn.Tanh, nn.ReLU, nn.Sigmoid, nn.GELU])
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_constant_layers_in_a_row_never_come_apart(act: Callable[[], nn.Module], value: float) -> None:
    model = each(mlp(8, 16, 4, act=act), lambda parameter: nn.init.constant_(parameter, value))
    found = [one for one in found_in(model, torch.randn(16, 8)) if one.code == "GL205"]
    assert ("0.weight", "2.weight") in [one.paths for one in found]
    assert {one.severity for one in found} == {"error"}


def trained_units(model: nn.Sequential, steps: int = 20) -> int:
    """Train a model, and return how many different hidden units it has."""
    x, y = torch.randn(64, 8), torch.randint(4, (64,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return len(torch.unique(model[0].weight, dim=0))


@pytest.mark.parametrize("alike", [(0, 2), (0,), (2,)], ids=["both", "first", "second"])
def test_what_is_called_dead_stays_one_unit_in_training_and_the_rest_does_not(alike: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = mlp(8, 16, 4)
    for n in alike:
        each(model[n], nn.init.zeros_)
    is_dead = "GL205" in codes(model, torch.randn(4, 8))
    assert is_dead == (len(alike) == 2)
    assert (trained_units(model) == 1) == is_dead


def test_a_bias_that_is_drawn_tells_units_apart() -> None:
    model = each(mlp(8, 16, 4), nn.init.zeros_)
    nn.init.normal_(model[0].bias)
    assert codes(model, torch.randn(4, 8)) == []


class Adapted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(32, 32).requires_grad_(False)
        self.down, self.up = nn.Linear(32, 4, bias=False), nn.Linear(4, 32, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.up(self.down(x))


def test_an_adapter_needs_one_side_that_is_not_zero() -> None:
    model = Adapted()
    assert codes(model, torch.randn(4, 32)) == []
    nn.init.zeros_(model.down.weight)
    (found,) = found_in(model, torch.randn(4, 32))
    assert (found.code, found.paths) == ("GL205", ("down.weight", "up.weight"))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.q, self.k, self.v, self.o = nn.LayerNorm(32), *(nn.Linear(32, 32) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        shares = (self.q(y) @ self.k(y).mT / 32**0.5).softmax(-1)
        return x + self.o(shares @ self.v(y))


@pytest.mark.parametrize(
    ("zeros", "dead"),
    [("q", False), ("o", False), ("qo", False), ("qk", True), ("vo", True)],
)
def test_zeros_in_attention_are_dead_in_both_factors_alone(zeros: str, dead: bool) -> None:
    model = Block()
    for name in zeros:
        each(getattr(model, name), nn.init.zeros_)
    found = [one for one in found_in(model, torch.randn(2, 5, 32)) if one.code == "GL205"]
    assert [one.paths for one in found] == ([tuple(f"{name}.weight" for name in zeros)] if dead else [])
    model(torch.randn(2, 5, 32)).square().sum().backward()
    moved = {name for name in zeros if getattr(model, name).weight.grad.any()}
    assert (not moved) == dead


def test_zeros_before_a_relu_are_dead() -> None:
    model = mlp(8, 16, 16, 4, act=nn.ReLU)
    each(model[2], nn.init.zeros_)
    (found,) = found_in(model, torch.randn(4, 8))
    assert (found.code, found.path) == ("GL205", "2.weight")
    assert found.why == "is zero before a ReLU, whose slope is zero there, so it will never have a gradient"


class Modulated(nn.Module):
    """The end of a diffusion transformer, whose modulation and head both start at zero, and learn."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.modulation = nn.LayerNorm(32, elementwise_affine=False), nn.Linear(32, 64)
        self.head = nn.Linear(32, 8)
        each(self.modulation, nn.init.zeros_)
        each(self.head, nn.init.zeros_)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        shift, scale = self.modulation(nn.functional.silu(time)).chunk(2, -1)
        return self.head(self.norm(x) * (1 + scale) + shift)


def test_a_modulation_of_zeros_before_a_head_of_zeros_is_let_pass() -> None:
    assert codes(Modulated(), (torch.randn(4, 32), torch.randn(4, 32))) == []


def test_models_that_are_drawn_have_nothing_alike() -> None:
    for seed in range(20):
        torch.manual_seed(seed)
        assert codes(mlp(3, 40, 7, 40, 1)) == []
        assert codes(nn.LSTM(9, 13, 2, bidirectional=True)) == []
    assert codes({"w": jnp.asarray(np.random.default_rng(0).normal(size=(40, 7)))}) == []


class Dots(nn.Module):
    def __init__(self, is_copied: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Parameter(torch.randn(64)), nn.Parameter(torch.randn(64))
        if is_copied:
            self.second.data.copy_(self.first)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x @ self.first)[:, None] * (x @ self.second)[:, None]


@pytest.mark.parametrize("is_copied", [True, False])
def test_kernels_of_one_axis_are_compared_too(is_copied: bool) -> None:
    found = glorot.check(Dots(is_copied), torch.randn(8, 64), select="GL203").findings
    assert [one.paths for one in found] == ([("first", "second")] if is_copied else [])
