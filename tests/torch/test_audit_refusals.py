"""What an audit refuses, and how it says so."""

from typing import Any

import pytest
import torch
from torch import nn

import glorot


def refused(*arguments: Any, **named: Any) -> str:
    with pytest.raises(glorot.GlorotError) as caught:
        glorot.audit(*arguments, **named)
    return str(caught.value)


def test_a_model_in_place_of_what_builds_it():
    assert refused(nn.Linear(2, 2)) == (
        "build must be a function that makes a new model, such as lambda: Net(config), got a Linear; an audit fills its "
        "model with poison, so it makes its own"
    )


def test_the_name_of_a_method_as_init():
    assert refused(lambda: nn.Linear(2, 2), "reset_parameters") == (
        "init must be a function that starts the model it is given, got 'reset_parameters'; for a method of the model "
        "say method='reset_parameters'"
    )


def test_a_method_that_is_no_name():
    assert refused(lambda: nn.Linear(2, 2), method="init weights") == (
        "method must be the name of a method, such as \"init_weights\", got 'init weights'"
    )


def test_a_model_without_the_method():
    assert refused(lambda: nn.Sequential(nn.Linear(2, 2))) == (
        "a Sequential has no method init_weights, nor has one of its modules; there is reset_parameters, which method= "
        "may name; pass the function that starts it, glorot.audit(build, init)"
    )


def test_an_init_that_returns_another_model():
    assert refused(lambda: nn.Linear(2, 2), lambda model: nn.Linear(2, 2)) == (
        "init(model) returned another model, a Linear; an audit follows the one that build made, so let the init write "
        "into the model that it is given"
    )


def test_a_functional_init_of_jax():
    jax = pytest.importorskip("jax")
    assert refused(lambda: {"w": jax.numpy.ones((2, 2))}) == (
        "an audit is for models of PyTorch, and build made a dict: a functional init, as of JAX, writes into no memory: "
        "it returns a new tree, every leaf of which it has made, so nothing can be left unwritten; check the tree that it "
        "returns with glorot.check(params)"
    )


def test_a_model_of_keras():
    keras = pytest.importorskip("keras")
    assert refused(lambda: keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])) == (
        "an audit is for models of PyTorch, and build made a Sequential: Keras makes each variable together with its "
        "initializer's value, so none is left unwritten; check the model that is built with glorot.check(model)"
    )


def test_a_net_of_caffe(tmp_path):
    net = tmp_path / "net.prototxt"
    net.write_text('name: "n"\nlayer { name: "d" type: "Input" top: "d" input_param { shape { dim: 1 dim: 2 } } }\n')
    assert refused(lambda: net).endswith(
        "Caffe fills every blob by the filler that its layer declares, or with 0, so none is left unwritten; check the "
        "net with glorot.check(net)"
    )


def test_what_no_framework_knows():
    assert refused(lambda: 3).startswith("cannot tell which framework a builtins.int belongs to; expected a torch.nn")


def test_a_constructor_that_fails_says_so_itself():
    def build() -> nn.Module:
        raise ValueError("no heads")

    with pytest.raises(ValueError, match="^no heads$"):
        glorot.audit(build)
    assert torch.empty(1).device.type == "cpu"
