"""What a value costs in each stored type: arithmetic and rounding alone, on one core, in memory that the cache holds.

python benchmarks/elements.py

65,536 elements, again and again; the least of 25 turns of 20 fills each, in ns for an element.
"""

import timeit

import numpy as np

from glorot import native
from glorot.distributions import Constant, Normal, TruncatedNormal, Uniform
from glorot.stream.kernels import KIND_CODES
from glorot.stream.spec import law_of

COUNT, TURNS, FILLS = 2**16, 25, 20
KEY = 0x0A5AD30A0A0786CC
LAWS = {
    "constant": Constant(0.02),
    "uniform": Uniform.symmetric(0.05),
    "uniform, not centred": Uniform(-0.1, 0.3),
    "normal": Normal(0.0, 0.02),
    "truncated": TruncatedNormal(0.0, 0.02, -0.04, 0.04),
}

NOTES = """
Goals that are not reached, and why.
Normal and truncated at 1.8 times a fill, by two threads: a fill takes 0.15 ns an element on this machine (27 GB/s), so
0.27 ns would have to do. Two cores take 0.37 and 0.40 ns, of which Philox takes 0.15. The rest is the quantile: 32
products, sums and bit operations that the specification rounds one by one, without fused multiply-adds.
bfloat16 in no more time than float32: while the cache holds the values, rounding two vectors at once takes 0.01 ns an
element. From the registers, in place of a pass over scratch: uniform 0.37 to 0.32 ns, normal 0.81 to 0.75.
"""


def main() -> None:
    memory = np.zeros(8 * COUNT + 64, np.uint8)
    address = memory.ctypes.data + -memory.ctypes.data % 64
    print(f"{'':34}" + "".join(f"{element:>10}" for element in native.ELEMENTS))
    for kernel in native.available():
        if kernel == "numpy":
            continue
        for name, distribution in LAWS.items():
            law = law_of(distribution)
            least = []
            for element in range(len(native.ELEMENTS)):
                given = (address, COUNT, element, KEY, KIND_CODES[law.kind], law.numbers, 1, kernel)
                took = timeit.repeat(lambda given=given: native.fill_run(*given), number=FILLS, repeat=TURNS)
                least.append(1e9 * min(took) / FILLS / COUNT)
            print(f"{kernel + ' ' + name:34}" + "".join(f"{one:10.3f}" for one in least), flush=True)
    print(NOTES, end="")


if __name__ == "__main__":
    main()
