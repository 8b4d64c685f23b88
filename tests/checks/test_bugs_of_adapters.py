"""Bugs in the start of adapters, which checks of laws name, each beside its healthy twin."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional, init

import glorot
from glorot.adapters import take_inventory

Arguments = dict[str, Any]


class Around(nn.Module):
    """A convolution with an adapter of two convolutions beside it: FastVideo#781's fault in another layer."""

    def __init__(self, rank: int = 4) -> None:
        super().__init__()
        self.frozen = nn.Conv1d(24, 48, 3, padding=1).requires_grad_(False)
        self.narrow, self.wide = nn.Conv1d(24, rank, 3, padding=1, bias=False), nn.Conv1d(rank, 48, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.frozen(x) + 0.5 * self.wide(self.narrow(x))


def around(wrong: bool) -> Arguments:
    model = Around()
    if not wrong:
        init.zeros_(model.wide.weight)
    return {"model": model, "inputs": torch.randn(2, 24, 10)}


class Merged(nn.Module):
    """A convolution that adds a product of two matrices to its kernel whenever it runs."""

    def __init__(self, rank: int = 4) -> None:
        super().__init__()
        self.frozen = nn.Conv2d(8, 16, 3).requires_grad_(False)
        self.one, self.other = nn.Parameter(torch.randn(3 * rank, 24) / 5), nn.Parameter(torch.zeros(48, 3 * rank))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        update = (self.other @ self.one).view(self.frozen.weight.shape)
        return functional.conv2d(x, self.frozen.weight + update / 4, self.frozen.bias)


def merged(wrong: bool) -> Arguments:
    model = Merged()
    if wrong:
        init.kaiming_uniform_(model.other, a=math.sqrt(5))
    return {"model": model, "inputs": torch.randn(2, 8, 7, 7)}


class Directed(nn.Module):
    """A frozen weight with a low-rank update, set to the lengths of a magnitude: pytorch#132721."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.frozen = nn.Linear(40, 24).requires_grad_(False)
        self.down, self.up = nn.Linear(40, 4, bias=False), nn.Linear(4, 24, bias=False)
        self.length = nn.Parameter(self.frozen.weight.norm(dim=1, keepdim=True))
        init.zeros_(self.up.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        update = self.up.weight @ self.down.weight if self.how != "read out" else self.up(self.down(torch.eye(40))).T
        weight = self.frozen.weight + 2 * update
        if self.how == "written out":
            norm = weight.square().sum(1, keepdim=True).add(1e-12).sqrt()
            return functional.linear(x, self.length * (weight / norm), self.frozen.bias)
        if self.how == "inverse":
            norm = weight.square().sum(1, keepdim=True).rsqrt()
            return functional.linear(x, self.length * weight * norm, self.frozen.bias)
        made = functional.linear(x, weight) * (self.length / weight.norm(dim=1, keepdim=True).detach()).T
        return made + self.frozen.bias


def directed(how: str, wrong: bool) -> Arguments:
    model = Directed(how)
    if wrong:
        init.ones_(model.length)
    return {"model": model, "inputs": torch.randn(8, 40)}


HOW = ("plain", "written out", "inverse", "read out")

CASES: dict[str, tuple[str, Callable[[bool], Arguments]]] = {
    "convolutions": ("wide.weight: is not zero", around),
    "a product in the kernel": ("other, one: are all drawn", merged),
    **{
        f"a magnitude, {how}": ("length: is not the norm of frozen.weight", lambda wrong, how=how: directed(how, wrong))
        for how in HOW
    },
}


@pytest.mark.parametrize("name", CASES)
def test_an_adapter_that_changes_its_model_is_named_and_its_twin_is_not(name: str) -> None:
    begin, make = CASES[name]
    torch.manual_seed(0)
    (found,) = glorot.check(**make(True), select="GL311").findings
    assert str(found).startswith(f"GL311 warning: {begin}")
    torch.manual_seed(0)
    assert glorot.check(**make(False), select="GL2,GL3").findings == ()


@pytest.mark.parametrize("how", HOW)
def test_a_frozen_kernel_beside_a_product_is_a_kernel(how: str) -> None:
    given = directed(how, wrong=False)
    inventory = take_inventory(given["model"], given["inputs"])
    parts = {part.name: part for part in inventory.parts}
    assert parts["frozen.weight"].role == "kernel"
    assert parts["up.weight"].role == "shift"
