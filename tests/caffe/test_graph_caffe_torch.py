"""The graph of a Caffe net and the graph of its PyTorch module show one thing."""

from typing import Any

import pytest
import torch
from test_caffe_modules import every_kind
from test_caffe_modules_opencv import LAYERS, layer, net_text
from test_graph_caffe import all_nets

from glorot.adapters import take_inventory as inventory
from glorot.caffe import Net, parse_net, to_torch
from glorot.caffe.graph import lower
from glorot.graph import Folded, Graph
from glorot.inventory.kernels import kernel_of
from glorot.inventory.seen import seen_in
from glorot.torch.graph import lower as lower_module

LABELS = ("label", "similar")
"""Inputs that hold classes."""

UNLIKE = "Scale"
"""A layer that its module computes as a batch norm of mean 0 and variance 1, which the graph takes for one."""


def graph_of_module(net: Net, is_training: bool) -> Graph:
    module = to_torch(net).train(is_training)
    batch = {name: torch.zeros(shape) if name in LABELS else torch.rand(shape) for name, shape in net.inputs.items()}
    slopes = {part.path: part.start for part in inventory(net).parts if part.role == "slope"}

    def leaves(graph: Graph) -> list[tuple[torch.Tensor, int]]:
        stored = module.named_parameters()
        return [(tensor, graph.parameter(path, tensor.shape, slopes.get(path))) for path, tensor in stored]

    lowered = lower_module(module, lambda: module(**batch), batch, leaves)
    assert lowered.error is None
    return lowered.graph


def what_is_seen(graph: Graph, learnt: set[str]) -> dict[str, Any]:
    """Return what a graph shows of parameters: what they are for, in their order, and what feeds and follows them."""
    folded = Folded(graph)
    seen = seen_in(folded)
    kernels = {path: [use for use in uses if use.role == "kernel"] for path, uses in folded.uses.items()}
    return {
        "roles": {path: {use.role for use in uses} for path, uses in folded.uses.items() if path in learnt},
        "order": sorted(seen, key=lambda path: seen[path].position),
        "seen": {path: (one.source, one.followed_by) for path, one in seen.items()},
        "kernels": {path: kernel_of(folded, uses[0]) for path, uses in kernels.items() if uses},
    }


def assert_alike(net: Net, is_training: bool = False) -> None:
    learnt = set(net.multipliers)
    assert what_is_seen(graph_of_module(net, is_training), learnt) == what_is_seen(lower(net), learnt)


@pytest.mark.parametrize("name", all_nets())
def test_a_net_is_seen_as_its_module_is(name: str) -> None:
    assert_alike(all_nets()[name])


@pytest.mark.parametrize("name", ["lenet", "inception_like", "resnet", "mobile"])
def test_a_net_is_seen_as_its_module_is_in_training(name: str) -> None:
    assert_alike(all_nets()[name], is_training=True)


@pytest.mark.parametrize("is_training", [False, True])
def test_blobs_of_every_kind_are_seen_as_in_the_module(is_training: bool) -> None:
    assert_alike(every_kind(), is_training)


@pytest.mark.parametrize("name", [name for name in LAYERS if name != UNLIKE])
def test_a_layer_between_two_others_is_seen_as_in_the_module(name: str) -> None:
    before = layer("InnerProduct", "inner_product_param { num_output: 780 }", "before")
    before += layer("Reshape", "reshape_param { shape { dim: 0 dim: 6 dim: 13 dim: 10 } }", "maps", "before")
    before += layer("ReLU", name="fed", bottom="maps")
    after = layer("InnerProduct", "inner_product_param { num_output: 3 }", "last", "y")
    assert_alike(parse_net(net_text(before + LAYERS[name].replace('bottom: "x"', 'bottom: "fed"') + after)))
