"""Caffe nets as PyTorch modules in training: groups, losses, gradients, and the averages of a BatchNorm."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

import glorot
from glorot import probe
from glorot.caffe import parse_net
from glorot.caffe.modules import CaffeModule, parameter_groups, to_torch

Array = NDArray[Any]

LENET = """
    layer { name: "digits" type: "Data" top: "data" top: "label" }
    layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" param { lr_mult: 1 } param { lr_mult: 2 }
      convolution_param { num_output: 8 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
    layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
    layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param { kernel_size: 2 stride: 2 } }
    layer { name: "ip1" type: "InnerProduct" bottom: "pool1" top: "ip1" param { lr_mult: 1 } param { lr_mult: 2 }
      inner_product_param { num_output: 32 weight_filler { type: "xavier" } } }
    layer { name: "relu2" type: "ReLU" bottom: "ip1" top: "ip1" }
    layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2" param { lr_mult: 1 } param { lr_mult: 2 }
      inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
    layer { name: "accuracy" type: "Accuracy" bottom: "ip2" bottom: "label" top: "accuracy" }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }
"""


def digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return torch.from_numpy(images / 16).float().reshape(-1, 1, 8, 8), torch.from_numpy(labels).float()


def test_lenet_learns_handwritten_digits() -> None:
    module = to_torch(parse_net(LENET, input_shapes={"data": (64, 1, 8, 8)}), seed=0)
    optimizer = torch.optim.SGD(parameter_groups(module, lr=0.05, weight_decay=0.0005), momentum=0.9)
    images, labels = digits()
    before = module(images, labels)
    for start in [*range(0, 1280, 64)] * 3:
        optimizer.zero_grad()
        module.total_loss(images[start : start + 64], labels[start : start + 64]).backward()
        optimizer.step()
    after = module(images[1280:], labels[1280:])
    assert before["loss"] > 2
    assert after["loss"] < 1
    assert before["accuracy"] < 0.4
    assert after["accuracy"] > 0.75
    torch.testing.assert_close(after["loss"], functional.cross_entropy(module(images[1280:]), labels[1280:].long()))


def test_groups_of_an_optimiser() -> None:
    net = parse_net("""
        input: "x" input_shape { dim: [4, 6] }
        layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" inner_product_param { num_output: 6 }
          param { name: "w" } param { lr_mult: 2 decay_mult: 0 } }
        layer { name: "bn" type: "BatchNorm" bottom: "a" top: "a" }
        layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" inner_product_param { num_output: 6 }
          param { name: "w" lr_mult: 3 } param { lr_mult: 0 } }
        layer { name: "c" type: "InnerProduct" bottom: "b" top: "c" inner_product_param { num_output: 6 }
          param { lr_mult: 3 } param { lr_mult: 2 decay_mult: 0 } }
    """)
    module = to_torch(net)
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    groups = parameter_groups(module, lr=0.1, weight_decay=0.01)
    found = [([names[id(p)] for p in group["params"]], group["lr"], group["weight_decay"]) for group in groups]
    assert found == [
        (["a.0", "c.0"], pytest.approx(0.3), 0.01),
        (["a.1", "c.1"], 0.2, 0.0),
    ]
    assert all(parameter.requires_grad for name, parameter in module.named_parameters() if not name.startswith("bn."))


LOSSES = """
    input: "x" input_shape { dim: [4, 6] } input: "label" input_shape { dim: 4 }
    layer { name: "one" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "one" loss_weight: 0.3 }
    layer { name: "two" type: "SoftmaxWithLoss" bottom: "y" bottom: "label" }
    layer { name: "acc" type: "Accuracy" bottom: "x" bottom: "label" top: "acc" }
    layer { name: "three" type: "Power" bottom: "x" top: "three" loss_weight: 0.5 }
"""


def test_the_total_loss_weighs_each_loss() -> None:
    double = 'layer { name: "double" type: "Power" bottom: "x" top: "y" power_param { scale: 2 } } layer { name: "two"'
    module = to_torch(parse_net(LOSSES.replace('layer { name: "two"', double)))
    x, label = torch.randn(4, 6), torch.tensor([0, 5, 2, 2])
    one, two = functional.cross_entropy(x, label), functional.cross_entropy(2 * x, label)
    torch.testing.assert_close(module.total_loss(x, label), 0.3 * one + two + 0.5 * x.sum())
    torch.testing.assert_close(module(x, label)["two"], two)  # a loss without a top is called as its layer


def test_the_gradient_of_a_hopeless_loss_is_caffes() -> None:
    x = torch.tensor([[0.0, -300.0]], requires_grad=True)
    text = 'input: "x" input_shape { dim: [1, 2] } input: "label" input_shape { dim: 1 }'
    loss = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "loss" }'
    value = to_torch(parse_net(text + loss))(x, torch.tensor([1]))
    value.backward()
    assert value.item() == pytest.approx(87.3365)
    assert x.grad is not None
    torch.testing.assert_close(x.grad, torch.tensor([[1.0, -1.0]]))


NORMED = 'input: "x" input_shape {{ dim: {} }} layer {{ name: "bn" type: "BatchNorm" bottom: "x" top: "y" {} }}'


def batch_norm(shape: tuple[int, ...], settings: str = "") -> CaffeModule:
    return to_torch(parse_net(NORMED.format(list(shape), f"batch_norm_param {{ {settings} }}")))


@pytest.mark.parametrize("shape", [(6, 3, 4, 5), (6, 3), (6,), (1, 3)])
def test_batch_norm_gathers_its_averages_as_caffe_does(shape: tuple[int, ...]) -> None:
    module = batch_norm(shape, "moving_average_fraction: 0.9 eps: 0.01")
    channels = shape[1] if len(shape) > 1 else 1
    sums, squares, weight = np.zeros(channels), np.zeros(channels), 0.0
    for step in range(3):
        batch = np.random.default_rng(step).normal(2, 3, shape).astype(np.float32)
        rows = np.moveaxis(batch.reshape(shape[0], channels, -1).astype(float), 1, 2).reshape(-1, channels)
        mean, variance, count = rows.mean(0), rows.var(0), len(rows)
        sums, weight = 0.9 * sums + mean, 0.9 * weight + 1
        squares = 0.9 * squares + variance * (count / (count - 1) if count > 1 else 1)
        spread = (1, channels, *(1,) * (len(shape) - 2))[: len(shape)]
        expected = (batch - mean.reshape(spread)) / np.sqrt(variance.reshape(spread) + 0.01)
        np.testing.assert_allclose(module(torch.from_numpy(batch)), expected, rtol=1e-4, atol=1e-5)
    state = module.state_dict()
    for index, value in enumerate((sums, squares, [weight])):
        np.testing.assert_allclose(state[f"bn.{index}"], value, rtol=1e-5)
    batch = np.random.default_rng(9).normal(2, 3, shape).astype(np.float32)
    expected = (batch - (sums / weight).reshape(spread)) / np.sqrt((squares / weight).reshape(spread) + 0.01)
    np.testing.assert_allclose(module.eval()(torch.from_numpy(batch)), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(module.state_dict()["bn.2"], [weight], rtol=1e-5)


def test_batch_norm_that_has_seen_nothing_divides_by_the_root_of_eps() -> None:
    x = torch.randn(4, 3)
    torch.testing.assert_close(batch_norm((4, 3), "eps: 0.04").eval()(x), x / 0.2)


@pytest.mark.parametrize("setting", [True, False])
def test_use_global_stats_holds_in_every_mode(setting: bool) -> None:
    module, x = batch_norm((8, 3), f"use_global_stats: {str(setting).lower()} eps: 0.04"), torch.randn(8, 3)
    normed = x / 0.2 if setting else functional.batch_norm(x, None, None, training=True, eps=0.04)
    for mode in (True, False):
        torch.testing.assert_close(module.train(mode)(x), normed)
    assert bool(module.state_dict()["bn.2"] == (0 if setting else 1))  # gathered in training alone


def test_dropout_keeps_the_mean_in_training_and_everything_otherwise() -> None:
    text = 'input: "x" input_shape { dim: [1, 20000] } layer { name: "d" type: "Dropout" bottom: "x" top: "x"'
    module = to_torch(parse_net(text + " dropout_param { dropout_ratio: 0.75 } }"))
    x = torch.ones(1, 20000)
    torch.manual_seed(0)
    assert module(x).unique().tolist() == [0.0, 4.0]
    assert module(x).mean().item() == pytest.approx(1, abs=0.06)
    assert torch.equal(module.eval()(x), x)


GRADIENTS = {
    "Convolution": "convolution_param { num_output: 4 group: 2 kernel_size: 3 stride: 2 pad: 1 }",
    "Deconvolution": "convolution_param { num_output: 2 kernel_size: 2 stride: 2 pad: 1 }",
    "InnerProduct": "inner_product_param { num_output: 3 transpose: true axis: 2 }",
    "Pooling": "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }",
    "LRN": "lrn_param { local_size: 3 alpha: 0.5 norm_region: WITHIN_CHANNEL }",
    "BatchNorm": "",
    "Scale": "scale_param { bias_term: true }",
    "PReLU": "",
    "BNLL": "",
    "Power": "power_param { power: 3 scale: 0.5 shift: 4 }",
    "Softmax": "",
}


@pytest.mark.parametrize("kind", GRADIENTS)
def test_gradients(kind: str) -> None:
    text = f'layer {{ name: "n" type: "{kind}" bottom: "x" top: "y" {GRADIENTS[kind]} }}'
    net = parse_net(f'input: "x" input_shape {{ dim: [2, 2, 4, 5] }} {text}')
    numbers = np.random.default_rng(0)
    weights = {
        node.path(index): numbers.normal(0.5, 1, blob.shape)
        for node in net.nodes
        for index, blob in enumerate(node.blobs)
    }
    module = to_torch(net, weights=weights).double()
    learnt = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    x = torch.from_numpy(numbers.normal(0, 1, (2, 2, 4, 5))).requires_grad_()

    def run(value: Tensor, *parameters: Tensor) -> Tensor:
        given = dict(zip(learnt, parameters, strict=True))
        result: Tensor = torch.func.functional_call(module, given, (value,))
        return result

    assert torch.autograd.gradcheck(run, (x, *learnt.values()))


def test_neither_a_plan_nor_a_probe_moves_the_averages_of_a_module_in_training() -> None:
    net = parse_net("""
        input: "x" input_shape { dim: [8, 3, 5, 5] }
        layer { name: "conv" type: "Convolution" bottom: "x" top: "c"
          convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "msra" } } }
        layer { name: "bn" type: "BatchNorm" bottom: "c" top: "c" }
        layer { name: "fc" type: "InnerProduct" bottom: "c" top: "y"
          inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
    """)
    module = to_torch(net)
    batch, labels = torch.randn(8, 3, 5, 5, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3
    module(batch)
    before = {name: values.clone() for name, values in module.state_dict().items()}
    assert bool((before["bn.1"] > 0).all())
    glorot.plan(module, inputs=batch)
    probe.measure(module, batch, labels)
    assert module.training
    for name, values in module.state_dict().items():
        assert torch.equal(values, before[name]), name


def test_a_new_end_behind_a_net_is_planned_without_naming_a_recipe() -> None:
    body = to_torch(
        parse_net("""
        input: "x" input_shape { dim: [8, 5] }
        layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 4 } }
    """)
    )
    assert glorot.plan(body).recipe == "caffe"
    assert glorot.plan(torch.nn.Sequential(body, torch.nn.Linear(4, 3))).recipe == "auto"
