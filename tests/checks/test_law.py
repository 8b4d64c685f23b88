"""The checks of drawn weights: what trips each, and its healthy twin."""

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional, init

import glorot
from glorot.checks.evidence import Evidence
from glorot.checks.law.gl301_wrong_fan import RULES
from glorot.checks.law.measures import spread_of
from glorot.checks.running import run, significant
from glorot.inventory import Inventory

Arguments = dict[str, Any]


class Stack(nn.Module):
    """Experts side by side in one tensor, (expert, in, out)."""

    def __init__(self) -> None:
        super().__init__()
        self.router, self.weight = nn.Linear(64, 8), nn.Parameter(torch.empty(8, 64, 32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("nd,edh,ne->nh", x, self.weight, self.router(x).softmax(-1))


class Branch(nn.Module):
    def __init__(self, post: bool = False) -> None:
        super().__init__()
        self.norm, self.up, self.down, self.post = nn.LayerNorm(32), nn.Linear(32, 32), nn.Linear(32, 32), post

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.post:
            return self.norm(x + self.down(functional.relu(self.up(x))))
        return x + self.down(functional.relu(self.up(self.norm(x))))


class Tied(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.embed, self.norm, self.factor = nn.Embedding(300, 64), nn.LayerNorm(64), factor
        self.head = nn.Linear(64, 300, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.embed(x)) * self.factor)


class Norm(nn.Module):
    def __init__(self, start: float, shift: float) -> None:
        super().__init__()
        self.weight, self.shift = nn.Parameter(torch.full((32,), start)), shift

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * (self.shift + self.weight)


class Lora(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(64, 64, bias=False).requires_grad_(False)
        self.lora_A, self.lora_B = nn.Linear(64, 4, bias=False), nn.Linear(4, 64, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + self.lora_B(self.lora_A(x))


def experts(wrong: bool) -> Arguments:
    model = Stack()
    for piece in [model.weight.data] if wrong else model.weight.data:
        init.xavier_uniform_(piece)
    return {"model": model, "inputs": torch.randn(8, 64)}


def gates(wrong: bool) -> Arguments:
    model = nn.LSTM(64, 64)
    for whole in (model.weight_ih_l0.data, model.weight_hh_l0.data):
        for piece in [whole] if wrong else whole.chunk(4):
            init.xavier_uniform_(piece)
    return {"model": model, "inputs": torch.randn(5, 3, 64)}


def transposed(wrong: bool) -> Arguments:
    model = nn.Sequential(nn.ConvTranspose2d(16, 64, 4, 2, 1), nn.ReLU(), nn.Conv2d(64, 3, 1))
    if not wrong:
        init.normal_(model[0].weight, std=math.sqrt(1 / (16 * 4)))
    return {"model": model, "inputs": torch.randn(2, 16, 8, 8)}


def depthwise(wrong: bool) -> Arguments:
    model = nn.Sequential(nn.Conv2d(64, 64, 3, groups=64, padding=1), nn.ReLU(), nn.Conv2d(64, 10, 1))
    init.kaiming_normal_(model[0].weight, mode="fan_out" if wrong else "fan_in")
    return {"model": model, "inputs": torch.randn(2, 64, 8, 8)}


def attention(wrong: bool) -> Arguments:
    model = nn.MultiheadAttention(128, 4)
    if not wrong:
        for piece in model.in_proj_weight.data.chunk(3):
            init.xavier_uniform_(piece)
    return {"model": model}


def scale(std: float) -> Arguments:
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    init.normal_(model[0].weight, std=std)
    return {"model": model, "inputs": torch.randn(8, 64)}


def head(wrong: bool) -> Arguments:
    model = nn.Sequential(nn.Embedding(500, 64), nn.LayerNorm(64), nn.Linear(64, 500, bias=False))
    init.normal_(model[2].weight, std=1.0 if wrong else 0.125)
    return {"model": model, "inputs": torch.arange(12)[None]}


def tied(factor: float) -> Arguments:
    return {"model": Tied(factor), "inputs": torch.arange(12)[None]}


def truncated(cut: float) -> Arguments:
    model = nn.Linear(32, 32)
    plan = glorot.plan(model, "auto", rules=[("weight", f"truncated_normal(0.02, cut={cut})")])
    return {"model": glorot.apply(plan, model, seed=0), "plan": plan}


def half(std: float) -> Arguments:
    model = nn.Linear(128, 128)
    init.normal_(model.weight, std=std)
    return {"model": model.half()}


def outlier(wrong: bool) -> Arguments:
    model = nn.Linear(128, 128)
    init.normal_(model.weight, std=0.02)
    if wrong:
        model.weight.data[3, 7] = 1.5
    return {"model": model}


def small_outlier(wrong: bool) -> Arguments:
    model = nn.Linear(16, 16)
    init.uniform_(model.weight, -0.1, 0.1)
    if wrong:
        model.weight.data[3, 7] = 0.1 / 3**0.5 * 9  # over the std of all 256, itself among them, it is 7.8
    return {"model": model}


def branches(factor: float, post: bool = False) -> Arguments:
    model = nn.Sequential(*[Branch(post) for _ in range(16)])
    for one in model:
        one.down.weight.data.mul_(factor)
    return {"model": model, "inputs": torch.randn(4, 32)}


def norm(start: float, shift: float) -> Arguments:
    model = nn.Sequential(nn.Linear(16, 32), Norm(start, shift), nn.Linear(32, 4))
    return {"model": model, "inputs": torch.randn(8, 16)}


def steps(wrong: bool) -> Arguments:
    model = nn.Sequential(OrderedDict(dt_proj=nn.Linear(8, 64), dt=nn.Softplus()))
    start = torch.exp(torch.empty(64).uniform_(math.log(0.001), math.log(0.1)))
    model.dt_proj.bias.data = torch.zeros(64) if wrong else start + torch.log(-torch.expm1(-start))
    return {"model": model, "inputs": torch.randn(4, 8)}


def prior(bias: float) -> Arguments:
    model = nn.Conv2d(8, 4, 1)
    init.constant_(model.bias, bias)
    targets = (torch.arange(4 * 4 * 64).view(4, 4, 8, 8) % 100 == 0).float()
    return {
        "model": model,
        "inputs": torch.randn(4, 8, 8, 8),
        "targets": targets,
        "loss": functional.binary_cross_entropy_with_logits,
    }


def rare(wrong: bool) -> Arguments:
    model, shares = nn.Linear(8, 3), torch.tensor([0.96, 0.02, 0.02])
    model.bias.data = torch.zeros(3) if wrong else shares.log()
    return {"model": model, "inputs": torch.randn(200, 8), "targets": torch.tensor([0] * 192 + [1] * 4 + [2] * 4)}


def adapter(wrong: bool) -> Arguments:
    model = Lora()
    if not wrong:
        init.zeros_(model.lora_B.weight)
    return {"model": model, "inputs": torch.randn(4, 64)}


def muon(wrong: bool) -> Arguments:
    layers = {
        "embed": nn.Embedding(64, 32),
        "hidden": nn.Linear(32, 32, bias=False),
        "head": nn.Linear(32, 64, bias=False),
    }
    model = nn.Sequential(OrderedDict(layers))
    trained = model.parameters() if wrong else [model.hidden.weight]
    return {"model": model, "inputs": torch.arange(8)[None], "optimizer": torch.optim.Muon(trained)}


def positions(wrong: bool) -> Arguments:
    table = nn.Embedding(64, 32).requires_grad_(False)
    turns = torch.outer(torch.arange(64.0), 10000 ** (-torch.arange(16) / 16))
    if not wrong:
        table.weight.data = torch.cat([turns.sin(), turns.cos()], 1)
    return {"model": nn.Sequential(OrderedDict(position_embeddings=table))}


def decayed(decay: float) -> Arguments:
    model = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))
    return {"model": model, "optimizer": torch.optim.AdamW(model.parameters(), weight_decay=decay)}


CASES: dict[str, tuple[str, str, Callable[[], Arguments], Callable[[], Arguments]]] = {
    "experts": ("GL301 warning", "weight", lambda: experts(True), lambda: experts(False)),
    "gates of an LSTM": ("GL301 warning", "weight_ih_l0[i]", lambda: gates(True), lambda: gates(False)),
    "transposed": ("GL301 warning", "0.weight", lambda: transposed(True), lambda: transposed(False)),
    "depthwise": ("GL301 warning", "0.weight", lambda: depthwise(True), lambda: depthwise(False)),
    "attention": ("GL301 warning", "in_proj_weight[q]", lambda: attention(True), lambda: attention(False)),
    "far too much": ("GL302 warning", "0.weight", lambda: scale(1.0), lambda: scale(0.125)),
    "far too little": ("GL302 warning", "0.weight", lambda: scale(0.001), lambda: scale(0.02)),
    "head": ("GL303 warning", "2.weight", lambda: head(True), lambda: head(False)),
    "tied head": ("GL303 warning", "embed.weight", lambda: tied(1.0), lambda: tied(0.125)),
    "truncation": ("GL304 note", "weight", lambda: truncated(100), lambda: truncated(2)),
    "half precision": ("GL305 warning", "weight", lambda: half(1e-5), lambda: half(0.02)),
    "outlier": ("GL306 warning", "weight", lambda: outlier(True), lambda: outlier(False)),
    "outlier among few": ("GL306 warning", "weight", lambda: small_outlier(True), lambda: small_outlier(False)),
    "branches": ("GL307 warning", "0.down.weight", lambda: branches(1.0), lambda: branches(0.25)),
    "branches normed after": (
        "GL307 warning",
        "0.down.weight",
        lambda: branches(1.0),
        lambda: branches(1.0, post=True),
    ),
    "norm of 1 + w at 1": ("GL308 warning", "1.weight", lambda: norm(1.0, 1.0), lambda: norm(0.0, 1.0)),
    "norm of w at 0": ("GL308 warning", "1.weight", lambda: norm(0.0, 0.0), lambda: norm(1.0, 0.0)),
    "time steps": ("GL309 warning", "dt_proj.bias", lambda: steps(True), lambda: steps(False)),
    "rare ones": ("GL310 warning", "bias", lambda: prior(0.0), lambda: prior(-math.log(99))),
    "rare classes": ("GL310 warning", "bias", lambda: rare(True), lambda: rare(False)),
    "adapter": ("GL311 warning", "lora_B.weight", lambda: adapter(True), lambda: adapter(False)),
    "Muon": ("GL312 warning", "embed.weight", lambda: muon(True), lambda: muon(False)),
    "positions": ("GL313 warning", "position_embeddings.weight", lambda: positions(True), lambda: positions(False)),
    "weight decay": ("GL314 note", "0.bias", lambda: decayed(0.1), lambda: decayed(0.0)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_found_and_its_twin_is_not(name: str) -> None:
    begin, path, wrong, right = CASES[name]
    code = begin.split()[0]
    torch.manual_seed(0)
    (found,) = glorot.check(**wrong(), select=code).findings
    assert str(found).startswith(f"{begin}: ")
    assert path in found.paths
    torch.manual_seed(0)
    assert not glorot.check(**right(), select=code).findings


def test_a_scale_that_a_norm_undoes_is_a_note() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(64, 64, 3, groups=64), nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 4, 1))
    init.kaiming_normal_(model[0].weight, mode="fan_out")
    (found,) = glorot.check(model, torch.randn(4, 64, 8, 8), select="GL301").findings
    assert found.severity == "note"


def test_both_factors_of_an_adapter_at_zero_are_an_error() -> None:
    model = Lora()
    init.zeros_(model.lora_A.weight)
    init.zeros_(model.lora_B.weight)
    (found,) = glorot.check(model, torch.randn(4, 64), select="GL311").findings
    assert found.severity == "error"
    assert str(found) == "GL311 error: lora_A.weight, lora_B.weight: are both zero, so that neither has a gradient"


def test_the_wrong_fans_of_all_layers_are_one_finding_in_the_order_of_the_model() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    model = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
    (found,) = glorot.check(model, select="GL301").findings
    assert found.paths == tuple(f"layers.{n}.self_attn.in_proj_weight[{one}]" for n in range(3) for one in "qkv")


@pytest.mark.slow
def test_models_drawn_exactly_to_plan_have_no_finding_of_a_test() -> None:
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.Flatten(), nn.LazyLinear(10))
    batch = torch.randn(2, 3, 8, 8)
    model(batch)
    false = 0
    for seed in range(40):
        for recipe in ("xavier", "he", "auto"):
            glorot.initialize(model, recipe, seed=seed, inputs=batch)
            false += bool(glorot.check(model, batch, select="GL301,GL302,GL303,GL306").findings)
    assert false == 0


@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_the_chance_of_a_spread_is_one_of_chance(law: str) -> None:
    generator = np.random.default_rng(0)
    draw = generator.standard_normal if law == "normal" else lambda n: generator.uniform(-(3**0.5), 3**0.5, n)
    chances = np.array([spread_of(draw(4096)).chance(1.0) for _ in range(2000)])
    for level in (0.5, 0.1, 0.01):
        expected = level * len(chances)
        assert abs(np.sum(chances < level) - expected) < 4 * math.sqrt(expected) + 1


@given(st.floats(0.01, 100), st.integers(0, 2**31))
def test_a_spread_scales_with_its_values(factor: float, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal(300)
    one, other = spread_of(values), spread_of(factor * values)
    assert other.std == pytest.approx(factor * one.std)
    assert other.kurtosis == pytest.approx(one.kurtosis)
    assert other.chance(factor) == pytest.approx(one.chance(1.0), abs=1e-9)


def test_nothing_in_a_model_is_nothing_found() -> None:
    report = run(Evidence(Inventory("torch", ()), {}), select=["GL3"])
    assert not report.findings
    assert not report.tests
    assert not significant([])
    assert RULES["Xavier's"](3, 1) == math.sqrt(0.5)
