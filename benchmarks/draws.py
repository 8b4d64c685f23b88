"""Each law over 10⁹ draws: Kolmogorov and Smirnov's distance, and the moments, in units of what chance allows.

Run with: python benchmarks/draws.py > benchmarks/results/draws.txt

√n·D is below 1.95 in 999 of 1,000 runs of a perfect generator; the distance is taken at 2²⁰ points of equal
probability. A moment's deviation is given in standard errors; 3.3 is passed once in 1,000.
"""

import math

import numpy as np
from scipy import special, stats

from glorot.distributions import Distribution, Normal, TruncatedNormal, Uniform
from glorot.stream import Key, fill, kernels, key_of

DRAWS, CHUNK, POINTS = 10**9, 10**7, 2**20
LAWS: dict[str, Distribution] = {
    "uniform on ±1": Uniform.symmetric(1.0),
    "normal": Normal(),
    "normal cut at ±2": TruncatedNormal(0.0, 1.0, -2.0, 2.0),
    "normal cut to [-0.5, 3]": TruncatedNormal(0.0, 1.0, -0.5, 3.0),
}


def probability(law: Distribution, values: np.ndarray) -> np.ndarray:
    """Return the CDF of the law at some values."""
    if isinstance(law, Uniform):
        return (values - law.low) / (law.high - law.low)
    if isinstance(law, TruncatedNormal):
        low, high = special.ndtr(law.cuts)
        return (special.ndtr(values) - low) / (high - low)
    return special.ndtr(values)


def exact_moments(law: Distribution) -> list[float]:
    """Return E xᵏ for k = 1 … 8."""
    if isinstance(law, Uniform):
        return [(1 - k % 2) / (k + 1) for k in range(1, 9)]
    cuts = law.cuts if isinstance(law, TruncatedNormal) else (-math.inf, math.inf)
    frozen = stats.truncnorm(*cuts)
    return [float(frozen.expect(lambda x, k=k: x**k)) for k in range(1, 9)]


def measure(law: Distribution, key: Key) -> tuple[float, list[float]]:
    """Return √n·D and the deviations of the first four moments."""
    counts, sums = np.zeros(POINTS, np.int64), np.zeros(4)
    values = np.empty(CHUNK, np.float32)
    for start in range(0, DRAWS, CHUNK):
        fill(values, key, law, (DRAWS,), ((start, start + CHUNK),))
        wide = values.astype(np.float64)
        places = np.minimum(probability(law, wide) * POINTS, POINTS - 1).astype(np.int64)
        counts += np.bincount(places, minlength=POINTS)
        power = np.ones_like(wide)
        for k in range(4):
            power *= wide
            sums[k] += power.sum()
    distance = np.abs(np.cumsum(counts) / DRAWS - np.arange(1, POINTS + 1) / POINTS).max()
    exact = exact_moments(law)
    errors = [math.sqrt((exact[2 * k + 1] - exact[k] ** 2) / DRAWS) for k in range(4)]
    return math.sqrt(DRAWS) * distance, [(sums[k] / DRAWS - exact[k]) / errors[k] for k in range(4)]


def main() -> None:
    print(f"{DRAWS:,} draws of each law, kernel {kernels.chosen()}")
    print(f"{'law':24} {'√n·D':>7} {'E x':>7} {'E x²':>7} {'E x³':>7} {'E x⁴':>7}   (moments in standard errors)")
    for name, law in LAWS.items():
        distance, deviations = measure(law, key_of(0, name))
        print(f"{name:24} {distance:7.2f} " + " ".join(f"{deviation:7.2f}" for deviation in deviations), flush=True)


if __name__ == "__main__":
    main()
