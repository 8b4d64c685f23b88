"""Starting a transformer in Flax: glorot against Flax's own initialisers, op by op and under jit, compilation included.

python benchmarks/jax_models.py
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import jax
from flax import nnx

import glorot

WIDTH, LAYERS, WORDS, RUNS = 256, 12, 5000, 3


class Block(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.norm1, self.norm2 = (nnx.LayerNorm(WIDTH, rngs=rngs) for _ in range(2))
        self.attention = nnx.MultiHeadAttention(8, WIDTH, decode=False, rngs=rngs)
        self.up = nnx.Linear(WIDTH, 4 * WIDTH, rngs=rngs)
        self.down = nnx.Linear(4 * WIDTH, WIDTH, rngs=rngs)


class Transformer(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.words = nnx.Embed(WORDS, WIDTH, rngs=rngs)
        self.blocks = nnx.List([Block(rngs) for _ in range(LAYERS)])
        self.head = nnx.Linear(WIDTH, WORDS, rngs=rngs)


def fresh() -> Transformer:
    return Transformer(nnx.Rngs(0))


def by_glorot() -> Callable[[], Transformer]:
    shapes = nnx.eval_shape(fresh)
    plan = glorot.plan(shapes, "lecun")
    return lambda: glorot.apply(plan, shapes, seed=0)


def by_glorot_under_jit() -> Callable[[], Transformer]:
    plan = glorot.plan(nnx.eval_shape(fresh), "lecun")
    return nnx.jit(lambda: glorot.apply(plan, fresh(), seed=0))


def planning() -> Callable[[], glorot.Plan]:
    shapes = nnx.eval_shape(fresh)
    return lambda: glorot.plan(shapes, "lecun")


WAYS: dict[str, Callable[[], Callable[[], object]]] = {  # what is not timed, and what is
    "Flax": lambda: fresh,
    "glorot.apply": by_glorot,
    "Flax under jit": lambda: nnx.jit(fresh),
    "glorot.apply under jit": by_glorot_under_jit,
    "glorot.plan": planning,
}


def seconds(way: str) -> tuple[float, float]:
    """Return how long a way takes in a process of its own: the first time, and the second."""
    run = WAYS[way]()
    took = []
    for _ in range(2):
        start = time.perf_counter()
        made = run()
        if isinstance(made, nnx.Module):
            jax.block_until_ready(jax.tree.leaves(nnx.state(made, nnx.Param)))
        took.append(time.perf_counter() - start)
    return took[0], took[1]


def main() -> None:
    runs: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(RUNS):
        for way, found in runs.items():
            printed = subprocess.run([sys.executable, __file__, way], capture_output=True, text=True, check=True).stdout
            first, again = map(float, printed.split())
            found.append((first, again))
    weights = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(nnx.eval_shape(fresh), nnx.Param)))
    print(f"{LAYERS} layers, {weights:,} weights; medians of {RUNS} processes\n")
    print(f"{'':22}  {'first':>8}  {'again':>8}")
    for way, found in runs.items():
        first, again = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{way:22}  {first:6.2f} s  {again:6.2f} s")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(*seconds(sys.argv[1]))
    else:
        main()
