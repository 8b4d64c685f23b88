"""What lies in memory that nothing was written to says nothing of how a parameter is meant to start."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import glorot
from glorot.inventory.holding import held
from glorot.inventory.parts import Part

LEFT_BEHIND = {
    "both ends of float32": [3.4e38, -3.4e38],
    "one huge value": [2.8e38, 2.8e38],
    "infinity": [math.inf, 1.0],
    "NaN": [math.nan, 1.0],
    "a pointer read as a number": [7e17, 0.0],
}


@pytest.mark.parametrize("left", LEFT_BEHIND.values(), ids=LEFT_BEHIND)
@pytest.mark.parametrize(
    "part",
    [
        Part("weight", "oi", (16, 64), "kernel", "Linear"),
        Part("weight", "io", (16, 64), "embedding", "Embedding"),
        Part("bias", "o", (64,), "bias", "Linear"),
        Part("weight", "o", (64,), "scale", "LayerNorm"),
    ],
    ids=lambda part: part.role,
)
def test_unwritten_values_are_not_believed(part: Part, left: list[float]) -> None:
    values = np.resize(np.array(left, np.float32), part.shape)
    assert held(part, values, np.asarray) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_model_of_unwritten_memory_is_initialized(dtype: torch.dtype) -> None:
    model = nn.Sequential(
        nn.Linear(64, 64, dtype=dtype), nn.LayerNorm(64, dtype=dtype), nn.Embedding(64, 64, dtype=dtype)
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.view(-1)[::2] = torch.finfo(dtype).max
            parameter.view(-1)[1::2] = torch.finfo(dtype).min
    plan = glorot.plan(model, "xavier", inputs=False)
    assert plan["1.weight"].distribution == glorot.distributions.Constant(1.0)
    glorot.apply(plan, model, seed=0)
    assert all(float(parameter.detach().abs().max()) <= 10 for parameter in model.parameters())
