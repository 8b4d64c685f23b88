"""The blobs of weights of every layer: shapes, roles, true fans, and which of them layers share."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

import glorot
from glorot.adapters import take_inventory as inventory
from glorot.caffe import parse_net
from glorot.errors import GlorotError
from glorot.fans import Fans

X = 'layer {{ name: "{0}" type: "Input" top: "{0}" input_param {{ shape {{ dim: [{1}] }} }} }}\n'.format


def blobs(kind, settings, *bottoms):
    """Return {index: the parameter} of a layer behind inputs of some shapes, each written as "2, 3"."""
    inputs = "".join(X(f"b{n}", shape) for n, shape in enumerate(bottoms))
    ends = " ".join(f'bottom: "b{n}"' for n in range(len(bottoms)))
    net = parse_net(f'{inputs} layer {{ name: "it" type: "{kind}" {ends} top: "y" {settings} }}')
    parameters = inventory(net).parameters
    assert [parameter.path for parameter in parameters] == [f"it.{n}" for n in range(len(parameters))]
    return list(parameters)


def pair(fans):
    return fans and (fans.fan_in, fans.fan_out)


def numbers(fans):
    """Return fans to hold a pair of numbers against, up to rounding."""
    return fans and pytest.approx(pair(fans), rel=1e-9)


# (type, settings, shapes read) → for each blob: its shape, role and true fans. On the side where a map is larger, its
# borders have fewer connections: a kernel of 5 has 5 places on a map of 9, so a pixel is met by 5 · 5 / 9 of its taps.

ON_MAPS = Fans(75, 8 * (5 * 5 / 9) ** 2)
TABLE = {
    "Convolution": (
        "Convolution", "convolution_param { num_output: 8 kernel_size: 5 }", ["2, 3, 9, 9"],
        [((8, 3, 5, 5), "kernel", ON_MAPS), ((8,), "bias", ON_MAPS)],
    ),
    "Convolution of groups": (
        "Convolution", "convolution_param { num_output: 8 kernel_size: 3 group: 4 bias_term: false }", ["2, 12, 9, 9"],
        [((8, 3, 3, 3), "kernel", Fans(27, 2 * (3 * 7 / 9) ** 2))],
    ),
    "depthwise": (
        "Convolution", "convolution_param { num_output: 8 kernel_size: 3 group: 8 bias_term: 0 }", ["2, 8, 9, 9"],
        [((8, 1, 3, 3), "kernel", Fans(9, (3 * 7 / 9) ** 2))],
    ),
    "Convolution with strides": (
        "Convolution", "convolution_param { num_output: 8 kernel_h: 3 kernel_w: 5 stride: [1, 2] }", ["2, 4, 9, 9"],
        [((8, 4, 3, 5), "kernel", Fans(60, 8 * (3 * 7 / 9) * (5 * 3 / 9))), ((8,), "bias", Fans(60, 8 * (3 * 7 / 9) * (5 * 3 / 9)))],
    ),
    "dilated": (
        "Convolution", "convolution_param { num_output: 8 kernel_size: 3 dilation: 2 bias_term: f }", ["2, 4, 9"],
        [((8, 4, 3), "kernel", Fans(12, 8 * 3 * 5 / 9))],
    ),
    "Deconvolution": (
        "Deconvolution", "convolution_param { num_output: 8 kernel_size: 4 stride: 2 }", ["2, 3, 9, 9"],
        [((3, 8, 4, 4), "kernel", Fans(3 * (4 * 9 / 20) ** 2, 128)), ((8,), "bias", Fans(3 * (4 * 9 / 20) ** 2, 128))],
    ),
    "Deconvolution of groups": (
        "Deconvolution", "convolution_param { num_output: 6 kernel_size: 4 group: 3 bias_term: false }", ["2, 12, 9, 9"],
        [((12, 2, 4, 4), "kernel", Fans(4 * (4 * 9 / 12) ** 2, 32))],
    ),
    "InnerProduct": (
        "InnerProduct", "inner_product_param { num_output: 10 }", ["2, 3, 4, 5"],
        [((10, 60), "kernel", Fans(60, 10)), ((10,), "bias", Fans(60, 10))],
    ),
    "transposed": (
        "InnerProduct", "inner_product_param { num_output: 10 transpose: true axis: 2 bias_term: false }", ["2, 3, 4, 5"],
        [((20, 10), "kernel", Fans(20, 10))],
    ),
    "Embed": (
        "Embed", "embed_param { input_dim: 90 num_output: 7 }", ["2, 3"],
        [((90, 7), "embedding", Fans(1, 7)), ((7,), "bias", Fans(1, 7))],
    ),
    "Embed without bias": (
        "Embed", "embed_param { input_dim: 90 num_output: 7 bias_term: false }", ["2"],
        [((90, 7), "embedding", Fans(1, 7))],
    ),
    "BatchNorm": (
        "BatchNorm", "", ["2, 3, 4, 5"],
        [((3,), "running_mean", None), ((3,), "running_variance", None), ((1,), "running_variance", None)],
    ),
    "Scale": ("Scale", "", ["2, 3, 4, 5"], [((3,), "scale", Fans(1, 1))]),
    "Scale with a bias": (
        "Scale", "scale_param { axis: 1 num_axes: 2 bias_term: true }", ["2, 3, 4, 5"],
        [((3, 4), "scale", Fans(1, 1)), ((3, 4), "shift", Fans(1, 1))],
    ),
    "Scale by a blob": (
        "Scale", "scale_param { axis: 0 bias_term: true }", ["2, 3, 4, 5", "2, 3"], [((2, 3), "shift", Fans(1, 1))]
    ),
    "Scale by one number": ("Scale", "scale_param { num_axes: 0 }", ["2, 3"], [((), "scale", Fans(1, 1))]),
    "Bias": ("Bias", "bias_param { axis: -2 num_axes: -1 }", ["2, 3, 4, 5"], [((4, 5), "shift", Fans(1, 1))]),
    "Bias of a blob": ("Bias", "", ["2, 3", "3"], []),
    "PReLU": ("PReLU", "", ["2, 3, 4, 5"], [((3,), "slope", Fans(1, 1))]),
    "PReLU of one slope": ("PReLU", "prelu_param { channel_shared: true }", ["2, 3"], [((), "slope", Fans(1, 1))]),
    "Parameter": ("Parameter", "parameter_param { shape { dim: 4 dim: 5 } }", [], [((4, 5), "bias", None)]),
    "ReLU": ("ReLU", "", ["2, 3"], []),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_blobs_of_a_layer(name):
    kind, settings, bottoms, expected = TABLE[name]
    found = blobs(kind, settings, *bottoms)
    assert [parameter.shape for parameter in found] == [shape for shape, _, _ in expected]
    parts = [part for parameter in found for part in parameter.parts]
    assert [part.role for part in parts] == [role for _, role, _ in expected]
    assert [pair(part.fans) for part in parts] == [numbers(fans) for _, _, fans in expected]
    assert {part.layer for part in parts} <= {kind}
    assert all(part.fed_by == part.followed_by == "identity" for part in parts)


def test_axes_of_the_parts_as_the_layer_connects():
    def axes(*layer):
        return [(part.axes, part.shape) for part in blobs(*layer)[0].parts]

    assert axes(*TABLE["Convolution of groups"][:2], "2, 12, 9, 9") == [("boikk", (4, 2, 3, 3, 3))]
    assert axes(*TABLE["Deconvolution of groups"][:2], "2, 12, 9, 9") == [("boikk", (3, 2, 4, 4, 4))]
    assert axes(*TABLE["transposed"][:2], "2, 3, 4, 5") == [("oi", (10, 20))]
    assert axes(*TABLE["Embed"][:2], "2, 3") == [("bo", (90, 7))]


# --- recurrent layers: gates one above the other

RECURRENT = "recurrent_param {{ num_output: 6 weight_filler {{ type: {} }} }}".format('"xavier"')


def test_blobs_of_an_lstm():
    found = blobs("LSTM", RECURRENT, "9, 4, 5, 2", "9, 4")
    assert [blob.shape for blob in found] == [(24, 10), (24,), (24, 6)]
    assert [part.name for blob in found for part in blob.parts] == [
        f"it.{n}[{gate}]" for n, gate in itertools.product(range(3), "ifog")
    ]
    assert [part.role for part in found[1].parts] == ["bias", "forget_bias", "bias", "bias"]
    assert {part.fans for part in found[0].parts} == {Fans(10, 6)}
    assert {(part.role, part.fans, part.fed_by) for part in found[2].parts} == {
        ("recurrent", Fans(6, 6), "sigmoid × tanh")
    }
    assert {part.shape for part in found[2].parts} == {(6, 6)}


def test_a_static_input_of_an_lstm_has_weights_of_its_own():
    found = blobs("LSTM", RECURRENT, "9, 4, 5", "9, 4", "4, 3")
    assert [blob.shape for blob in found] == [(24, 5), (24,), (24, 3), (24, 6)]
    assert {part.fans for part in found[2].parts} == {Fans(3, 6)}


def test_blobs_of_an_rnn():
    found = blobs("RNN", RECURRENT, "9, 4, 5", "9, 4")
    assert [blob.shape for blob in found] == [(6, 5), (6,), (6, 6), (6, 6), (6,)]
    assert [blob.parts[0].role for blob in found] == ["kernel", "bias", "recurrent", "kernel", "bias"]
    assert [blob.parts[0].fed_by for blob in found[2:4]] == ["tanh", "tanh"]
    assert [blob.shape for blob in blobs("RNN", RECURRENT, "9, 4, 5", "9, 4", "4, 3")] == [
        (6, 5), (6,), (6, 3), (6, 6), (6, 6), (6,)
    ]  # fmt: skip


def test_a_filler_sees_all_gates_as_one_blob_and_the_true_fans_do_not():
    part = blobs("LSTM", RECURRENT.replace('"xavier"', '"xavier" variance_norm: FAN_OUT'), "9, 4, 5", "9, 4")[0].parts[
        0
    ]
    assert part.declared.fans == Fans(5, 24)
    assert part.fans == Fans(5, 6)


# --- fans, counted connection by connection


def counted(connect, inputs):
    """Return the mean fans over the whole maps that a layer of ones reads and puts out, from a batch of ones."""
    batch = torch.ones(1, *inputs, requires_grad=True)
    summed = connect(batch)
    (seen,) = torch.autograd.grad(summed.sum(), batch)
    return Fans(summed.detach().double().mean().item(), seen.double().mean().item())


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 1), (1, 3), (2, 6)])
def test_fans_are_the_connections_of_a_convolution(stride, groups):
    settings = f"convolution_param {{ num_output: 12 kernel_size: 3 stride: {stride} group: {groups} }}"
    blob = blobs("Convolution", settings, "1, 6, 64, 64")[0]
    ones = torch.ones(blob.shape)
    expected = counted(lambda batch: functional.conv2d(batch, ones, stride=stride, groups=groups), (6, 64, 64))
    assert pair(blob.parts[0].fans) == numbers(expected)


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 1), (1, 3), (2, 6)])
def test_fans_are_the_connections_of_a_deconvolution(stride, groups):
    settings = f"convolution_param {{ num_output: 12 kernel_size: 4 stride: {stride} group: {groups} }}"
    blob = blobs("Deconvolution", settings, "1, 6, 64, 64")[0]
    ones = torch.ones(blob.shape)
    expected = counted(
        lambda batch: functional.conv_transpose2d(batch, ones, stride=stride, groups=groups), (6, 64, 64)
    )
    assert pair(blob.parts[0].fans) == numbers(expected)


@pytest.mark.parametrize("size", [0, 1])
def test_a_batch_without_examples_has_the_fans_of_any_other(size):
    text = """layer { name: "conv" type: "Convolution" bottom: "x" top: "c" convolution_param { num_output: 3 kernel_size: 3 } }
      layer { name: "ip" type: "InnerProduct" bottom: "c" top: "h" inner_product_param { num_output: 5 } }
      layer { name: "cut" type: "Slice" bottom: "h" top: "p" top: "q" slice_param { slice_point: 1 } }"""
    parts = {part.name: part for part in inventory(parse_net(X("x", f"{size}, 4, 6, 6") + text)).parts}
    assert pair(parts["conv.0"].fans) == numbers(Fans(36, 3 * (3 * 4 / 6) ** 2))
    assert parts["ip.0"].fans == Fans(48, 5)


def test_what_caffe_takes_for_fans_and_what_is_true():
    """The conventions of the reference: swapped for a Deconvolution and a transposed product, blind for groups."""
    filled = 'convolution_param { num_output: 128 kernel_size: 3 group: 4 weight_filler { type: "xavier" } }'
    grouped = blobs("Convolution", filled, "1, 64, 9, 9")[0].parts[0]
    assert grouped.declared.fans == Fans(144, 1152)
    assert pair(grouped.fans) == numbers(Fans(144, 288 * (7 / 9) ** 2))  # 7 places on a map of 9
    up = blobs("Deconvolution", filled.replace("group: 4", ""), "1, 64, 9, 9")[0].parts[0]
    assert up.declared.fans == Fans(1152, 576)
    assert pair(up.fans) == numbers(Fans(576 * (9 / 11) ** 2, 1152))
    turned = 'inner_product_param { num_output: 100 transpose: true weight_filler { type: "xavier" } }'
    product = blobs("InnerProduct", turned, "1, 300")[0].parts[0]
    assert (product.declared.fans, product.fans) == (Fans(100, 300), Fans(300, 100))


# --- sharing

PAIR = (
    X("x", "2, 6")
    + """
layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" param { name: "w" } param { name: "" }
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "b" type: "InnerProduct" bottom: "x" top: "b" %s
  inner_product_param { num_output: 4 %s } }
"""
)


def test_layers_that_name_a_blob_alike_share_it():
    net = parse_net(PAIR % ('param { name: "w" }', ""))
    assert [(blob.path, blob.tied_to) for blob in inventory(net).parameters] == [
        ("a.0", None),
        ("a.1", None),
        ("b.0", "a.0"),
        ("b.1", None),
    ]
    weights = glorot.apply(glorot.plan(net, "caffe"), net, seed=0)
    assert np.shares_memory(weights["b.0"], weights["a.0"])
    assert np.std(weights["a.0"]) > 0.1  # a sharer's own filler, here none, does not count


def test_blobs_without_a_name_are_not_shared():
    net = parse_net(PAIR % ('param { name: "other" } param { name: "" }', ""))
    assert all(blob.tied_to is None for blob in inventory(net).parameters)


def test_permissive_sharing_asks_for_the_number_of_elements_alone():
    settings = "transpose: true"
    net = parse_net(PAIR % ('param { name: "w" share_mode: PERMISSIVE }', settings))
    assert [(blob.path, blob.shape, blob.tied_to) for blob in inventory(net).parameters][2] == ("b.0", (6, 4), "a.0")
    weights = glorot.apply(glorot.plan(net, "caffe"), net, seed=0)
    assert weights["b.0"].shape == (6, 4)
    np.testing.assert_array_equal(weights["b.0"].ravel(), weights["a.0"].ravel())


def test_a_layer_may_share_a_blob_with_itself():
    text = """layer { name: "it" type: "RNN" bottom: "x" bottom: "c" top: "y"
      param { name: "x" } param { name: "b" } param { name: "h" } param { name: "h" } recurrent_param { num_output: 6 } }"""
    net = parse_net(X("x", "9, 4, 5") + X("c", "9, 4") + text)
    assert [blob.tied_to for blob in inventory(net).parameters] == [None, None, None, "it.2", None]


def test_learning_rates_of_the_blobs():
    text = PAIR % ("param { lr_mult: 0.5 decay_mult: 0 } param { lr_mult: 2 }", "")
    net = parse_net(text)
    it = net.nodes[2].layer
    assert [(it.param(n).lr_mult, it.param(n).decay_mult) for n in range(3)] == [(0.5, 0), (2, None), (None, None)]
    assert net.multipliers["b.0"] == (0.5, 0)
    assert net.multipliers["b.1"] == (2, 1)


SHARED = """
input: "x" input_shape { dim: [1, 3] }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "h" param { name: "w" %s } inner_product_param { num_output: 3 bias_term: false } }
layer { name: "b" type: "InnerProduct" bottom: "h" top: "y" param { name: "w" %s } inner_product_param { num_output: 3 bias_term: false } }
"""


@pytest.mark.parametrize(
    ("owner", "sharer", "expected"),
    [
        ("", "", (1, 1)),
        ("lr_mult: 2", "", (2, 1)),
        ("", "lr_mult: 2 decay_mult: 0", (2, 0)),
        ("lr_mult: 1", "decay_mult: 3", (1, 3)),
        ("lr_mult: 0", "lr_mult: 0", (0, 1)),
    ],
)
def test_multipliers_of_a_shared_blob_are_those_that_some_layer_sets(owner, sharer, expected):
    assert parse_net(SHARED % (owner, sharer)).multipliers == {"a.0": expected}


@pytest.mark.parametrize(
    ("owner", "sharer", "got"),
    [("lr_mult: 1", "lr_mult: 2", "lr_mult 1, got 2"), ("decay_mult: 1", "decay_mult: 0", "decay_mult 1, got 0")],
)
def test_sharers_that_set_multipliers_differently_are_refused(owner, sharer, got):
    with pytest.raises(
        GlorotError, match=rf"^<text>:4:1: layer 'b' \(InnerProduct\): its blob 0 shares 'w' with a.0: expected {got}$"
    ):
        parse_net(SHARED % (owner, sharer))
