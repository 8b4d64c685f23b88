"""The figures of a sample that are found by looking at a part of it first, against all of it."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from glorot.graph.readings import whole_reading
from glorot.probe.figures import dead_share, percentile, position_correlation
from glorot.probe.layers import ALIKE_WITHIN, SAME_WITHIN, distinct_units

Values = NDArray[np.floating]

SHAPES = [(2, 1, 1), (16, 4, 30), (5, 17, 3), (32, 1, 300), (4, 64, 64)]
KINDS: dict[str, Callable[[Values], Values]] = {
    "any": lambda x: x,
    "cut at 0": lambda x: np.maximum(x, 0),
    "in order": lambda x: np.sort(x.ravel()).reshape(x.shape),
    "alike in every example": lambda x: np.broadcast_to(x[:1], x.shape).copy(),
    "nearly alike": lambda x: (x[:1] * (1 + 3e-7 * x)).astype(x.dtype),
    "half of the units alike": lambda x: np.where(np.arange(x.shape[-1]) < x.shape[-1] // 2, x[..., :1], x),
    "tiny": lambda x: x * x.dtype.type(1e-12),
    "none": np.zeros_like,
}


@pytest.fixture(params=[np.float32, np.float64], ids=["single", "double"])
def normal(request: pytest.FixtureRequest) -> Callable[[tuple[int, ...]], Values]:
    return lambda shape: np.random.default_rng(math.prod(shape)).normal(0, 1, shape).astype(request.param)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_figures_are_those_of_the_whole(kind: str, shape: tuple[int, ...], normal: Callable[..., Values]) -> None:
    values = KINDS[kind](normal(shape))
    exact = values.astype(np.float64)
    found = percentile(whole_reading(values), 98)
    assert found == pytest.approx(np.percentile(exact, 98), rel=1e-6, abs=1e-30)
    spread = exact.std(axis=0).max(axis=0)
    assert dead_share(values) == np.mean(spread <= ALIKE_WITHIN * math.sqrt(np.mean(exact**2)))
    products = np.einsum("epu,equ->epq", exact[:16], exact[:16])
    between = products.sum() - np.trace(products, axis1=1, axis2=2).sum()
    count = shape[1] * (shape[1] - 1)
    if count and exact.any():
        expected = between / count / np.trace(products, axis1=1, axis2=2).sum() * shape[1]
        assert position_correlation(values) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    else:
        assert math.isnan(position_correlation(values))


@pytest.mark.parametrize("differ_at", [0, 15, 16, 40])
def test_units_that_differ_late_are_distinct(differ_at: int) -> None:
    values = np.repeat(np.random.default_rng(0).normal(0, 1, (41, 1)), 6, axis=1)
    assert distinct_units(values) == 1
    values[differ_at] += np.arange(6) * 2 * SAME_WITHIN * np.abs(values).max()
    assert distinct_units(values) == 6


@pytest.mark.parametrize(("value", "expected"), [(math.nan, math.nan), (math.inf, 1.0), (-math.inf, 1.0)])
def test_a_percentile_of_strange_numbers(value: float, expected: float) -> None:
    values = np.ones((4, 5, 10))
    values[1, 2, 3] = value
    assert percentile(whole_reading(values), 98) == pytest.approx(expected, nan_ok=True)
