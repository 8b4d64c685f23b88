"""One inventory and one set of bits on every backend of Keras."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from keras_on_backend import KINDS, layer_of

from effort import slow_after

BACKENDS = ("tensorflow", "jax", "torch")
SCRIPT = Path(__file__).parent / "keras_on_backend.py"


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    """What each backend found and wrote, in a process of its own."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(BACKENDS, pool.map(run_on, BACKENDS), strict=True))


def run_on(backend: str, *kinds: str) -> dict[str, Any]:
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_ENABLE_X64": "1"}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *kinds], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("backend", slow_after(1, ["jax", "torch"]))
def test_two_layers_have_the_parts_and_bits_that_they_have_here(backend: str) -> None:
    here = {kind: layer_of(kind) for kind in ("Dense", "LSTM")}
    assert run_on(backend, *here) == {"backend": backend, **here}
    assert len({digest for _, _, drawn in here.values() for digest in drawn.values()}) == 5  # no two weights are equal


# all of it, on each


@pytest.mark.slow
def test_each_process_ran_on_its_backend(found: dict[str, dict[str, Any]]) -> None:
    assert {backend: result["backend"] for backend, result in found.items()} == {name: name for name in BACKENDS}
    assert set(KINDS) < set(found["jax"])


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_initializer_gives_the_same_bits(found: dict[str, dict[str, Any]], backend: str) -> None:
    assert found[backend]["draws"] == found["tensorflow"]["draws"]
    assert len(set(found[backend]["draws"].values())) > 20


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_layer_has_the_same_parts_and_bits(found: dict[str, dict[str, Any]], backend: str) -> None:
    for kind in KINDS:
        assert found[backend][kind] == found["tensorflow"][kind], kind
    assert len({digest for kind in KINDS for digest in found[backend][kind][2].values()}) > 30


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("what", ["float16", "bfloat16", "float64", "mixed_bfloat16", "a piece"])
def test_every_dtype_is_rounded_alike(found: dict[str, dict[str, Any]], backend: str, what: str) -> None:
    assert found[backend][what] == found["tensorflow"][what]


@pytest.mark.slow
def test_dtypes_are_those_of_the_policy(found: dict[str, dict[str, Any]]) -> None:
    for what in ("float16", "bfloat16", "float64"):
        assert set(found["torch"][what][0]) == {what}


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_in_python_is_followed_alike(found: dict[str, dict[str, Any]], backend: str) -> None:
    run, registered = found[backend]["run"], found[backend]["registered"]
    assert [run[path] for path in ("first", "stack.0", "attend.output", "last")] == [
        [1, "identity", "relu"],
        [2, "relu", "tanh"],
        [11, "identity", "silu"],
        [12, "silu", "identity"],
    ]
    held = ["pair.0", "pair.1.0", "named.0", "named.1"]
    assert [run[path][0] for path in held] == [3, 4, 5, 6]
    weights = [one.split("'")[1] for one in found[backend]["encoder"][0]]
    assert {"shifts.0", "shifts.1", *(f"{path}.kernel" for path in held)} < set(weights)
    assert list(registered)[:3] == ["last", "first", "stack.0"]
    assert found[backend]["encoder"] == found["tensorflow"]["encoder"]
    assert found[backend]["outputs"] == found["tensorflow"]["outputs"]
