"""What the drop-in alone refuses, in which words, and that nothing has been written or drawn then."""

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
    "uniform: far": (
        lambda w: init.uniform_(w, 1e20, 2e20),
        MATRIX,
        r"^uniform_: \(b - a\)/2 must lie between .* got 5e\+19",
    ),
    "normal: huge": (
        lambda w: init.normal_(w, std=1e20),
        MATRIX,
        r"^normal_: std must lie between 2\^-64 and 2\^64, got 1e\+20;",
    ),
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
    "truncated: nan": (
        lambda w: init.trunc_normal_(w, a=math.nan),
        VECTOR,
        r"^trunc_normal_: a must not be above b, got a=nan",
    ),
    "truncated: far": (
        lambda w: init.trunc_normal_(w, 0.5, 0.02, a=-2, b=0.3),
        VECTOR,
        r"^trunc_normal_: from a=-2 to b=0\.3, more than 6 standard deviations from the mean, the normal law has next to "
        r"nothing; a and b are values, not multiples of std$",
    ),
    "xavier: vector": (
        init.xavier_uniform_,
        VECTOR,
        r"^xavier_uniform_: the shape must have 2 or more axes, \(out, in, \*kernel\), got 5; "
        r"for a bias call zeros_ or uniform_$",
    ),
    "xavier: gain": (
        lambda w: init.xavier_uniform_(w, -1),
        MATRIX,
        r"^xavier_uniform_: gain must be a finite number from 0 upwards, got -1$",
    ),
    "kaiming: mode": (
        lambda w: init.kaiming_normal_(w, mode="fan_avg"),
        MATRIX,
        r"^kaiming_normal_: mode must be one of fan_in, fan_out, got 'fan_avg'$",
    ),
    "kaiming: activation": (
        lambda w: init.kaiming_uniform_(w, nonlinearity="gelu"),
        MATRIX,
        r"^kaiming_uniform_: nonlinearity must be one of linear, conv1d, .*, leaky_relu, got 'gelu'; PyTorch has no gain for others: glorot\.activations",
    ),
    "gain: slope": (
        lambda w: init.calculate_gain("leaky_relu", True),
        MATRIX,
        r"^calculate_gain: param must be a number, got True \(bool\)$",
    ),
    "gain: list": (lambda w: init.calculate_gain(["relu"]), MATRIX, r"^calculate_gain: nonlinearity must be one of"),
    "orthogonal: gain": (
        lambda w: init.orthogonal_(w, math.inf),
        MATRIX,
        r"^orthogonal_: gain must be a finite number, got inf$",
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
    "eye: kernel": (init.eye_, (3, 4, 2), r"^eye_: the shape must have 2 axes, \(out, in\), got 3×4×2$"),
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
        with pytest.raises(ValueError, match="the shape must have .*, got 5"):
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
    with pytest.raises(GlorotError, match=r"^normal_: generator must be a torch.Generator or None, got 0 \(int\)$"):
        init.normal_(torch.empty(3), generator=0)
