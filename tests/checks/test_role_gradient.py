"""GL504: the gradient of one role beside that of the other kernels."""

import math
from typing import Any

import keras
import numpy as np
import pytest
import torch
from flax import nnx
from torch import Tensor, nn
from torch.nn import functional

import glorot
from glorot.checks import Finding
from glorot.checks.backward.gl504_role_gradient import LARGEST, Relative, kind_of

TOKENS = torch.arange(64).view(4, 16)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def found(model: Any, *args: Any, **more: Any) -> list[Finding]:
    return list(glorot.check(model, *args, select="GL504", **more).findings)


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.mix = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        q, k, v = (one(h)[:, None] for one in (self.q, self.k, self.v))
        x = x + self.o(functional.scaled_dot_product_attention(q, k, v, is_causal=True)[:, 0])
        return x + self.down(functional.gelu(self.up(self.mix(x))))


class Language(nn.Module):
    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embed = nn.Embedding(64, width)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 64, bias=False)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.embed(tokens))))


def language(**scales: float) -> Language:
    """Return a language model some of whose roles are drawn smaller or larger."""
    model = Language()
    for path, parameter in model.named_parameters():
        name = path.split(".")[-2]
        if name in scales:
            parameter.data *= scales[name]
    return model


BROKEN = {
    "an embedding of almost nothing": ({"embed": 1e-5}, {"embed.weight"}, "embedding"),
    "values of almost nothing": ({"v": 1e-3, "o": 30.0}, {"blocks.0.v.weight", "blocks.1.v.weight"}, "v"),
    "queries drawn a millionth as large as keys": (
        {"q": 1e-5, "k": 1e5}, {"blocks.0.q.weight", "blocks.1.q.weight"}, "q"
    ),
    "a final norm of almost nothing": (
        {"norm": 1e-4, "mix": 1e-4},
        {"norm.weight", "blocks.0.norm.weight", "blocks.1.norm.weight", "blocks.0.mix.weight", "blocks.1.mix.weight"},
        "scale",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("scales", "paths", "role"), BROKEN.values(), ids=BROKEN.keys())
def test_a_role_out_of_proportion_is_named(scales: dict[str, float], paths: set[str], role: str) -> None:
    findings = found(language(**scales), TOKENS, TOKENS)
    (one,) = [one for one in findings if one.paths[0] in paths]
    assert set(one.paths) == paths
    assert one.severity == "warning"
    assert one.why == f"gets a gradient, as {role}, that is out of proportion to its weights"
    assert (
        one.expected
        == f"at most {3 * LARGEST[kind_of(Relative('', role, True, 1, 1))]:g} times that of the median kernel"
    )


HEALTHY = {
    "a language model at 0.02": (language, TOKENS),
    "embeddings of 1": (lambda: language(embed=50.0), TOKENS),
    "a head of a tenth": (lambda: language(head=0.1), TOKENS),
    "three layers": (
        lambda: nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)),
        torch.randn(4, 16, generator=torch.Generator().manual_seed(0)),
    ),
}


@pytest.mark.parametrize(("build", "batch"), HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy_models_have_no_such_role(build: Any, batch: Tensor) -> None:
    model = build()
    targets = torch.zeros(batch.shape if batch.dtype == torch.long else len(batch), dtype=torch.long)
    assert not found(model, batch, targets)
    assert not found(model, batch)


def test_what_another_check_tells_is_not_told_here() -> None:
    layers = [layer for _ in range(16) for layer in (nn.Linear(64, 64), nn.Sigmoid())]
    x = torch.randn(8, 64, generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(*layers, nn.Linear(64, 64))
    assert {one.code for one in glorot.check(model, x, select="GL502,GL504").findings} == {"GL502"}


class Scaled(nn.Module):
    def __init__(self, start: float) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(32), nn.Linear(32, 64), nn.Linear(64, 32)
        self.scale = nn.Parameter(torch.full((32,), start))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * self.down(functional.gelu(self.up(self.norm(x))))


def test_branches_that_start_closed_are_meant() -> None:
    model = nn.Sequential(nn.Linear(16, 32), *[Scaled(1e-6) for _ in range(6)], nn.Linear(32, 10))
    x = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    assert not found(model, x, torch.arange(8))


def test_the_setting_moves_the_bound() -> None:
    model = language(embed=0.01)
    assert not found(model, TOKENS, TOKENS)
    assert found(model, TOKENS, TOKENS, thresholds={"role-gradient": 0.01})


# ---- other frameworks ------------------------------------------------------------------------------------------------


class InNnx(nnx.Module):
    def __init__(self, scale: float) -> None:
        rngs = nnx.Rngs(0)
        self.embed = nnx.Embed(64, 32, rngs=rngs)
        self.embed.embedding[...] = self.embed.embedding[...] * scale
        self.norm = nnx.LayerNorm(32, rngs=rngs)
        self.layers = nnx.List([nnx.Linear(32, 32, rngs=rngs) for _ in range(3)])

    def __call__(self, tokens: Any) -> Any:
        x = self.norm(self.embed(tokens))
        for layer in self.layers:
            x = nnx.relu(layer(x))
        return x


def in_keras(scale: float) -> Any:
    keras.utils.set_random_seed(0)
    embed = keras.layers.Embedding(64, 32)
    dense = [keras.layers.Dense(32, "relu", kernel_initializer="he_normal") for _ in range(3)]
    model = keras.Sequential([keras.Input((16,), dtype="int32"), embed, keras.layers.LayerNormalization(), *dense])
    embed.set_weights([scale * embed.get_weights()[0]])
    return model


@pytest.mark.parametrize("build", [InNnx, in_keras])
def test_it_is_found_in_other_frameworks(build: Any) -> None:
    tokens = np.arange(64, dtype=np.int32).reshape(4, 16)
    (one,) = found(build(1e-3 if build is in_keras else 1e-4), tokens)
    assert one.why == "gets a gradient, as embedding, that is out of proportion to its weights"
    assert math.isfinite(one.figure)
    assert not found(build(1.0), tokens)
