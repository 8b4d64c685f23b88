"""Arrays that two processes hold together: each makes its own shards, with the bits of one process."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax", reason="these tests need JAX")

PROGRAM = Path(__file__).with_name("jax_process.py")


@pytest.mark.slow
def test_two_processes_hold_what_one_would() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    processes = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), address, str(rank)], env=environment | {"JAX_PLATFORMS": "cpu"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in (0, 1)
    ]  # fmt: skip
    told = [one.communicate(timeout=300) for one in processes]
    for one, (output, errors) in zip(processes, told, strict=True):
        assert one.returncode == 0, errors[-4000:]
        assert output.splitlines()[-1] == "the same bits"
