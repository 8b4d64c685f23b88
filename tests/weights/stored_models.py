"""Models whose stored tensors hold parts in every way, for the tests of weights on disk."""

import torch
from torch import Tensor, nn


class Mixed(nn.Module):
    """Fused, grouped, transposed, padded and gathered: one of each."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8, padding_idx=0)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.gru = nn.GRU(8, 6, batch_first=True)
        self.conv = nn.Conv1d(6, 4, 3, groups=2)
        self.norm = nn.BatchNorm1d(4)
        self.up = nn.ConvTranspose1d(4, 2, 3, groups=2)
        self.head = nn.Linear(2, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        x, _ = self.gru(x + self.attention(x, x, x)[0])
        x = self.up(torch.relu(self.norm(self.conv(x.mT))))
        return torch.Tensor(self.head(x.mT))


class Interleaved(nn.Module):
    """Queries, keys and values head by head in one matrix, as its own description says."""

    def __init__(self, heads: int = 4, size: int = 6) -> None:
        super().__init__()
        self.heads, self.size = heads, size
        self.qkv = nn.Linear(heads * size, 3 * heads * size)
        self.out = nn.Linear(heads * size, heads * size)

    def forward(self, x: Tensor) -> Tensor:
        b, t, _ = x.shape
        q, k, v = self.qkv(x).view(b, t, self.heads, 3, self.size).unbind(3)
        weights = (torch.einsum("bthd,bshd->bhts", q, k) / self.size**0.5).softmax(-1)
        return torch.Tensor(self.out(torch.einsum("bhts,bshd->bthd", weights, v).reshape(b, t, -1)))


def small() -> nn.Module:
    return nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 10))
