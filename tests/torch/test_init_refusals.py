"""What the drop-in refuses, in which words, and that nothing has been written or drawn then."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing._internal.two_tensor import TwoTensor

from glorot.errors import GlorotError
from glorot.torch import init

MATRIX, VECTOR, SCALAR = (3, 4), (5,), ()

REFUSALS: dict[str, tuple[Callable[[Tensor], Any], tuple[int, ...], str]] = {
    "uniform: ends": (lambda w: init.uniform_(w, 2, 1), MATRIX, r"^uniform_: a must not be above b, got a=2, b=1$"),
    "uniform: nan": (lambda w: init.uniform_(w, math.nan, 1), MATRIX, r"^uniform_: a must be finite, got nan$"),
    "uniform: inf": (lambda w: init.uniform_(w, 0, math.inf), MATRIX, r"^uniform_: b must be finite, got inf$"),
    "uniform: narrow": (
        lambda w: init.uniform_(w, 0, 1e-20),
        MATRIX,
        r"^uniform_: \(b - a\)/2 must lie between 2\^-64 and 2\^64, got 5e-21; draw with a scale of about 1 and multiply the tensor$",
    ),
    "uniform: far": (
        lambda w: init.uniform_(w, 1e20, 2e20),
        MATRIX,
        r"^uniform_: \(b - a\)/2 must lie between .* got 5e\+19",
    ),
    "uniform: text": (lambda w: init.uniform_(w, "0", 1), MATRIX, r"^uniform_: a must be a number, got '0' \(str\)$"),
    "uniform: list": (
        lambda w: init.uniform_(w, [0.0], 1),
        MATRIX,
        r"^uniform_: a must be a number, got \[0.0\] \(list\)$",
    ),
    "uniform: None": (lambda w: init.uniform_(w, 0, None), MATRIX, r"^uniform_: b must be a number, got None"),
    "uniform: long": (
        lambda w: init.uniform_(w, 0, 10**400),
        MATRIX,
        r"^uniform_: b must lie within ±1\.8e308, got a longer whole number$",
    ),
    "normal: negative": (lambda w: init.normal_(w, 0, -1), MATRIX, r"^normal_: std must not be negative, got -1$"),
    "normal: tiny": (
        lambda w: init.normal_(w, std=1e-20),
        MATRIX,
        r"^normal_: std must lie between 2\^-64 and 2\^64, got 1e-20;",
    ),
    "normal: huge": (
        lambda w: init.normal_(w, std=1e20),
        MATRIX,
        r"^normal_: std must lie between 2\^-64 and 2\^64, got 1e\+20;",
    ),
    "normal: nan": (lambda w: init.normal_(w, std=math.nan), MATRIX, r"^normal_: std must be finite, got nan$"),
    "normal: bool": (
        lambda w: init.normal_(w, std=True),
        MATRIX,
        r"^normal_: std must be a number, got True \(bool\)$",
    ),
    "normal: complex": (lambda w: init.normal_(w, 1j), MATRIX, r"^normal_: mean must be a number, got 1j \(complex\)$"),
    "normal: tensor": (
        lambda w: init.normal_(w, torch.ones(2)),
        MATRIX,
        r"^normal_: mean must be a number, got tensor\(\[1\., 1\.\]\) \(Tensor\)$",
    ),
    "normal: out of reach": (
        lambda w: init.normal_(w, 1e39),
        MATRIX,
        r"^normal_: Normal\(mean=1e\+39, std=1\.0\) reaches 1e\+39, but float32 holds at most 3\.40282e\+38; choose a smaller scale$",
    ),
    "truncated: ends": (
        lambda w: init.trunc_normal_(w, a=1, b=-1),
        VECTOR,
        r"^trunc_normal_: a must not be above b, got a=1, b=-1$",
    ),
    "truncated: nan": (
        lambda w: init.trunc_normal_(w, a=math.nan),
        VECTOR,
        r"^trunc_normal_: a must not be above b, got a=nan",
    ),
    "truncated: std": (
        lambda w: init.trunc_normal_(w, std=0),
        VECTOR,
        r"^trunc_normal_: std must be above 0, got 0; for all-equal values call constant_$",
    ),
    "truncated: far": (
        lambda w: init.trunc_normal_(w, 0.5, 0.02, a=-2, b=0.3),
        VECTOR,
        r"^trunc_normal_: \[-2, 0\.3\] lies more than 6 std from the mean 0\.5 \(std 0\.02\), where the normal law has next "
        r"to nothing; a and b are values, not multiples of std$",
    ),
    "truncated: mean": (
        lambda w: init.trunc_normal_(w, mean=-math.inf),
        VECTOR,
        r"^trunc_normal_: mean must be finite, got -inf$",
    ),
    "xavier: vector": (
        init.xavier_uniform_,
        VECTOR,
        r"^xavier_uniform_: fan_in and fan_out need a tensor of at least 2 dimensions, \(out, in, \*kernel\), got shape 5; "
        r"for a bias call zeros_ or uniform_$",
    ),
    "xavier: scalar": (init.xavier_normal_, SCALAR, r"^xavier_normal_: fan_in and fan_out need .* got shape scalar;"),
    "xavier: gain": (
        lambda w: init.xavier_uniform_(w, -1),
        MATRIX,
        r"^xavier_uniform_: gain must be a finite number from 0 upwards, got -1$",
    ),
    "xavier: nan": (
        lambda w: init.xavier_normal_(w, math.nan),
        MATRIX,
        r"^xavier_normal_: gain must be a finite number from 0 upwards, got nan$",
    ),
    "xavier: tiny": (
        lambda w: init.xavier_uniform_(w, 1e-25),
        MATRIX,
        r"^xavier_uniform_: the bound that gain and fans give must lie between 2\^-64 and 2\^64, got 9\.2582e-26;",
    ),
    "kaiming: vector": (init.kaiming_uniform_, VECTOR, r"^kaiming_uniform_: fan_in and fan_out need .* got shape 5;"),
    "kaiming: mode": (
        lambda w: init.kaiming_normal_(w, mode="fan_avg"),
        MATRIX,
        r"^kaiming_normal_: mode must be 'fan_in' or 'fan_out', got 'fan_avg'$",
    ),
    "kaiming: no mode": (
        lambda w: init.kaiming_normal_(w, mode=None),
        MATRIX,
        r"^kaiming_normal_: mode must be .* got None$",
    ),
    "kaiming: activation": (
        lambda w: init.kaiming_uniform_(w, nonlinearity="gelu"),
        MATRIX,
        r"^calculate_gain: nonlinearity must be one of linear, conv1d, .*, leaky_relu, got 'gelu'; PyTorch has no gain for others: glorot\.activations",
    ),
    "kaiming: slope": (
        lambda w: init.kaiming_uniform_(w, "0"),
        MATRIX,
        r"^kaiming_uniform_: a must be a number, got '0' \(str\)$",
    ),
    "kaiming: infinite": (
        lambda w: init.kaiming_normal_(w, math.inf),
        MATRIX,
        r"^calculate_gain: the negative slope must be finite, got inf$",
    ),
    "gain: slope": (
        lambda w: init.calculate_gain("leaky_relu", True),
        MATRIX,
        r"^calculate_gain: the negative slope must be a number, got True \(bool\)$",
    ),
    "gain: list": (lambda w: init.calculate_gain(["relu"]), MATRIX, r"^calculate_gain: nonlinearity must be one of"),
    "orthogonal: vector": (
        init.orthogonal_,
        VECTOR,
        r"^orthogonal_: only tensors of 2 or more dimensions, \(out, in, \*kernel\), got shape 5$",
    ),
    "orthogonal: gain": (
        lambda w: init.orthogonal_(w, math.inf),
        MATRIX,
        r"^orthogonal_: gain must be finite, got inf$",
    ),
    "orthogonal: tiny": (
        lambda w: init.orthogonal_(w, 1e-30),
        MATRIX,
        r"^orthogonal_: \|gain\| must lie between 2\^-64 and 2\^64, got 1e-30",
    ),
    "sparse: kernel": (
        lambda w: init.sparse_(w, 0.5),
        (3, 4, 2),
        r"^sparse_: only tensors of 2 dimensions, \(rows, columns\), got 3×4×2$",
    ),
    "sparse: share": (
        lambda w: init.sparse_(w, 1.5),
        MATRIX,
        r"^sparse_: sparsity must lie between 0 and 1, got 1\.5$",
    ),
    "sparse: nan": (
        lambda w: init.sparse_(w, math.nan),
        MATRIX,
        r"^sparse_: sparsity must lie between 0 and 1, got nan$",
    ),
    "sparse: std": (lambda w: init.sparse_(w, 0.5, -1), MATRIX, r"^sparse_: std must not be negative, got -1$"),
    "eye: kernel": (init.eye_, (3, 4, 2), r"^eye_: only tensors of 2 dimensions, \(out, in\), got shape 3×4×2$"),
    "dirac: matrix": (
        init.dirac_,
        MATRIX,
        r"^dirac_: only tensors of 3, 4 or 5 dimensions, .* got shape 3×4; for a matrix call eye_$",
    ),
    "dirac: groups": (
        lambda w: init.dirac_(w, 2),
        (3, 4, 5),
        r"^dirac_: groups must be a whole number from 1 upwards that divides the 3 outputs in dimension 0, got 2$",
    ),
    "dirac: no group": (lambda w: init.dirac_(w, 0), (3, 4, 5), r"^dirac_: groups must be a whole number .* got 0$"),
    "dirac: half": (lambda w: init.dirac_(w, 1.0), (3, 4, 5), r"^dirac_: groups must be a whole number .* got 1\.0$"),
}


@pytest.mark.parametrize(("draw", "shape", "message"), REFUSALS.values(), ids=list(REFUSALS))
def test_a_refusal_says_what_and_changes_nothing(draw, shape, message):
    for device in ("cpu", "meta"):
        tensor, before = torch.full(shape, 7.0, device=device), torch.get_rng_state()
        with pytest.raises(GlorotError, match=message):
            draw(tensor)
        assert torch.equal(torch.get_rng_state(), before)
        assert tensor._version == 0
        assert tensor.is_meta or torch.equal(tensor, torch.full(shape, 7.0))


def test_refusals_are_value_errors_as_those_of_torch_are():
    for draw in (init.xavier_normal_, init.kaiming_normal_, init.orthogonal_, init.eye_, init.dirac_):
        with pytest.raises(ValueError, match="shape 5"):
            draw(torch.empty(5))


RANDOM: dict[str, Callable[[Tensor], Tensor]] = {
    "uniform_": init.uniform_,
    "normal_": init.normal_,
    "trunc_normal_": init.trunc_normal_,
    "xavier_uniform_": init.xavier_uniform_,
    "xavier_normal_": init.xavier_normal_,
    "kaiming_uniform_": init.kaiming_uniform_,
    "kaiming_normal_": init.kaiming_normal_,
    "orthogonal_": init.orthogonal_,
    "sparse_": lambda w: init.sparse_(w, 0.5),
}
each_random = pytest.mark.parametrize(("name", "draw"), RANDOM.items(), ids=list(RANDOM))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64, torch.float8_e8m0fnu])
@each_random
def test_other_dtypes_are_refused_by_random_laws(name, draw, dtype):
    tensor = torch.empty(3, 4, dtype=dtype)
    said = str(dtype).removeprefix("torch.")
    with pytest.raises(
        GlorotError, match=rf"^{name}: dtype {said} holds no weights that are drawn.*; expected float32"
    ):
        draw(tensor)
    assert tensor._version == 0


def test_half_precision_refuses_what_it_cannot_hold():
    with pytest.raises(GlorotError, match=r"^normal_: Normal\(.*\) reaches 130000, but float16 holds at most 65504;"):
        init.normal_(torch.empty(3, dtype=torch.float16), std=2e4)
    assert init.normal_(torch.empty(3, dtype=torch.bfloat16), std=2e4).isfinite().all()


SHARING = {
    "expanded": lambda: torch.zeros(1, 4).expand(3, 4),
    "unfolded": lambda: torch.zeros(6).unfold(0, 4, 1),
    "overlapping": lambda: torch.zeros(9).as_strided((3, 4), (2, 1)),
}


@pytest.mark.parametrize("build", SHARING.values(), ids=list(SHARING))
@pytest.mark.parametrize(("name", "draw"), [*RANDOM.items(), ("eye_", init.eye_)])
def test_elements_that_share_memory_are_refused(name, draw, build):
    tensor, before = build(), torch.get_rng_state()
    with pytest.raises(
        GlorotError,
        match=rf"^{name}: elements of the tensor share memory \(shape 3×4, strides \(\d, 1\)\), so they cannot differ; fill a copy",
    ):
        draw(tensor)
    assert torch.equal(torch.get_rng_state(), before)


def test_dirac_refuses_shared_memory_and_constants_do_not_mind():
    with pytest.raises(GlorotError, match=r"^dirac_: elements of the tensor share memory"):
        init.dirac_(torch.zeros(1, 2, 2).expand(2, 2, 2))
    assert init.ones_(torch.zeros(1).expand(3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("thing", [[[1.0, 2.0]], np.zeros((2, 2)), None, nn.Linear(2, 2)])
@pytest.mark.parametrize(("name", "draw"), [*RANDOM.items(), ("ones_", init.ones_), ("eye_", init.eye_)])
def test_what_is_no_tensor_is_refused(name, draw, thing):
    with pytest.raises(GlorotError, match=rf"^{name}: tensor must be a torch.Tensor, got {type(thing).__name__}$"):
        draw(thing)


@each_random
def test_a_tensor_that_keeps_its_values_elsewhere_is_refused(name, draw):
    inside = torch.zeros(3, 4), torch.zeros(3, 4)
    before = torch.get_rng_state()
    with pytest.raises(
        GlorotError,
        match=rf"^{name}: a TwoTensor keeps its values in other tensors, and glorot writes plain ones; "
        r"fill the plain tensor before it is wrapped, or call the function of torch\.nn\.init$",
    ):
        draw(TwoTensor(*inside))
    assert torch.equal(torch.get_rng_state(), before)
    assert not any(tensor.any() for tensor in inside)


def test_sparse_layouts_are_refused():
    with pytest.raises(GlorotError, match=r"^normal_: the tensor has layout torch.sparse_coo, and only dense ones"):
        init.normal_(torch.eye(3).to_sparse())


def test_what_is_no_generator_is_refused():
    with pytest.raises(GlorotError, match=r"^generator must be a torch.Generator or None, got 0 \(int\)$"):
        init.normal_(torch.empty(3), generator=0)
