"""Nets whose parameters lie in every way that a plan knows: fused, grouped, transposed, interleaved, padded, stacked."""

from typing import Any

import torch
from torch import Tensor, nn

import glorot
from glorot.plans import Plan


class Interleaved(nn.Module):
    """Attention whose rows are heads of (q, k, v), as GPT-NeoX lays them."""

    def __init__(self, width: int = 12, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.qkv(x).unflatten(-1, (self.heads, -1)).transpose(-3, -2)
        q, k, v = rows.chunk(3, dim=-1)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v).transpose(-3, -2).flatten(-2)
        return x + self.out(mixed)


class Experts(nn.Module):
    """Three experts in one parameter, which a plan draws apart."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.randn(3, 2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        each = x.flatten(0, -2).expand(3, -1, -1)
        up, gate = torch.einsum("eni,eoi->eno", each, self.up).chunk(2, dim=-1)
        return x + (up * torch.sigmoid(gate)).sum(0).view_as(x)


class Sequence(nn.Module):
    """What transformers and recurrent nets are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 12, padding_idx=3)
        self.attention = nn.MultiheadAttention(12, 3, batch_first=True)
        self.interleaved = Interleaved()
        self.experts = Experts()
        self.norm = nn.LayerNorm(12)
        self.lstm = nn.LSTM(12, 5, batch_first=True)
        self.head = nn.Linear(5, 11)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x, _ = self.lstm(self.norm(self.experts(self.interleaved(x))))
        return self.head(x)


def images() -> nn.Sequential:
    """Return convolutions of every kind."""
    return nn.Sequential(
        nn.Conv2d(4, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 9, 3, groups=3, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(9, 6, 2, stride=2, groups=3),
        nn.Conv2d(6, 6, 3, groups=6, padding=1),
        nn.PReLU(),
        nn.Flatten(),
        nn.Linear(6 * 8 * 8, 7),
    )


TOKENS = torch.arange(14).reshape(2, 7) % 11
IMAGES = torch.linspace(-1, 1, 2 * 4 * 4 * 4).reshape(2, 4, 4, 4)


def planned(recipe: str | None = None) -> list[tuple[type[nn.Module] | Any, Plan, Tensor]]:
    """Return (what builds a net, its plan, a batch) of each net."""
    return [
        (Sequence, glorot.plan(Sequence(), recipe, TOKENS), TOKENS),
        (images, glorot.plan(images(), recipe, IMAGES), IMAGES),
    ]
