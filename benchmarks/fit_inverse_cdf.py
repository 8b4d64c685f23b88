"""Fit the polynomials of the half-normal quantile in src/glorot/stream/spec.py, and measure them.

    python benchmarks/fit_inverse_cdf.py            # prints the coefficients, errors and operation counts

With q = t(1 + u) = 1 - u², the quantile over u is a smooth function of log q. Three stages:

1. v = k log₂ q + a shift: the exponent and a linear mantissa come from the bits of q, a polynomial of degree
   6 in the mantissa m, scaled to [½, 1), mends the rest. The factor k makes that polynomial monic, the shift
   puts the root of the next stage in the middle of the range; neither costs an operation.
2. x = v (v + d): a parabola with its vertex beyond the range. It bends the axis so that the last polynomial
   needs a lower degree.
3. z = u P(x), with one parabola and polynomial up to z = 3.08 and another beyond.

Each linear programme minimises the largest error over a grid, with v and x as binary32 computes them. The
coefficients are rounded from the highest down, and the lower ones are fitted again after each rounding.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.special import erf, erfc, erfcinv, erfinv

F32 = np.float32
ONE_BITS, HALF_BITS = 0x3F800000, 0x3F000000
Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Piece = tuple[np.float32, np.float32, list[np.float32]]
Fitted = tuple[np.float32, list[np.float32], np.float32, Piece, Piece]

LOG_DEGREE, CENTRAL_DEGREE, TAIL_DEGREE = 6, 5, 10
CENTRAL_VERTEX, TAIL_VERTEX = 13.98, 65.0  # where the parabolas turn, as -log q
LOG_ORIGIN, TAIL_ORIGIN = 3.0, 20.0  # where x = 0, as -log q: near the middle of each range
SPLIT_Z, LARGEST_Z = 3.08, 9.02  # the latter: t = 2e-9 / 2³³, of a law cut at 6 sigma
WORD = 2.0**-31


def grid(z_low: float, z_high: float) -> tuple[Floats, Floats, Array]:
    """Return u, t as binary32, and the quantile, at Chebyshev nodes of [z_low, z_high]."""
    z = (z_low + z_high) / 2 - (z_high - z_low) / 2 * np.cos(np.linspace(0, np.pi, 800))
    return erf(z / np.sqrt(2)).astype(F32), erfc(z / np.sqrt(2)).astype(F32), z


def minimax(columns: Array, target: Array, weight: Array, equal: Array | None = None) -> Array:
    """Return c that minimises max |columns c - target| · weight, subject to equal · c = 0."""
    size = np.abs(columns).max(axis=0)
    a, b = columns / size * weight[:, None], target * weight
    guess = np.linalg.lstsq(a, b, rcond=None)[0]
    residue, unit = b - a @ guess, np.abs(b - a @ guess).max()
    ones = np.ones((len(a), 1))
    solution = linprog(
        np.r_[np.zeros(a.shape[1]), 1],
        A_ub=np.vstack([np.hstack([a, -ones]), np.hstack([-a, -ones])]),
        b_ub=np.r_[residue, -residue] / unit,
        A_eq=None if equal is None else np.r_[equal / size, 0][None],
        b_eq=None if equal is None else [-(equal / size) @ guess / unit],
        bounds=(None, None),
    )
    return (guess + unit * solution.x[:-1]) / size


def fit_rounded(x: Array, target: Array, weight: Array, degree: int) -> list[np.float32]:
    """Return binary32 coefficients, highest first, each rounded before the lower ones are fitted again."""
    # Fit in a basis scaled to the range, so that the linear programme is well conditioned.
    powers = x[:, None] ** np.arange(degree + 1)
    rounded: list[np.float32] = []
    for k in range(degree, -1, -1):
        lower = minimax(chebyshev_columns(x, k), target, weight)
        top = np.polynomial.Chebyshev(lower, domain=[x.min(), x.max()])
        rounded.append(F32(top.convert(kind=np.polynomial.Polynomial).coef[k]))
        target = target - float(rounded[-1]) * powers[:, k]
    return rounded


def chebyshev_columns(x: Array, degree: int) -> Array:
    middle, half = (x.max() + x.min()) / 2, (x.max() - x.min()) / 2
    return np.polynomial.chebyshev.chebvander((x - middle) / half, degree)


def fit_log() -> tuple[np.float32, list[np.float32], float]:
    """Return k·2⁻²³, the lower coefficients of the monic polynomial, highest first, and the error in log₂."""
    m = 0.75 - 0.25 * np.cos(np.linspace(0, np.pi, 400))
    columns, target = chebyshev_columns(m, LOG_DEGREE), np.log2(2 * m) - (2 * m - 1)
    seam = columns[0] - columns[-1]  # equal at both ends, so that octaves join without a step
    found = minimax(columns, target, np.ones_like(m), seam)
    error = float(np.abs(columns @ found - target).max())
    plain = np.polynomial.Chebyshev(found, domain=[0.5, 1]).convert(kind=np.polynomial.Polynomial).coef
    k = 1 / plain[-1]
    monic = plain * k
    monic[0] += k * LOG_ORIGIN / np.log(2)
    return F32(k * 2.0**-23), [F32(c) for c in monic[-2::-1]], error


def horner(x: Floats, value: Floats | np.float32, coefficients: Sequence[np.float32]) -> Floats:
    for c in coefficients:
        value = value * x + c
    return np.asarray(value)


def log_variable(u: Floats, t: Floats, octave: np.float32, log: Sequence[np.float32]) -> Floats:
    """Return v in binary32."""
    bits = (t * (u + F32(1))).view(np.int32)
    m = ((bits & 0x007FFFFF) | HALF_BITS).view(F32)
    return (bits - ONE_BITS).astype(F32) * octave + horner(m, m + log[0], log[1:])


def fit_piece(z_range: tuple[float, float], origin: float, vertex: float, degree: int,
              *, octave: np.float32, log: Sequence[np.float32]) -> Piece:  # fmt: skip
    """Return the shift of v, d and the polynomial in x, highest first, of one range of z."""
    u, t, z = grid(*z_range)
    unit = float(octave) * 2.0**23 / np.log(2)  # of v per unit of log q
    shift, d = F32(unit * (origin - LOG_ORIGIN)), F32(2 * unit * (vertex - origin))
    x = parabola(log_variable(u, t, octave, log), shift, d)
    return shift, d, fit_rounded(x.astype(np.float64), z / u, u / np.maximum(1, z), degree)


def parabola(v: Floats, shift: np.float32, d: np.float32) -> Floats:
    v = v + shift
    return (v + d) * v


def quantile(u: Floats, t: Floats, fitted: Fitted) -> Floats:
    """Return the fitted quantile in binary32, as spec.py computes it."""
    octave, log, split, *pieces = fitted
    v = log_variable(u, t, octave, log)
    central, tail = [horner(x, p[0], p[1:]) for x, p in ((parabola(v, s, d), p) for s, d, p in pieces)]
    return u * np.where(v < split, central, tail)


def error_at_magnitudes(m: Array, fitted: Fitted) -> float:
    """Return the largest error over the magnitudes that words hold, against P(|N| <= z) = (m + 1/2)/2^31."""
    whole = m.astype(np.int64)
    u = (whole.astype(F32) + F32(0.5)) * F32(WORD)
    t = ((2**31 - 1 - whole).astype(F32) + F32(0.5)) * F32(WORD)
    exact_u, exact_t = (m + 0.5) * WORD, (2.0**31 - 1 - m + 0.5) * WORD
    z = np.sqrt(2) * np.where(exact_u < 0.5, erfinv(exact_u), erfcinv(exact_t))
    return float((np.abs(quantile(u, t, fitted) - z) / np.maximum(1, z)).max())


def main() -> None:
    octave, log, log_error = fit_log()
    u, t, _ = grid(1e-6, SPLIT_Z)
    split = F32(round(float(log_variable(u, t, octave, log)[-1]), 3))
    central = fit_piece((1e-6, SPLIT_Z), LOG_ORIGIN, CENTRAL_VERTEX, CENTRAL_DEGREE, octave=octave, log=log)
    tail = fit_piece((SPLIT_Z, LARGEST_Z), TAIL_ORIGIN, TAIL_VERTEX, TAIL_DEGREE, octave=octave, log=log)
    fitted = octave, log, split, central, tail
    constants = {"OCTAVE": [octave], "LOG": log, "SPLIT": [split], "CENTRAL_BEND": central[1:2],
                 "CENTRAL": central[2], "TAIL_SHIFT, TAIL_BEND": tail[:2], "TAIL": tail[2]}  # fmt: skip
    for name, numbers in constants.items():
        print(f"{name} = {', '.join(f'{float(c):.9g}' for c in numbers)}")
    print(f"error of log2 q: {log_error:.2e}")

    random = np.random.default_rng(0)
    ends = np.arange(2.0**22)
    samples = {
        "u near 0": ends,
        "t near 0": 2.0**31 - 1 - ends,
        "uniform": np.floor(random.random(2**24) * 2.0**31),
        "every octave of t": 2.0**31 - 1 - np.floor(2.0 ** random.uniform(0, 31, 2**24)),
    }
    for label, m in samples.items():
        print(f"largest |error|/max(1, z), {label}: {error_at_magnitudes(m, fitted):.3e}")
    z = np.linspace(SPLIT_Z, LARGEST_Z, 2**22)
    t = erfc(z / np.sqrt(2)).astype(F32)
    far = np.abs(quantile(F32(1) - t, t, fitted) / np.sqrt(2) / erfcinv(t.astype(np.float64)) - 1).max()
    print(f"largest |error|/max(1, z), tail up to z = {LARGEST_Z}: {far:.3e}")
    print(f"share of words beyond the split: {erfc(SPLIT_Z / np.sqrt(2)):.2e}")
    log_cost = 5 + 2 * LOG_DEGREE - 1 + 1  # bits: 2 for the exponent, 1 scale, 2 for m; monic; their sum
    central_cost = 2 + log_cost + 2 + 2 * CENTRAL_DEGREE + 1
    print(f"operations: {central_cost} centrally, {3 + 2 * TAIL_DEGREE + 2} more with the tail and its select")


if __name__ == "__main__":
    main()
