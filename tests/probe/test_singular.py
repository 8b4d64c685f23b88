"""The largest singular value of every kernel, beside NumPy's decomposition of the matrix that it is."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import glorot


def largest(matrix: torch.Tensor) -> float:
    return float(np.linalg.svd(matrix.detach().numpy(), compute_uv=False)[..., 0].max())


def measured(model: nn.Module, x: torch.Tensor) -> dict[str, float]:
    steps = glorot.measure(model, x, histograms=True).steps
    return {step.name: step.largest_singular_value for step in steps}


def test_a_dense_kernel() -> None:
    model = nn.Sequential(nn.Linear(40, 60), nn.Tanh(), nn.Linear(60, 10))
    found = measured(model, torch.randn(4, 40))
    assert found["0"] == pytest.approx(largest(model[0].weight), rel=1e-3)
    assert found["2"] == pytest.approx(largest(model[2].weight), rel=1e-3)
    assert math.isnan(found["0 → tanh"])


def test_a_convolution_is_a_matrix_of_all_that_an_output_sums() -> None:
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 32, 3, groups=4), nn.ConvTranspose2d(32, 8, 2))
    found = measured(model, torch.randn(2, 3, 9, 9))
    plain, grouped, transposed = (layer.weight for layer in model)
    assert found["0"] == pytest.approx(largest(plain.flatten(1)), rel=1e-3)
    assert found["1"] == pytest.approx(largest(grouped.unflatten(0, (4, 8)).flatten(2)), rel=1e-3)
    assert found["2"] == pytest.approx(largest(transposed.transpose(0, 1).flatten(1)), rel=1e-3)


def test_an_orthogonal_kernel_has_its_gain() -> None:
    model = glorot.initialize(nn.Sequential(nn.Linear(64, 64)), "orthogonal(gain=1.5)", seed=0)
    assert measured(model, torch.randn(2, 64))["0"] == pytest.approx(1.5, rel=1e-3)


def test_it_is_left_out_unless_it_is_asked_for() -> None:
    (step,) = glorot.measure(nn.Linear(8, 8), torch.randn(2, 8)).steps
    assert math.isnan(step.largest_singular_value)
