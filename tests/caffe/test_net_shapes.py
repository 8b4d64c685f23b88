"""The shape of every blob that a layer makes, held against Caffe's own rounding, against PyTorch and against OpenCV."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn import functional

from glorot.caffe import parse_net


def layer_text(kind, settings, bottoms, tops):
    """Write a layer called `it` behind inputs of some shapes."""
    inputs = "".join(
        f'layer {{ name: "b{n}" type: "Input" top: "b{n}" input_param {{ shape {{ {dims(shape)} }} }} }}\n'
        for n, shape in enumerate(bottoms)
    )
    ends = " ".join([f'bottom: "b{n}"' for n in range(len(bottoms))] + [f'top: "t{n}"' for n in range(tops)])
    return inputs + f'layer {{ name: "it" type: "{kind}" {ends} {settings} }}\n'


def dims(shape):
    return " ".join(f"dim: {size}" for size in shape)


def made(kind, settings, *bottoms, tops=1):
    """Return the shape of the one blob that a layer makes, or of each."""
    shapes = parse_net(layer_text(kind, settings, bottoms, tops)).shapes
    found = [shapes[f"t{n}"] for n in range(tops)]
    return found[0] if tops == 1 else found


def by_opencv(kind, settings, *bottoms):
    """Return the shape of the blob that OpenCV makes."""
    text = layer_text(kind, settings, bottoms, 1)
    net = cv2.dnn.readNetFromCaffe(np.frombuffer(text.encode(), np.uint8))
    for n, shape in enumerate(bottoms):
        net.setInput(np.zeros(shape, np.float32), f"b{n}")
    return net.forward().shape


# --- windows

SIZES, KERNELS = st.integers(1, 40), st.integers(1, 7)
PAIRS = st.tuples(SIZES, SIZES, KERNELS, KERNELS, KERNELS, KERNELS, st.integers(0, 3), st.integers(0, 3))


def windows_over(size, kernel, stride, pad, is_padded):
    """Count the windows of a pooling one by one: they go on until the padded end is covered."""
    starts = [-pad]
    while starts[-1] + kernel < size + pad:
        starts.append(starts[-1] + stride)
    if is_padded and starts[-1] >= size:
        starts.pop()
    return len(starts)


@given(PAIRS)
def test_pooling_goes_on_until_all_is_covered_and_drops_a_window_that_begins_in_the_padding(sizes):
    height, width, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w = sizes
    assume(pad_h < kernel_h <= height + 2 * pad_h and pad_w < kernel_w <= width + 2 * pad_w)
    settings = (
        f"pooling_param {{ kernel_h: {kernel_h} kernel_w: {kernel_w} stride_h: {stride_h} stride_w: {stride_w} "
        f"pad_h: {pad_h} pad_w: {pad_w} }}"
    )
    is_padded = pad_h > 0 or pad_w > 0
    rows = windows_over(height, kernel_h, stride_h, pad_h, is_padded)
    columns = windows_over(width, kernel_w, stride_w, pad_w, is_padded)
    assert made("Pooling", settings, (2, 3, height, width)) == (2, 3, rows, columns)


@given(SIZES, KERNELS, st.integers(1, 4), st.integers(0, 3))
def test_pooling_rounded_down_is_that_of_pytorch(size, kernel, stride, pad):
    assume(2 * pad <= kernel <= size + 2 * pad and pad < kernel)
    settings = f"pooling_param {{ pool: AVE kernel_size: {kernel} stride: {stride} pad: {pad} round_mode: FLOOR }}"
    expected = functional.avg_pool2d(torch.zeros(1, 1, size, size), kernel, stride, pad).shape
    assert made("Pooling", settings, (1, 1, size, size)) == expected


@given(SIZES, KERNELS, st.integers(1, 4), st.integers(0, 3))
def test_pooling_is_that_of_opencv(size, kernel, stride, pad):
    assume(pad < kernel <= size + 2 * pad and stride <= kernel)
    settings = f"pooling_param {{ kernel_size: {kernel} stride: {stride} pad: {pad} }}"
    assert made("Pooling", settings, (2, 3, size, size)) == by_opencv("Pooling", settings, (2, 3, size, size))


def test_pooling_by_hand():
    """Sizes that nets of the time meet."""
    assert made("Pooling", "pooling_param { kernel_size: 3 stride: 2 }", (1, 64, 112, 112)) == (1, 64, 56, 56)
    assert made("Pooling", "pooling_param { kernel_size: 3 stride: 2 }", (1, 96, 55, 55)) == (1, 96, 27, 27)
    assert made("Pooling", "pooling_param { kernel_size: 3 stride: 2 }", (1, 9, 2, 2)) == (1, 9, 1, 1)  # hangs over
    assert made("Pooling", "pooling_param { pool: AVE global_pooling: true }", (4, 7, 9, 5)) == (4, 7, 1, 1)
    assert made("Pooling", "pooling_param { pool: MAX kernel_size: 2 stride: 2 }", (1, 2, 5, 4), tops=2) == [
        (1, 2, 3, 2),
        (1, 2, 3, 2),
    ]


@given(PAIRS, st.integers(1, 3))
def test_a_convolution_is_that_of_pytorch(sizes, dilation):
    height, width, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w = sizes
    reach_h, reach_w = dilation * (kernel_h - 1) + 1, dilation * (kernel_w - 1) + 1
    assume(reach_h <= height + 2 * pad_h and reach_w <= width + 2 * pad_w)
    settings = (
        f"convolution_param {{ num_output: 4 kernel_size: [{kernel_h}, {kernel_w}] stride: {stride_h} stride: {stride_w} "
        f"pad_h: {pad_h} pad_w: {pad_w} dilation: {dilation} }}"
    )
    expected = functional.conv2d(
        torch.zeros(2, 3, height, width), torch.zeros(4, 3, kernel_h, kernel_w),
        stride=(stride_h, stride_w), padding=(pad_h, pad_w), dilation=dilation,
    ).shape  # fmt: skip
    assert made("Convolution", settings, (2, 3, height, width)) == expected


@given(st.integers(1, 9), KERNELS, KERNELS, st.integers(0, 3), st.integers(1, 3))
def test_a_deconvolution_is_that_of_pytorch(size, kernel, stride, pad, dilation):
    assume(stride * (size - 1) + dilation * (kernel - 1) + 1 - 2 * pad > 0)
    settings = (
        f"convolution_param {{ num_output: 4 kernel_size: {kernel} stride: {stride} pad: {pad} dilation: {dilation} }}"
    )
    expected = functional.conv_transpose2d(
        torch.zeros(2, 3, size, size), torch.zeros(3, 4, kernel, kernel), stride=stride, padding=pad, dilation=dilation
    ).shape
    assert made("Deconvolution", settings, (2, 3, size, size)) == expected


def test_convolutions_of_other_ranks_and_of_several_blobs():
    param = "convolution_param {{ num_output: 5 {} }}".format
    assert made("Convolution", param("kernel_size: 3"), (2, 3, 9)) == (2, 5, 7)
    assert made("Convolution", param("kernel_size: 3 pad: 1"), (2, 3, 4, 5, 6)) == (2, 5, 4, 5, 6)
    assert made("Convolution", param("kernel_size: 2 axis: 2"), (2, 3, 4, 6, 7)) == (2, 3, 5, 5, 6)
    assert made("Convolution", param("kernel_size: 2 axis: -3"), (2, 3, 4, 6, 7)) == (2, 3, 5, 5, 6)
    assert made("Deconvolution", param("kernel_size: 4 stride: 2"), (2, 3, 4)) == (2, 5, 10)
    assert made("Convolution", param("kernel_size: 3"), (2, 3, 9, 9), (2, 3, 9, 9), tops=2) == [(2, 5, 7, 7)] * 2


# --- everything else, (type, settings, shapes read) → shapes made

CASES = {
    "InnerProduct": ("InnerProduct", "inner_product_param { num_output: 7 }", [(4, 3, 2, 2)], (4, 7)),
    "InnerProduct axis 2": ("InnerProduct", "inner_product_param { num_output: 7 axis: 2 }", [(4, 3, 2, 2)], (4, 3, 7)),
    "InnerProduct axis 0": ("InnerProduct", "inner_product_param { num_output: 7 axis: 0 }", [(4, 3)], (7,)),
    "InnerProduct last": ("InnerProduct", "inner_product_param { num_output: 7 axis: -1 }", [(4, 3, 2)], (4, 3, 7)),
    "Embed": ("Embed", "embed_param { num_output: 7 input_dim: 90 }", [(4, 3)], (4, 3, 7)),
    "LSTM": ("LSTM", "recurrent_param { num_output: 7 }", [(9, 4, 5, 2), (9, 4)], (9, 4, 7)),
    "LSTM static": ("LSTM", "recurrent_param { num_output: 7 }", [(9, 4, 5), (9, 4), (4, 6)], (9, 4, 7)),
    "RNN": ("RNN", "recurrent_param { num_output: 7 }", [(9, 4, 5), (9, 4)], (9, 4, 7)),
    "LRN": ("LRN", "lrn_param { local_size: 3 }", [(2, 3, 4, 5)], (2, 3, 4, 5)),
    "MVN": ("MVN", "", [(2, 3, 4, 5)], (2, 3, 4, 5)),
    "BatchNorm": ("BatchNorm", "", [(2, 3, 4, 5)], (2, 3, 4, 5)),
    "BatchNorm of a row": ("BatchNorm", "", [(6,)], (6,)),
    "Scale": ("Scale", "", [(2, 3, 4, 5)], (2, 3, 4, 5)),
    "Scale by a blob": ("Scale", "scale_param { axis: 0 }", [(2, 3, 4, 5), (2, 3)], (2, 3, 4, 5)),
    "Bias": ("Bias", "bias_param { axis: 1 num_axes: -1 }", [(2, 3, 4, 5)], (2, 3, 4, 5)),
    "Bias of a blob": ("Bias", "", [(2, 3, 4, 5), (3,)], (2, 3, 4, 5)),
    "PReLU": ("PReLU", "", [(2, 3)], (2, 3)),
    "Eltwise": ("Eltwise", "eltwise_param { operation: MAX }", [(2, 3)] * 3, (2, 3)),
    "Concat": ("Concat", "", [(2, 3, 4), (2, 5, 4)], (2, 8, 4)),
    "Concat axis 0": ("Concat", "concat_param { axis: 0 }", [(2, 3), (1, 3), (4, 3)], (7, 3)),
    "Concat last": ("Concat", "concat_param { axis: -1 }", [(2, 3, 4), (2, 3, 6)], (2, 3, 10)),
    "Concat by its old name": ("Concat", "concat_param { concat_dim: 2 }", [(2, 3, 4), (2, 3, 6)], (2, 3, 10)),
    "Flatten": ("Flatten", "", [(2, 3, 4, 5)], (2, 60)),
    "Flatten between": ("Flatten", "flatten_param { axis: 1 end_axis: 2 }", [(2, 3, 4, 5)], (2, 12, 5)),
    "Flatten from the end": ("Flatten", "flatten_param { axis: -3 end_axis: -2 }", [(2, 3, 4, 5)], (2, 12, 5)),
    "Reshape": ("Reshape", "reshape_param { shape { dim: 0 dim: -1 } }", [(2, 3, 4, 5)], (2, 60)),
    "Reshape all": ("Reshape", "reshape_param { shape { dim: 6 dim: 20 } }", [(2, 3, 4, 5)], (6, 20)),
    "Reshape from axis": (
        "Reshape", "reshape_param { axis: 1 shape { dim: 4 dim: -1 dim: 0 } }", [(2, 6, 2, 3)], (2, 4, 3, 3)
    ),
    "Reshape some axes": (
        "Reshape", "reshape_param { axis: 1 num_axes: 2 shape { dim: -1 } }", [(2, 3, 4, 5)], (2, 12, 5)
    ),
    "Reshape one in": ("Reshape", "reshape_param { axis: 1 num_axes: 0 shape { dim: 1 } }", [(2, 3)], (2, 1, 3)),
    "Reshape one behind": ("Reshape", "reshape_param { axis: -1 num_axes: 0 shape { dim: 1 } }", [(2, 3)], (2, 3, 1)),
    "Reshape to a scalar": ("Reshape", "reshape_param { shape { } }", [(1, 1)], ()),
    "Crop": ("Crop", "crop_param { offset: 1 }", [(2, 3, 8, 9), (5, 6, 4, 5)], (2, 3, 4, 5)),
    "Crop axis 1": ("Crop", "crop_param { axis: 1 offset: 0 offset: 1 offset: 2 }", [(2, 3, 8, 9), (1, 2, 7, 7)], (2, 2, 7, 7)),
    "Tile": ("Tile", "tile_param { tiles: 3 }", [(2, 3, 4)], (2, 9, 4)),
    "Tile last": ("Tile", "tile_param { axis: -1 tiles: 2 }", [(2, 3, 4)], (2, 3, 8)),
    "Reduction": ("Reduction", "", [(2, 3, 4)], ()),
    "Reduction from axis 1": ("Reduction", "reduction_param { operation: MEAN axis: 1 }", [(2, 3, 4)], (2,)),
    "Reduction from the end": ("Reduction", "reduction_param { axis: -1 }", [(2, 3, 4)], (2, 3)),
    "ArgMax": ("ArgMax", "", [(2, 10)], (2, 1, 1)),
    "ArgMax pairs": ("ArgMax", "argmax_param { out_max_val: true top_k: 5 }", [(2, 3, 4, 5)], (2, 2, 5, 1)),
    "ArgMax axis": ("ArgMax", "argmax_param { axis: 1 top_k: 2 }", [(2, 3, 4, 5)], (2, 2, 4, 5)),
    "Softmax": ("Softmax", "softmax_param { axis: -1 }", [(2, 3, 4)], (2, 3, 4)),
    "SoftmaxWithLoss": ("SoftmaxWithLoss", "", [(2, 3), (2,)], ()),
    "SoftmaxWithLoss of maps": ("SoftmaxWithLoss", "", [(2, 3, 4, 5), (2, 1, 4, 5)], ()),
    "Accuracy": ("Accuracy", "accuracy_param { top_k: 3 }", [(2, 3), (2,)], ()),
    "EuclideanLoss": ("EuclideanLoss", "", [(2, 3), (2, 3, 1)], ()),
    "SigmoidCrossEntropyLoss": ("SigmoidCrossEntropyLoss", "", [(2, 3), (2, 3)], ()),
    "HingeLoss": ("HingeLoss", "", [(2, 3), (2,)], ()),
    "MultinomialLogisticLoss": ("MultinomialLogisticLoss", "", [(2, 3), (2,)], ()),
    "InfogainLoss": ("InfogainLoss", "", [(2, 3), (2,)], ()),
    "ContrastiveLoss": ("ContrastiveLoss", "", [(2, 3), (2, 3), (2,)], ()),
}  # fmt: skip

ALIKE = (
    "ReLU", "ELU", "TanH", "Sigmoid", "BNLL", "Dropout", "AbsVal", "Power", "Exp", "Log", "Threshold", "Swish", "Clip",
)  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_shape_of_what_a_layer_makes(name):
    kind, settings, bottoms, expected = CASES[name]
    assert made(kind, settings, *bottoms) == expected


@pytest.mark.parametrize("kind", ALIKE)
def test_layers_that_keep_the_shape(kind):
    assert made(kind, "", (2, 3, 4, 5)) == (2, 3, 4, 5)
    assert made(kind, "", ()) == ()


def test_several_tops():
    assert made("Slice", "", (2, 6, 4), tops=3) == [(2, 2, 4)] * 3
    points = "slice_param { axis: -1 slice_point: 1 slice_point: 5 }"
    assert made("Slice", points, (2, 6, 9), tops=3) == [(2, 6, 1), (2, 6, 4), (2, 6, 4)]
    assert made("Slice", "slice_param { slice_dim: 0 }", (4, 6), tops=2) == [(2, 6), (2, 6)]
    assert made("Split", "", (2, 6), tops=3) == [(2, 6)] * 3
    assert made("SoftmaxWithLoss", "", (2, 3), (2,), tops=2) == [(), (2, 3)]
    assert made("Accuracy", "", (2, 3), (2,), tops=2) == [(), (3,)]
    assert made("Silence", "", (2, 3), tops=0) == []


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.data())
def test_reshape_is_that_of_numpy(shape, data):
    order = data.draw(st.permutations(shape))
    wanted = list(order)
    hidden = data.draw(st.integers(0, len(shape)))
    if hidden < len(shape):
        wanted[hidden] = -1
    expected = np.zeros(shape).reshape(wanted).shape
    assert made("Reshape", f"reshape_param {{ shape {{ {dims(wanted)} }} }}", tuple(shape)) == expected


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.integers(1, 4), st.data())
def test_concat_tile_and_slice_are_those_of_numpy(shape, count, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    array, shape = np.zeros(shape), tuple(shape)
    joined = np.concatenate([array] * count, axis)
    assert made("Concat", f"concat_param {{ axis: {axis} }}", *[shape] * count) == joined.shape
    assert made("Tile", f"tile_param {{ axis: {axis} tiles: {count} }}", shape) == joined.shape
    pieces = made("Slice", f"slice_param {{ axis: {axis} }}", joined.shape, tops=count)
    assert (pieces if count > 1 else [pieces]) == [piece.shape for piece in np.split(joined, count, axis)]


OPENCV = {
    "Concat": ("Concat", "concat_param { axis: 2 }", [(2, 3, 4, 6), (2, 3, 5, 6)]),
    "Crop": ("Crop", "crop_param { axis: 2 offset: 1 }", [(2, 3, 8, 9), (2, 3, 4, 5)]),
    "Flatten": ("Flatten", "flatten_param { axis: 1 end_axis: 2 }", [(2, 3, 4, 5)]),
    "Reshape": ("Reshape", "reshape_param { shape { dim: 0 dim: -1 dim: 2 } }", [(2, 3, 4, 5)]),
    "LRN": ("LRN", "", [(2, 3, 4, 5)]),
    "MVN": ("MVN", "", [(2, 3, 4, 5)]),
    "Softmax": ("Softmax", "", [(2, 3, 4, 5)]),
    "global": ("Pooling", "pooling_param { pool: AVE global_pooling: true }", [(2, 3, 4, 5)]),
    "hanging over": ("Pooling", "pooling_param { kernel_size: 3 stride: 2 pad: 1 }", [(2, 3, 12, 11)]),
}


@pytest.mark.parametrize("name", OPENCV)
def test_shapes_are_those_of_opencv(name):
    kind, settings, bottoms = OPENCV[name]
    assert made(kind, settings, *bottoms) == by_opencv(kind, settings, *bottoms)


def test_layers_of_no_spatial_axes():
    settings = 'bottom: "x" top: "y" convolution_param { num_output: 3 kernel_size: 1 }'
    inputs = 'input: "x" input_shape { dim: [2, 4] }'
    net = parse_net(f'{inputs} layer {{ name: "d" type: "Deconvolution" {settings} }}')
    assert (net.shapes["y"], net.nodes[0].blobs[0].shape) == ((2, 3), (4, 3))


def test_a_scalar_scales_a_blob_of_any_shape():
    for shape in ("5", "2, 3, 4"):
        text = 'input: "x" input_shape { dim: [%s] } input: "s" input_shape { } layer { name: "l" type: "%s" bottom: "x" bottom: "s" top: "y" }'
        for kind in ("Scale", "Bias"):
            net = parse_net(text % (shape, kind))
            assert net.shapes["y"] == net.shapes["x"]
