"""Layers that forks have added: their shapes, blobs and answers, against OpenCV where it has them, else by hand."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_caffe_modules_opencv import by_opencv, by_torch, layer, net_text, random_weights
from test_net_shapes import by_opencv as shape_by_opencv
from test_net_shapes import layer_text, made

import glorot
from glorot.adapters import take_inventory as inventory
from glorot.caffe import parse_net, to_torch
from glorot.errors import GlorotError

IMAGE = (2, 6, 13, 10)
PRIORS = 'bottom: "x" prior_box_param {{ {} clip: false variance: 0.1 }}'.format

OPENCV = {
    "Pooling, rounded down": layer("Pooling", "pooling_param { kernel_size: 2 stride: 2 ceil_mode: false }"),
    "Pooling, AVE, rounded down": layer(
        "Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 ceil_mode: false }"
    ),
    "BatchNorm with factors": layer("BatchNorm", "batch_norm_param { scale_bias: true eps: 0.01 }"),
    "ConvolutionDepthwise": layer("ConvolutionDepthwise", "convolution_param { num_output: 6 kernel_size: 3 }"),
    "Normalize, across": layer("Normalize", "norm_param { across_spatial: true channel_shared: true eps: 0.001 }"),
    "Normalize, shared": layer("Normalize", "norm_param { across_spatial: false channel_shared: true }"),
    "Normalize, by channel": layer("Normalize", "norm_param { across_spatial: false channel_shared: false }"),
    "Permute": layer("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }"),
    "PriorBox": layer("PriorBox", PRIORS("min_size: 3 max_size: 6 aspect_ratio: 2 aspect_ratio: 3 offset: 0.25")),
    "PriorBox, no flip": layer("PriorBox", PRIORS("min_size: 3 aspect_ratio: 2 flip: false step: 8")),
    "PriorBox, two sizes": layer(
        "PriorBox", PRIORS("min_size: 3 min_size: 5 max_size: 6 max_size: 9 step_h: 8 step_w: 4")
    ),
    "PriorBox, clipped": layer("PriorBox", PRIORS("min_size: 9").replace("clip: false", "clip: true")),
    "PriorBox, variances": layer(
        "PriorBox", PRIORS("min_size: 9").replace("variance: 0.1", "variance: [0.1, 0.1, 0.2, 0.2]")
    ),
    "ReLU6": layer("Power", "power_param { scale: 9 }", "a") + layer("ReLU6", bottom="a"),
    "Mish": layer("Mish"),
    "Interp, zoomed": layer("Interp", "interp_param { zoom_factor: 3 }"),
    "Interp, by sizes": layer("Interp", "interp_param { height: 30 width: 17 }"),
    "ShuffleChannel": layer("ShuffleChannel", "shuffle_channel_param { group: 3 }"),
}


@pytest.mark.parametrize("name", OPENCV)
def test_a_layer_computes_what_opencv_computes(name: str, tmp_path: Path) -> None:
    text = net_text(OPENCV[name])
    net = parse_net(text)
    weights, value = random_weights(net), np.random.default_rng(1).normal(0, 1, IMAGE).astype(np.float32)
    expected = by_opencv(tmp_path, text, net, weights, value)
    assert net.shapes["y"] == expected.shape
    np.testing.assert_allclose(by_torch(net, weights, value), expected, rtol=1e-4, atol=1e-5)


def test_regions_have_the_shapes_of_opencv() -> None:
    for kind, settings, channels in (
        ("ROIPooling", "roi_pooling_param { pooled_h: 2 pooled_w: 3 spatial_scale: 0.5 }", 6),
        ("PSROIPooling", "psroi_pooling_param { output_dim: 2 group_size: 3 spatial_scale: 0.5 }", 18),
    ):
        bottoms = (1, channels, 13, 10), (3, 5)
        assert made(kind, settings, *bottoms) == shape_by_opencv(kind, settings, *bottoms)


# --- shapes by hand


@given(st.permutations(range(4)), st.integers(0, 4))
def test_permute_is_that_of_numpy_and_keeps_the_order_of_what_is_not_named(order: list[int], count: int) -> None:
    named = order[:count]
    full = [*named, *sorted(set(range(4)) - set(named))]
    settings = "permute_param { " + " ".join(f"order: {axis}" for axis in named) + " }"
    assert made("Permute", settings, (2, 3, 4, 5)) == np.zeros((2, 3, 4, 5)).transpose(full).shape


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.lists(st.sampled_from([1, 2, 3, 0.5]), max_size=4),
    st.booleans(),
    st.booleans(),
)
def test_boxes_are_those_that_can_be_counted(
    height: int, width: int, ratios: list[float], flips: bool, has_largest: bool
) -> None:
    kinds = {1.0}
    for ratio in ratios:  # Caffe adds a ratio and its inverse unless the ratio is there already
        if not any(abs(ratio - one) < 1e-6 for one in kinds):
            kinds |= {ratio, 1 / ratio} if flips else {ratio}
    boxes = height * width * (len(kinds) + has_largest)
    words = " ".join(f"aspect_ratio: {ratio}" for ratio in ratios)
    settings = f"prior_box_param {{ min_size: 3 {'max_size: 7' * has_largest} {words} flip: {str(flips).lower()} }}"
    bottoms = (2, 6, height, width), (2, 3, 50, 40)
    assert made("PriorBox", settings, *bottoms) == (1, 2, 4 * boxes)
    net = parse_net(layer_text("PriorBox", settings, bottoms, 1))
    assert to_torch(net)(*(torch.zeros(shape) for shape in bottoms)).shape == (1, 2, 4 * boxes)


def test_the_size_of_the_image_may_be_written_out() -> None:
    settings = "prior_box_param { min_size: 4 img_h: 20 img_w: 40 step_h: 10 step_w: 20 }"
    net = parse_net(layer_text("PriorBox", settings, [(1, 1, 2, 2), (1, 1, 9, 9)], 1))
    boxes = to_torch(net)(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 9, 9))[0, 0].reshape(2, 2, 4)
    expected = [0.25 - 0.05, 0.25 - 0.1, 0.25 + 0.05, 0.25 + 0.1]  # centre ± half a side, by width 40 and height 20
    torch.testing.assert_close(boxes[0, 0], torch.tensor(expected))
    torch.testing.assert_close(boxes[1, 1], torch.tensor(expected) + 0.5)


SHAPES = {
    "DetectionOutput": (
        "DetectionOutput",
        "detection_output_param { num_classes: 3 }",
        [(2, 40), (2, 30), (1, 2, 40)],
        (1, 1, 1, 7),
    ),
    "DetectionOutput, a place for each class": (
        "DetectionOutput",
        "detection_output_param { num_classes: 3 share_location: false }",
        [(2, 120), (2, 30), (1, 2, 40)],
        (1, 1, 1, 7),
    ),
    "Interp, shrunk": ("Interp", "interp_param { shrink_factor: 2 }", [(2, 3, 13, 10)], (2, 3, 7, 5)),
    "Interp, shrunk and zoomed": (
        "Interp", "interp_param { shrink_factor: 2 zoom_factor: 3 }", [(2, 3, 13, 10)], (2, 3, 19, 13),
    ),
    "Interp, cut": ("Interp", "interp_param { zoom_factor: 2 pad_end: -1 }", [(2, 3, 13, 10)], (2, 3, 23, 17)),
    "Interp, like another": ("Interp", "", [(2, 3, 13, 10), (2, 9, 5, 6)], (2, 3, 5, 6)),
    "Upsample": ("Upsample", "upsample_param { scale: 2 }", [(2, 3, 13, 10)], (2, 3, 26, 20)),
    "Upsample with a mask": (
        "Upsample", "upsample_param { scale: 2 pad_out_h: true }", [(2, 3, 13, 10)] * 2, (2, 3, 25, 20),
    ),
    "Upsample, sides": ("Upsample", "upsample_param { scale_h: 2 scale_w: 3 }", [(2, 3, 13, 10)], (2, 3, 26, 30)),
    "Upsample, by sizes": ("Upsample", "upsample_param { upsample_h: 45 upsample_w: 60 }", [(2, 3, 23, 30)], (2, 3, 45, 60)),
    "Reorg": ("Reorg", "reorg_param { stride: 2 }", [(2, 3, 8, 6)], (2, 12, 4, 3)),
    "Reorg, back": ("Reorg", "reorg_param { stride: 2 reverse: true }", [(2, 12, 4, 3)], (2, 3, 8, 6)),
    "Axpy": ("Axpy", "", [(2, 3, 1, 1), (2, 3, 4, 5), (2, 3, 4, 5)], (2, 3, 4, 5)),
    "ReLU6": ("ReLU6", "", [(2, 3)], (2, 3)),
    "BN": ("BN", "", [(2, 3, 4, 5)], (2, 3, 4, 5)),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_shape_of_what_a_layer_makes(name: str) -> None:
    kind, settings, bottoms, expected = SHAPES[name]
    assert made(kind, settings, *bottoms) == expected


@given(st.integers(2, 20), st.integers(1, 4), st.integers(1, 4))
def test_interp_takes_every_nth_corner_and_lays_others_between(size: int, shrink: int, zoom: int) -> None:
    kept = len(range(0, size, shrink))
    count = len(np.arange(0, kept - 1 + 1e-9, 1 / zoom)) if kept > 1 else 1
    settings = f"interp_param {{ shrink_factor: {shrink} zoom_factor: {zoom} }}"
    assert made("Interp", settings, (1, 2, size, size)) == (1, 2, count, count)


# --- what OpenCV does not have


def test_bn_of_pspnet_gathers_and_that_of_segnet_does_not() -> None:
    pspnet = 'bn_param { slope_filler { type: "constant" value: 1 } bias_filler { type: "constant" } momentum: 0.9 eps: 0.01 }'
    segnet = 'bn_param { scale_filler { type: "constant" value: 1 } shift_filler { type: "constant" value: 0.001 } }'
    roles = {}
    for name, text in (("pspnet", pspnet), ("segnet", segnet)):
        net = parse_net(layer_text("BN", text, [IMAGE], 1))
        assert {parameter.shape for parameter in inventory(net).parameters} == {(1, 6, 1, 1)}
        roles[name] = [part.role for part in inventory(net).parts]
    assert roles == {"segnet": ["scale", "shift"], "pspnet": ["scale", "shift", "running_mean", "running_variance"]}
    plan = glorot.plan(parse_net(layer_text("BN", segnet, [IMAGE], 1)), "caffe")
    assert [entry.distribution.mean for entry in plan] == [1, pytest.approx(0.001)]


def test_bn_computes_by_its_averages_or_by_the_batch() -> None:
    net = parse_net(layer_text("BN", "bn_param { momentum: 0.75 eps: 0.01 }", [IMAGE], 1))
    weights = random_weights(net)
    scale, shift, mean, variance = (weights[f"it.{index}"] for index in range(4))
    values = np.random.default_rng(0).normal(1, 2, IMAGE).astype(np.float32)
    module = to_torch(net, weights=weights)
    found = module.eval()(torch.from_numpy(values)).detach().numpy()
    np.testing.assert_allclose(found, (values - mean) / np.sqrt(variance + 0.01) * scale + shift, rtol=1e-4, atol=1e-5)
    found = module.train()(torch.from_numpy(values)).detach().numpy()
    own, spread = values.mean((0, 2, 3), keepdims=True), values.var((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(found, (values - own) / np.sqrt(spread + 0.01) * scale + shift, rtol=1e-4, atol=1e-5)
    gathered = module.state_dict()["it.2"].numpy()
    np.testing.assert_allclose(gathered, 0.75 * mean + 0.25 * own, rtol=1e-5)


def test_what_is_shrunk_upsampled_or_weighed() -> None:
    x = torch.randn(2, 3, 13, 9, generator=torch.Generator().manual_seed(0))
    shrunk = to_torch(parse_net(layer_text("Interp", "interp_param { shrink_factor: 2 }", [(2, 3, 13, 9)], 1)))(x)
    torch.testing.assert_close(shrunk, x[:, :, ::2, ::2])
    cut = to_torch(parse_net(layer_text("Interp", "interp_param { zoom_factor: 1 pad_end: -2 }", [(2, 3, 13, 9)], 1)))(
        x
    )
    torch.testing.assert_close(cut, x[:, :, :-2, :-2])
    larger = to_torch(parse_net(layer_text("Upsample", "upsample_param { scale: 2 }", [(2, 3, 13, 9)], 1)))(x)
    torch.testing.assert_close(larger, x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    factors = torch.arange(6.0).reshape(2, 3)
    axpy = parse_net(layer_text("Axpy", "", [(2, 3), (2, 3, 13, 9), (2, 3, 13, 9)], 1))
    torch.testing.assert_close(to_torch(axpy)(factors, x, 2 * x), factors[:, :, None, None] * x + 2 * x)


def test_mobilenets_have_depthwise_kernels_in_either_spelling() -> None:
    window = "convolution_param {{ num_output: 6 kernel_size: 3 {} }}".format
    nets = [
        parse_net(layer_text(kind, window(group), [IMAGE], 1))
        for kind, group in (
            ("Convolution", "group: 6"),
            ("DepthwiseConvolution", "group: 6"),
            ("ConvolutionDepthwise", ""),
        )
    ]
    assert [net.nodes[-1].blobs[0].shape for net in nets] == [(6, 1, 3, 3)] * 3
    plans = [glorot.plan(net, "he") for net in nets]
    assert len({plan["it.0"].fans for plan in plans}) == 1
    assert plans[0]["it.0"].fans.fan_in == 9


def test_an_activation_of_a_fork_feeds_the_next_layer() -> None:
    text = net_text(
        layer("Convolution", "convolution_param { num_output: 4 kernel_size: 1 }", "a")
        + 'layer { name: "r" type: "ReLU6" bottom: "a" top: "a" }\n'
        + layer("InnerProduct", "inner_product_param { num_output: 5 }", bottom="a")
    )
    assert glorot.plan(parse_net(text), "auto")["y.0"].fed_by == "relu6"


REFUSED = {
    "Permute": ("permute_param { order: 0 order: 0 }", [IMAGE], "order must name axes 0 to 3, each once, got 0, 0"),
    "Permute ": ("permute_param { order: 4 }", [IMAGE], "order must name axes 0 to 3, each once, got 4"),
    "Normalize": ("", [(2, 3, 4, 5, 6)], "expected blob 'b0' to have 2 to 4 axes, got shape 2×3×4×5×6"),
    "PriorBox": ("", [IMAGE, IMAGE], "needs min_size"),
    "PriorBox ": (
        "prior_box_param { min_size: 4 max_size: 3 }", [IMAGE, IMAGE],
        "needs a larger max_size for each min_size, or none at all",
    ),
    "PriorBox  ": (
        "prior_box_param { min_size: 4 variance: 1 variance: 2 }", [IMAGE, IMAGE],
        "variance is given 2 times; expected once, or 4 times",
    ),
    "PriorBox   ": ("prior_box_param { min_size: -4 }", [IMAGE, IMAGE], "min_size must be positive, got -4"),
    "PriorBox    ": (
        "prior_box_param { min_size: 4 step: 2 step_h: 3 step_w: 3 }", [IMAGE, IMAGE], "give step, or step_h and step_w",
    ),
    "DetectionOutput": (
        "detection_output_param { num_classes: 3 }", [(2, 40), (2, 31), (1, 2, 40)],
        "expected blob 'b1' to hold 30 scores on axis 1, 3 for each of 10 boxes, got shape 2×31",
    ),
    "Interp": ("", [IMAGE], "needs height and width, zoom_factor or shrink_factor"),
    "Interp ": ("interp_param { zoom_factor: 2 pad_beg: 1 }", [IMAGE], "pad_beg and pad_end cut off and must not be positive"),
    "Interp  ": (
        "interp_param { zoom_factor: 2 pad_beg: -10 }", [IMAGE],
        "expected blob 'b0' to keep something once 10 are cut off, got shape 2×6×13×10",
    ),
    "Upsample": ("upsample_param { upsample_h: 3 }", [IMAGE], "upsample_param has no upsample_w"),
    "ShuffleChannel": (
        "shuffle_channel_param { group: 4 }", [IMAGE], "expected blob 'b0' to have channels that 4 groups divide, got shape 2×6×13×10",
    ),
    "Reorg": ("", [IMAGE], "expected blob 'b0' to have a height and a width that 2 divides, got shape 2×6×13×10"),
    "Axpy": ("", [(2, 5), IMAGE, IMAGE], "expected blob 'b0' to hold a factor for each map of the second blob, got shape 2×5"),
    "ROIPooling": (
        "roi_pooling_param { pooled_h: 1 pooled_w: 1 }", [IMAGE, (3, 4)],
        "expected blob 'b1' to hold five numbers for each region, got shape 3×4",
    ),
    "PSROIPooling": (
        "psroi_pooling_param { output_dim: 2 group_size: 3 }", [IMAGE, (3, 5)],
        "expected blob 'b0' to have 18 channels, got shape 2×6×13×10",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_layer_cannot_do_is_refused_with_a_place(name: str) -> None:
    settings, bottoms, problem = REFUSED[name]
    with pytest.raises(GlorotError) as caught:
        parse_net(layer_text(name.strip(), settings, bottoms, 1), "net")
    assert str(caught.value).startswith(f"net:{len(bottoms) + 1}:")
    assert str(caught.value).endswith(problem)


# --- what the page says of OpenCV

UNREADABLE = {
    "hole": layer("Convolution", "convolution_param { num_output: 4 kernel_size: 3 hole: 2 }"),
    "the dilation of a Pooling": layer("Pooling", "pooling_param { kernel_size: 2 dilation: 2 }"),
    "DepthwiseConvolution": layer(
        "DepthwiseConvolution", "convolution_param { num_output: 6 kernel_size: 3 group: 6 }"
    ),
    "BN": layer("BN", "bn_param { momentum: 0.9 }"),
    "Upsample": layer("Upsample", "upsample_param { scale: 2 }"),
    "fillers without scale_bias": layer("BatchNorm", "batch_norm_param { scale_filler { value: 1 } }"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_opencv_does_not_read_it(name: str, tmp_path: Path) -> None:
    text = net_text(UNREADABLE[name])
    net = parse_net(text)
    with pytest.raises(cv2.error):
        by_opencv(tmp_path, text, net, random_weights(net), np.zeros(IMAGE, np.float32))


@pytest.mark.parametrize("written_out", ["img_size: 100", "img_h: 100 img_w: 80"])
def test_opencv_ignores_the_size_of_an_image_that_is_written_out(written_out: str, tmp_path: Path) -> None:
    values, found = np.zeros(IMAGE, np.float32), []
    for settings in ("min_size: 3", f"min_size: 3 {written_out}"):
        text = net_text(layer("PriorBox", PRIORS(settings)))
        found.append(by_opencv(tmp_path, text, parse_net(text), {}, values))
        ours = by_torch(parse_net(text), {}, values)
        assert np.allclose(ours, found[-1], atol=1e-5) == (len(found) == 1)
    np.testing.assert_array_equal(*found)
