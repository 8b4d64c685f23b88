"""Layers without inputs or without outputs: PyTorch builds them, nothing in their kernels is drawn, and all else is."""

import math

import pytest
import torch
from torch import nn

import glorot

LAYERS = {
    "no inputs": lambda: nn.Linear(0, 6),
    "no outputs": lambda: nn.Linear(6, 0),
    "no channels": lambda: nn.Conv2d(0, 6, 3),
    "no maps": lambda: nn.Conv2d(6, 0, 3),
    "transposed": lambda: nn.ConvTranspose2d(0, 6, 3),
    "no rows": lambda: nn.Embedding(0, 6),
    "no width": lambda: nn.Embedding(6, 0),
}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("kind", LAYERS)
def test_an_empty_layer_is_planned_and_started_beside_the_others(kind):
    model = nn.ModuleDict({"empty": LAYERS[kind](), "other": nn.Linear(64, 64)})
    plan = glorot.plan(model)
    glorot.apply(plan, model, seed=0)
    assert {entry.name for entry in plan.entries} == {name for name, _ in model.named_parameters()}
    assert model["other"].weight.std().item() == pytest.approx(1 / 8, rel=0.05)
    bias = getattr(model["empty"], "bias", None)
    assert bias is None or not bias.any()
    assert glorot.check(model).ok


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_bias_drawn_by_one_over_the_root_of_no_inputs_is_found():
    layer = nn.Linear(0, 6)
    with torch.no_grad():
        layer.bias.fill_(math.nan)
    found = glorot.check(nn.ModuleDict({"empty": layer, "other": nn.Linear(8, 8)})).findings
    assert [(one.code, one.path) for one in found] == [("GL101", "empty.bias")]
