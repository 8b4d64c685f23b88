"""The net of the lab page in PyTorch, and how its files are written."""

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

FOLDER = Path(__file__).parent
INPUTS, OUTPUTS = 64, 10
DEEPEST = 50
WIDTHS = (8, 16, 32, 64, 128, 256)
ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "softsign": functional.softsign,
    "gelu": functional.gelu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "selu": functional.selu,
}


class LabNet(nn.Module):
    """The net of `lab/src/net`: x_l = φ(W_l·x_{l-1} + b_l), where skips add x_{l-1} and norms standardise it."""

    def __init__(self, width: int, depth: int, activation: str, *, skips: bool = False, norms: bool = False) -> None:
        super().__init__()
        sizes = [INPUTS, *[width] * depth, OUTPUTS]
        self.layers = nn.ModuleList(nn.Linear(n, m) for n, m in pairwise(sizes))
        self.phi, self.skips, self.norms = ACTIVATIONS[activation], skips, norms

    def forward(self, examples: Tensor) -> Tensor:
        """Return the logits."""
        return self.trace(examples)[0][-1]

    def trace(self, examples: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return the sums of all layers, and the values that the next one receives."""
        sums: list[Tensor] = []
        values = [examples]
        for number, layer in enumerate(self.layers):
            received = values[-1]
            normed = functional.layer_norm(received, received.shape[-1:]) if self.norms and number else received
            sums.append(layer(normed))
            if number == len(self.layers) - 1:
                return sums, [*values[1:], sums[-1]]
            curved = self.phi(sums[-1])
            values.append(received + curved if self.skips and number else curved)
        raise AssertionError("a net has a last layer")


def write_json(name: str, data: Mapping[str, Any]) -> None:
    """Write a file beside this one, one entry of the outermost object a line."""
    (FOLDER / name).write_text(json_text(data), encoding="utf-8")


def json_text(data: Mapping[str, Any]) -> str:
    """Return JSON without spaces, one entry of the outermost object a line."""
    entries = (f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}" for key, value in data.items())
    return "{\n" + ",\n".join(entries) + "\n}\n"
