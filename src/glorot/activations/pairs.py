"""Gaussian integrals of a curve over two correlated preactivations."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glorot.activations.base import Array, Function
from glorot.errors import GlorotError

REACH = 8.5  # a standard normal beyond ±8.5 weighs 2e-17
_NODES, _WEIGHTS = (np.asarray(a) for a in np.polynomial.legendre.leggauss(10))
_STEPS = np.linspace(-REACH, REACH, 7)
_POWERS = 4.0 ** np.arange(9)  # curves bend on the scale of 1 around 0, and then ever less
_BENDS = np.concatenate([-_POWERS[::-1], [0.0], _POWERS])
_FLANKS = np.array([-6.0, -2.0, 0.0, 2.0, 6.0])  # around a kink that a normal blurs, in its standard deviations
_CHUNK = 128, 4096  # pairs, and blurred points, integrated at once: some 10 MB a temporary


def pair_moment(
    function: Function,
    q1: ArrayLike,
    q2: ArrayLike,
    c: ArrayLike,
    m1: ArrayLike = 0.0,
    m2: ArrayLike = 0.0,
    *,
    kinks: tuple[float, ...] = (),
) -> Array:
    """Return E f(u)f(v) for u ~ N(m1, q1) and v ~ N(m2, q2) of correlation c, to eight digits.

    u and v share a normal t, with the weight √|c|, and are independent given it. So the result is E F(t)·G(t),
    where F and G are f blurred by the share that is left: integrals over one dimension, in Gauss-Legendre panels
    that end at every kink and are narrow around a kink that is little blurred. One pair costs about 1 ms. Between
    kinks f may bend on a scale of 1 around 0, as activations do, and wave like sin, which is right up to q = 5.

    Args:
        function: f, on float64 arrays of any shape, element by element: φ, or its slope φ′.
        q1: variances of u, ≥ 0.
        q2: variances of v, ≥ 0.
        c: correlations, in [-1, 1].
        m1: means of u.
        m2: means of v; all five may be numbers or arrays that broadcast.
        kinks: where f or its slope jumps.

    Returns:
        One number for each pair. At a variance of 0 the side of a kink is that of q → 0.

    Raises:
        GlorotError: if a variance is negative or not finite, a correlation lies beyond ±1, or a mean is not finite.

    Example:
        >>> from glorot.activations import activation
        >>> relu = activation("relu")
        >>> pair_moment(relu.function, 2.0, 2.0, [0.0, 0.5, 1.0], kinks=relu.kinks).round(6).tolist()
        [0.31831, 0.608998, 1.0]

    References:
        Cho & Saul 2009 (relu, in closed form); Poole et al. 2016, eq. 5.
    """
    correlations = np.asarray(c, dtype=np.float64)
    if not np.all(np.abs(correlations) <= 1):
        raise GlorotError(f"c: correlations must lie in [-1, 1], got {c!r}")
    means = [np.asarray(m, dtype=np.float64) for m in (m1, m2)]
    if not all(np.all(np.isfinite(m)) for m in means):
        raise GlorotError(f"m1, m2: means must be finite, got {m1!r} and {m2!r}")
    arrays = np.broadcast_arrays(_roots("q1", q1), _roots("q2", q2), correlations, *means)
    flat = np.stack([array.ravel() for array in arrays])
    parts = [_pairs(function, kinks, *flat[:, i : i + _CHUNK[0]]) for i in range(0, flat.shape[1], _CHUNK[0])]
    return np.concatenate([np.zeros(0), *parts]).reshape(arrays[0].shape)


def _roots(name: str, q: ArrayLike) -> Array:
    variances = np.asarray(q, dtype=np.float64)
    if not np.all(np.isfinite(variances) & (variances >= 0)):
        raise GlorotError(f"{name}: variances must be finite and not negative, got {q!r}")
    return np.maximum(np.sqrt(variances), 1e-100)  # q = 0: still tells left from right


def _pairs(function: Function, kinks: tuple[float, ...], s1: Array, s2: Array, c: Array, m1: Array, m2: Array) -> Array:
    shared, left = np.sqrt(np.abs(c)), np.sqrt(1 - np.abs(c))
    sides = [(m1, s1, s1 * shared), (m2, s2, s2 * np.copysign(shared, c))]
    blur = left / np.maximum(shared, 1e-100)
    rows, t, weight = _panels(np.concatenate([_ends(kinks, m, slope, blur) for m, _, slope in sides], axis=1))
    points = [
        np.stack([m[rows, None] + slope[rows, None] * t, np.broadcast_to((s * left)[rows, None], t.shape)])
        for m, s, slope in sides
    ]
    first, second = points
    f = _blurred(function, kinks, *first.reshape(2, -1))
    g = f if np.array_equal(first, second) else _blurred(function, kinks, *second.reshape(2, -1))
    return _sums(rows, weight * (f * g).reshape(t.shape), len(c))


def _ends(kinks: tuple[float, ...], m: Array, slope: Array, blur: Array) -> Array:
    """Return where panels over t end, one row per pair: where m + slope·t bends f, and around its blurred kinks."""
    steep = np.where(slope == 0, 1e-200, slope)[:, None]
    flanks = [(kink - m[:, None]) / steep + blur[:, None] * _FLANKS for kink in kinks]
    return np.concatenate([(_BENDS - m[:, None]) / steep, *flanks], axis=1)


def _blurred(function: Function, kinks: tuple[float, ...], center: Array, spread: Array) -> Array:
    """Return E f(center + spread·x) under x ~ N(0, 1), one for each point."""
    parts = []
    for start in range(0, center.size, _CHUNK[1]):
        a, b = center[start : start + _CHUNK[1]], spread[start : start + _CHUNK[1]]
        ends = (np.concatenate([_BENDS, kinks]) - a[:, None]) / np.maximum(b, 1e-200)[:, None]
        rows, x, weight = _panels(ends)
        with np.errstate(all="ignore"):
            values = function(a[rows, None] + b[rows, None] * x)
        parts.append(_sums(rows, weight * values, a.size))
    return np.concatenate([np.zeros(0), *parts])


def _panels(ends: Array) -> tuple[NDArray[np.intp], Array, Array]:
    """Cut ±REACH at the given ends, row by row.

    Returns:
        For each panel that is not empty its row, and its nodes and N(0, 1) weights.
    """
    steps = np.broadcast_to(_STEPS, (len(ends), _STEPS.size))
    cuts = np.sort(np.concatenate([np.clip(ends, -REACH, REACH), steps], axis=1), axis=1)
    rows, panels = np.nonzero(np.diff(cuts, axis=1) > 0)
    low, high = cuts[rows, panels], cuts[rows, panels + 1]
    half = ((high - low) / 2)[:, None]
    x = low[:, None] + half + half * _NODES
    return rows, x, half * _WEIGHTS * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _sums(rows: NDArray[np.intp], terms: Array, count: int) -> Array:
    """Add up the terms of all panels of a row."""
    return np.asarray(np.bincount(rows, np.sum(terms, axis=1), count), dtype=np.float64)
