"""Caffe nets as PyTorch modules against OpenCV, which reads the same files and computes by itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import glorot
from glorot.caffe import Net, parse_net, read_net, save
from glorot.caffe.modules import to_torch

cv2 = pytest.importorskip("cv2")

Array = NDArray[Any]

EXAMPLES = Path(__file__).parents[2] / "examples" / "caffe"
IMAGE = (2, 6, 13, 10)


def net_text(layers: str, shape: tuple[int, ...] = IMAGE) -> str:
    sizes = " ".join(f"dim: {size}" for size in shape)
    return f'name: "net"\nlayer {{ name: "in" type: "Input" top: "x" input_param {{ shape {{ {sizes} }} }} }}\n{layers}'


def random_weights(net: Net, seed: int = 0) -> dict[str, Array]:
    """Return weights in which nothing is 0 or alike, averages of a BatchNorm among them."""
    numbers = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for node in net.nodes:
        for index, (blob, owner) in enumerate(zip(node.blobs, node.owners, strict=True)):
            drawn = numbers.normal(0.1, 0.5, blob.shape) if blob.is_learnt else numbers.uniform(0.5, 2.0, blob.shape)
            found[node.path(index)] = drawn.astype(np.float32) if owner is None else found[owner]
    return found


def by_opencv(folder: Path, text: str, net: Net, weights: dict[str, Array], value: Array) -> Array:
    definition = folder / "net.prototxt"
    definition.write_text(text)
    model = str(save(folder / "net.caffemodel", net, weights)) if weights else ""
    reader = cv2.dnn.readNetFromCaffe(str(definition), model)
    reader.setInput(value)
    return np.asarray(reader.forward())


def by_torch(net: Net, weights: dict[str, Array], value: Array) -> Array:
    module = to_torch(net, weights=weights).eval()
    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(value)).numpy())


def layer(kind: str, settings: str = "", name: str = "y", bottom: str = "x") -> str:
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{name}" {settings} }}\n'


def several(kind: str, settings: str = "", count: int = 3) -> str:
    """Return a layer that reads the pieces of a Slice."""
    pieces = "abcdef"[:count]
    tops, bottoms = (" ".join(f'{what}: "{piece}"' for piece in pieces) for what in ("top", "bottom"))
    return (
        f'layer {{ name: "cut" type: "Slice" bottom: "x" {tops} }}\n'
        f'layer {{ name: "y" type: "{kind}" {bottoms} top: "y" {settings} }}\n'
    )


SHARED = layer(
    "Convolution",
    'param { name: "w" } param { name: "b" } convolution_param { num_output: 6 kernel_size: 3 pad: 1 }',
    name="a",
)

LAYERS = {
    "Convolution": layer("Convolution", "convolution_param { num_output: 4 kernel_size: 3 }"),
    "Convolution, uneven": layer(
        "Convolution",
        "convolution_param { num_output: 4 kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 3 pad_h: 2 pad_w: 1 }",
    ),
    "Convolution, dilated": layer(
        "Convolution", "convolution_param { num_output: 4 kernel_size: 3 dilation: 2 pad: 1 }"
    ),
    "Convolution, groups": layer(
        "Convolution", "convolution_param { num_output: 9 kernel_size: 3 group: 3 stride: 2 bias_term: false }"
    ),
    "Convolution, depthwise": layer("Convolution", "convolution_param { num_output: 6 kernel_size: 3 group: 6 }"),
    "Convolution, shared": SHARED + SHARED.replace('"a"', '"y"').replace('bottom: "x"', 'bottom: "a"'),
    "Deconvolution": layer("Deconvolution", "convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 }"),
    "Deconvolution, groups": layer(
        "Deconvolution", "convolution_param { num_output: 6 kernel_size: 4 stride: 3 group: 2 }"
    ),
    "InnerProduct": layer("InnerProduct", "inner_product_param { num_output: 7 }"),
    "InnerProduct, no bias": layer("InnerProduct", "inner_product_param { num_output: 7 bias_term: false }"),
    "InnerProduct, axis": layer("InnerProduct", "inner_product_param { num_output: 7 axis: 2 }"),
    "Pooling, MAX": layer("Pooling", "pooling_param { kernel_size: 3 stride: 2 }"),
    "Pooling, MAX, rounded up": layer("Pooling", "pooling_param { kernel_size: 2 stride: 2 }"),
    "Pooling, MAX, padded": layer("Pooling", "pooling_param { kernel_size: 3 stride: 2 pad: 1 }"),
    "Pooling, MAX, padded widely": layer("Pooling", "pooling_param { kernel_size: 4 stride: 3 pad: 3 }"),
    "Pooling, MAX, last window dropped": layer("Pooling", "pooling_param { kernel_size: 2 stride: 4 pad: 1 }"),
    "Pooling, MAX, uneven": layer(
        "Pooling", "pooling_param { kernel_h: 4 kernel_w: 3 stride_h: 3 stride_w: 2 pad_h: 1 pad_w: 0 }"
    ),
    "Pooling, AVE": layer("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 }"),
    "Pooling, AVE, padded": layer("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }"),
    "Pooling, AVE, padded widely": layer("Pooling", "pooling_param { pool: AVE kernel_size: 4 stride: 3 pad: 3 }"),
    "Pooling, global": layer("Pooling", "pooling_param { pool: AVE global_pooling: true }"),
    "Pooling, global MAX": layer("Pooling", "pooling_param { pool: MAX global_pooling: true }"),
    "LRN": layer("LRN", "lrn_param { local_size: 5 alpha: 0.7 beta: 0.6 }"),
    "LRN, within": layer("LRN", "lrn_param { local_size: 3 alpha: 0.7 norm_region: WITHIN_CHANNEL }"),
    "ReLU": layer("ReLU"),
    "ReLU, leaky": layer("ReLU", "relu_param { negative_slope: 0.2 }"),
    "PReLU": layer("PReLU"),
    "PReLU, shared": layer("PReLU", "prelu_param { channel_shared: true }"),
    "TanH": layer("TanH"),
    "Sigmoid": layer("Sigmoid"),
    "ELU": layer("ELU"),
    "ELU, alpha": layer("ELU", "elu_param { alpha: 0.4 }"),
    "AbsVal": layer("AbsVal"),
    "BNLL": layer("BNLL"),
    "Power": layer("Power", "power_param { power: 2 scale: 0.7 shift: -0.3 }"),
    "Power, a root": layer("AbsVal", name="a") + layer("Power", "power_param { power: 0.7 shift: 0.2 }", bottom="a"),
    "Exp": layer("Exp", "exp_param { base: 3 scale: 0.3 shift: 0.1 }"),
    "Dropout": layer("Dropout", "dropout_param { dropout_ratio: 0.3 }"),
    "BatchNorm": layer("BatchNorm", "batch_norm_param { eps: 0.01 }"),
    "BatchNorm and Scale": layer("BatchNorm", name="a") + layer("Scale", "scale_param { bias_term: true }", bottom="a"),
    "Scale": layer("Scale"),
    "Scale, several axes": layer("Scale", "scale_param { axis: 1 num_axes: 3 }"),
    "Scale by a blob": layer("Pooling", "pooling_param { pool: AVE global_pooling: true }", name="a")
    + layer("Flatten", bottom="a", name="b")
    + layer("Scale", 'bottom: "b" scale_param { axis: 0 }'),
    "Eltwise, sum": several("Eltwise", "eltwise_param { coeff: 1 coeff: -2 coeff: 0.5 }"),
    "Eltwise, product": several("Eltwise", "eltwise_param { operation: PROD }"),
    "Eltwise, largest": several("Eltwise", "eltwise_param { operation: MAX }"),
    "Concat": several("Concat"),
    "Concat, axis": several("Concat", "concat_param { axis: 3 }"),
    "Slice": layer("Slice", 'top: "z" slice_param { slice_point: 2 }')
    + 'layer { name: "c" type: "Concat" bottom: "z" bottom: "y" top: "c" }',
    "Split": layer("Split", 'top: "z"') + 'layer { name: "e" type: "Eltwise" bottom: "z" bottom: "y" top: "e" }',
    "Flatten": layer("Flatten"),
    "Flatten, middle axes": layer("Flatten", "flatten_param { axis: 1 end_axis: 2 }"),
    "Reshape": layer("Reshape", "reshape_param { shape { dim: 0 dim: 3 dim: -1 dim: 5 } }"),
    "Reshape, some axes": layer("Reshape", "reshape_param { shape { dim: 2 dim: -1 } axis: 1 num_axes: 1 }"),
    "Softmax": layer("Softmax"),
    "Softmax, last axis": layer("Softmax", "softmax_param { axis: -1 }"),
}

OTHER_RANKS = {
    "Convolution, 1 axis": (
        layer("Convolution", "convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 }"),
        (2, 3, 11),
    ),
    "Convolution, 3 axes": (
        layer("Convolution", "convolution_param { num_output: 4 kernel_size: [3, 2, 2] stride: [1, 2, 1] }"),
        (2, 3, 5, 6, 7),
    ),
    "InnerProduct of a matrix": (layer("InnerProduct", "inner_product_param { num_output: 7 }"), (3, 5)),
    "BatchNorm of a matrix": (layer("BatchNorm"), (3, 5)),
    "Softmax of a matrix": (layer("Softmax"), (3, 5)),
}
CASES = {**{name: (text, IMAGE) for name, text in LAYERS.items()}, **OTHER_RANKS}


@pytest.mark.parametrize("name", CASES)
def test_a_layer_computes_what_opencv_computes(name: str, tmp_path: Path) -> None:
    layers, shape = CASES[name]
    text = net_text(layers, shape)
    net = parse_net(text)
    weights, value = random_weights(net), np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)
    expected = by_opencv(tmp_path, text, net, weights, value)
    np.testing.assert_allclose(by_torch(net, weights, value), expected, rtol=1e-4, atol=1e-5)


def test_another_number_of_examples_than_the_file_says(tmp_path: Path) -> None:
    text = net_text(layer("Convolution", "convolution_param { num_output: 4 kernel_size: 3 }"))
    net = parse_net(text)
    weights, value = random_weights(net), np.random.default_rng(1).normal(0, 1, (5, *IMAGE[1:])).astype(np.float32)
    expected = by_opencv(tmp_path, text, net, weights, value)
    np.testing.assert_allclose(by_torch(net, weights, value), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["inception_like", "old_style"])
def test_an_example_computes_what_opencv_computes(name: str, tmp_path: Path) -> None:
    file = EXAMPLES / f"{name}.prototxt"
    net = read_net(file)
    weights = glorot.apply(glorot.plan(net, "he"), net, seed=1)
    ((_, shape),) = net.inputs.items()
    value = np.random.default_rng(1).normal(0, 1, (2, *shape[1:])).astype(np.float32)
    expected = by_opencv(tmp_path, file.read_text(), net, weights, value)
    assert expected.std() > 0.01 / expected.shape[1]  # not merely as likely as one another
    np.testing.assert_allclose(by_torch(net, weights, value), expected, rtol=1e-4, atol=1e-6)
