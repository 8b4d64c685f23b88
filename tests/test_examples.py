"""The examples run, and print what they promise."""

import contextlib
import io
import runpy
from pathlib import Path

import pytest

from glorot.cli.targets import load_target
from glorot.comparison.run import run_comparison

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["transformer"])
def test_an_example_runs(name):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    assert printed.getvalue().strip()


@pytest.mark.slow
def test_one_network_starts_alike_in_three_frameworks():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(ROOT / "examples" / "same_weights" / "run.py"), run_name="__main__")
    rows = [line.split() for line in printed.getvalue().splitlines()[1:]]
    assert [row[:2] for row in rows] == [
        [network, framework] for network in ("cnn", "block") for framework in ("PyTorch", "Keras", "Flax")
    ]
    for row in rows:
        assert row[3] == "yes"
        assert float(row[-1]) < 1e-5


def test_the_example_task_trains():
    comparison = run_comparison(
        load_target(f"{ROOT / 'examples' / 'moons.py'}:task"), ["zeros", "he"], seeds=1, epochs=10
    )
    assert comparison["he"].final("test_accuracy").mean > comparison["zeros"].final("test_accuracy").mean + 0.2
