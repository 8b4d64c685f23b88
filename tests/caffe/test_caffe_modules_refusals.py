"""What `to_torch` and its modules refuse, and how they say so."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import glorot
from glorot.caffe import parse_net, save
from glorot.caffe.modules import parameter_groups, to_torch
from glorot.errors import GlorotError


def net_of(layer: str, shape: str = "[8, 6, 9, 9]") -> str:
    return f'input: "x" input_shape {{ dim: {shape} }}\n{layer}'


CONV = 'layer { name: "c" type: "Convolution" bottom: "x" top: "y" convolution_param { num_output: 4 kernel_size: 3 } }'
FC = 'layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 5 } }'
JUDGED = """
    input: "x" input_shape { dim: [8, 3] }
    input: "label" input_shape { dim: 8 }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "loss" }
"""


def test_a_layer_that_there_is_no_module_for() -> None:
    net = parse_net(net_of('layer { name: "n" type: "MVN" bottom: "x" top: "y" }'), "net.prototxt")
    message = (
        "net.prototxt:2:1: layer 'n' (MVN): to_torch has no such layer; it has: AbsVal, Accuracy, Axpy, BN, BNLL, "
        "BatchNorm, Bias, Concat, Convolution, ConvolutionDepthwise, Deconvolution, DepthwiseConvolution, Dropout, ELU, "
        "Eltwise, Embed, Exp, Flatten, InnerProduct, Interp, LRN, Log, Mish, Normalize, PReLU, Permute, Pooling, Power, "
        "PriorBox, ReLU, ReLU6, Reshape, Scale, ShuffleChannel, Sigmoid, Silence, Slice, Softmax, SoftmaxWithLoss, Split, "
        "TanH, Upsample"
    )
    with pytest.raises(GlorotError, match=f"^{re.escape(message)}$"):
        to_torch(net)


REFUSED = {
    'type: "Pooling" pooling_param { pool: STOCHASTIC kernel_size: 2 }': "to_torch pools by MAX and AVE, not STOCHASTIC",
    'type: "Pooling" top: "mask" pooling_param { kernel_size: 2 }': "to_torch makes no mask, the second top of MAX pooling",
    'type: "Convolution" convolution_param { num_output: 2 axis: 3 kernel_size: 2 }': (
        "to_torch convolves along 1 to 3 spatial axes, got 0"
    ),
    'type: "Dropout" dropout_param { dropout_ratio: 1 }': "dropout_ratio must lie from 0 to below 1, got 1",
    'type: "Exp" exp_param { base: -2 }': "base must be a positive number, or -1 for e, got -2",
    'type: "Log" log_param { base: 0 }': "base must be a positive number, or -1 for e, got 0",
    'type: "Log" log_param { base: 1 }': "there is no logarithm to base 1",
}


@pytest.mark.parametrize("layer", REFUSED)
def test_a_setting_that_there_is_no_module_for(layer: str) -> None:
    net = parse_net(net_of(f'layer {{ name: "n" bottom: "x" top: "y" {layer} }}'))
    with pytest.raises(GlorotError, match=rf"^<text>:2:\d+: layer 'n' \(\w+\): {re.escape(REFUSED[layer])}$"):
        to_torch(net)


def test_a_window_outside_what_it_pools() -> None:
    net = parse_net(
        net_of('layer { name: "n" type: "Pooling" bottom: "x" top: "y" pooling_param { kernel_size: 1 stride: 5 } }')
    )
    message = (
        "<text>:2:1: layer 'n' (Pooling): expected blob 'x' to reach the last window, which begins at 10, "
        "got shape 8×6×9×9"
    )
    with pytest.raises(GlorotError, match=f"^{re.escape(message)}$"):
        to_torch(net)(torch.zeros(8, 6, 9, 9))


def test_another_size_than_the_weights_are_for() -> None:
    message = (
        "<text>:2:1: layer 'fc' (InnerProduct): blob 'x' of shape 8×6×9×8 needs weights fc.0 of shape 5×432, and they "
        "have 5×486"
    )
    with pytest.raises(GlorotError, match=f"^{re.escape(message)}$"):
        to_torch(parse_net(net_of(FC)))(torch.zeros(8, 6, 9, 8))


def test_an_image_smaller_than_the_kernel() -> None:
    message = (
        "<text>:2:1: layer 'c' (Convolution): expected blob 'x' padded to at least the 3 that the window reaches, "
        "got shape 8×6×2×9"
    )
    with pytest.raises(GlorotError, match=f"^{re.escape(message)}$"):
        to_torch(parse_net(net_of(CONV)))(torch.zeros(8, 6, 2, 9))


def test_an_input_of_another_rank() -> None:
    message = "<text>: input 'x' must have 4 axes, as 8×6×9×9 has, got shape 8×486"
    with pytest.raises(GlorotError, match=f"^{message}$"):
        to_torch(parse_net(net_of(CONV)))(torch.zeros(8, 486))


def test_an_input_that_is_no_tensor() -> None:
    with pytest.raises(GlorotError, match="^<text>: input 'x' must be a tensor, got ndarray$"):
        to_torch(parse_net(net_of(CONV)))(np.zeros((8, 6, 9, 9)))  # type: ignore[arg-type]


def test_an_unknown_input() -> None:
    with pytest.raises(
        GlorotError, match=r"^<text>: there is no input 'labels' \(did you mean 'label'\?\); inputs here: x, label$"
    ):
        to_torch(parse_net(JUDGED))(torch.zeros(8, 3), labels=torch.zeros(8))


def test_too_many_inputs() -> None:
    with pytest.raises(GlorotError, match="^<text>: got 3 inputs, expected 1 to 2; inputs here: x, label$"):
        to_torch(parse_net(JUDGED))(*torch.zeros(3, 8, 3))


def test_no_input() -> None:
    with pytest.raises(GlorotError, match="^<text>: got 0 inputs, expected 1 to 2; inputs here: x, label$"):
        to_torch(parse_net(JUDGED))()


def test_an_input_twice() -> None:
    with pytest.raises(GlorotError, match="^<text>: input 'x' is given twice, by its place and by its name$"):
        to_torch(parse_net(JUDGED))(torch.zeros(8, 3), x=torch.zeros(8, 3))


def test_inputs_on_which_nothing_runs() -> None:
    with pytest.raises(GlorotError, match="^<text>: no layer can run on label alone$"):
        to_torch(parse_net(JUDGED))(label=torch.zeros(8))


def test_a_loss_without_labels() -> None:
    text = JUDGED + 'layer { name: "r" type: "ReLU" bottom: "x" top: "r" }'
    message = "<text>: the net computes no loss from these inputs; not given: label"
    with pytest.raises(GlorotError, match=f"^{message}$"):
        to_torch(parse_net(text)).total_loss(torch.zeros(8, 3))


def test_a_loss_without_a_module_stops_no_layer_but_the_total_loss() -> None:
    judges = {
        "EuclideanLoss": 'bottom: "y" bottom: "label"',
        "Python": 'bottom: "y" bottom: "label" loss_weight: 1',
        "FocalLoss": 'bottom: "y" bottom: "label"',
    }
    for kind, ends in judges.items():
        loss = f'layer {{ name: "loss" type: "{kind}" {ends} top: "loss" }}'
        net = parse_net(
            'input: "x" input: "label" input_shape { dim: [8, 3] } input_shape { dim: [8, 5] }\n' + FC + loss
        )
        module = to_torch(net)
        assert module(torch.zeros(8, 3)).shape == (8, 5)
        problem = rf"^<text>:2:\d+: layer 'loss' \({kind}\): it is not in the module, so there is no total_loss$"
        with pytest.raises(GlorotError, match=problem):
            module.total_loss(torch.zeros(8, 3), torch.zeros(8, 5))


def test_a_net_without_a_loss() -> None:
    message = "<text>: the net computes no loss from these inputs, for it has no layer of a loss"
    with pytest.raises(GlorotError, match=f"^{message}$"):
        to_torch(parse_net(net_of(CONV))).total_loss(torch.zeros(8, 6, 9, 9))


@pytest.mark.parametrize("label", [3, -1])
def test_a_label_that_there_is_no_class_for(label: int) -> None:
    message = rf"^<text>:4:5: layer 'loss' \(SoftmaxWithLoss\): blob 'label' holds {label}; expected 0 to 2$"
    with pytest.raises(GlorotError, match=message):
        to_torch(parse_net(JUDGED))(torch.zeros(2, 3), torch.tensor([0, label]))


def test_a_label_too_few() -> None:
    message = (
        r"^<text>:4:5: layer 'loss' \(SoftmaxWithLoss\): expected blob 'label' to hold 4 labels, those of 4×3 without "
        "axis 1, got shape 3$"
    )
    with pytest.raises(GlorotError, match=message):
        to_torch(parse_net(JUDGED))(torch.zeros(4, 3), torch.zeros(3))


def test_a_row_that_an_embedding_has_not() -> None:
    text = net_of(
        'layer { name: "e" type: "Embed" bottom: "x" top: "y" embed_param { input_dim: 4 num_output: 2 } }', "3"
    )
    with pytest.raises(GlorotError, match=r"^<text>:2:1: layer 'e' \(Embed\): blob 'x' holds 4; expected 0 to 3$"):
        to_torch(parse_net(text))(torch.tensor([0.0, 3.0, 4.0]))


def test_values_without_a_blob() -> None:
    with pytest.raises(GlorotError, match=r"^'fc.2' is no blob of this net \(did you mean 'fc.1' or 'fc.0'\?\)$"):
        to_torch(parse_net(net_of(FC)), weights={"fc.2": np.zeros(5, np.float32)})


def test_values_of_another_shape_in_a_file(tmp_path: Path) -> None:
    net, other = parse_net(net_of(FC)), parse_net(net_of(FC, "[8, 6]"))
    file = save(tmp_path / "net.caffemodel", other, glorot.apply(glorot.plan(other, "zeros"), other, seed=0))
    with pytest.raises(GlorotError, match=r"^fc.0 has shape 5×6, expected 5×486$"):
        to_torch(net, weights=file)


def test_values_of_a_shared_blob_that_differ() -> None:
    share = 'param { name: "w" } inner_product_param { num_output: 6 bias_term: false } }'
    text = net_of(f'layer {{ name: "a" type: "InnerProduct" bottom: "x" top: "h" {share}', "[8, 6]")
    net = parse_net(f'{text} layer {{ name: "b" type: "InnerProduct" bottom: "h" top: "y" {share}')
    weights = {"a.0": np.zeros((6, 6), np.float32), "b.0": np.ones((6, 6), np.float32)}
    with pytest.raises(GlorotError, match="^b.0 shares the blob of a.0 and must hold the same numbers$"):
        to_torch(net, weights=weights)


@pytest.mark.parametrize(
    ("given", "told"), [("net.npz", "'net.npz'"), (torch.nn.Linear(1, 1), "Linear")], ids=["file", "module"]
)
def test_weights_that_are_neither_arrays_nor_a_caffemodel(given: Any, told: str) -> None:
    message = f"^weights must be {{blob: array}} or the path of a .caffemodel, got {told}; read other files by yourself and give"
    with pytest.raises(GlorotError, match=message):
        to_torch(parse_net(net_of(FC)), weights=given)


def test_groups_of_another_module() -> None:
    with pytest.raises(GlorotError, match="^parameter_groups takes what to_torch returns, got Linear$"):
        parameter_groups(torch.nn.Linear(2, 2), lr=0.1)  # type: ignore[arg-type]
