"""Kernels: fans against counting by kernels of ones, which PyTorch and NumPy do the counting of."""

import string
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import glorot
from glorot.graph import Folded, Graph
from glorot.graph.operations import Contract, Permute, Reshape
from glorot.inventory.kernels import kernel_of
from glorot.torch.graph import lower

MAPS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d}
TURNED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}


def kernel_in(graph: Graph, path: str) -> Any:
    folded = Folded(graph)
    return kernel_of(folded, next(use for use in folded.uses[path] if use.role == "kernel"))


def counted(layer: nn.Module, x: torch.Tensor) -> tuple[float, float]:
    """Return the connections of a layer on average over its outputs, and over its inputs, counted with ones."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(1)
        y = layer(torch.ones_like(x))
    return float(y.sum()) / y[0].numel() / len(y), float(y.sum()) / x[0].numel() / len(x)


def assert_counted(layer: nn.Module, x: torch.Tensor) -> None:
    def leaves(graph: Graph) -> list[Any]:
        return [(layer.weight, graph.parameter("w", layer.weight.shape))]

    kernel = kernel_in(lower(layer, lambda: layer(x), (x,), leaves).graph, "w")
    assert (kernel.fans.fan_in, kernel.fans.fan_out) == pytest.approx(counted(layer, x), rel=1e-6)


@pytest.mark.parametrize("is_transposed", [False, True], ids=["conv", "transposed"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding": 1},
        {"stride": 2, "padding": 1},
        {"dilation": 2, "padding": 2},
        {"groups": 2},
        {"groups": 4, "padding": 1, "stride": 2},
    ],
    ids=["plain", "padded", "strided", "dilated", "grouped", "depthwise"],
)
@pytest.mark.parametrize("rank", [1, 2])
def test_the_fans_of_a_convolution_are_counted(rank: int, options: dict[str, int], is_transposed: bool):
    layer = (TURNED if is_transposed else MAPS)[rank](4, 8, 3, bias=False, **options)
    assert_counted(layer, torch.ones(2, 4, *[7, 6][:rank]))


@given(st.data())
def test_the_fans_of_any_convolution_are_counted(data: Any):
    groups = data.draw(st.integers(1, 3))
    inputs, outputs = (groups * data.draw(st.integers(1, 2)) for _ in range(2))
    window = [data.draw(st.integers(1, 3)) for _ in range(2)]
    options = {name: data.draw(st.integers(low, 2)) for name, low in (("stride", 1), ("padding", 0), ("dilation", 1))}
    layer = nn.Conv2d(inputs, outputs, tuple(window), groups=groups, bias=False, **options)
    assert_counted(layer, torch.ones(1, inputs, data.draw(st.integers(5, 9)), data.draw(st.integers(5, 9))))


def test_a_latent_of_one_pixel_feeds_each_output_once():
    layer = nn.ConvTranspose2d(100, 64, 4, bias=False)
    assert_counted(layer, torch.ones(2, 100, 1, 1))
    assert counted(layer, torch.ones(2, 100, 1, 1)) == (100, 64 * 16)


@given(st.data())
def test_the_fans_of_any_contraction_are_counted(data: Any):
    """Letters of the batch, shared with the kernel (b), summed (i) and free (o), in any order and number."""
    letters = iter(string.ascii_lowercase)
    batch, copies, summed, free = ([next(letters) for _ in range(data.draw(st.integers(n, 2)))] for n in (0, 0, 1, 0))
    sizes = {letter: data.draw(st.integers(1, 3)) for letter in (*batch, *copies, *summed, *free)}
    signal, kernel, result = (
        "".join(data.draw(st.permutations(some)))
        for some in (batch + copies + summed, copies + summed + free, batch + copies + free)
    )
    graph = Graph()
    operands = [graph.input([sizes[n] for n in signal]), graph.parameter("w", [sizes[n] for n in kernel])]
    graph.step(Contract(f"{signal},{kernel}->{result}"), operands, [sizes[n] for n in result])
    found = kernel_in(graph, "w")
    ones = [np.ones([sizes[n] for n in some]) for some in (signal, kernel)]
    connections = np.einsum(f"{signal},{kernel}->{result}", *ones).sum()
    outputs, inputs = (np.prod([sizes[n] for n in some], initial=1) for some in (result, signal))
    assert (found.fans.fan_in, found.fans.fan_out) == (connections / outputs, connections / inputs)
    meaning = {**dict.fromkeys(copies, "b"), **dict.fromkeys(summed, "i"), **dict.fromkeys(free, "o")}
    assert found.letters == tuple(meaning[n] if sizes[n] > 1 else "" for n in kernel)


def test_a_stored_kernel_is_read_through_its_moves():
    """(3, 4, 5, 2), of which (4, 2) are inputs, and (3, 5) outputs."""
    graph = Graph()
    stored = graph.parameter("w", (3, 4, 5, 2))
    permuted = graph.step(Permute((1, 3, 0, 2)), [stored], (4, 2, 3, 5))
    matrix = graph.step(Reshape(), [permuted], (8, 15))
    graph.step(Contract("ni,io->no"), [graph.input((6, 8)), matrix], (6, 15))
    kernel = kernel_in(graph, "w")
    assert kernel.letters == ("o", "i", "o", "i")
    assert (kernel.fans.fan_in, kernel.fans.fan_out, kernel.groups) == (8, 15, 1)


def test_the_groups_of_a_convolution_share_an_axis_with_its_outputs():
    layer, x = nn.Conv2d(4, 8, 3, groups=2, bias=False), torch.ones(1, 4, 5, 5)

    def leaves(graph: Graph) -> list[Any]:
        return [(layer.weight, graph.parameter("w", layer.weight.shape))]

    kernel = kernel_in(lower(layer, lambda: layer(x), (x,), leaves).graph, "w")
    assert (kernel.letters, kernel.groups) == (("bo", "i", "k", "k"), 2)


@pytest.mark.parametrize("options", [{}, {"padding": 1}, {"stride": 2, "padding": 1}, {"groups": 2}])
def test_the_bias_of_a_convolution_has_the_fans_of_its_kernel(options: dict[str, int]):
    plan = glorot.plan(nn.Sequential(nn.Conv2d(4, 8, 3, **options)), inputs=torch.ones(2, 4, 7, 6))
    kernel, bias = plan.entries
    assert (kernel.role, bias.role) == ("kernel", "bias")
    assert bias.fans == kernel.fans


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"groups": 2}])
def test_zeros_that_a_step_of_its_own_adds_are_no_inputs(options: dict[str, int]):
    inside = nn.Conv2d(4, 8, 3, padding=1, **options)
    before = nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(4, 8, 3, **options))
    fans = [glorot.plan(model, inputs=torch.ones(2, 4, 7, 6)).entries[0].fans for model in (inside, before)]
    assert fans[0] == fans[1]


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_elements_that_are_mirrored_are_inputs(mode: str):
    layer = nn.Conv2d(4, 8, 3, padding=1, padding_mode=mode)
    fans = glorot.plan(layer, inputs=torch.ones(2, 4, 7, 6)).entries[0].fans
    assert (fans.fan_in, fans.fan_out) == (4 * 9, pytest.approx(8 * 9))  # all copies of an element feed for it


class Flat(nn.Module):
    """A layer that keeps two kernels in one vector, as layers of equivariant networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8 * 6 + 4 * 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = self.weight[:48].reshape(8, 6), self.weight[48:].reshape(4, 3)
        return torch.cat([x[:, :8] @ first, x[:, 8:] @ second], -1)


def test_a_vector_that_holds_kernels_of_two_sizes_keeps_the_start_of_its_model():
    (entry,) = glorot.plan(Flat(), inputs=torch.ones(2, 12)).entries
    assert (entry.role, entry.shape, entry.distribution) == ("unknown", (60,), None)
    assert "not understood" in entry.why
