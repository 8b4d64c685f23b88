"""Structure: what independent draws do not show, in the rows, columns and singular values of a matrix."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.forensics.chances import above, beyond, chi_square_z, tracy_widom
from glorot.native import Lines, look_at_lines

FEWEST = 8
"""Elements of a row whose energy is compared with that of others."""

TILE, LENGTH = 32, 256
"""Rows of a matrix whose products are taken together, and how many of their elements."""

TURNS = 8
"""Steps of the power iteration."""

Matrix = NDArray[np.float32]
Values = NDArray[np.float64]


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
    if min(panel.shape) < 2:
        return {}
    lines = look(panel, mean)
    energy = lines.squares / panel.size
    if not energy:
        return {}
    found = dict[str, float]()
    for what, (sums, squares), length in (("rows", lines.rows, panel.shape[1]), ("columns", lines.columns, len(panel))):
        shown = _of_lines(sums / (length * math.sqrt(energy)), squares / (length * energy), length, moments)
        found |= {f"{sign} of {what}": chance for sign, chance in shown.items()}
    return found | _of_spectrum(lines.largest, lines.correlated, *panel.shape)


def _of_lines(means: Values, energies: Values, length: int, moments: Moments) -> dict[str, float]:
    """Return the chances of how the means of rows vary, and their mean squares."""
    count = len(means)
    found = {"means": above(float(chi_square_z(_spread(means) * length, count - 1)))}
    if length < FEWEST:
        return found
    freedom = 8 * length / moments.skewness**2  # of the χ² that is as skew as an energy
    scale = math.sqrt(2 * freedom * length / (moments.fourth - 1))
    scores = chi_square_z((freedom - scale) + scale * energies, freedom)
    found["norms"] = beyond(float(chi_square_z(_spread(scores), count - 1)))
    found["largest norm"] = min(1.0, count * above(float(scores.max())))
    found["smallest norm"] = min(1.0, count * above(-float(scores.min())))
    return found


def _spread(values: Values) -> float:
    """Return the sum of the squares of the deviations from the mean."""
    deviations = values - float(values.sum()) / len(values)
    return float(deviations @ deviations)


def _of_spectrum(largest: float, correlated: float, rows: int, columns: int) -> dict[str, float]:
    """Return the chances of the largest singular value, and of how the rows are correlated.

    References:
        Johnstone (2001), "On the distribution of the largest eigenvalue in principal components analysis", Annals of
        Statistics 29, theorem 1.1.
    """
    a, b = math.sqrt(columns - 1), math.sqrt(rows)
    edge = (largest - (a + b) ** 2) / ((a + b) * (1 / a + 1 / b) ** (1 / 3))
    found = {"largest singular value": tracy_widom(edge)}
    if math.isnan(correlated):
        return found
    total, pairs = (correlated - rows) / 2, rows * (rows - 1) / 2
    deviation = math.sqrt(2 * pairs * (columns - 1) / (columns + 2)) / columns
    freedom = 2 * (pairs / columns) ** 2 / deviation**2
    found["correlations"] = beyond(float(chi_square_z(total / (pairs / columns) * freedom, freedom)))
    return found


def look(panel: Matrix, mean: float) -> Lines:
    """Return what rows and columns show, by a native kernel or by NumPy.

    Args:
        panel: a matrix with no more rows than columns.
        mean: what is taken off each element.
    """
    found = look_at_lines(panel, mean, TURNS)
    if found is not None:
        return found
    centered = panel - np.float32(mean)
    energy = float(np.mean(centered * centered))
    rows, columns = (
        np.array([matrix.sum(axis=1), np.einsum("ij,ij->i", matrix, matrix)], np.float64)
        for matrix in (centered, centered.T)
    )
    if not energy:
        return Lines(0.0, rows, columns, 0.0, 0.0)
    products = _products(centered / np.float32(math.sqrt(energy)))
    norms = np.diag(products)
    correlated = math.nan
    if norms.min():
        correlated = float(np.sum(np.einsum("ij,ij,j->i", products, products, 1 / norms) / norms))
    return Lines(energy * panel.size, rows, columns, _largest(products), correlated)


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


def _largest(products: Matrix) -> float:
    """Return the largest eigenvalue, or the lower bound that some turns of the power iteration find."""
    vector, largest = products.sum(axis=1), 0.0
    tiles = [products[n : n + TILE] for n in range(0, len(products), TILE)]  # as small as those of the products
    for _ in range(TURNS):
        vector = np.concatenate([tile @ vector for tile in tiles])
        largest = math.sqrt(float(np.sum(vector * vector)))
        if not largest:
            return 0.0
        vector /= largest
    return largest


def neighbours(run: Values, lags: tuple[int, ...]) -> dict[str, float]:
    """Return the chance of how elements some way apart in storage are correlated.

    Args:
        run: elements that follow each other in storage.
        lags: how far apart the compared ones lie.
    """
    centered = run - float(run.sum()) / len(run)
    energy = float(centered @ centered)
    if not energy:
        return {}
    return {
        f"neighbours {lag} apart": beyond(float(centered[:-lag] @ centered[lag:]) / energy * math.sqrt(len(run)))
        for lag in lags
        if 4 * lag <= len(run)
    }
