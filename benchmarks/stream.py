"""The stream on the CPU: time of each law against torch.nn.init, NumPy and a plain fill, and where the time goes.

Run with: make bench, or python benchmarks/stream.py [--quick]

Every figure is the median of interleaved runs in one process, on one tensor: 8192 × 8192, or 4096 × 4096 with --quick.
"× fill_" is the time over that of torch.Tensor.fill_ on the same tensor, the least that writing it can take.
"""

import argparse
import contextlib
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from glorot.distributions import Constant, Distribution, Normal, TruncatedNormal, Uniform
from glorot.stream import Key, fill, kernels
from glorot.stream.elements import BFLOAT16

THREADS = 2
ROUNDS = 9
SLOW_ROUNDS = 3  # of torch's trunc_normal_, which takes seconds
BOUND, STD = 0.05, 0.02
KEY = Key(0x0A0786CC, 0x0A5AD30A)
LAWS: dict[str, Distribution] = {
    "constant": Constant(0.02),
    "uniform": Uniform.symmetric(BOUND),
    "normal": Normal(0.0, STD),
    "truncated": TruncatedNormal(0.0, STD, -2 * STD, 2 * STD),
}
TORCH: dict[str, Callable[[Tensor], Tensor]] = {
    "uniform": lambda t: torch.nn.init.uniform_(t, -BOUND, BOUND),
    "normal": lambda t: torch.nn.init.normal_(t, 0.0, STD),
    "truncated": lambda t: torch.nn.init.trunc_normal_(t, 0.0, STD, -2 * STD, 2 * STD),
}
GOALS = {  # over torch.nn.init, over NumPy, and of the time of fill_
    "avx512": {"uniform": (13, 6, 1.5), "normal": (8, 6, 2.5), "truncated": (150, 6, 2.5)},
    "avx2": {"uniform": (7, None, None), "normal": (4, None, None), "truncated": (80, None, None)},
}
Times = dict[str, list[float]]


def numpy_laws() -> dict[str, Callable[[np.ndarray], None]]:
    """Return the fastest way of NumPy to each law, in place: SFC64, float32, then scaled."""
    generator = np.random.Generator(np.random.SFC64(0))

    def uniform(out: np.ndarray) -> None:
        generator.random(out=out, dtype=np.float32)
        out *= np.float32(2 * BOUND)
        out -= np.float32(BOUND)

    def normal(out: np.ndarray) -> None:
        generator.standard_normal(out=out, dtype=np.float32)
        out *= np.float32(STD)

    def truncated(out: np.ndarray) -> None:
        generator.standard_normal(out=out, dtype=np.float32)
        outside = np.flatnonzero(np.abs(out) > 2)
        while outside.size:
            out.flat[outside] = generator.standard_normal(outside.size, dtype=np.float32)
            outside = outside[np.abs(out.flat[outside]) > 2]
        out *= np.float32(STD)

    return {"uniform": uniform, "normal": normal, "truncated": truncated}


@contextlib.contextmanager
def timed(times: Times, name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    times.setdefault(name, []).append(time.perf_counter() - began)


def measure_one_tensor(side: int) -> Times:
    times: Times = {}
    tensor, half = torch.zeros(side, side), torch.zeros(side, side, dtype=torch.bfloat16)
    array, bits = tensor.numpy(), half.view(torch.uint16).numpy().view(BFLOAT16)
    of_numpy = numpy_laws()
    for number in range(ROUNDS):
        with timed(times, "fill_"):
            tensor.fill_(1.0)
        with timed(times, "fill_ bfloat16"):
            half.fill_(1.0)
        for law, distribution in LAWS.items():
            for kernel in kernels.available():
                if kernel == "numpy" and number >= SLOW_ROUNDS:
                    continue
                with timed(times, f"{kernel} {law}"), kernels.using(kernel):
                    fill(array, KEY, distribution, array.shape, threads=THREADS)
            with timed(times, f"bfloat16 {law}"):
                fill(bits, KEY, distribution, bits.shape, threads=THREADS)
            with timed(times, f"transposed {law}"):
                fill(array.T, KEY, distribution, array.shape, threads=THREADS)
            with timed(times, f"one thread {law}"):
                fill(array, KEY, distribution, array.shape, threads=1)
        for law, draw in TORCH.items():
            if law != "truncated" or number < SLOW_ROUNDS:
                with timed(times, f"torch {law}"):
                    draw(tensor)
                with timed(times, f"NumPy {law}"):
                    of_numpy[law](array)
    return times


def clock_in_hertz() -> float | None:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return 1e6 * float(next(line.split(":")[1] for line in lines if line.startswith("cpu MHz")))
    return None


def print_one_tensor(times: Times, side: int) -> None:
    seconds = {name: statistics.median(values) for name, values in times.items()}
    elements, clock = side * side, clock_in_hertz()
    plain = {4: seconds["fill_"], 2: seconds["fill_ bfloat16"]}
    print(f"\n{'':22}{'ms':>9}{'least':>9}{'× fill_':>9}{'GB/s':>8}{'el./cycle':>11}")
    for name, median in seconds.items():
        size = 2 if "bfloat16" in name else 4
        threads = 1 if name.split()[0] in ("one", "torch", "NumPy", "numpy") and name != "fill_" else THREADS
        per_cycle = f"{elements / median / clock / threads:11.2f}" if clock else f"{'?':>11}"
        print(
            f"{name:22}{1e3 * median:9.1f}{1e3 * min(times[name]):9.1f}{median / plain[size]:9.2f}"
            f"{size * elements / median / 1e9:8.1f}{per_cycle}"
        )
    print(f"\n{'':22}{'over torch.nn.init':>24}{'over NumPy':>24}{'× fill_':>20}")
    for kernel, goals in GOALS.items():
        for law, wanted in goals.items():
            mine = seconds.get(f"{kernel} {law}")
            if mine is None:
                continue
            figures = seconds[f"torch {law}"] / mine, seconds[f"NumPy {law}"] / mine, mine / plain[4]
            shown = [
                f"{figure:.1f}" + (f" (goal {goal})" if goal else "")
                for figure, goal in zip(figures, wanted, strict=True)
            ]
            print(f"{kernel + ' ' + law:22}{shown[0]:>24}{shown[1]:>24}{shown[2]:>20}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tensor of a quarter of the size")
    side = 4096 if parser.parse_args().quick else 8192
    torch.set_num_threads(THREADS)
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if platform.system() == "Linux" else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    print(f"{model}, {THREADS} threads, {side} × {side} elements, torch {torch.__version__}, NumPy {np.__version__}")
    print("Elements per cycle are those of one thread, at the clock that the system names.")
    print_one_tensor(measure_one_tensor(side), side)


if __name__ == "__main__":
    main()
