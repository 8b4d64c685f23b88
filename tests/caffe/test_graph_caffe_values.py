"""What the graph of a Caffe net computes, against its module: the same numbers, layer by layer."""

import numpy as np
import pytest
import torch
from graph_values import values_of
from test_caffe_fork_layers import OPENCV
from test_caffe_modules_opencv import IMAGE, LAYERS, layer, net_text, random_weights
from test_net_shapes import layer_text

from glorot.caffe import Net, parse_net, to_torch
from glorot.caffe.graph import lower

APPROXIMATE = "Pooling", "Interp", "PriorBox", "Dropout"
"""Layers whose graph holds no strides, weights or boxes, and so cannot be run; and one that does nothing."""

OURS = {
    "Tile": "tile_param { axis: 2 tiles: 3 }",
    "Tile, first": "tile_param { axis: 0 tiles: 2 }",
    "Reduction": "reduction_param { axis: 1 coeff: 0.5 }",
    "Reduction, ASUM": "reduction_param { operation: ASUM axis: -1 }",
    "Reduction, SUMSQ": "reduction_param { operation: SUMSQ }",
    "Reduction, MEAN": "reduction_param { operation: MEAN axis: 2 }",
    "Threshold": "threshold_param { threshold: 0.5 }",
    "Swish": "swish_param { beta: 2 }",
    "Clip": "clip_param { min: -0.5 max: 1 }",
    "MVN": "",
    "MVN, across": "mvn_param { across_channels: true }",
    "MVN, mean": "mvn_param { normalize_variance: false }",
}


def expected_of(name: str, x: torch.Tensor) -> torch.Tensor:
    """Return what a layer makes that there is no module for."""
    moments = {"dim": (1, 2, 3) if "across" in name else (2, 3), "keepdim": True}
    match name:
        case "Tile":
            return x.repeat(1, 1, 3, 1)
        case "Tile, first":
            return x.repeat(2, 1, 1, 1)
        case "Reduction":
            return x.sum((1, 2, 3)) / 2
        case "Reduction, ASUM":
            return x.abs().sum(-1)
        case "Reduction, SUMSQ":
            return x.square().sum()
        case "Reduction, MEAN":
            return x.mean((2, 3))
        case "Threshold":
            return (x > 0.5).double()
        case "Swish":
            return x * torch.sigmoid(2 * x)
        case "Clip":
            return x.clamp(-0.5, 1)
        case "MVN, mean":
            return x - x.mean(**moments)
        case _:
            return (x - x.mean(**moments)) / (x.var(**moments, correction=0) + 1e-5).sqrt()


def numbers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, shape)


def last_of(net: Net, inputs: list[np.ndarray], weights: dict[str, np.ndarray] | None = None) -> np.ndarray:
    """Return what the last step of a net makes."""
    graph = lower(net)
    return values_of(graph, weights or {}, inputs)[graph.steps[-1].result]


def by_module(net: Net, inputs: list[np.ndarray], weights: dict[str, np.ndarray]) -> np.ndarray:
    module = to_torch(net, weights=weights).double().eval()
    for part in module.modules():
        part.train(type(part).__name__ in ("BatchNorm", "BN"))  # by the batch, as in the graph
    with torch.no_grad():
        return module(*map(torch.from_numpy, inputs)).numpy()


@pytest.mark.parametrize("name", [name for name in (LAYERS | OPENCV) if not name.startswith(APPROXIMATE)])
def test_a_layer_computes_what_its_module_computes(name: str) -> None:
    net = parse_net(net_text((LAYERS | OPENCV)[name]))
    weights, x = random_weights(net), [numbers(IMAGE)]
    tolerance = 0.02 if name.startswith("BatchNorm") else 1e-5  # whose ε is no part of the graph
    np.testing.assert_allclose(last_of(net, x, weights), by_module(net, x, weights), rtol=1e-4, atol=tolerance)


@pytest.mark.parametrize("name", OURS)
def test_a_layer_without_a_module(name: str) -> None:
    net, x = parse_net(net_text(layer(name.partition(",")[0], OURS[name]))), numbers(IMAGE)
    np.testing.assert_allclose(last_of(net, [x]), expected_of(name, torch.from_numpy(x)).numpy(), rtol=1e-4, atol=1e-6)


SEVERAL = {
    "Crop": ("crop_param { axis: 2 offset: 1 offset: 2 }", [(2, 3, 9, 8), (2, 3, 4, 5)]),
    "Axpy": ("", [(2, 3), (2, 3, 4, 5), (2, 3, 4, 5)]),
    "Scale": ("scale_param { axis: 1 bias_term: true }", [(2, 3, 4), (3,)]),
    "Bias": ("bias_param { axis: 0 }", [(2, 3, 4), (2, 3)]),
    "BN": ("", [IMAGE]),
    "Upsample": ("upsample_param { scale_h: 2 scale_w: 3 pad_out_w: true }", [(2, 3, 4, 5)]),
    "Convolution": ("convolution_param { num_output: 4 kernel_size: 3 axis: 2 group: 2 }", [(2, 3, 4, 5)]),
    "Convolution ": ("convolution_param { num_output: 4 kernel_size: 2 }", [(2, 3, 4, 5, 6)]),
    "Deconvolution": ("convolution_param { num_output: 4 kernel_size: 3 stride: 2 group: 2 }", [(2, 4, 5)]),
    "Embed": ("embed_param { num_output: 4 input_dim: 7 }", [(2, 3)]),
    "InnerProduct": ("inner_product_param { num_output: 4 axis: 0 transpose: true }", [(3, 4)]),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_a_layer_of_other_shapes(name: str) -> None:
    settings, shapes = SEVERAL[name]
    net = parse_net(layer_text(name.strip(), settings, shapes, 1))
    weights = random_weights(net)
    if name == "Crop":  # which has no module
        x, like = (numbers(shape) for shape in shapes)
        np.testing.assert_array_equal(last_of(net, [x, like]), x[:, :, 1:5, 2:7])
        return
    inputs = [
        np.abs(numbers(shape, n)).round() if name == "Embed" else numbers(shape, n) for n, shape in enumerate(shapes)
    ]
    np.testing.assert_allclose(last_of(net, inputs, weights), by_module(net, inputs, weights), rtol=1e-4, atol=1e-5)


def recurrent(kind: str, more: str = "") -> Net:
    names = "s c" + (" z" if more else "")
    tops, bottoms = (" ".join(f'{what}: "{name}"' for name in names.split()) for what in ("top", "bottom"))
    shapes = " ".join(f"shape {{ dim: {list(sizes)} }}" for sizes in ((5, 2, 3), (5, 2), (2, 6))[: len(names.split())])
    return parse_net(f"""layer {{ name: "in" type: "Input" {tops} input_param {{ {shapes} }} }}
      layer {{ name: "it" type: "{kind}" {bottoms} top: "h" recurrent_param {{ num_output: 4 }} }}""")


def test_an_lstm_is_two_steps_of_one_that_repeats_its_input() -> None:
    net = recurrent("LSTM")
    weights, x = random_weights(net), numbers((5, 2, 3))
    cell = torch.nn.LSTM(3, 4).double()
    order = [*range(8), *range(12, 16), *range(8, 12)]  # PyTorch has the candidate before the gate of the output
    zeros = np.zeros(16, np.float32)
    rows = (weights["it.0"], weights["it.2"], weights["it.1"], zeros)
    for parameter, values in zip(cell.parameters(), rows, strict=True):
        parameter.data = torch.from_numpy(values[order]).double()
    expected = cell(torch.from_numpy(np.stack([x[0]] * 2)))[0][1].detach().numpy()
    found = last_of(net, [x, np.ones((5, 2))], weights)
    np.testing.assert_allclose(found, np.stack([expected] * 5), rtol=1e-6)


def test_an_rnn_is_two_steps_too_and_reads_what_does_not_change() -> None:
    net = recurrent("RNN", "static")
    weights, x, z = random_weights(net), numbers((5, 2, 3)), numbers((2, 6))
    into, bias, static, around, out, shift = (weights[f"it.{n}"].astype(np.float64) for n in range(6))
    entered = x[0] @ into.T + bias + z @ static.T
    state = np.tanh(np.tanh(entered) @ around.T + entered)
    expected = np.tanh(state @ out.T + shift)
    found = last_of(net, [x, np.ones((5, 2)), z], weights)
    np.testing.assert_allclose(found, np.stack([expected] * 5), rtol=1e-6)
