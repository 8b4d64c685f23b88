"""Bugs that the numbers in a model's tensors show by themselves, each with a healthy twin."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import glorot


def with_buffer(values: Tensor, name: str = "table") -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4))
    model.register_buffer(name, values, persistent=False)
    return model


def told(model: Any, code: str, **more: Any) -> list[tuple[str, tuple[str, ...]]]:
    """Return the severity and the paths of what one check finds."""
    return [(one.severity, one.paths) for one in glorot.check(model, select=code, **more).findings]


# ---- GL102: the small whole numbers of memory, read as floats --------------------------------------------------------


def small_integers(*shape: int, share: float) -> Tensor:
    """Return memory that held small whole numbers among zeros, read as float32."""
    generator = torch.Generator().manual_seed(0)
    words = torch.randint(1, 60_000, shape, generator=generator, dtype=torch.int32)
    return (words * (torch.rand(shape, generator=generator) < share)).view(torch.float32)


@pytest.mark.parametrize("share", [0.15, 0.6])
def test_denormal_numbers_among_zeros_are_memory(share: float) -> None:
    # As in graph layers of torch.FloatTensor(n, m), and the bias that balances experts after to_empty:
    # github.com/pytorch/torchtitan, github.com/huggingface/transformers/issues/45902
    model = with_buffer(small_integers(64, share=share), "expert_bias")
    model[0].weight.data = small_integers(4, 4, share=share)
    assert told(model, "GL102") == [("error", ("0.weight", "expert_bias"))]
    model[0].weight.data.zero_()
    assert told(model, "GL102") == [("error", ("expert_bias",))]
    model.expert_bias.zero_()
    assert told(model, "GL102") == []


def test_denormal_numbers_with_a_gap_to_ordinary_ones_are_memory() -> None:
    values = small_integers(64, share=0.5)
    values[40:50], values[39], values[50] = torch.linspace(0.1, 1.0, 10), 0, 0
    (found,) = glorot.check(with_buffer(values), select="GL102").findings
    assert (
        found.why == "holds numbers below 1e-38, ordinary ones, and none in between, as memory does that nothing wrote"
    )
    faded = torch.exp(-(torch.linspace(0, 20, 400) ** 2))  # down to zero, through all sizes
    assert told(with_buffer(faded), "GL102") == []


def test_a_weight_that_decayed_as_a_whole_is_a_warning() -> None:
    layer = nn.Linear(8, 8)
    layer.weight.data = torch.rand(8, 8, generator=torch.Generator().manual_seed(0)) * 1e-39 + 1e-40
    assert told(layer, "GL102") == [("warning", ("weight",))]
