"""Weights that a layer computes from stored tensors are looked at as those that it holds; weights on meta are refused."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

import glorot
from glorot.errors import GlorotError


def pruned(layer: nn.Module) -> nn.Module:
    return prune.l1_unstructured(layer, "weight", 0.2)


WAYS = [
    (parametrizations.weight_norm, "parametrizations.weight.original1"),
    (parametrizations.spectral_norm, "parametrizations.weight.original"),
    (pruned, "weight_orig"),
    (nn.utils.spectral_norm, "weight_orig"),
]


def net(way: Callable[[nn.Module], nn.Module]) -> nn.Module:
    model = nn.Sequential(way(nn.Linear(32, 32)), nn.Tanh(), nn.Linear(32, 8))
    return glorot.initialize(model, "auto", seed=0)


@pytest.mark.parametrize(("way", "stored"), WAYS)
def test_they_are_looked_at(way: Callable[[nn.Module], nn.Module], stored: str) -> None:
    model = net(way)
    inputs = torch.randn(16, 32, generator=torch.Generator().manual_seed(0))
    healthy = glorot.check(model, inputs, plan=glorot.plan(model), seed=0)
    assert not healthy.findings
    with torch.no_grad():
        model[0].get_parameter(stored).fill_(float("nan"))  # type: ignore[index, union-attr, operator]
    broken = glorot.check(model)
    assert [str(one) for one in broken.findings] == ["GL101 error: 0.weight: holds NaN in all of its 1024 elements"]
    assert broken.looked_at >= healthy.looked_at


def test_a_model_on_meta_is_refused_before_anything_is_read() -> None:
    with pytest.raises(
        GlorotError, match=r"^0\.weight is on the meta device and holds nothing to read; give the model"
    ):
        glorot.check(nn.Sequential(nn.Linear(3, 3, device="meta")))
