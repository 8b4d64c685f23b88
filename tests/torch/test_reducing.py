"""Tensors reduced in one native pass, and by PyTorch: the same figures."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from glorot.graph.axes import Layout
from glorot.graph.readings import Reading
from glorot.native import available, using
from glorot.torch import reducing

NATIVE = [kernel for kernel in available() if kernel != "numpy"]
SHAPES = {
    "maps": ((32, 24, 15, 15), Layout(0, 1)),
    "one example": ((1, 300, 900), Layout(0, 2)),
    "wide vectors": ((300, 1500), Layout(0, 1)),
    "rows of eight examples": ((2048, 130), Layout(0, 1)),
    "steps before examples": ((40, 16, 70), Layout(1, 2)),
    "no examples": ((700, 700), Layout(None, 1)),
    "more than a block": ((8, 5, 130, 70), Layout(0, 1)),
}
ROUNDED = 1e-4
"""How far PyTorch's own sums may be off: they are rounded to single precision one after the other."""

DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]


def tensor_of(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    numbers = np.random.default_rng(0).normal(0.3, 2.0, shape)
    return torch.from_numpy(numbers).to(dtype)


def figures(one: Reading) -> tuple[float, float, float]:
    return one.mean, one.second_moment, one.std_across


def read(kernel: str, tensor: Tensor, layout: Layout, examples: int = 8, **more: bool) -> Reading:
    with using(kernel):
        return reducing.keep(tensor, layout, examples, **more).reading()


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_native_pass_reads_what_pytorch_reads(shape: str, dtype: torch.dtype, kernel: str):
    sizes, layout = SHAPES[shape]
    tensor = tensor_of(sizes, dtype)
    found, expected = read(kernel, tensor, layout), read("numpy", tensor, layout)
    assert figures(found) == pytest.approx(figures(expected), rel=ROUNDED, abs=1e-6, nan_ok=True)
    assert found.sizes == expected.sizes
    np.testing.assert_array_equal(found.sample, expected.sample)


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", DTYPES[:3], ids=str)
@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - {"steps before examples"}))  # whose rows have gaps
def test_a_native_pass_rounds_to_no_less_than_single_precision(shape: str, dtype: torch.dtype, kernel: str):
    sizes, layout = SHAPES[shape]
    tensor = tensor_of(sizes, dtype)
    found, exact = read(kernel, tensor, layout), tensor.double()
    assert found.mean == pytest.approx(exact.mean().item(), rel=1e-6)
    assert found.second_moment == pytest.approx(exact.square().mean().item(), rel=1e-6)


@pytest.mark.parametrize("kernel", NATIVE)
def test_a_native_pass_sums_more_exactly_than_single_precision_holds(kernel: str):
    tensor = tensor_of((4096, 700)) * 0.01 + 100
    found = read(kernel, tensor, Layout(0, 1), 4096)
    exact = tensor.double()
    assert found.mean == pytest.approx(exact.mean().item(), rel=1e-7)
    assert found.second_moment == pytest.approx(exact.square().mean().item(), rel=1e-7)


LAYOUTS = {
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "a part of each row": lambda x: torch.cat([x, x], dim=1)[:, : x.shape[1]],
    "every other example": lambda x: x.repeat_interleave(2, dim=0)[::2],
    "with gaps": lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
    "one example expanded": lambda x: x[:1].expand_as(x),
    "one channel expanded": lambda x: x[:, :1].expand_as(x),
    "one short of where memory begins": lambda x: torch.cat([x.flatten()[:1], x.flatten()])[1:].view_as(x),
    "a gradient's parameter": torch.nn.Parameter,
}


@pytest.mark.parametrize("arranged", LAYOUTS)
def test_how_a_tensor_lies_in_memory_changes_nothing(arranged: str):
    tensor = LAYOUTS[arranged](tensor_of((8, 30, 40, 40)))
    found, expected = (read(kernel, tensor, Layout(0, 1)) for kernel in (NATIVE[0], "numpy"))
    exact = read("numpy", tensor.double().contiguous(), Layout(0, 1))
    for one in (found, expected):
        assert figures(one) == pytest.approx(figures(exact), rel=ROUNDED, abs=1e-6)


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", [0, 12_345, -1])
def test_what_is_not_finite_is_told_by_both(where: int, odd: float, kernel: str):
    tensor = tensor_of((8, 50, 30, 30))
    tensor.view(-1)[where] = odd
    found, expected = read(kernel, tensor, Layout(0, 1)), read("numpy", tensor, Layout(0, 1))
    np.testing.assert_equal(figures(found)[:2], figures(expected)[:2])
    assert not math.isfinite(found.mean)


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (0,), (0, 4), (300, 700), (64, 3, 7, 7), (2, 0, 3)], ids=str)
def test_a_gradient_is_read_alike(shape: tuple[int, ...], dtype: torch.dtype, kernel: str):
    gradient = tensor_of(shape, dtype)
    with using(kernel):
        found = reducing.read_gradient(gradient)
    with using("numpy"):
        expected = reducing.read_gradient(gradient)
    assert found.sizes == expected.sizes == (1, 1, gradient.numel())
    assert figures(found) == pytest.approx(figures(expected), rel=ROUNDED, abs=1e-6, nan_ok=True)


def test_figures_do_not_depend_on_how_many_threads_share_the_work():
    tensor, before = tensor_of((32, 64, 40, 40)), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = read(NATIVE[0], tensor, Layout(0, 1))
        torch.set_num_threads(2)
        assert figures(read(NATIVE[0], tensor, Layout(0, 1))) == figures(alone)
    finally:
        torch.set_num_threads(before)


def test_float64_and_a_tensor_with_gaps_are_left_to_pytorch():
    assert reducing._sums(tensor_of((8, 300, 300))) is not None
    assert reducing._sums(tensor_of((8, 300, 300), torch.float64)) is None
    assert reducing._sums(LAYOUTS["with gaps"](tensor_of((8, 30, 40, 40)))) is None
