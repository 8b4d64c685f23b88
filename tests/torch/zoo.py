"""The layers that the adapter understands, one of each kind, and what the tests do with models."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

import glorot
from glorot.adapters import take_inventory as inventory
from glorot.distributions import Constant
from glorot.plans import Plan

Weights = dict[str, Tensor]
Rows = dict[str, tuple[int, str, str]]

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "Linear": lambda: nn.Linear(3, 4),
    "Linear without bias": lambda: nn.Linear(3, 4, bias=False),
    "Bilinear": lambda: nn.Bilinear(2, 3, 4),
    "Conv1d": lambda: nn.Conv1d(2, 4, 3, stride=2),
    "Conv2d": lambda: nn.Conv2d(2, 4, (3, 2)),
    "Conv3d": lambda: nn.Conv3d(2, 4, (1, 2, 3)),
    "Conv2d in groups": lambda: nn.Conv2d(4, 6, (3, 2), groups=2),
    "Conv1d depthwise": lambda: nn.Conv1d(3, 6, 5, groups=3),
    "ConvTranspose1d": lambda: nn.ConvTranspose1d(2, 4, 3, stride=2),
    "ConvTranspose2d": lambda: nn.ConvTranspose2d(2, 4, (3, 2)),
    "ConvTranspose3d": lambda: nn.ConvTranspose3d(2, 4, (1, 2, 3)),
    "ConvTranspose2d in groups": lambda: nn.ConvTranspose2d(4, 6, (3, 2), groups=2),
    "Embedding": lambda: nn.Embedding(5, 3),
    "Embedding padded at 0": lambda: nn.Embedding(5, 3, padding_idx=0),
    "Embedding padded at 2": lambda: nn.Embedding(5, 3, padding_idx=2),
    "Embedding padded at the end": lambda: nn.Embedding(5, 3, padding_idx=-1),
    "EmbeddingBag": lambda: nn.EmbeddingBag(5, 3),
    "EmbeddingBag padded": lambda: nn.EmbeddingBag(5, 3, padding_idx=1),
    "RNN": lambda: nn.RNN(3, 4, num_layers=2),
    "RNN of relu": lambda: nn.RNN(3, 4, nonlinearity="relu"),
    "LSTM": lambda: nn.LSTM(3, 4),
    "LSTM both ways, projected": lambda: nn.LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2),
    "LSTM without bias": lambda: nn.LSTM(3, 4, bias=False),
    "GRU": lambda: nn.GRU(3, 4, bidirectional=True),
    "RNNCell": lambda: nn.RNNCell(3, 4),
    "LSTMCell": lambda: nn.LSTMCell(3, 4),
    "GRUCell": lambda: nn.GRUCell(3, 4),
    "MultiheadAttention": lambda: nn.MultiheadAttention(4, 2),
    "MultiheadAttention of other widths": lambda: nn.MultiheadAttention(4, 2, kdim=3, vdim=5),
    "MultiheadAttention with extra tokens": lambda: nn.MultiheadAttention(4, 2, add_bias_kv=True),
    "BatchNorm1d": lambda: nn.BatchNorm1d(3),
    "BatchNorm2d": lambda: nn.BatchNorm2d(3),
    "BatchNorm3d": lambda: nn.BatchNorm3d(3),
    "SyncBatchNorm": lambda: nn.SyncBatchNorm(3),
    "InstanceNorm2d": lambda: nn.InstanceNorm2d(3, affine=True),
    "LayerNorm": lambda: nn.LayerNorm((2, 3)),
    "LayerNorm without bias": lambda: nn.LayerNorm(3, bias=False),
    "GroupNorm": lambda: nn.GroupNorm(2, 4),
    "RMSNorm": lambda: nn.RMSNorm(3),
    "PReLU": nn.PReLU,
    "PReLU of channels": lambda: nn.PReLU(3),
    "TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(4, 2, 6),
    "TransformerDecoderLayer": lambda: nn.TransformerDecoderLayer(4, 2, 6),
}


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))


def small_net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 2))


def weights(model: nn.Module) -> Weights:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def assert_same(one: Weights, other: Weights) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def poisoned(module: nn.Module) -> nn.Module:
    """Fill every parameter with NaN, so that whatever is not written shows."""
    for parameter in module.parameters():
        nn.init.constant_(parameter, float("nan"))
    return module


def numbered(plan: Plan) -> Plan:
    """Return the plan that gives the n-th part the constant n, counting from 1."""
    entries = (replace(entry, distribution=Constant(n)) for n, entry in enumerate(plan.entries, start=1))
    return replace(plan, entries=tuple(entries))


def write_numbers(module: nn.Module) -> list[Tensor]:
    """Write the number of its part into every element of a module, and return the parameters."""
    poisoned(module)
    glorot.apply(numbered(glorot.plan(module, "zeros")), module, seed=0)
    return list(started(module).values())


def traced(model: nn.Module, inputs: Any = False) -> Rows:
    """Return (depth, fed_by, followed_by) of every layer that has weights."""
    parts = [part for part in inventory(model, inputs).parts if part.role in ("kernel", "embedding", "position")]
    return {
        part.path.removesuffix(".weight").removesuffix(".in_proj_weight"): (part.depth, part.fed_by, part.followed_by)
        for part in parts
    }


def conv_net(inplace: bool) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace), nn.MaxPool2d(2), nn.Dropout(0.1)),
        *(nn.Conv2d(4, 6, 3), nn.ReLU(inplace), nn.BatchNorm2d(6), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        *(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)),
    )


def started(module: nn.Module) -> dict[str, Tensor]:
    """Return what a plan starts: the parameters of a module, and its running statistics."""
    statistics = {name: buffer for name, buffer in module.named_buffers() if "running_" in name}
    return dict(module.named_parameters()) | statistics
