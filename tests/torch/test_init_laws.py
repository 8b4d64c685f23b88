"""The laws of the drop-in are those of torch.nn.init: the same function, a million draws each."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from effort import slow_after
from glorot import stream
from glorot.distributions import Normal, Orthogonal, Uniform
from glorot.stream import Key
from glorot.torch import init
from samples import SMALLEST_P, differences

SQUARE, WIDE, KERNEL = (1000, 1000), (400, 2500), (200, 64, 9, 9)

LAWS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("uniform_", SQUARE, {"a": -0.3, "b": 0.1}),
    ("normal_", SQUARE, {"mean": -3, "std": 0.5}),
    ("trunc_normal_", SQUARE, {"std": 0.02, "a": -0.04, "b": 0.04}),
    ("trunc_normal_", SQUARE, {"mean": 0.5, "std": 2.0, "a": 1.0, "b": 1.5}),
    ("xavier_uniform_", KERNEL, {"gain": 2.5}),
    ("xavier_normal_", WIDE, {}),
    ("kaiming_uniform_", KERNEL, {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", KERNEL, {"mode": "FAN_OUT", "nonlinearity": "tanh"}),
    ("uniform_", SQUARE, {}),
    ("normal_", SQUARE, {}),
    ("trunc_normal_", SQUARE, {}),
    ("trunc_normal_", SQUARE, {"std": 0.02}),
    ("trunc_normal_", SQUARE, {"a": 1.8, "b": 3.0}),
    ("trunc_normal_", SQUARE, {"mean": 1.0, "a": -math.inf, "b": 1.0}),
    ("trunc_normal_", SQUARE, {"a": -math.inf, "b": math.inf}),
    ("xavier_uniform_", WIDE, {}),
    ("xavier_normal_", KERNEL, {"gain": 0.1}),
    ("kaiming_uniform_", WIDE, {"a": math.sqrt(5)}),
    ("kaiming_uniform_", WIDE, {"nonlinearity": "selu", "a": 3}),
    ("kaiming_normal_", WIDE, {}),
]
IDS = [f"{name}-{len(shape)}d-{options}" for name, shape, options in LAWS]


def both(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> tuple[Any, Any]:
    torch.manual_seed(7)
    theirs = getattr(nn.init, name)(torch.empty(shape), **options).double().numpy().ravel()
    return getattr(init, name)(torch.empty(shape), **options).double().numpy().ravel(), theirs


@pytest.mark.parametrize(("name", "shape", "options"), slow_after(8, LAWS), ids=IDS)
def test_the_law_is_that_of_torch(name, shape, options):
    assert differences(*both(name, shape, options)) == []


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda x: 1.01 * x, ["std"]),
        (lambda x: x + 0.01, ["mean", "shape"]),
        (lambda x: np.clip(x, -1.99, 1.99), ["std", "shape"]),
    ],
)
def test_a_law_one_percent_off_would_be_seen(change: Callable[[Any], Any], seen: list[str]):
    ours, theirs = both("trunc_normal_", SQUARE, {"a": -2.5, "b": 2.5})
    assert differences(ours, theirs) == []
    assert differences(change(ours), theirs) == seen


def bounds(draw: Callable[[Tensor], Tensor], dtype: torch.dtype) -> tuple[float, float]:
    values = draw(torch.empty(SQUARE, dtype=dtype))
    return float(values.min()), float(values.max())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("draw", "low", "high"),
    [
        (lambda w: init.uniform_(w, -0.3, 0.1), -0.3, 0.1),
        (init.xavier_uniform_, -math.sqrt(6 / 2000), math.sqrt(6 / 2000)),
        (init.kaiming_uniform_, -math.sqrt(6 / 1000), math.sqrt(6 / 1000)),
        (lambda w: init.trunc_normal_(w, 0.01, 0.02, -0.03, 0.04), -0.03, 0.04),
    ],
)
def test_bounds_are_kept_to_the_last_bit(draw, low, high, dtype):
    smallest, largest = (float(torch.tensor(bound).to(dtype)) for bound in (low, high))
    found = bounds(draw, dtype)
    assert smallest <= found[0] < low + 0.001 * (high - low)
    assert high - 0.001 * (high - low) < found[1] <= largest


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_dtype_holds_the_float32_value_rounded_once(dtype):
    for name, shape, options in LAWS:
        small = [min(n, 40) for n in shape]
        values = [
            getattr(init, name)(torch.empty(small, dtype=kind), generator=torch.Generator().manual_seed(3), **options)
            for kind in (torch.float32, dtype)
        ]
        assert torch.equal(values[0].to(dtype), values[1])


def test_the_key_is_one_64_bit_draw_of_the_generator():
    generator = torch.Generator().manual_seed(5)
    bits = int(torch.empty((), dtype=torch.int64).random_(-(2**63), None, generator=generator))
    key = Key(bits % 2**32, bits // 2**32 % 2**32)
    for law, draw in [
        (Uniform(-1, 2), lambda w: init.uniform_(w, -1, 2, generator=generator)),
        (Normal(0, 3), lambda w: init.normal_(w, 0, 3, generator=generator)),
        (Orthogonal(2), lambda w: init.orthogonal_(w, 2, generator=generator)),
    ]:
        generator.manual_seed(5)
        assert np.allclose(draw(torch.empty(4, 7)).numpy(), stream.draw(key, law, (4, 7), axes="oi"), rtol=0, atol=1e-5)


# orthogonal_

SHAPES = [(5, 5), (3, 7), (7, 3), (4, 3, 2, 2), (40, 3, 2, 2), (1, 6), (6, 1), (1, 1)]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonal_is_semi_orthogonal_as_torch_has_it(shape, dtype):
    w = init.orthogonal_(torch.empty(shape, dtype=dtype), gain=3).double().flatten(1)
    theirs = nn.init.orthogonal_(torch.empty(shape, dtype=torch.float64), gain=3).flatten(1)
    tolerance = 40 * max(torch.finfo(dtype).eps, 1e-7)
    assert w.shape == theirs.shape
    for matrix in (w, theirs):
        product = matrix @ matrix.T if shape[0] <= matrix.shape[1] else matrix.T @ matrix
        assert torch.allclose(product, 9 * torch.eye(len(product), dtype=torch.float64), atol=tolerance)


def test_orthogonal_is_haar_distributed():
    torch.manual_seed(0)
    matrices = torch.stack([init.orthogonal_(torch.empty(3, 3)) for _ in range(2000)]).numpy()
    for row, column in [(0, 0), (1, 2), (2, 2)]:  # a coordinate of a point on the sphere is uniform (Archimedes)
        assert stats.kstest(matrices[:, row, column], stats.uniform(-1, 2).cdf).pvalue > SMALLEST_P
    assert abs(np.sign(np.linalg.det(matrices)).mean()) < 0.1


# sparse_


@pytest.mark.parametrize("shape", [(10, 4), (30, 7), (1, 3), (3, 1), (257, 129)])
@pytest.mark.parametrize("sparsity", [0, 0.1, 0.25, 0.5, 0.99, 1])
def test_sparse_has_as_many_zeros_in_each_column_as_torch(shape, sparsity):
    ours, theirs = (module.sparse_(torch.empty(shape), sparsity) for module in (init, nn.init))
    assert ((ours == 0).sum(0) == math.ceil(sparsity * shape[0])).all()
    assert ((ours == 0).sum(0) == (theirs == 0).sum(0)).all()


def test_sparse_puts_its_zeros_anywhere_and_normal_numbers_elsewhere():
    torch.manual_seed(0)
    w = init.sparse_(torch.empty(20, 50_000), 0.3, std=0.5)
    assert stats.chisquare((w == 0).sum(1).numpy()).pvalue > SMALLEST_P
    together = ((w[0] == 0) & (w[7] == 0)).double().mean()
    assert float(together) == pytest.approx(6 / 20 * 5 / 19, rel=0.03)
    assert stats.kstest(w[w != 0].numpy(), stats.norm(0, 0.5).cdf).pvalue > SMALLEST_P


def test_sparse_honours_its_generator_where_torch_does_not():
    def zeros(module: Any) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return module.sparse_(torch.empty(50, 50), 0.5, generator=generator) == 0

    assert torch.equal(zeros(init), zeros(init))
    assert not torch.equal(zeros(nn.init), zeros(nn.init))


# constants, exactly

DETERMINISTIC: list[tuple[str, tuple[int, ...], tuple[Any, ...]]] = [
    ("constant_", (3, 4), (0.3,)),
    ("constant_", (), (math.inf,)),
    ("ones_", (3, 4), ()),
    ("zeros_", (3, 4), ()),
    ("zeros_", (), ()),
    ("eye_", (3, 5), ()),
    ("eye_", (5, 3), ()),
    ("eye_", (0, 3), ()),
    ("dirac_", (3, 16, 5), ()),
    ("dirac_", (6, 2, 3, 4), (2,)),
    ("dirac_", (6, 3, 3, 3, 2), (3,)),
    ("dirac_", (8, 1, 3), (8,)),
    ("dirac_", (4, 6, 1, 1), (2,)),
    ("dirac_", (0, 6, 1, 1), (2,)),
    ("normal_", (3, 4), (0.25, 0)),
    ("uniform_", (3, 4), (0.25, 0.25)),
    ("trunc_normal_", (3, 4), (0.0, 1.0, 0.5, 0.5)),
    ("xavier_uniform_", (3, 4), (0,)),
    ("xavier_normal_", (3, 4), (0.0,)),
    ("orthogonal_", (3, 4), (0,)),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize(("name", "shape", "numbers"), DETERMINISTIC)
def test_what_has_no_chance_in_it_equals_torch(name, shape, numbers, dtype):
    if name == "orthogonal_" and dtype in (torch.float16, torch.bfloat16):
        with pytest.raises(RuntimeError, match="geqrf"):  # the reason why ours computes in float32
            nn.init.orthogonal_(torch.empty(shape, dtype=dtype))
        return
    ours, theirs = (getattr(module, name)(torch.full(shape, 7.0, dtype=dtype), *numbers) for module in (init, nn.init))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64, torch.uint8])
@pytest.mark.parametrize(("name", "shape", "numbers"), [case for case in DETERMINISTIC[:14] if case[2] != (math.inf,)])
def test_constants_take_every_dtype_that_torch_takes(name, shape, numbers, dtype):
    ours, theirs = (getattr(module, name)(torch.ones(shape, dtype=dtype), *numbers) for module in (init, nn.init))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("kind", [torch.tensor, np.float32, np.float64, lambda x: torch.tensor([x])])
def test_numbers_of_every_kind_are_taken(kind):
    for draw in [
        lambda w, x: init.uniform_(w, -x, x),
        lambda w, x: init.normal_(w, x, x),
        lambda w, x: init.trunc_normal_(w, x, x, -x, x),
        init.xavier_normal_,
        init.kaiming_uniform_,
        init.orthogonal_,
        init.sparse_,
    ]:
        torch.manual_seed(0)
        expected = draw(torch.empty(3, 4), 0.5)
        torch.manual_seed(0)
        assert torch.equal(draw(torch.empty(3, 4), kind(0.5)), expected)


@pytest.mark.parametrize("module", [init, nn.init])
def test_the_sentence_of_torch_begins_the_warning(module):
    with pytest.warns(UserWarning, match=r"^mean is more than 2 std from \[a, b\] in nn\.init\.trunc_normal_"):
        module.trunc_normal_(torch.empty(3), 5.0)
