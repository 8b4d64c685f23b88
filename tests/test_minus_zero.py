"""The sign of a constant -0 goes through every writer, every file and back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from flax import nnx
from safetensors.numpy import load_file

import glorot
import glorot.jax
import glorot.keras
from glorot import stream
from glorot.cli import main
from glorot.distributions import Constant, from_json
from glorot.plans import Plan
from glorot.schemes import as_scheme
from glorot.stream import kernels
from glorot.torch import init

KEY = stream.key_of(0, "b")
RULES = [("*bias", "constant(-0.0)")]


def is_minus_zero(values: Any) -> bool:
    wide = np.asarray(values, dtype=np.float64)
    return wide.size > 0 and bool(np.signbit(wide).all()) and not wide.any()


def test_minus_zero_is_another_law_than_zero() -> None:
    assert Constant(-0.0) != Constant(0.0)
    assert Constant(-0.0) == Constant(-0.0)
    assert len({Constant(-0.0), Constant(0.0), Constant(0)}) == 2
    assert Constant(1.0) != 1.0
    assert as_scheme("constant(-0.0)") != as_scheme("constant(0.0)")


@pytest.mark.parametrize("kernel", kernels.available())
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_kernel_writes_it(kernel: str, dtype: str) -> None:
    with kernels.using(kernel):
        for value in (0.0, -0.0, 0.0):  # what is remembered of one is not taken for the other
            drawn = stream.draw(KEY, Constant(value), (33,), dtype=dtype)
            assert is_minus_zero(drawn) is bool(np.signbit(value))
        both = [np.empty(5, dtype) for _ in range(2)]
        stream.fill_all([stream.Fill(out, KEY, Constant(v), (5,)) for out, v in zip(both, (0.0, -0.0), strict=True)])
    assert [is_minus_zero(out) for out in both] == [False, True]


def test_what_is_too_small_for_float32_counts_as_zero() -> None:
    assert not np.signbit(stream.draw(KEY, Constant(-1e-40), (3,))).any()


def bias_of_torch(dtype: torch.dtype) -> Any:
    layer = torch.nn.Linear(3, 2, dtype=dtype)
    return glorot.initialize(layer, "xavier", seed=0, rules=RULES).bias.detach().double().numpy()


def bias_of_keras() -> Any:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    return glorot.initialize(model, "xavier", seed=0, rules=RULES).layers[0].bias


def bias_of_flax() -> Any:
    return glorot.initialize(nnx.Linear(3, 2, rngs=nnx.Rngs(0)), "xavier", seed=0, rules=RULES).bias[...]


def filled_by_torch() -> Any:
    return init.constant_(torch.empty(3), -0.0)


WRITERS: dict[str, Callable[[], Any]] = {
    "torch float32": lambda: bias_of_torch(torch.float32),
    "torch bfloat16": lambda: bias_of_torch(torch.bfloat16),
    "torch float64": lambda: bias_of_torch(torch.float64),
    "torch init": filled_by_torch,
    "keras": bias_of_keras,
    "keras initializer": lambda: [glorot.keras.Constant(value)((3,)) for value in (0.0, -0.0)][1],
    "flax": bias_of_flax,
    "jax draw": lambda: glorot.jax.draw(KEY, Constant(-0.0), (3,)),
    "jax draw, bfloat16": lambda: glorot.jax.draw(KEY, Constant(-0.0), (3,), dtype=jnp.bfloat16).astype(jnp.float32),
    "jax initializer": lambda: glorot.jax.initializers.constant(-0.0)(jax.random.key(0), (3,)),
    "draw": lambda: glorot.draw("constant(-0.0)", (3, 2), seed=0),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_every_framework_writes_it(writer: str) -> None:
    assert is_minus_zero(WRITERS[writer]())


def test_it_goes_through_a_plan_file(tmp_path: Path) -> None:
    plan = glorot.plan(torch.nn.Linear(3, 2), "xavier", rules=RULES)
    read = Plan.load(plan.save(tmp_path / "plan.json"))
    law = read["bias"].distribution
    assert law == Constant(-0.0) == from_json(json.loads(json.dumps(Constant(-0.0).to_json())))
    assert read["bias"].scheme == "constant(value=-0.0)"
    assert as_scheme(read["bias"].scheme)(None) == law
    other = glorot.plan(torch.nn.Linear(3, 2), "xavier", rules=[("bias", "zeros")])
    assert len(read.diff(other).changed) == 1
    assert not read.diff(plan)


def bias_in_torch_file(file: Path) -> Any:
    return torch.load(file)["bias"]


def bias_in_npz(file: Path) -> Any:
    with np.load(file) as arrays:
        return arrays["bias"]


FILES: dict[str, Callable[[Path], Any]] = {
    "w.pt": bias_in_torch_file,
    "w.npz": bias_in_npz,
    "w.safetensors": lambda file: load_file(file)["bias"],
}


@pytest.mark.parametrize("name", FILES)
def test_the_command_line_writes_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.py").write_text("import torch\n\ndef net():\n    return torch.nn.Linear(3, 2)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("glorot.cli.LISTENER.start", lambda: None)  # the handlers of this process stay
    for words in (
        ["plan", "own.py:net", "--rule", "bias=constant(-0.0)", "-o", "plan.json"],
        ["apply", "plan.json", "own.py:net", "--seed", "0", "-o", name],
    ):
        monkeypatch.setattr("sys.argv", ["glorot", *words])
        with pytest.raises(SystemExit, match="^0$"):
            main()
    assert is_minus_zero(FILES[name](tmp_path / name))
