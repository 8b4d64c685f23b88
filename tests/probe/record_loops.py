"""Models of several kinds, and ways in which people train them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import glorot


class Mixed(nn.Module):
    """Dropout, a norm with running statistics, attention, a recurrent layer and a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm1d(8)
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)
        self.memory = nn.GRU(8, 6, batch_first=True)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Any:
        x = torch.relu_(self.norm(self.conv(x))).transpose(1, 2)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.head(self.drop(self.memory(x)[0][:, -1]))


class ByName(nn.Module):
    """Takes its arguments by name, and returns a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Mixed()

    def forward(self, x: Tensor, *, scale: float = 1.0) -> dict[str, Tensor]:
        return {"logits": scale * self.inner(x)}


@dataclass
class Answer:
    """What PyTorch does not look into."""

    logits: Tensor


class ByObject(Mixed):
    """Returns an object."""

    def forward(self, x: Tensor) -> Any:
        return Answer(super().forward(x))


def batch(n: int, size: int = 6) -> tuple[Tensor, Tensor]:
    return torch.randn(size, 3, 5, generator=torch.Generator().manual_seed(n)), torch.arange(size) % 4


def loss(model: nn.Module, n: int, size: int = 6) -> Tensor:
    x, y = batch(n, size)
    return nn.functional.cross_entropy(model(x), y)


def plain(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for n in range(6):
        optimizer.zero_grad()
        loss(model, n).backward()
        optimizer.step()


def accumulated(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for n in range(6):
        loss(model, n).backward()
        if n % 3 == 2:
            optimizer.step()
            optimizer.zero_grad()


def with_evaluation(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for n in range(6):
        optimizer.zero_grad()
        value = loss(model, n)
        with torch.no_grad():  # before the backward pass, and in training mode
            loss(model, 90)
        value.backward()
        optimizer.step()
        model.eval()
        loss(model, 91)  # with gradients, that nobody uses
        model.train()


def last_batch_smaller(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for n, size in enumerate((6, 6, 3, 6, 6, 2)):
        optimizer.zero_grad()
        loss(model, n, size).backward()
        optimizer.step()


def by_grad(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    own = list(model.parameters())
    for n in range(6):
        for parameter, gradient in zip(own, torch.autograd.grad(loss(model, n), own), strict=True):
            parameter.grad = gradient
        optimizer.step()


def under_autocast(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for n in range(6):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(model, n)
        value.backward()
        optimizer.step()


def by_name(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for n in range(6):
        optimizer.zero_grad()
        x, y = batch(n)
        nn.functional.cross_entropy(model(x=x, scale=2.0)["logits"], y).backward()
        optimizer.step()


def by_object(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for n in range(6):
        optimizer.zero_grad()
        x, y = batch(n)
        nn.functional.cross_entropy(model(x).logits, y).backward()
        optimizer.step()


def measured_inside(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for n in range(6):
        optimizer.zero_grad()
        loss(model, n).backward()
        optimizer.step()
        glorot.measure(model, batch(n)[0])


def checkpointed(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    from torch.utils.checkpoint import checkpoint

    for n in range(6):
        optimizer.zero_grad()
        x, y = batch(n)
        nn.functional.cross_entropy(checkpoint(model, x, use_reentrant=False), y).backward()
        optimizer.step()


LOOPS: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module, torch.optim.Optimizer], None]]] = {
    "plain": (Mixed, plain),
    "accumulated": (Mixed, accumulated),
    "with evaluation": (Mixed, with_evaluation),
    "last batch smaller": (Mixed, last_batch_smaller),
    "by grad": (Mixed, by_grad),
    "under autocast": (Mixed, under_autocast),
    "by name": (ByName, by_name),
    "by object": (ByObject, by_object),
    "measured inside": (Mixed, measured_inside),
    "checkpointed": (Mixed, checkpointed),
}
