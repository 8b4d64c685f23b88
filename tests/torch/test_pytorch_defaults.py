"""The recipe `pytorch` against what PyTorch's own modules start from."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn
from zoo import started, write_numbers

import glorot
from glorot.distributions import Constant, Normal, Uniform
from glorot.errors import GlorotError

WIDE: dict[str, Callable[[], nn.Module]] = {
    "Linear": lambda: nn.Linear(40, 60),
    "Bilinear": lambda: nn.Bilinear(12, 8, 20),
    "Conv1d": lambda: nn.Conv1d(10, 20, 5),
    "Conv2d": lambda: nn.Conv2d(6, 20, (3, 4)),
    "Conv3d": lambda: nn.Conv3d(4, 8, (2, 3, 4)),
    "Conv2d in groups": lambda: nn.Conv2d(16, 32, 3, groups=4),
    "Conv2d depthwise": lambda: nn.Conv2d(64, 128, 5, groups=64),
    "ConvTranspose1d": lambda: nn.ConvTranspose1d(10, 20, 5),
    "ConvTranspose2d": lambda: nn.ConvTranspose2d(6, 20, (3, 4), stride=2),
    "ConvTranspose3d in groups": lambda: nn.ConvTranspose3d(8, 16, 3, groups=4),
    "Embedding": lambda: nn.Embedding(40, 30),
    "Embedding padded": lambda: nn.Embedding(40, 30, padding_idx=3),
    "EmbeddingBag padded": lambda: nn.EmbeddingBag(40, 30, padding_idx=0),
    "RNN": lambda: nn.RNN(20, 30, num_layers=2, bidirectional=True),
    "LSTM": lambda: nn.LSTM(20, 30),
    "LSTM projected": lambda: nn.LSTM(20, 30, num_layers=2, proj_size=10),
    "GRU": lambda: nn.GRU(20, 30),
    "RNNCell": lambda: nn.RNNCell(20, 30),
    "LSTMCell": lambda: nn.LSTMCell(20, 30),
    "GRUCell": lambda: nn.GRUCell(20, 30),
    "MultiheadAttention": lambda: nn.MultiheadAttention(32, 4),
    "MultiheadAttention of other widths": lambda: nn.MultiheadAttention(32, 4, kdim=20, vdim=50, add_bias_kv=True),
    "TransformerDecoderLayer": lambda: nn.TransformerDecoderLayer(32, 4, 48),
    "BatchNorm2d": lambda: nn.BatchNorm2d(3),
    "InstanceNorm1d": lambda: nn.InstanceNorm1d(3, affine=True),
    "LayerNorm": lambda: nn.LayerNorm((3, 4)),
    "GroupNorm": lambda: nn.GroupNorm(2, 4),
    "RMSNorm": lambda: nn.RMSNorm(5),
    "PReLU": lambda: nn.PReLU(7),
}
FRESH = 6


@pytest.fixture(scope="module")
def fresh() -> dict[str, list[nn.Module]]:
    """Several of PyTorch's own modules of each kind."""
    with torch.random.fork_rng():
        torch.manual_seed(2010)
        return {kind: [build() for _ in range(FRESH)] for kind, build in WIDE.items()}


@pytest.mark.parametrize("kind", WIDE)
def test_recipe_pytorch_has_the_laws_of_its_modules(kind: str, fresh: dict[str, list[nn.Module]]) -> None:
    plan = glorot.plan(fresh[kind][0], "pytorch")
    parts = torch.cat([place.flatten() for place in write_numbers(WIDE[kind]())])
    drawn = torch.stack(
        [torch.cat([tensor.flatten() for tensor in started(module).values()]) for module in fresh[kind]]
    ).detach()
    for n, entry in enumerate(plan.entries, start=1):
        sample = drawn[:, parts == n].flatten().double().numpy()
        assert sample.size == FRESH * math.prod(entry.shape)
        assert_law(sample, entry.distribution, entry.name)


def assert_law(sample: Any, planned: Any, name: str) -> None:
    if isinstance(planned, Constant):
        assert np.unique(sample).tolist() == [np.float32(planned.value)], name
        return
    if isinstance(planned, Uniform):
        bound = np.float32(planned.high)
        assert np.abs(sample).max() <= bound, name
        assert np.abs(sample).max() > bound * (1 - 12 / sample.size), name
        reference = scipy.stats.uniform(planned.low, planned.high - planned.low)
    else:
        assert isinstance(planned, Normal)
        reference = scipy.stats.norm(planned.mean, planned.std)
    assert scipy.stats.kstest(sample, reference.cdf).pvalue > 1e-4, name


@pytest.mark.parametrize(
    ("build", "name", "bound"),
    [
        (lambda: nn.Linear(40, 60), "weight", 1 / math.sqrt(40)),
        (lambda: nn.Linear(40, 60), "bias", 1 / math.sqrt(40)),
        (lambda: nn.Bilinear(12, 8, 20), "bias", 1 / math.sqrt(12)),
        (lambda: nn.Conv2d(16, 32, 3, groups=4), "weight", 1 / math.sqrt(4 * 9)),
        (lambda: nn.Conv2d(16, 32, 3, groups=4), "bias", 1 / math.sqrt(4 * 9)),
        (lambda: nn.ConvTranspose2d(6, 20, 3), "weight", 1 / math.sqrt(20 * 9)),  # PyTorch's fans are swapped
        (lambda: nn.ConvTranspose2d(6, 20, 3), "bias", 1 / math.sqrt(20 * 9)),
        (lambda: nn.ConvTranspose2d(8, 16, 3, groups=4), "weight", 1 / math.sqrt(4 * 9)),
        (lambda: nn.LSTM(20, 30), "weight_ih_l0[f]", 1 / math.sqrt(30)),
        (lambda: nn.LSTM(20, 30, proj_size=10), "weight_hr_l0", 1 / math.sqrt(30)),
        (lambda: nn.GRUCell(20, 30), "bias_hh[r]", 1 / math.sqrt(30)),
        (lambda: nn.MultiheadAttention(32, 4), "in_proj_weight[k]", math.sqrt(6 / (32 + 96))),
        (lambda: nn.MultiheadAttention(32, 4, kdim=20, vdim=50), "k_proj_weight", math.sqrt(6 / (32 + 20))),
        (lambda: nn.MultiheadAttention(32, 4), "out_proj.weight", 1 / math.sqrt(32)),
    ],
)
def test_recipe_pytorch_has_exactly_its_bounds(build: Callable[[], nn.Module], name: str, bound: float) -> None:
    planned = glorot.plan(build(), "pytorch")[name].distribution
    assert isinstance(planned, Uniform)
    assert (planned.low, planned.high) == (-bound, bound)


def test_recipe_pytorch_refuses_what_pytorch_does_not_know() -> None:
    with pytest.raises(
        GlorotError, match=r"no layer that glorot knows owns these parameters:\n  0  2  in ParameterList"
    ):
        glorot.plan(nn.ParameterList([torch.ones(2)]), "pytorch")
