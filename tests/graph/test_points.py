"""Points: which values of a graph are reported, and that they have the same names in every framework."""

from typing import Any

import jax
import keras
import numpy as np
import pytest
import torch
from flax import nnx
from one_net_everywhere import FRAMEWORKS, batch_of, built
from structures_everywhere import STRUCTURES
from torch import nn

from glorot.adapters import opened
from glorot.graph import Folded
from glorot.graph.points import Point, points_of

NAMES = {
    "residual_mlp": ["stem", "norm 1", "up1", "up1 → relu", "down1", "sum 1", "norm 2", "up2", "up2 → relu", "down2",
                     "sum 2", "norm 3", "head"],
    "post_norm": ["stem", "q", "k", "v", "interaction 1", "softmax 1", "attention 1", "out", "sum 1", "norm 1", "up",
                  "up → gelu", "down", "sum 2", "norm 2", "head", "softmax 2"],
    "parallel": ["stem", "norm 1", "q", "k", "v", "interaction 1", "softmax 1", "attention 1", "out", "gate",
                 "gate → silu", "up", "product 1", "down", "sum 1", "head"],
    "mixture": ["stem", "norm 1", "router", "softmax 1", "up", "up → relu", "down", "product 1", "mean 1", "sum 1",
                "head"],
    "layer_scale": ["stem", "norm 1", "up", "up → relu", "down", "sum 1", "head"],
    "hidden_states": ["stem", "norm 1", "up", "up → relu", "down", "sum 1", "scale"],
}  # fmt: skip
IMAGES = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float32)


def points(model: Any, batch: Any) -> list[Point]:
    adapter, model = opened(model, batch)
    graph = adapter.graph(model, adapter.layers(model, batch), batch, None)
    assert graph is not None
    return list(points_of(Folded(graph)))


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", NAMES)
def test_names_are_the_same_in_every_framework(name: str, framework: str) -> None:
    net = STRUCTURES[name].net
    found = points(built(net, framework), batch_of(net, framework))
    assert [point.name for point in found] == NAMES[name]
    assert [point.name for point in found if point.is_output] == NAMES[name][-1:]
    assert all(point.layer in ("", point.name) for point in found)
    named = {point.value: point.name for point in found}
    curves = [point for point in found if point.kind == "curve"]
    assert [f"{named[point.of]} → " for point in curves if point.of is not None] == [
        f"{point.name.split('→')[0]}→ " for point in curves
    ]


class InTorch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        x = nn.functional.max_pool2d(torch.relu(self.norm(self.conv(x))), 2)
        return self.head(x.mean((2, 3)))


class InNnx(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.conv, self.norm = nnx.Conv(3, 8, (3, 3), padding="VALID", rngs=rngs), nnx.BatchNorm(8, rngs=rngs)
        self.head = nnx.Linear(8, 5, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        x = nnx.max_pool(jax.nn.relu(self.norm(self.conv(x))), (2, 2), (2, 2))
        return self.head(x.mean((1, 2)))


class InKeras(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = keras.layers.Conv2D(8, 3), keras.layers.Dense(5)
        self.norm, self.pool = keras.layers.BatchNormalization(), keras.layers.MaxPooling2D()
        self(np.zeros((2, 16, 16, 3), np.float32))

    def call(self, x: Any) -> Any:
        x = self.pool(keras.ops.relu(self.norm(self.conv(x))))
        return self.head(keras.ops.mean(x, (1, 2)))


@pytest.mark.parametrize("framework", ["torch", "nnx", "keras"])
def test_a_convolutional_net_has_the_same_points_in_every_framework(framework: str) -> None:
    build = {"torch": lambda: InTorch().eval(), "nnx": InNnx, "keras": InKeras}[framework]
    batch = torch.from_numpy(IMAGES) if framework == "torch" else np.moveaxis(IMAGES, 1, -1)
    found = [(point.name, point.kind) for point in points(build(), batch)]
    assert found == [
        ("conv", "kernel"),
        ("norm", "normalised"),
        ("norm → relu", "curve"),
        ("max-pool 1", "extreme"),
        ("mean 1", "mean"),
        ("head", "kernel"),
    ]


def test_what_no_output_needs_is_no_point() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.aside = nn.Linear(4, 6), nn.Linear(6, 6)

        def forward(self, x: Any) -> Any:
            x = self.up(x)
            torch.tanh(self.aside(x)).sum()
            return x

    assert [point.name for point in points(Net(), torch.randn(3, 4))] == ["up"]


def test_a_layer_that_runs_twice_has_two_points() -> None:
    layer = nn.Linear(4, 4)
    model = nn.Sequential(layer, nn.Tanh(), layer)
    assert [point.name for point in points(model, torch.randn(3, 4))] == ["0", "0 → tanh", "0 (2)"]


def test_a_bias_belongs_to_its_kernel_and_positions_to_none() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.places = nn.Linear(4, 6), nn.Parameter(torch.randn(1, 5, 6))

        def forward(self, x: Any) -> Any:
            return self.stem(x) + self.places

    found = points(Net(), torch.randn(3, 5, 4))
    assert [(point.name, point.kind) for point in found] == [("stem", "kernel"), ("sum 1", "sum")]
    assert found[1].is_output
    assert not found[0].is_output


def test_dropout_in_training_changes_no_name() -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.1), nn.Linear(6, 2))
    names = [[point.name for point in points(model.train(mode), torch.randn(3, 4))] for mode in (True, False)]
    assert names[0] == names[1] == ["0", "0 → relu", "3"]
