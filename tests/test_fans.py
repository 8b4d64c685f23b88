"""Fans against counted tables, and against connections counted with a ones-kernel and autograd."""

import csv
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from effort import examples
from glorot import fans
from glorot.adapters import take_inventory as inventory
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.inventory import Part

LINES = (Path(__file__).parent / "data" / "fans.csv").read_text(encoding="utf-8").splitlines()
TABLE = {row["layer"]: row for row in csv.DictReader(line for line in LINES if not line.startswith("#"))}

CALLS: dict[str, Fans] = {
    "dense 300->100": fans.dense(300, 100),
    "conv 64->128 3x3": fans.conv(64, 128, (3, 3)),
    "conv 64->128 3x3 groups=4": fans.conv(64, 128, (3, 3), groups=4),
    "depthwise 64 3x3": fans.conv(64, 64, (3, 3), groups=64),
    "conv transpose 64->128 3x3": fans.conv_transpose(64, 128, (3, 3)),
    "conv transpose 64->128 3x3 groups=4": fans.conv_transpose(64, 128, (3, 3), groups=4),
    "fused QKV 64->192 (each part)": fans.dense(64, 64),
    "LSTM input weights 64->128 (each gate)": fans.dense(64, 128),
    "LSTM recurrent weights 128->128 (each gate)": fans.dense(128, 128),
}

MODULES: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "dense 300->100": (lambda: nn.Linear(300, 100), "weight"),
    "conv 64->128 3x3": (lambda: nn.Conv2d(64, 128, 3), "weight"),
    "conv 64->128 3x3 groups=4": (lambda: nn.Conv2d(64, 128, 3, groups=4), "weight"),
    "depthwise 64 3x3": (lambda: nn.Conv2d(64, 64, 3, groups=64), "weight"),
    "conv transpose 64->128 3x3": (lambda: nn.ConvTranspose2d(64, 128, 3), "weight"),
    "conv transpose 64->128 3x3 groups=4": (lambda: nn.ConvTranspose2d(64, 128, 3, groups=4), "weight"),
    "fused QKV 64->192 (each part)": (lambda: nn.MultiheadAttention(64, 4), "in_proj_weight"),
    "LSTM input weights 64->128 (each gate)": (lambda: nn.LSTM(64, 128), "weight_ih_l0"),
    "LSTM recurrent weights 128->128 (each gate)": (lambda: nn.LSTM(64, 128), "weight_hh_l0"),
}


def true_fans(layer: str) -> Fans:
    return Fans(float(TABLE[layer]["true_in"]), float(TABLE[layer]["true_out"]))


def test_the_tables_cover_every_row() -> None:
    assert set(CALLS) == set(MODULES) == set(TABLE)


@pytest.mark.parametrize("layer", TABLE)
def test_functions_give_the_counted_fans(layer: str) -> None:
    assert CALLS[layer] == true_fans(layer)


@pytest.mark.parametrize("layer", TABLE)
def test_the_inventory_gives_the_counted_fans_to_every_part(layer: str) -> None:
    build, parameter = MODULES[layer]
    parts = [part for part in inventory(build()).parts if part.path == parameter]
    assert {part.fans for part in parts} == {true_fans(layer)}
    assert len(parts) == {"fused": 3, "LSTM ": 4}.get(layer[:5], 1)


# counting connections


def with_ones(module: nn.Module) -> nn.Module:
    """Set weights to 1 and biases to 0, in double precision, where counts are exact."""
    for name, parameter in module.named_parameters():
        nn.init.constant_(parameter, 0.0 if "bias" in name else 1.0)
    return module.double()


def ratio(values: Tensor) -> float:
    """Return the mean of whole numbers, as one correctly rounded quotient."""
    return int(values.sum().item()) / values.numel()


def count(run: Callable[[Tensor], Tensor], inputs: Tensor, in_window: Any = ..., out_window: Any = ...) -> Fans:
    """Count the connections of a linear map whose coefficients are all 1, over windows of interior units."""
    x = inputs.double().requires_grad_()
    y = run(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    return Fans(ratio(y.detach()[out_window]), ratio(gradient[in_window]))


def planned(module: nn.Module, name: str = "weight") -> Fans:
    (part,) = [part for part in inventory(module).parts if part.name == name]
    assert part.fans is not None
    return part.fans


small = st.integers(1, 5)


@given(small, small)
def test_linear(inputs: int, outputs: int) -> None:
    layer = with_ones(nn.Linear(inputs, outputs))
    assert planned(layer) == planned(layer, "bias") == count(layer, torch.ones(1, inputs))


CONVOLUTIONS = {
    False: (nn.Conv1d, nn.Conv2d, nn.Conv3d),
    True: (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
}


@st.composite
def convolutions(draw: st.DrawFn, transposed: bool) -> tuple[nn.Module, list[int], Any]:
    """Draw a convolution, the extents of an input, and the window of interior units, one stride each way."""
    rank = draw(st.integers(1, 3))
    per_axis = st.lists(st.integers(1, 3), min_size=rank, max_size=rank).map(tuple)
    kernel, stride, dilation = draw(per_axis), draw(per_axis), draw(per_axis)
    groups, inputs, outputs = (draw(st.integers(1, 3)) for _ in range(3))
    if draw(st.booleans()):
        inputs, outputs = 1, draw(st.sampled_from([1, 2]))  # depthwise
    kind = CONVOLUTIONS[transposed][rank - 1]
    module = kind(inputs * groups, outputs * groups, kernel, stride, dilation=dilation, groups=groups)
    reach = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
    extents = [r // s + 2 if transposed else 2 * r + s for r, s in zip(reach, stride, strict=True)]
    window = (..., *(slice(r, r + s) for r, s in zip(reach, stride, strict=True)))
    return module, [1, inputs * groups, *extents], window


@examples(60)
@given(convolutions(transposed=False))
def test_convolutions(drawn: tuple[nn.Module, list[int], Any]) -> None:
    module, shape, window = drawn
    assert planned(module) == count(with_ones(module), torch.ones(shape), in_window=window)


@examples(60)
@given(convolutions(transposed=True))
def test_transposed_convolutions(drawn: tuple[nn.Module, list[int], Any]) -> None:
    module, shape, window = drawn
    assert planned(module) == count(with_ones(module), torch.ones(shape), out_window=window)


@given(small, small, small)
def test_bilinear_counts_products(inputs1: int, inputs2: int, outputs: int) -> None:
    layer = with_ones(nn.Bilinear(inputs1, inputs2, outputs))
    x1, x2 = (torch.ones(1, n, dtype=torch.float64, requires_grad=True) for n in (inputs1, inputs2))
    y = layer(x1, x2)
    (by_first,) = torch.autograd.grad(y.sum(), x1, create_graph=True)
    (by_product,) = torch.autograd.grad(by_first[0, 0], x2)  # Σ_o ∂²y_o/∂x1_i∂x2_j: how many y one product feeds
    assert planned(layer) == Fans(ratio(y.detach()), ratio(by_product))


@given(small, small)
def test_embedding_looks_one_row_up(rows: int, dim: int) -> None:
    layer = with_ones(nn.Embedding(rows, dim))
    assert layer(torch.tensor([0])).shape == (1, dim)
    one_hot = torch.zeros(1, rows)
    one_hot[0, -1] = 1
    assert planned(layer) == count(lambda x: x @ layer.weight, one_hot)


def fused(module: nn.Module) -> list[tuple[Part, nn.Parameter]]:
    parameters = dict(module.named_parameters())
    return [(part, parameters[part.path]) for part in inventory(module).parts if part.role in ("kernel", "recurrent")]


@pytest.mark.parametrize(
    ("build", "pieces"),
    [
        (lambda i, h: nn.MultiheadAttention(h, 1), 3 + 1),
        (lambda i, h: nn.MultiheadAttention(h, 1, kdim=i, vdim=i + 1), 3 + 1),
        (lambda i, h: nn.LSTM(i, h, num_layers=2, bidirectional=True), 4 * 2 * 2 * 2),
        (lambda i, h: nn.LSTM(i, h + 1, proj_size=h), 4 * 2 + 1),
        (nn.GRU, 3 * 2),
        (nn.RNN, 2),
        (nn.LSTMCell, 4 * 2),
    ],
)
@examples(8)
@given(inputs=small, hidden=small)
def test_each_piece_of_a_fused_weight(
    build: Callable[[int, int], nn.Module], pieces: int, inputs: int, hidden: int
) -> None:
    found = fused(with_ones(build(inputs, hidden)))
    assert len(found) == pieces
    for part, parameter in found:
        box = ((0, n) for n in parameter.shape) if part.view is None else part.view.box or ()
        piece = parameter[tuple(itertools.starmap(slice, box))]
        assert part.fans == count(lambda x, piece=piece: nn.functional.linear(x, piece), torch.ones(1, piece.shape[1]))


def test_axes_that_count_for_neither() -> None:
    assert fans.from_axes((7, 3, 5, 2), "boik") == Fans(5 * 2, 3 * 2)
    assert fans.from_axes((3, 3, 64, 128), "kkio") == fans.conv(64, 128, (3, 3))
    assert fans.from_axes((16, 8, 4), "oii") == fans.bilinear(8, 4, 16)


# what is refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fans.dense(0, 3), "inputs must be a positive integer, got 0"),
        (lambda: fans.dense(3, -1), "outputs must be a positive integer, got -1"),
        (lambda: fans.dense(3, 1.5), "outputs must be a positive integer, got 1.5"),
        (lambda: fans.dense(True, 3), "inputs must be a positive integer, got True"),
        (lambda: fans.embedding(0), "dim must be a positive integer, got 0"),
        (lambda: fans.bilinear(2, 0, 2), "inputs2 must be a positive integer, got 0"),
        (lambda: fans.conv(4, 4, (3, 0)), "kernel[1] must be a positive integer, got 0"),
        (lambda: fans.conv(4, 4, (3, 3), stride=(1, 0)), "stride[1] must be a positive integer, got 0"),
        (lambda: fans.conv(4, 4, (3, 3), stride=(2,)), "stride (2,) must have as many axes as kernel (3, 3)"),
        (lambda: fans.conv(4, 4, (3,), groups=0), "groups must be a positive integer, got 0"),
        (
            lambda: fans.conv(4, 6, (3,), groups=4),
            "groups=4 must divide both channel counts, got 4 inputs and 6 outputs",
        ),
        (lambda: fans.conv_transpose(0, 6, (3,)), "inputs must be a positive integer, got 0"),
        (
            lambda: fans.conv_transpose(4, 6, (3,), groups=4),
            "groups=4 must divide both channel counts, got 4 inputs and 6 outputs",
        ),
        (
            lambda: fans.from_axes((3, 4), "oix"),
            "axes must label each axis of shape (3, 4) with b, o, i or k, got 'oix'",
        ),
        (
            lambda: fans.from_axes((3, 4), "ox"),
            "axes must label each axis of shape (3, 4) with b, o, i or k, got 'ox'",
        ),
    ],
)
def test_bad_counts_are_named(call: Callable[[], Fans], message: str) -> None:
    with pytest.raises(GlorotError) as caught:
        call()
    assert str(caught.value) == message
