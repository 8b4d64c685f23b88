"""Layers against Caffe's own loops, written out in NumPy, where OpenCV has no such layer or computes another.

OpenCV 4.14 knows no Bias, Embed or round_mode, and reads no `transpose` of an InnerProduct, no dilation of a
Deconvolution, no `k` of an LRN and no base, scale or shift of a Log.
"""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from glorot.caffe import parse_net
from glorot.caffe.kinds.pooling import pooled_of
from glorot.caffe.modules import to_torch

Array = NDArray[Any]


def computed(layer: str, value: Array, weights: dict[str, Array] | None = None, *more: Array) -> Array:
    """Return what a module makes of arrays, in float64."""
    shapes = [list(array.shape) for array in (value, *more)]
    inputs = " ".join(f'input: "x{n}" input_shape {{ dim: {shape} }}' for n, shape in enumerate(shapes))
    bottoms = " ".join(f'bottom: "x{n}"' for n in range(len(shapes)))
    net = parse_net(f'{inputs} layer {{ name: "n" {bottoms} top: "y" {layer} }}')
    module = to_torch(net, weights=weights or {}).double().eval()
    with torch.no_grad():
        return np.asarray(module(*(torch.from_numpy(array).double() for array in (value, *more))).numpy())


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0.2, 1.0, shape).astype(np.float32)


def pooled(method: str, value: Array, kernel: int, stride: int, pad: int, extents: tuple[int, ...]) -> Array:
    """The loops of pooling_layer.cpp."""
    height, width = value.shape[2:]
    found = np.zeros((*value.shape[:2], *extents))
    for row in range(extents[0]):
        for column in range(extents[1]):
            top, left = row * stride - pad, column * stride - pad
            below, right = min(top + kernel, height + pad), min(left + kernel, width + pad)
            size = (below - top) * (right - left)
            window = value[:, :, max(top, 0) : min(below, height), max(left, 0) : min(right, width)]
            reduced = window.max((2, 3)) if method == "MAX" else window.sum((2, 3), dtype=np.float64) / size
            found[:, :, row, column] = reduced
    return found


@given(
    st.sampled_from(["MAX", "AVE"]),
    st.sampled_from(["CEIL", "FLOOR"]),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 4),
)
def test_pooling(method: str, rounding: str, size: tuple[int, int], kernel: int, stride: int, pad: int) -> None:
    pad = min(pad, kernel - 1)
    kernel = min(kernel, min(size) + 2 * pad)
    pad = min(pad, kernel - 1)
    stride = min(stride, kernel)  # a wider one may leave a window outside
    value = normal(2, 3, *size)
    settings = f"pool: {method} kernel_size: {kernel} stride: {stride} pad: {pad} round_mode: {rounding}"
    layer = f'type: "Pooling" pooling_param {{ {settings} }}'
    net = parse_net(f'input: "x" input_shape {{ dim: {list(value.shape)} }} layer {{ bottom: "x" top: "y" {layer} }}')
    extents = pooled_of(net.nodes[0].layer, value.shape).extents
    expected = pooled(method, value, kernel, stride, pad, extents)
    np.testing.assert_allclose(computed(layer, value), expected, rtol=1e-6, atol=1e-7)


def test_a_transposed_inner_product() -> None:
    value, weights, bias = normal(3, 4, 2), normal(8, 5, seed=1), normal(5, seed=2)
    found = computed(
        'type: "InnerProduct" inner_product_param { num_output: 5 transpose: true }', value,
        {"n.0": weights, "n.1": bias},
    )  # fmt: skip
    np.testing.assert_allclose(found, value.reshape(3, 8).astype(float) @ weights + bias, rtol=1e-6)


def deconvolved(value: Array, weights: Array, groups: int, stride: int, pad: int, dilation: int) -> Array:
    """Each number of the input adds its kernel to the output, from where the padding is cut off."""
    examples, inputs, height, width = value.shape
    kernel, each_in, each_out = weights.shape[2], inputs // groups, weights.shape[1]
    reach = dilation * (kernel - 1) + 1
    whole = np.zeros((examples, each_out * groups, stride * (height - 1) + reach, stride * (width - 1) + reach))
    for channel in range(inputs):
        first = channel // each_in * each_out
        for row, column, y, x in np.ndindex(height, width, kernel, kernel):
            place = whole[:, first : first + each_out, row * stride + y * dilation, column * stride + x * dilation]
            place += value[:, channel, row, column, None].astype(float) * weights[channel, :, y, x]
    return whole[:, :, pad : whole.shape[2] - pad, pad : whole.shape[3] - pad]


def test_a_dilated_deconvolution() -> None:
    value, weights, bias = normal(2, 4, 5, 3), normal(4, 3, 3, 3, seed=1), normal(6, seed=2)
    settings = "num_output: 6 group: 2 kernel_size: 3 stride: 2 pad: 1 dilation: 2"
    found = computed(f'type: "Deconvolution" convolution_param {{ {settings} }}', value, {"n.0": weights, "n.1": bias})
    expected = deconvolved(value, weights, groups=2, stride=2, pad=1, dilation=2) + bias[:, None, None]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_convolution_of_several_blobs_along_other_axes() -> None:
    net = parse_net("""
        input: "a" input_shape { dim: [2, 5, 3, 7] } input: "b" input_shape { dim: [2, 5, 3, 7] }
        layer { name: "n" type: "Convolution" bottom: "a" bottom: "b" top: "p" top: "q"
          convolution_param { num_output: 4 axis: 2 kernel_size: 3 } }
    """)
    weights, bias, a, b = normal(4, 3, 3), normal(4), normal(2, 5, 3, 7), normal(2, 5, 3, 7, seed=1)
    outputs = to_torch(net, weights={"n.0": weights, "n.1": bias})(torch.from_numpy(a), torch.from_numpy(b))
    for name, value in (("p", a), ("q", b)):
        windows = np.lib.stride_tricks.sliding_window_view(value, 3, axis=3)
        expected = np.einsum("necwk,ock->neow", windows, weights) + bias[:, None]
        np.testing.assert_allclose(outputs[name].detach(), expected, rtol=1e-4, atol=1e-5)


def test_lrn_with_k() -> None:
    value, size, alpha, beta, k = normal(2, 7, 3, 4), 3, 0.7, 0.6, 2.0
    expected = np.zeros(value.shape)
    for channel in range(7):
        near = value[:, max(channel - size // 2, 0) : channel + size // 2 + 1].astype(float)
        expected[:, channel] = value[:, channel] * (k + alpha / size * (near**2).sum(1)) ** -beta
    found = computed('type: "LRN" lrn_param { local_size: 3 alpha: 0.7 beta: 0.6 k: 2 }', value)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_embed() -> None:
    numbers, weights, bias = np.array([[2, 0], [1, 2]], np.float32), normal(3, 4), normal(4, seed=1)
    found = computed('type: "Embed" embed_param { input_dim: 3 num_output: 4 }', numbers, {"n.0": weights, "n.1": bias})
    np.testing.assert_allclose(found, weights[[[2, 0], [1, 2]]].astype(float) + bias, rtol=1e-6)


ELEMENTWISE = {
    'type: "Log" log_param { base: 10 scale: 0.5 shift: 7 }': lambda x: np.log10(0.5 * x + 7),
    'type: "Log" log_param { shift: 7 }': lambda x: np.log(x + 7),
    'type: "Exp" exp_param { scale: 0.5 }': lambda x: np.exp(0.5 * x),
    'type: "Exp" exp_param { base: 0.5 shift: 2 }': lambda x: 0.5 ** (x + 2),
    'type: "BNLL"': lambda x: np.log1p(np.exp(x)),
    'type: "Power" power_param { power: 0 }': np.ones_like,
    'type: "Power" power_param { scale: 0 shift: 3 power: 2 }': lambda x: 0 * x + 9,
    'type: "Power" power_param { scale: 2 }': lambda x: 2 * x,
}


@pytest.mark.parametrize("layer", ELEMENTWISE)
def test_every_number_by_itself(layer: str) -> None:
    value = normal(3, 5)
    np.testing.assert_allclose(computed(layer, value), ELEMENTWISE[layer](value.astype(float)), rtol=1e-6)


@pytest.mark.parametrize(("axis", "shape"), [(0, (2,)), (1, (3, 4)), (-1, (5,)), (2, (4, 5))])
def test_bias_and_scale_along_axes(axis: int, shape: tuple[int, ...]) -> None:
    value, factors, bias = normal(2, 3, 4, 5), normal(*shape, seed=1), normal(*shape, seed=2)
    spread = shape + (1,) * (4 - axis % 4 - len(shape))
    own = f"axis: {axis} num_axes: {len(shape)}"
    sums = value.astype(float) + bias.reshape(spread)
    np.testing.assert_allclose(computed(f'type: "Bias" bias_param {{ {own} }}', value, {"n.0": bias}), sums, rtol=1e-5)
    read = computed(f'type: "Bias" bias_param {{ axis: {axis} }}', value, None, bias)
    np.testing.assert_allclose(read, sums, rtol=1e-5)
    scaled = value.astype(float) * factors.reshape(spread) + bias.reshape(spread)
    found = computed(f'type: "Scale" scale_param {{ {own} bias_term: true }}', value, {"n.0": factors, "n.1": bias})
    np.testing.assert_allclose(found, scaled, rtol=1e-5, atol=1e-6)
    read = computed(f'type: "Scale" scale_param {{ axis: {axis} bias_term: true }}', value, {"n.0": bias}, factors)
    np.testing.assert_allclose(read, scaled, rtol=1e-5, atol=1e-6)


def test_one_factor_for_all() -> None:
    value = normal(2, 3)
    found = computed('type: "Scale" scale_param { axis: 0 num_axes: 0 }', value, {"n.0": np.float32(1.5).reshape(())})
    np.testing.assert_allclose(found, 1.5 * value.astype(float), rtol=1e-6)


def judged(scores: Array, labels: Array, ignored: int | None) -> tuple[Array, Array, int]:
    """The loops of softmax_loss_layer.cpp and accuracy_layer.cpp: losses, ranks of the true class, and labels counted."""
    examples, classes, places = scores.shape
    losses, ranks, count = np.zeros((examples, places)), np.full((examples, places), classes + 1), 0
    for n, place in np.ndindex(examples, places):
        label = int(labels[n, place])
        if label == ignored:
            continue
        row = scores[n, :, place].astype(float)
        probability = np.exp(row[label] - row.max()) / np.exp(row - row.max()).sum()
        losses[n, place] = -math.log(max(probability, np.finfo(np.float32).tiny))
        best_first = sorted(((score, label) for label, score in enumerate(row)), reverse=True)
        ranks[n, place] = 1 + best_first.index((row[label], label))
        count += 1
    return losses, ranks, count


DIVISORS = {"FULL": 12, "VALID": None, "BATCH_SIZE": 4, "NONE": 1}


@pytest.mark.parametrize("ignored", [None, 2, 9])
@pytest.mark.parametrize("normalization", [*DIVISORS, "normalize: true", "normalize: false", ""])
def test_softmax_with_loss(normalization: str, ignored: int | None) -> None:
    scores, labels = normal(4, 5, 3), np.arange(12).reshape(4, 3) % 5
    labels[0, 1] = 2 if ignored is None else ignored
    scores[1, :, 1] = [0, 0, 0, 0, -200]  # its label is 4: a loss that Caffe cuts at 87.34
    text = f"normalization: {normalization}" if normalization in DIVISORS else normalization
    text += "" if ignored is None else f" ignore_label: {ignored}"
    found = computed(f'type: "SoftmaxWithLoss" loss_param {{ {text} }}', scores, None, labels)
    losses, _, count = judged(scores, labels, ignored)
    mode = {"normalize: true": "VALID", "normalize: false": "BATCH_SIZE", "": "VALID"}.get(normalization, normalization)
    np.testing.assert_allclose(found, losses.sum() / (DIVISORS[mode] or count), rtol=1e-6)


def test_a_loss_without_any_label_that_counts() -> None:
    layer = 'type: "SoftmaxWithLoss" loss_param { ignore_label: 1 }'
    assert computed(layer, normal(4, 3), None, np.ones(4)) == 0


@pytest.mark.parametrize("best", [1, 2, 4])
@pytest.mark.parametrize("ignored", [None, 2])
def test_accuracy(best: int, ignored: int | None) -> None:
    scores, labels = normal(4, 5, 3).round(), np.arange(12).reshape(4, 3) % 5  # rounded, for ties
    text = f"top_k: {best}" + ("" if ignored is None else f" ignore_label: {ignored}")
    found = computed(f'type: "Accuracy" accuracy_param {{ {text} }}', scores, None, labels)
    _, ranks, count = judged(scores, labels, ignored)
    np.testing.assert_allclose(found, (ranks <= best).sum() / count)


@pytest.mark.parametrize("score", [0.0, math.nan])
def test_of_equal_scores_the_last_is_the_best(score: float) -> None:
    found = computed('type: "Accuracy"', np.full((4, 4), score), None, np.arange(4))
    assert found == 0.25


def test_accuracy_of_each_class() -> None:
    net = parse_net("""
        input: "x" input_shape { dim: [6, 4] } input: "label" input_shape { dim: 6 }
        layer { name: "acc" type: "Accuracy" bottom: "x" bottom: "label" top: "acc" top: "each" }
    """)
    labels = torch.tensor([0, 0, 1, 1, 1, 2])
    scores = torch.eye(4)[torch.tensor([0, 3, 1, 1, 0, 2])]
    outputs = to_torch(net)(scores, labels)
    torch.testing.assert_close(outputs["acc"], torch.tensor(4 / 6))
    torch.testing.assert_close(outputs["each"], torch.tensor([1 / 2, 2 / 3, 1.0, 0.0]))
