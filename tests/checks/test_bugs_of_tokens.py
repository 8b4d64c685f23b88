"""Tokens that start as one: learned queries that stay so for ever, and embeddings of zeros."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import glorot
from glorot.checks import Finding


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def found(code: str, model: Any, *args: Any, **more: Any) -> list[Finding]:
    return [one for one in glorot.check(model, *args, **more).findings if one.code == code]


# ---- learned tokens --------------------------------------------------------------------------------------------------


class Queries(nn.Module):
    """Learned queries that read a sequence, as those of BLIP-2's Q-Former do, with positions if they are asked for."""

    def __init__(self, start: float | None, *, positions: bool = False) -> None:
        super().__init__()
        self.query_tokens = nn.Parameter(
            torch.randn(1, 12, 32) * 0.02 if start is None else torch.full((1, 12, 32), start)
        )
        self.positions = nn.Parameter(torch.randn(1, 12, 32)) if positions else None
        self.to_q, self.to_kv, self.to_out = nn.Linear(32, 32), nn.Linear(32, 64), nn.Linear(32, 32)
        self.norm, self.up, self.down = nn.LayerNorm(32), nn.Linear(32, 64), nn.Linear(64, 32)

    def forward(self, x: Tensor) -> Tensor:
        q, (k, v) = self.query_tokens.expand(len(x), -1, -1), self.to_kv(x).chunk(2, -1)
        q = q if self.positions is None else q + self.positions
        q = q + self.to_out(functional.scaled_dot_product_attention(self.to_q(self.norm(q)), k, v))
        return q + self.down(functional.gelu(self.up(self.norm(q))))  # type: ignore[no-any-return]


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_queries_that_are_all_one_stay_one(start: float) -> None:
    inputs = torch.randn(4, 20, 32)
    (one,) = found("GL205", Queries(start), inputs)
    assert (one.severity, one.path) == ("error", "query_tokens")
    assert one.why == "starts with all tokens alike, and nothing tells them apart up to the end of the model"
    assert not found("GL205", Queries(None), inputs)
    assert not found("GL205", Queries(start, positions=True), inputs)


class Objects(Queries):
    """Queries that are the weight of an embedding, as detectors have them."""

    def __init__(self, std: float) -> None:
        super().__init__(None)
        del self.query_tokens
        self.objects = nn.Embedding(12, 32)
        nn.init.normal_(self.objects.weight, std=std)

    @property
    def query_tokens(self) -> Tensor:  # type: ignore[override]
        return self.objects.weight[None]


def test_queries_may_be_the_weight_of_an_embedding() -> None:
    inputs = torch.randn(4, 20, 32)
    (one,) = found("GL205", Objects(0.0), inputs)
    assert (one.severity, one.path) == ("error", "objects.weight")
    assert not found("GL205", Objects(0.02), inputs)


class Registers(nn.Module):
    """Registers beside the patches of an image, all of them in one encoder."""

    def __init__(self, start: float, count: int = 4) -> None:
        super().__init__()
        self.registers = nn.Parameter(start * torch.randn(1, count, 32))
        self.embed, self.norm = nn.Linear(16, 32), nn.LayerNorm(32)
        self.qkv, self.out = nn.Linear(32, 96), nn.Linear(32, 32)

    def forward(self, x: Tensor) -> Tensor:
        z = torch.cat([self.registers.expand(len(x), -1, -1), self.embed(x)], 1)
        q, k, v = self.qkv(self.norm(z)).chunk(3, -1)
        return z + self.out((q @ k.mT / 32**0.5).softmax(-1) @ v)  # type: ignore[no-any-return]


def test_registers_that_are_all_one_are_worth_a_warning() -> None:
    patches = torch.randn(4, 9, 16)
    (one,) = found("GL205", Registers(0.0), patches)
    assert (one.severity, one.path) == ("warning", "registers")
    assert not found("GL205", Registers(0.02), patches)
    assert not found("GL205", Registers(0.0, count=1), patches)


# ---- embeddings ------------------------------------------------------------------------------------------------------


class Text(nn.Module):
    """A model of text, whose tokens may also be looked up in a second table, or have a separate bias."""

    def __init__(self, std: float, *, kind: str = "alone") -> None:
        super().__init__()
        self.kind = kind
        self.embed, self.other = nn.Embedding(50, 32), nn.Embedding(50, 32)
        self.up, self.out = nn.Linear(32, 64), nn.Linear(64, 50)
        nn.init.normal_(self.embed.weight, std=std)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        if self.kind == "adapter":  # as LoRA has it for embeddings: zeros, and a drawn kernel after them
            x = self.other(ids) + functional.linear(x, torch.eye(32, device=x.device))
        elif self.kind == "added":
            x = x + self.other(ids)
        elif self.kind == "returned":
            return x  # type: ignore[no-any-return]
        return self.out(functional.gelu(self.up(x)))  # type: ignore[no-any-return]


def test_an_embedding_of_zeros_makes_all_tokens_one_at_first() -> None:
    ids = torch.randint(50, (4, 16))
    (one,) = found("GL105", Text(0.0), ids)
    assert (one.severity, one.path) == ("warning", "embed.weight")
    assert one.why == "holds only zeros, so that all tokens are one until the first step"
    assert not found("GL105", Text(0.02), ids)


@pytest.mark.parametrize("kind", ["adapter", "added", "returned"])
def test_an_embedding_of_zeros_beside_another_signal_is_let_pass(kind: str) -> None:
    assert not found("GL105", Text(0.0, kind=kind), torch.randint(50, (4, 16)))
