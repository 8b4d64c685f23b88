"""Activations from any Python function: where it bends, and how steep it is."""

from collections.abc import Callable
from typing import Any

import numpy as np

from glorot.activations.base import TAIL, Activation, Array, Function
from glorot.errors import GlorotError


def from_function(function: Callable[..., Any]) -> Activation:
    """Make an activation of any function on arrays: its kinks and its slope are found numerically."""
    name = str(getattr(function, "__name__", type(function).__name__))

    def checked(z: Array) -> Array:
        z = np.asarray(z, dtype=np.float64)
        try:
            with np.errstate(all="ignore"):
                result = np.asarray(function(z))
        except Exception as error:  # whatever the user's code raises, say where it was called
            raise GlorotError(f"{name}: calling it on a float64 array of shape {z.shape}: {error}") from error
        if result.shape != z.shape:
            raise GlorotError(f"{name}: must keep the shape, but made {result.shape} from {z.shape}")
        if result.dtype.kind not in "fiub":
            raise GlorotError(f"{name}: must return real numbers, returned dtype {result.dtype}")
        return result.astype(np.float64)

    grid = np.linspace(-TAIL, TAIL, 97)
    wrong = grid[~np.isfinite(checked(grid))]
    if wrong.size:
        raise GlorotError(f"{name}: must be finite, but is not at z = {wrong[0]:g}")
    kinks = _find_kinks(checked)
    return Activation(name, checked, lambda z: _slope(checked, np.asarray(z, dtype=np.float64), kinks), kinks)


def _slope(function: Function, z: Array, kinks: tuple[float, ...]) -> Array:
    """Differentiate with a stencil of order 4 that keeps clear of 0 and of every kink."""
    for kink in kinks:
        z = np.where(np.abs(z - kink) < 3e-6, kink + np.copysign(3e-6, z - kink), z)
    away = np.min([np.abs(z - bend) for bend in (0.0, *kinks)], axis=0)
    h = np.clip(away / 3, 1e-6, 1e-3)
    near, far = (function(z + k * h) - function(z - k * h) for k in (1, 2))
    return np.asarray((8 * near - far) / (12 * h))


def _find_kinks(function: Function) -> tuple[float, ...]:
    """Find where φ or its slope jumps: scan |z| ≤ 10, halve the cells, keep jumps that do not fade."""

    def slope(z: Array) -> Array:
        return (function(z) - function(z - 1e-6)) / 1e-6

    grid = np.linspace(-10.0123, 10.0123, 8001)  # off round numbers, where kinks like to sit
    values, slopes = function(grid), slope(grid)
    reach = (grid[1] - grid[0]) * (np.abs(slopes[1:]) + np.abs(slopes[:-1]))
    leaps = np.abs(np.diff(values)) > 3 * reach + 1e-6
    threshold = 1e-3 * max(float(np.max(np.abs(slopes))), 1e-12)
    cells = np.flatnonzero(leaps | (np.abs(np.diff(slopes)) > threshold))
    left, right, leap = grid[cells], grid[cells + 1], leaps[cells]
    while left.size and np.max(right - left) > 1e-9:
        middle = (left + right) / 2
        rows = [np.where(leap, function(z), slope(z)) for z in (left, middle, right)]
        first = np.abs(rows[1] - rows[0]) > np.abs(rows[2] - rows[1])
        left, right = np.where(first, left, middle), np.where(first, middle, right)
    a, b = left - 1e-5, right + 1e-5
    slope_a, slope_b = slope(a), slope(b + 1e-6)
    with np.errstate(all="ignore"):  # where two tangents meet: sharper than the halving
        meet = (function(b) - function(a) + slope_a * a - slope_b * b) / (slope_a - slope_b)
    at = np.where((meet > a) & (meet < b) & ~leap, meet, (left + right) / 2)
    found = np.round(at[leap | (np.abs(slope_b - slope_a) > threshold)], 8) + 0.0
    return tuple(found[np.diff(found, prepend=-np.inf) > 1e-4].tolist())
