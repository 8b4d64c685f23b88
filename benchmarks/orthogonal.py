"""Ways to a Haar-distributed orthogonal matrix: time and error of each on the CPU, from the same float32 normals.

Run with: OPENBLAS_NUM_THREADS=1 python benchmarks/orthogonal.py > benchmarks/results/orthogonal.txt

Time: median of interleaved runs, in ms, with the rounding to float32, and without the drawing of the normals unless it
says so. With one thread it is the time of the processor, which neighbours on the machine hardly disturb; with more,
that of the clock.
Errors: of |QᵀQ - I| (QQᵀ of a wide matrix), in float64, the largest entry and the largest row sum.
"""

import os
import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from scipy.linalg import lapack, qr, solve_triangular

from glorot.distributions import Orthogonal
from glorot.stream import Key, draw
from glorot.stream.reflections import haar

SHAPES = {
    (1, 64, 576): 15,
    (1, 256, 256): 15,
    (1000, 64, 64): 3,
    (1, 1024, 1024): 5,
    (1, 4096, 1024): 3,
    (1, 1024, 4096): 3,
    (1, 2048, 2048): 3,
    (1, 4096, 4096): 1,
}
"""(matrices, rows, columns) and how often each is timed."""

SLOW = 256
"""The largest matrix on which Newton and Schulz are awaited: its condition number costs them dozens of steps."""

KEY = Key(0x0A0786CC, 0x0A5AD30A)
PAUSE = 0.05
"""Seconds after which the idle threads of one library no longer spin in the way of the next."""

FLOAT32 = SimpleNamespace(**{**vars(np), "float64": np.float32})
"""NumPy, for which float64 is float32: `haar` with nothing in float64."""


def numpy_qr(x: np.ndarray) -> np.ndarray:
    q, r = np.linalg.qr(x.astype(np.float64))
    return q * np.where(np.diagonal(r, 0, -2, -1) < 0, -1.0, 1.0)[:, None]


def scipy_qr(x: np.ndarray) -> np.ndarray:
    pairs = [qr(one, mode="economic", check_finite=False) for one in x]
    return np.stack([q * np.where(np.diagonal(r) < 0, -1, 1).astype(q.dtype) for q, r in pairs])


def torch_qr(x: np.ndarray, dtype: torch.dtype = torch.float32) -> np.ndarray:
    """What torch.nn.init.orthogonal_ does to its normals: one matrix after the other."""
    pairs = [torch.linalg.qr(torch.from_numpy(one).to(dtype)) for one in x]
    return np.stack([(q * r.diagonal().sign()).numpy() for q, r in pairs])


def torch_init(one: np.ndarray) -> np.ndarray:
    return torch.nn.init.orthogonal_(torch.empty(one.shape)).numpy()


def cholesky_twice(x: np.ndarray) -> np.ndarray:
    def orthonormal(one: np.ndarray) -> np.ndarray:
        lower = np.linalg.cholesky(one.T @ one)
        return solve_triangular(lower, one.T, lower=True, check_finite=False).T

    return np.stack([orthonormal(orthonormal(one.astype(np.float64))) for one in x])


def newton_schulz(x: np.ndarray) -> np.ndarray:
    q = x.astype(np.float64) / np.linalg.norm(x, 2, (-2, -1))[:, None, None]
    eye = np.eye(q.shape[-1])
    while True:
        off = eye - q.swapaxes(-1, -2) @ q
        q = q + q @ off / 2
        if np.abs(off).max() < 1e-8:
            return q


def reflectors(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Stewart's reflections as LAPACK stores them, and the signs."""
    v = np.tril(x).astype(np.float64)
    head = np.diagonal(v, 0, -2, -1).copy()
    norm, signs = np.linalg.norm(v, axis=-2), np.where(head < 0, -1.0, 1.0)
    v /= (head + signs * norm)[:, None]
    return v, 1 + np.abs(head) / norm, -signs[:, None]


def lapack_orgqr(x: np.ndarray) -> np.ndarray:
    v, tau, signs = reflectors(x)
    work = 64 * x.shape[-1]
    return np.stack([lapack.dorgqr(one, t, lwork=work)[0] for one, t in zip(v, tau, strict=True)]) * signs


def torch_orgqr(x: np.ndarray) -> np.ndarray:
    v, tau, signs = reflectors(x)
    return torch.linalg.householder_product(torch.from_numpy(v), torch.from_numpy(tau)).numpy() * signs


WAYS: dict[str, Callable[[Any], Any]] = {
    "torch.nn.init, with normals": lambda x: np.stack([torch_init(one) for one in x]),
    "torch.nn.init: QR float32": torch_qr,
    "torch QR float64": lambda x: torch_qr(x, torch.float64),
    "SciPy QR float32": scipy_qr,
    "NumPy QR float64 (before)": numpy_qr,
    "Cholesky twice, float64": cholesky_twice,
    "Newton-Schulz, float64": newton_schulz,
    "Stewart, LAPACK dorgqr": lapack_orgqr,
    "Stewart, torch orgqr f64": torch_orgqr,
    "Stewart, blocks, float32": lambda x: haar(x, FLOAT32),
    "Stewart, blocks, float64": lambda x: haar(x.astype(np.float64)),
    "Stewart, blocks, torch": lambda x: haar(torch.from_numpy(x), torch).numpy(),
    "Stewart, blocks: glorot": haar,
    "glorot, with normals": lambda x: draw(KEY, Orthogonal(), x.shape, "boi"),
}


def errors(q: np.ndarray) -> tuple[float, float]:
    gaps = [np.abs(one.T @ one - np.eye(one.shape[1])) for one in q.astype(np.float64)]
    return max(gap.max() for gap in gaps), max(gap.sum(axis=1).max() for gap in gaps)


def main() -> None:
    threads = int(os.environ.get("OPENBLAS_NUM_THREADS", "2"))
    torch.set_num_threads(threads)
    clock = time.process_time if threads == 1 else time.perf_counter
    rng = np.random.default_rng(0)
    print(f"NumPy {np.__version__}, torch {torch.__version__}, {threads} thread(s)")
    for shape, runs in SHAPES.items():
        normals = rng.standard_normal(shape, np.float32)
        wide = shape[1] < shape[2]
        tall = np.ascontiguousarray(normals.swapaxes(-1, -2)) if wide else normals
        ways = {name: way for name, way in WAYS.items() if max(shape) <= SLOW or way is not newton_schulz}
        times: dict[str, list[float]] = {name: [] for name in ways}
        results: dict[str, tuple[float, float]] = {}
        for _ in range(runs):
            for name, way in ways.items():
                is_ours = "blocks" in name or "with" in name  # it takes wide matrices as they are
                time.sleep(PAUSE)
                began = clock()
                q = np.asarray(way(normals if is_ours else tall)).astype(np.float32)
                times[name].append(1000 * (clock() - began))
                if name not in results:
                    results[name] = errors(q.swapaxes(-1, -2) if is_ours and wide else q)
        print(f"\n{' × '.join(map(str, shape)):28} median ms   least ms   largest entry   row sum")
        for name, values in times.items():
            largest, row_sum = results[name]
            median = statistics.median(values)
            print(f"{name:28} {median:9.1f}  {min(values):9.1f}   {largest:13.1e}   {row_sum:7.1e}", flush=True)


if __name__ == "__main__":
    main()
