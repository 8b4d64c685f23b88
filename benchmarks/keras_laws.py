"""What a law costs in Keras on each backend: a kernel of 4096 × 4096 written by `glorot.apply`, beside filling one.

Run with: python benchmarks/keras_laws.py [-o benchmarks/results/keras_laws.txt]

Each backend in its own process; medians of interleaved rounds. "a fill" assigns `keras.ops.full` of the same shape to
the variable. `glorot.apply` matches the plan with the model too, which takes a millisecond or two.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SIDE, ROUNDS = 4096, 15
BACKENDS = ("tensorflow", "jax", "torch")
GOALS = {"uniform(low=-0.05, high=0.05)": 2, "normal(std=0.02)": 4, "truncated_normal(std=0.02)": None}


def seconds(act: Callable[[], object]) -> float:
    """Return how long a function takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def lines() -> list[str]:
    """Measure the backend of this process."""
    import keras

    import glorot

    model = keras.Sequential([keras.Input((SIDE,)), keras.layers.Dense(SIDE, use_bias=False)])
    variable = model.layers[0].kernel
    plans = {law: glorot.plan(model, law, False) for law in GOALS}
    ways: dict[str, Callable[[], object]] = {
        law: lambda plan=plan: glorot.apply(plan, model, seed=0)  # type: ignore[misc]
        for law, plan in plans.items()
    }
    ways["a fill"] = lambda: variable.assign(keras.ops.full((SIDE, SIDE), 0.5))

    def done(act: Callable[[], object]) -> None:
        act()
        _ = float(keras.ops.convert_to_numpy(variable[0, 0]))  # whatever runs later has run

    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, act in ways.items():
            times[way].append(seconds(lambda act=act: done(act)))  # type: ignore[misc]
    fill, found = statistics.median(times["a fill"]), []
    for way, every in times.items():
        goal = f"   (goal {GOALS[way]})" if GOALS.get(way) else ""
        middle = statistics.median(every)
        found.append(f"{keras.backend.backend():<12}{way:<32}{middle * 1e3:>8.1f}{middle / fill:>12.2f}{goal}")
    return found


def main() -> None:
    """Measure this process's backend, or print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", action="store_true", help="measure the backend of this process")
    parser.add_argument("-o", "--output", type=Path, help="write the table to a file too")
    given = parser.parse_args()
    if given.one:
        print("\n".join(lines()))
        return
    table = [f"{SIDE} × {SIDE}, float32", "", f"{'':<44}{'ms':>8}{'× a fill':>12}"]
    for backend in BACKENDS:
        environment = os.environ | {"KERAS_BACKEND": backend}
        command = [sys.executable, __file__, "--one"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        table += done.stdout.splitlines()[-len(GOALS) - 1 :]
    text = "\n".join(table)
    print(text)
    if given.output:
        given.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
