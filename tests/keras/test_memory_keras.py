"""Variables are written where they lie, or keep memory that was written for them: on every backend of Keras."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from effort import slow_after
from glorot import native

SCRIPT = Path(__file__).parent / "memory_on_backend.py"


def run_on(backend: str) -> dict[str, Any]:
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_ENABLE_X64": "1"}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.skipif(native.chosen() == "numpy", reason="no native kernel is built here")
@pytest.mark.parametrize("backend", slow_after(1, ["jax", "tensorflow", "torch"]))
def test_the_memory_of_variables_is_written(backend: str) -> None:
    alike = {"whole": [True, True], "same": True, "seen": True, "shares": True}
    through_xla = {**alike, "whole": [False, False]}
    assert run_on(backend) == {
        "backend": backend,
        "apart": True,
        **dict.fromkeys(("float32", "float16", "float64"), alike),
        "bfloat16": {**alike, "seen": None, "shares": None},  # which DLPack of NumPy has not
        "without a kernel": through_xla if backend == "jax" else alike,
    }
