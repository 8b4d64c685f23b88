"""JAX and Keras on the CPU: laws under jit, outside it and on eight devices, and whole models beside their own start.

python benchmarks/jax_keras.py [--quick]

Laws: the median and the least of interleaved runs in one process, on an array of 4096 × 4096. "× fill" is the time
over that of jnp.full under the same jit, the least that making such an array can take; "by XLA" is the law without the
native kernel. Models: each way in its own process; "first" is the first time, compilation included, "again" the
least of the next three. "Own start" builds the model, which starts it. Of glorot, planning and applying are timed
apart, to a model that is there: built for Keras, its shapes for Flax.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("JAX_NUM_CPU_DEVICES", "8")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROUNDS, AGAIN = 15, 3
BOUND, STD = 0.05, 0.02
GOALS = {"uniform": 2.0, "normal": 4.0, "truncated": 4.0}
WIDTH, LAYERS, WORDS = 768, 12, 32000  # of the transformer in Flax: 134 million weights
UNITS, DENSE = 4096, 6  # of the dense net in Keras: 105 million
Took = list[tuple[float, float]]


def ways_of(side: int) -> dict[str, Callable[[], Any]]:
    """Return what is timed: fills, and each law in five ways."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import AxisType, NamedSharding, PartitionSpec

    from glorot import native
    from glorot.distributions import Normal, TruncatedNormal, Uniform
    from glorot.jax import draw

    shape, key = (side, side), np.array((3, 4), np.uint32)
    spread = NamedSharding(jax.make_mesh((8,), ("x",), (AxisType.Auto,)), PartitionSpec("x"))
    laws = {
        "uniform": Uniform.symmetric(BOUND),
        "normal": Normal(0.0, STD),
        "truncated": TruncatedNormal(0.0, STD, -2 * STD, 2 * STD),
    }
    fill = jax.jit(lambda value: jnp.full(shape, value))
    on_eight = jax.jit(lambda value: jnp.full(shape, value), out_shardings=spread)
    half = jax.jit(lambda value: jnp.full(shape, value, jnp.bfloat16))
    ways = {"fill": lambda: fill(1.0), "fill on 8": lambda: on_eight(1.0), "fill bfloat16": lambda: half(1.0)}
    for name, law in laws.items():
        compiled = {
            "under jit": jax.jit(lambda key, law=law: draw(key, law, shape)),
            "on 8": jax.jit(lambda key, law=law: draw(key, law, shape), out_shardings=spread),
            "bfloat16": jax.jit(lambda key, law=law: draw(key, law, shape, dtype=jnp.bfloat16)),
            "by XLA": jax.jit(lambda key, law=law: draw(key, law, shape)),
        }
        with native.using("numpy"):
            compiled["by XLA"](key)
        ways |= {f"{name} {way}": lambda run=run: run(key) for way, run in compiled.items()}
        ways[f"{name} outside"] = lambda law=law: draw(key, law, shape)
    return ways


def laws(side: int) -> None:
    """Print what each law costs beside a fill."""
    import jax

    from glorot import native

    ways = ways_of(side)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            jax.block_until_ready(way())
            if number:  # the first round compiles
                times[name].append(time.perf_counter() - began)
    print(f"\n{side} × {side}, kernel {native.chosen()}\n{'':22}{'ms':>9}{'least':>9}{'× fill':>9}{'by least':>10}")
    for name, found in times.items():
        fill = "fill bfloat16" if "bfloat16" in name else "fill on 8" if "on 8" in name else "fill"
        ratios = statistics.median(found) / statistics.median(times[fill]), min(found) / min(times[fill])
        law, _, way_of = name.partition(" ")
        goal = f"   (goal {GOALS[law]:g})" if law in GOALS and way_of in ("under jit", "outside") else ""
        least = 1e3 * min(found)
        print(f"{name:22}{1e3 * statistics.median(found):9.1f}{least:9.1f}{ratios[0]:9.2f}{ratios[1]:10.2f}{goal}")


def flax_net() -> Any:
    """Return a function that builds the transformer."""
    from flax import nnx

    class Block(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.norm1, self.norm2 = (nnx.LayerNorm(WIDTH, rngs=rngs) for _ in range(2))
            self.attention = nnx.MultiHeadAttention(12, WIDTH, decode=False, rngs=rngs)
            self.up = nnx.Linear(WIDTH, 4 * WIDTH, rngs=rngs)
            self.down = nnx.Linear(4 * WIDTH, WIDTH, rngs=rngs)

    class Transformer(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.words = nnx.Embed(WORDS, WIDTH, rngs=rngs)
            self.blocks = nnx.List([Block(rngs) for _ in range(LAYERS)])
            self.head = nnx.Linear(WIDTH, WORDS, rngs=rngs)

    return lambda: Transformer(nnx.Rngs(0))


def keras_net() -> Any:
    """Build the dense net."""
    import keras

    inputs = keras.Input((UNITS,))
    hidden = inputs
    for _ in range(DENSE):
        hidden = keras.layers.Dense(UNITS, activation="relu")(hidden)
    return keras.Model(inputs, keras.layers.Dense(1000)(hidden))


def timed(way: Callable[[], Any]) -> Took:
    """Return how long a way takes, time after time: by the clock, and by the processor."""
    import jax

    took = []
    for _ in range(AGAIN + 1):
        began = time.perf_counter(), time.process_time()
        made = way()
        jax.block_until_ready([leaf for leaf in jax.tree.leaves(made) if isinstance(leaf, jax.Array)])
        took.append((time.perf_counter() - began[0], time.process_time() - began[1]))
        del made
    return took


def flax_way(way: str) -> dict[str, Took]:
    """Time one way to start the transformer: by Flax or by glorot, under jit or not."""
    from flax import nnx

    fresh = flax_net()
    if way == "own":
        return {"start": timed(fresh)}
    if way == "own under jit":
        return {"start": timed(nnx.jit(fresh))}
    import glorot

    model = nnx.eval_shape(fresh)
    planned = timed(lambda: glorot.plan(model, "lecun"))
    plan = glorot.plan(model, "lecun")
    if way == "glorot":
        start = timed(lambda: glorot.apply(plan, model, seed=0))
    else:
        start = timed(nnx.jit(lambda: glorot.apply(plan, fresh(), seed=0)))
    return {"plan": planned, "start": start}


def keras_way(way: str) -> dict[str, Took]:
    """Time one way to start the dense net: by Keras or by glorot."""
    if way == "own":
        return {"start": timed(keras_net)}
    import glorot

    model = keras_net()
    planned = timed(lambda: glorot.plan(model, "xavier"))
    plan = glorot.plan(model, "xavier")  # the law of their own start
    return {"plan": planned, "start": timed(lambda: glorot.apply(plan, model, seed=0))}


MODELS = {
    "Flax": (flax_way, {}, ("own", "glorot")),
    "Flax under jit": (flax_way, {}, ("own under jit", "glorot under jit")),
    "Keras, TensorFlow": (keras_way, {"KERAS_BACKEND": "tensorflow"}, ("own", "glorot")),
    "Keras, JAX": (keras_way, {"KERAS_BACKEND": "jax"}, ("own", "glorot")),
    "Keras, PyTorch": (keras_way, {"KERAS_BACKEND": "torch"}, ("own", "glorot")),
}


def models() -> None:
    """Print what starting each model takes, each way in its own process."""
    print(f"\n{'':20}{'own start':>20}{'glorot: plan':>20}{'apply':>20}{'own over apply, again (goal 5)':>33}")
    print(f"{'':20}" + f"{'first':>11}{'again':>9}" * 3 + f"{'by clock':>16}{'by processor':>17}")
    for name, (_, environment, (own, mine)) in MODELS.items():
        one, other = in_a_process(name, own, environment), in_a_process(name, mine, environment)
        columns = [one["start"], other["plan"], other["start"]]
        shown = "".join(f"{took[0][0]:9.2f} s{min(took[1:])[0]:7.2f} s" for took in columns)
        clock, processor = (
            min(took[by] for took in one["start"][1:]) / min(took[by] for took in other["start"][1:]) for by in (0, 1)
        )
        print(f"{name:20}{shown}{clock:16.1f}{processor:17.1f}", flush=True)


def in_a_process(name: str, way: str, environment: dict[str, str]) -> dict[str, Took]:
    command = [sys.executable, __file__, "--one", name, way]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    found: dict[str, Took] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="laws on an array of a quarter of the size, no models")
    parser.add_argument("--one", nargs=2, metavar=("MODEL", "WAY"), help="one way, as a number; for the program itself")
    chosen = parser.parse_args()
    if chosen.one:
        name, way = chosen.one
        print(json.dumps(MODELS[name][0](way)))
        return
    import jax
    import keras

    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"JAX {jax.__version__}, Keras {keras.__version__}, {threads} processors")
    laws(2048 if chosen.quick else 4096)
    if not chosen.quick:
        models()


if __name__ == "__main__":
    main()
