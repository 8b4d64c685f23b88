"""Structure: what independent draws do not show, in the rows, columns and singular values of a matrix."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.forensics.chances import above, beyond, chi_square_z, tracy_widom

FEWEST = 8
"""Elements of a row whose energy is compared with that of others."""

TILE, LENGTH = 32, 256
"""Rows of a matrix whose products are taken together, and how many of their elements."""

TURNS = 8
"""Steps of the power iteration."""

Matrix = NDArray[np.float32]


class Moments(NamedTuple):
    """Of a law of mean 0 and standard deviation 1: E x⁴ and E x⁶, which say how much the energy of a row may vary."""

    fourth: float
    sixth: float

    @property
    def skewness(self) -> float:
        """The skewness of x²."""
        return (self.sixth - 3 * self.fourth + 2) / math.pow(self.fourth - 1, 1.5)


def signs(panel: Matrix, mean: float, moments: Moments) -> dict[str, float]:
    """Return the chance of what rows, columns and singular values show, were all elements drawn independently.

    Args:
        panel: a matrix with no more rows than columns.
        mean: the mean of the law.
        moments: those of the law.

    Returns:
        Chances by what was looked at; those far below 1 are signs of training.

    Example:
        >>> drawn = np.random.default_rng(0).standard_normal((64, 128)).astype(np.float32)
        >>> min(signs(drawn, 0.0, Moments(3.0, 15.0)).values()) > 0.01
        True
        >>> changed = drawn + np.outer(np.ones(64), drawn[0]).astype(np.float32)
        >>> signs(changed, 0.0, Moments(3.0, 15.0))["largest singular value"] < 1e-6
        True
    """
    centered = panel - np.float32(mean)
    size = math.sqrt(float(np.mean(centered * centered)))
    if not size or min(panel.shape) < 2:
        return {}
    centered /= np.float32(size)
    found = dict[str, float]()
    for what, matrix in (("rows", centered), ("columns", centered.T)):
        found |= {f"{sign} of {what}": chance for sign, chance in _of_lines(matrix, moments).items()}
    return found | _of_spectrum(centered)


def _of_lines(matrix: Matrix, moments: Moments) -> dict[str, float]:
    """Return the chances of how the means and the energies of rows vary."""
    count, length = matrix.shape
    means = matrix.mean(axis=1).astype(np.float64)
    spread = float(np.sum((means - means.mean()) ** 2)) * length
    found = {"means": above(float(chi_square_z(spread, count - 1)))}
    if length < FEWEST:
        return found
    energies = np.einsum("ij,ij->i", matrix, matrix).astype(np.float64) / length
    deviations = (energies - 1) * math.sqrt(length / (moments.fourth - 1))
    freedom = 8 * length / moments.skewness**2  # of the χ² that is as skew
    scores = chi_square_z(freedom + deviations * math.sqrt(2 * freedom), freedom)
    varied = float(np.sum((scores - scores.mean()) ** 2))
    found["norms"] = beyond(float(chi_square_z(varied, count - 1)))
    found["largest norm"] = min(1.0, count * above(float(scores.max())))
    found["smallest norm"] = min(1.0, count * above(-float(scores.min())))
    return found


def _of_spectrum(matrix: Matrix) -> dict[str, float]:
    """Return the chances of how the rows are correlated, and of the largest singular value."""
    rows, columns = matrix.shape
    products = _products(matrix)
    found = {"largest singular value": _of_largest(products, columns)}
    norms = np.sqrt(np.diag(products))
    if not norms.min():
        return found
    weights = 1 / (norms * norms)
    total = (float(np.sum(weights * np.einsum("ij,ij,j->i", products, products, weights))) - rows) / 2
    pairs = rows * (rows - 1) / 2
    deviation = math.sqrt(2 * pairs * (columns - 1) / (columns + 2)) / columns
    freedom = 2 * (pairs / columns) ** 2 / deviation**2
    found["correlations"] = beyond(float(chi_square_z(total / (pairs / columns) * freedom, freedom)))
    return found


def _products(matrix: Matrix) -> Matrix:
    """Return the products of all rows, some by some: for small ones BLAS wakes no threads, which would cost more."""
    rows = -(-len(matrix) // TILE) * TILE
    length = -(-matrix.shape[1] // LENGTH) * LENGTH
    padded = np.zeros((rows, length), np.float32)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    products = np.zeros((rows // TILE, TILE, rows // TILE, TILE), np.float32)
    for part in np.split(padded.reshape(-1, TILE, length), length // LENGTH, axis=2):
        for n, tile in enumerate(part):
            found = tile @ part[n:].swapaxes(1, 2)
            products[n, :, n:] += found.swapaxes(0, 1)
            products[n + 1 :, :, n] += found[1:].swapaxes(1, 2)
    return products.reshape(rows, rows)[: len(matrix), : len(matrix)]


def _of_largest(products: Matrix, columns: int) -> float:
    """Return the chance of the largest eigenvalue, or of the lower bound that some turns of the power iteration find.

    References:
        Johnstone (2001), "On the distribution of the largest eigenvalue in principal components analysis", Annals of
        Statistics 29, theorem 1.1.
    """
    rows = len(products)
    vector, largest = products.sum(axis=1), 0.0
    tiles = [products[n : n + TILE] for n in range(0, rows, TILE)]  # as small as those of the products
    for _ in range(TURNS):
        vector = np.concatenate([tile @ vector for tile in tiles])
        largest = math.sqrt(float(np.sum(vector * vector)))
        if not largest:
            return 1.0
        vector /= largest
    a, b = math.sqrt(columns - 1), math.sqrt(rows)
    return tracy_widom((largest - (a + b) ** 2) / ((a + b) * (1 / a + 1 / b) ** (1 / 3)))


def neighbours(run: NDArray[np.float64], lags: tuple[int, ...]) -> dict[str, float]:
    """Return the chance of how elements some way apart in storage are correlated.

    Args:
        run: elements that follow each other in storage.
        lags: how far apart the compared ones lie.
    """
    centered = run - run.mean()
    energy = float(np.sum(centered * centered))
    if not energy:
        return {}
    return {
        f"neighbours {lag} apart": beyond(
            float(np.sum(centered[:-lag] * centered[lag:])) / energy * math.sqrt(len(run))
        )
        for lag in lags
        if 4 * lag <= len(run)
    }
