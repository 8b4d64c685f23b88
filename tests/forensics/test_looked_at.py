"""What forensics takes from a native kernel, against NumPy: lines of a matrix, samples, and whole verdicts."""

import math

import numpy as np
import pytest

from glorot.forensics import examine
from glorot.forensics.families import FAMILIES, Family, compare
from glorot.forensics.structure import Moments, look, signs
from glorot.native import WITH_PRODUCTS, available, look_at_lines, using

NATIVE = [kernel for kernel in available() if kernel != "numpy"]
LAWS = {
    "normal": lambda rng, shape: rng.normal(0.3, 0.02, shape),
    "uniform": lambda rng, shape: rng.uniform(-0.1, 0.1, shape),
    "trained": lambda rng, shape: (
        rng.normal(0, 0.02, shape) + np.outer(np.ones(shape[0]), rng.normal(0, 0.01, shape[1]))
    ),
}


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("shape", [(2, 2), (3, 17), (37, 41), (8, 5000), (200, 327), (256, 256)], ids=str)
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e7])
def test_lines_are_those_of_numpy(scale: float, shape: tuple[int, int], kernel: str) -> None:
    matrix = (scale * np.random.default_rng(0).normal(0.3, 2.0, shape)).astype(np.float32)
    center = float(np.float32(0.25 * scale))
    with using(kernel):
        found = look(matrix, center)
    with using("numpy"):
        expected = look(matrix, center)
    assert found.squares == pytest.approx(expected.squares, rel=1e-5)
    assert found.largest == pytest.approx(expected.largest, rel=1e-4)
    assert found.correlated == pytest.approx(expected.correlated, rel=1e-4)
    for lines, others in ((found.rows, expected.rows), (found.columns, expected.columns)):
        np.testing.assert_allclose(lines[0], others[0], rtol=1e-4, atol=1e-4 * scale * math.sqrt(shape[1]))
        np.testing.assert_allclose(lines[1], others[1], rtol=1e-4)


@pytest.mark.parametrize("kernel", available())
def test_a_row_of_zeros_has_no_correlations(kernel: str) -> None:
    matrix = np.random.default_rng(0).normal(0, 1, (16, 64)).astype(np.float32)
    matrix[3] = 0
    with using(kernel):
        found = look(matrix, 0.0)
    assert math.isnan(found.correlated)
    assert found.largest > 64
    assert found.rows[0, 3] == found.rows[1, 3] == 0


@pytest.mark.parametrize("kernel", available())
def test_zeros_alone_show_no_structure(kernel: str) -> None:
    with using(kernel):
        assert signs(np.zeros((4, 8), np.float32), 0.0, Moments(3.0, 15.0)) == {}


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("decimals", [1, 8], ids=["many alike", "few alike"])
def test_a_sample_differs_from_a_law_as_by_numpy(decimals: int, family: Family, kernel: str) -> None:
    sample = np.sort(np.random.default_rng(0).normal(0.1, 1.1, 5000)).round(decimals)
    for moments in ((0.0, 1.0), (math.nan, math.nan)):
        with using(kernel):
            found = compare(family, sample, moments)
        with using("numpy"):
            assert found == pytest.approx(compare(family, sample, moments), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kernel", available())
def test_a_sample_of_one_value_is_as_far_from_a_law_as_can_be(kernel: str) -> None:
    with using(kernel):
        assert compare(FAMILIES[0], np.full(9, 0.5), (0.0, 1.0)).distance == 1


def test_products_are_left_to_numpy_where_a_kernel_makes_them_more_slowly() -> None:
    for kernel in available():
        with using(kernel):
            assert (look_at_lines(np.ones((2, 3), np.float32), 0.0, 1) is None) == (kernel not in WITH_PRODUCTS)


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("law", LAWS)
def test_a_verdict_is_that_of_numpy(law: str, dtype: type, kernel: str) -> None:
    arrays = {
        str(shape): LAWS[law](np.random.default_rng(1), shape).astype(dtype)
        for shape in ((1500, 1500), (96, 300), (64, 9))
    }
    with using("numpy"):
        expected = examine(arrays)
    with using(kernel):
        found = examine(arrays)
    for one, other in zip(found, expected, strict=True):
        assert (one.verdict, one.explanations, one.low, one.high, one.summed) == (
            other.verdict,
            other.explanations,
            other.low,
            other.high,
            other.summed,
        )
        assert (one.mean, one.std) == pytest.approx((other.mean, other.std), rel=1e-6, abs=1e-8)
