"""What a layer gets whose settings do not fit the blobs that it reads."""

import re

import pytest

from glorot.adapters import take_inventory as inventory
from glorot.caffe import parse_net
from glorot.errors import GlorotError

X = 'input: "x" input_shape { dim: [2, 6, 8, 8] } input: "y" input_shape { dim: [2, 3] }\n'
XY = 'bottom: "x" bottom: "y" top: "it"'
conv = "convolution_param {{ num_output: 4 {} }}".format


def it(kind, settings="", ends='bottom: "x" top: "it"'):
    """Write a net of one layer on line 2, whose settings stand on line 3."""
    return X + f'layer {{ name: "it" type: "{kind}" {ends}\n  {settings} }}'


REFUSED = {  # net, what is wrong and where
    "no kernel": (
        it("Convolution", conv("")),
        "3:3: layer 'it' (Convolution): needs kernel_size, or kernel_h and kernel_w",
    ),
    "no num_output": (
        it("Convolution", "convolution_param { kernel_size: 3 }"),
        "3:3: convolution_param has no num_output",
    ),
    "no param": (
        it("Convolution"),
        "2:1: layer 'it' (Convolution): needs kernel_size, or kernel_h and kernel_w",
    ),
    "large kernel": (
        it("Convolution", conv("kernel_size: 9")),
        "2:1: layer 'it' (Convolution): expected blob 'x' padded to at least the 9 that the window reaches, got shape 2×6×8×8",
    ),
    "dilated": (
        it("Convolution", conv("kernel_size: 3 dilation: 4")),
        "2:1: layer 'it' (Convolution): expected blob 'x' padded to at least the 9 that the window reaches, got shape 2×6×8×8",
    ),
    "groups of inputs": (
        it("Convolution", conv("kernel_size: 3 group: 4")),
        "2:1: layer 'it' (Convolution): expected blob 'x' to have channels (axis 1) that 4 groups divide, got shape 2×6×8×8",
    ),
    "groups of outputs": (
        it("Convolution", conv("kernel_size: 3 group: 3")),
        "3:35: layer 'it' (Convolution): num_output 4 must be a multiple of group 3",
    ),
    "no group": (
        it("Convolution", conv("kernel_size: 3 group: 0")),
        "3:59: group must be at least 1, got 0",
    ),
    "kernel 0": (
        it("Convolution", conv("kernel_size: 0")),
        "3:50: kernel_size must be at least 1, got 0",
    ),
    "stride 0": (
        it("Convolution", conv("kernel_size: 3 stride: 0")),
        "3:60: stride must be at least 1, got 0",
    ),
    "negative pad": (
        it("Convolution", conv("kernel_size: 3 pad: -1")),
        "3:57: pad must be at least 0, got -1",
    ),
    "kernel twice": (
        it("Convolution", conv("kernel_size: 3 kernel_h: 3 kernel_w: 3")),
        "3:50: layer 'it' (Convolution): kernel_size and kernel_h are both given; give one of them",
    ),
    "half a kernel": (
        it("Convolution", conv("kernel_h: 3")),
        "3:3: convolution_param has no kernel_w",
    ),
    "three kernels": (
        it("Convolution", conv("kernel_size: [3, 3, 3]")),
        "3:51: layer 'it' (Convolution): kernel_size is given 3 times; expected once, or once for each of 2 axes",
    ),
    "kernel_h for none": (
        X
        + 'layer { name: "it" type: "Convolution" bottom: "y" top: "it" convolution_param { num_output: 4 kernel_h: 1 kernel_w: 1 } }',
        "2:106: layer 'it' (Convolution): kernel_h belongs to 2 spatial axes, and there are 0",
    ),
    "axis": (
        it("Convolution", conv("kernel_size: 3 axis: 4")),
        "3:58: layer 'it' (Convolution): axis 4 is no axis of blob 'x', which has 4 axes",
    ),
    "two in, one out": (
        it("Convolution", conv("kernel_size: 3"), ends=XY),
        "2:1: layer 'it' (Convolution): makes one blob from each that it reads; got 2 bottoms, 1 tops",
    ),
    "two of two shapes": (
        it("Convolution", conv("kernel_size: 3"), ends=XY + ' top: "b"'),
        "2:1: layer 'it' (Convolution): expected blob 'y' to have the shape of 'x', 2×6×8×8, got shape 2×3",
    ),
    "nothing left": (
        it("Deconvolution", conv("kernel_size: 1 pad: 4")),
        "2:1: layer 'it' (Deconvolution): expected blob 'x' large enough to keep something once 4 are cut off each side, got shape 2×6×8×8",
    ),
    "pool large": (
        it("Pooling", "pooling_param { kernel_size: 9 }"),
        "2:1: layer 'it' (Pooling): expected blob 'x' padded to about the kernel, 9, got shape 2×6×8×8",
    ),
    "pool pad": (
        it("Pooling", "pooling_param { kernel_size: 2 pad: 2 }"),
        "3:3: layer 'it' (Pooling): pad 2 must be smaller than the kernel, 2",
    ),
    "pool axes": (
        it("Pooling", "pooling_param { kernel_size: 2 }", ends='bottom: "y" top: "it"'),
        "2:1: layer 'it' (Pooling): expected blob 'y' to have 4 axes, got shape 2×3",
    ),
    "pool global": (
        it("Pooling", "pooling_param { kernel_size: 2 global_pooling: true }"),
        "3:32: layer 'it' (Pooling): global_pooling pools the whole blob and takes no kernel_size",
    ),
    "pool global with a stride": (
        it("Pooling", "pooling_param { global_pooling: true pad: 0 stride: 2 }"),
        "3:55: layer 'it' (Pooling): global_pooling pools the whole blob and takes no stride",
    ),
    "pool with two sizes": (
        it("Pooling", "pooling_param { kernel_size: [2, 3] }"),
        "3:36: kernel_size takes one value, but is given on line 3 and on line 3",
    ),
    "loss weights for some": (
        it("ReLU", "loss_weight: [1, 0]"),
        "3:17: layer 'it' (ReLU): loss_weight is given for some tops only; give none or one for each",
    ),
    "labels that begin otherwise": (
        X
        + 'input: "z" input_shape { dim: [1, 2] } layer { name: "it" type: "SoftmaxWithLoss" bottom: "y" bottom: "z" }',
        "2:40: layer 'it' (SoftmaxWithLoss): expected blob 'z' to begin with 2, as the scores do, got shape 1×2",
    ),
    "in place at another index": (
        it("Eltwise", ends='bottom: "x" bottom: "x2" top: "x2"').replace(
            "layer", 'layer { name: "s" type: "Split" bottom: "x" top: "x2" } layer', 1
        ),
        "2:122: layer 'it' (Eltwise): its top 'x2' is made by a layer before it; give it a name of its own",
    ),
    "a negative rate": (
        it("InnerProduct", "param { lr_mult: -1 } inner_product_param { num_output: 2 }"),
        "3:20: lr_mult must be a number from 0 upwards, got -1",
    ),
    "no rate": (
        it("InnerProduct", "param { decay_mult: nan } inner_product_param { num_output: 2 }"),
        "3:23: decay_mult must be a number from 0 upwards, got nan",
    ),
    "mask": (
        it("Pooling", "pooling_param { kernel_size: 2 pool: AVE }", ends='bottom: "x" top: "a" top: "b"'),
        "2:1: layer 'it' (Pooling): the mask, a second top, belongs to MAX pooling, got AVE",
    ),
    "pool kind": (
        it("Pooling", "pooling_param { kernel_size: 2 pool: MEAN }"),
        "3:40: pool must be one of MAX, AVE, STOCHASTIC, got MEAN",
    ),
    "pool none": (
        it("Pooling"),
        "2:1: layer 'it' (Pooling): needs kernel_size, or kernel_h and kernel_w",
    ),
    "eltwise": (
        it("Eltwise", ends=XY),
        "2:1: layer 'it' (Eltwise): expected blob 'y' to have the shape of 'x', 2×6×8×8, got shape 2×3",
    ),
    "coeff": (
        it("Eltwise", "eltwise_param { coeff: 1 }", 'bottom: "x" bottom: "x" top: "it"'),
        "3:26: layer 'it' (Eltwise): expected a coeff for each of 2 bottoms, got 1",
    ),
    "prod": (
        it("Eltwise", "eltwise_param { operation: PROD coeff: [1, 1] }", 'bottom: "x" bottom: "x" top: "it"'),
        "3:43: layer 'it' (Eltwise): a PROD takes no coeff",
    ),
    "concat": (
        it("Concat", ends=XY),
        "2:1: layer 'it' (Concat): expected blob 'y' to agree with 'x', 2×6×8×8, but for axis 1, got shape 2×3",
    ),
    "concat2": (
        X
        + 'input: "z" input_shape { dim: [4, 6, 8, 8] } layer { name: "it" type: "Concat" bottom: "x" bottom: "z" top: "it" }',
        "2:46: layer 'it' (Concat): expected blob 'z' to agree with 'x', 2×6×8×8, but for axis 1, got shape 4×6×8×8",
    ),
    "concat axis": (
        it("Concat", "concat_param { axis: -5 }"),
        "3:24: layer 'it' (Concat): axis -5 is no axis of blob 'x', which has 4 axes",
    ),
    "concat both": (
        it("Concat", "concat_param { axis: 1 concat_dim: 1 }"),
        "3:38: layer 'it' (Concat): axis and concat_dim are both given; give one of them",
    ),
    "slice": (
        it("Slice", ends='bottom: "x" top: "a" top: "b" top: "c" top: "d"'),
        "2:1: layer 'it' (Slice): expected blob 'x' to have an axis 1 that 4 tops divide, got shape 2×6×8×8",
    ),
    "slice points": (
        it("Slice", "slice_param { slice_point: [2, 4] }", ends='bottom: "x" top: "a" top: "b"'),
        "3:31: layer 'it' (Slice): 2 tops need 1 slice_point, got 2",
    ),
    "slice order": (
        it("Slice", "slice_param { slice_point: [4, 2] }", ends='bottom: "x" top: "a" top: "b" top: "c"'),
        "3:31: layer 'it' (Slice): slice_point must rise from 1 to below 6, got [4, 2]",
    ),
    "flatten": (
        it("Flatten", "flatten_param { axis: 3 end_axis: 1 }"),
        "3:3: layer 'it' (Flatten): axis 3 must not lie behind end_axis 1",
    ),
    "reshape": (
        it("Reshape", "reshape_param { shape { dim: 0 dim: 7 } }"),
        "2:1: layer 'it' (Reshape): expected blob 'x' to have the 14 elements of the shape 0×7, got shape 2×6×8×8",
    ),
    "reshape -1": (
        it("Reshape", "reshape_param { shape { dim: 5 dim: -1 } }"),
        "2:1: layer 'it' (Reshape): expected blob 'x' to fill the shape 5×-1, got shape 2×6×8×8",
    ),
    "reshape two": (
        it("Reshape", "reshape_param { shape { dim: -1 dim: -1 } }"),
        "3:19: layer 'it' (Reshape): a shape may hold one -1, and 0 only where there is a size to copy",
    ),
    "reshape -2": (
        it("Reshape", "reshape_param { shape { dim: -2 } }"),
        "3:32: dim must be at least -1, got -2",
    ),
    "reshape 0": (
        it("Reshape", "reshape_param { shape { dim: [0, 0, 0, 0, 0] } }"),
        "3:19: layer 'it' (Reshape): a shape may hold one -1, and 0 only where there is a size to copy",
    ),
    "reshape axes": (
        it("Reshape", "reshape_param { axis: 2 num_axes: 3 }"),
        "3:3: layer 'it' (Reshape): axis 2 and num_axes 3 do not fit shape 2×6×8×8",
    ),
    "crop": (
        it("Crop", ends=XY),
        "2:1: layer 'it' (Crop): expected blob 'y' to have 4 axes, as 'x' has, got shape 2×3",
    ),
    "crop small": (
        X
        + 'input: "z" input_shape { dim: [2, 6, 7, 7] } layer { name: "it" type: "Crop" bottom: "x" bottom: "z" top: "it" crop_param { offset: 2 } }',
        "2:46: layer 'it' (Crop): expected blob 'x' to hold 7 from offset 2 on along axis 2, got shape 2×6×8×8",
    ),
    "crop offsets": (
        it("Crop", "crop_param { offset: [1, 2, 3] }", 'bottom: "x" bottom: "x" top: "it"'),
        "3:25: layer 'it' (Crop): offset is given 3 times; expected once, or once for each cropped axis",
    ),
    "tile": (
        it("Tile"),
        "2:1: tile_param has no tiles",
    ),
    "reduction": (
        it("Reduction", "reduction_param { axis: 9 }"),
        "3:27: layer 'it' (Reduction): axis 9 is no axis of blob 'x', which has 4 axes",
    ),
    "argmax": (
        it("ArgMax", "argmax_param { top_k: 7 axis: 1 }"),
        "3:25: layer 'it' (ArgMax): top_k 7 goes beyond the 6 numbers that it looks through",
    ),
    "argmax2": (
        it("ArgMax", "argmax_param { top_k: 400 }"),
        "3:25: layer 'it' (ArgMax): top_k 400 goes beyond the 384 numbers that it looks through",
    ),
    "softmax": (
        it("Softmax", "softmax_param { axis: 4 }"),
        "3:25: layer 'it' (Softmax): axis 4 is no axis of blob 'x', which has 4 axes",
    ),
    "labels": (
        it("SoftmaxWithLoss", ends='bottom: "x" bottom: "y" top: "it"'),
        "2:1: layer 'it' (SoftmaxWithLoss): expected blob 'y' to hold 128 labels, those of 2×6×8×8 without axis 1, got shape 2×3",
    ),
    "acc": (
        it("Accuracy", "accuracy_param { top_k: 4 }", 'bottom: "y" bottom: "z" top: "it"').replace(
            "layer", 'input: "z" input_shape { dim: 2 } layer', 1
        ),
        "3:27: layer 'it' (Accuracy): top_k 4 goes beyond the 3 classes",
    ),
    "euclid": (
        it("EuclideanLoss", ends=XY),
        "2:1: layer 'it' (EuclideanLoss): expected blob 'y' to match 'x', 2×6×8×8, got shape 2×3",
    ),
    "lrn": (
        it("LRN", "lrn_param { local_size: 4 }"),
        "3:27: layer 'it' (LRN): local_size must be odd, got 4",
    ),
    "lrn axes": (
        it("LRN", ends='bottom: "y" top: "it"'),
        "2:1: layer 'it' (LRN): expected blob 'y' to have 4 axes, got shape 2×3",
    ),
    "scale axes": (
        it("Scale", "scale_param { axis: 2 num_axes: 3 }"),
        "3:35: layer 'it' (Scale): num_axes 3 from axis 2 on goes beyond shape 2×6×8×8",
    ),
    "scale by": (
        it("Scale", ends=XY),
        "2:1: layer 'it' (Scale): expected blob 'y' to match 2×6×8×8 from axis 1 on, got shape 2×3",
    ),
    "prelu": (
        X + 'input: "z" input_shape { dim: 2 } layer { name: "it" type: "PReLU" bottom: "z" top: "z" }',
        "2:35: layer 'it' (PReLU): expected blob 'z' to have 2 axes or more, got shape 2",
    ),
    "lstm": (
        it("LSTM", "recurrent_param { num_output: 3 }", XY),
        "2:1: layer 'it' (LSTM): expected blob 'y' to have the shape 2×6 of time and copies, got shape 2×3",
    ),
    "expose": (
        X
        + 'input: "z" input_shape { dim: [2, 6] } layer { name: "it" type: "LSTM" bottom: "x" bottom: "z" top: "it" recurrent_param { num_output: 3 expose_hidden: true } }',
        "2:40: layer 'it' (LSTM): expose_hidden is not supported; feed and read the state by layers of your own",
    ),
    "static": (
        X
        + 'input: "z" input_shape { dim: [2, 6] } layer { name: "it" type: "LSTM" bottom: "x" bottom: "z" bottom: "y" top: "it" recurrent_param { num_output: 3 } }',
        "2:40: layer 'it' (LSTM): expected blob 'y' to hold one of 6 copies a row, got shape 2×3",
    ),
    "embed": (
        it("Embed", "embed_param { num_output: 3 }"),
        "3:3: embed_param has no input_dim",
    ),
    "memory": (
        X + 'layer { name: "m" type: "MemoryData" top: "a" top: "b" memory_data_param { batch_size: 3 } }',
        "2:56: memory_data_param has no channels",
    ),
    "filler": (
        it("InnerProduct", 'inner_product_param { num_output: 3 weight_filler { type: "Xavier" } }'),
        "3:61: unknown filler 'Xavier' (did you mean 'xavier'?); expected one of constant, uniform, gaussian, xavier, msra, positive_unitball, bilinear (case counts)",
    ),
    "uniform": (
        it("InnerProduct", 'inner_product_param { num_output: 3 weight_filler { type: "uniform" min: 2 } }'),
        "3:76: the uniform filler needs min ≤ max, got min 2 and max 1",
    ),
}

LONG = "reshape_param {{ shape {{ dim: [{}-1] }} }}".format(100_000 * "9223372036854775807, ")
EMPTY = it("Scale", 'scale_param { filler { type: "xavier" } }').replace("6, 8, 8", "0, 8, 8")


@pytest.mark.parametrize("name", REFUSED)
def test_a_layer_that_does_not_fit_is_refused_with_a_place(name):
    text, problem = REFUSED[name]
    with pytest.raises(GlorotError, match=f"^net:{re.escape(problem)}$"):
        parse_net(text, "net")


def test_a_shape_without_end_is_refused_before_it_is_multiplied_out():
    with pytest.raises(
        GlorotError, match=r"^net:3:19: layer 'it' \(Reshape\): a shape of 100001 axes; Caffe allows 32$"
    ):
        parse_net(it("Reshape", LONG), "net")


def test_an_empty_blob_has_no_fans():
    with pytest.raises(GlorotError, match="^net:3:32: filler xavier needs a blob that is not empty, got shape 0$"):
        parse_net(EMPTY, "net")


@pytest.mark.parametrize(
    ("kind", "settings", "problem"),
    [
        ("ReLU", "relu_param { negative_slope: nan }", "leaky_relu: negative_slope must be a finite number, got nan"),
        ("ELU", "elu_param { alpha: -inf }", "elu: alpha must be a finite number, got -inf"),
    ],
)
def test_an_activation_must_have_a_number(kind, settings, problem):
    net = parse_net(it(kind, settings), "net")
    with pytest.raises(GlorotError, match=rf"^net:2:1: layer 'it' \({kind}\): {problem}$"):
        inventory(net)


def test_a_scalar_has_no_axes():
    scalar = it("ArgMax").replace("[2, 6, 8, 8]", "[]")
    with pytest.raises(
        GlorotError, match=r"^net:2:1: layer 'it' \(ArgMax\): axis 0 is no axis of blob 'x', which has 0 axes$"
    ):
        parse_net(scalar, "net")
