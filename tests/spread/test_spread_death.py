"""A process that dies does not leave the others waiting for ever."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch.distributed.fsdp", reason="these tests need PyTorch's torch.distributed")

PROGRAM = """
import os, signal
from datetime import timedelta
import torch, torch.distributed as dist
import glorot
from spread_scenarios import X, blocks, fully_sharded
from torch.distributed.device_mesh import init_device_mesh

dist.init_process_group("gloo", timeout=timedelta(seconds=20))
model = fully_sharded(blocks(), init_device_mesh("cpu", (2,)))
plan = glorot.plan(blocks())
if dist.get_rank() == 1:
    os.kill(os.getpid(), signal.SIGKILL)
glorot.apply(plan, model, seed=0)
print("written", flush=True)
try:
    glorot.measure(model, X)  # which gathers the weights
except RuntimeError as error:
    print("ended", flush=True)
os._exit(0)
"""


@pytest.mark.slow
def test_a_dead_process_ends_the_others_within_the_timeout_of_the_group(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parent),
    }  # fmt: skip
    processes = [
        subprocess.Popen(
            [sys.executable, str(program)], env=os.environ | shared | {"RANK": str(rank)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in (0, 1)
    ]  # fmt: skip
    outputs = [one.communicate(timeout=120) for one in processes]
    assert processes[1].returncode == -9
    assert outputs[0][0].split() == ["written", "ended"], outputs[0][1][-2000:]
