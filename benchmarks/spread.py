"""Writing the shards of a model that several processes hold together: time, memory and what is sent.

Run with: python benchmarks/spread.py [-o benchmarks/results/spread.txt]

FSDP2 deals a stack of linear layers, 512 MiB in float32, out over 1, 2, 4 and 8 processes of gloo on this machine, one
thread each. Time is that of the slowest process; with more processes than cores it counts their turns on the cores.
Memory is what the process held at most beyond its shards. "sent" counts the collective operations during apply.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor.debug import CommDebugMode

import glorot

WIDTH, LAYERS = 4096, 8
SIDE = 2048
SIZES = (1, 2, 4, 8)


def peak() -> int:
    """Return the largest memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def stack(width: int, layers: int) -> nn.Sequential:
    """Return layers without biases, on meta."""
    with torch.device("meta"):
        return nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(layers)))


def sharded(width: int, layers: int) -> nn.Sequential:
    """Return the same, sharded over all processes, with memory that was touched."""
    model = stack(width, layers)
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    for layer in model:
        fully_shard(layer, mesh=mesh)
    model.to_empty(device="cpu")
    for tensor in model.parameters():
        tensor.detach().to_local().zero_()  # type: ignore[attr-defined]
    return model


def measured() -> dict[str, float]:
    """Start both models in this process, and return the figures."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    glorot.apply(glorot.plan(nn.Linear(8, 8), "orthogonal"), nn.Linear(8, 8), seed=0)  # imports what is needed
    model, plan = sharded(WIDTH, LAYERS), glorot.plan(stack(WIDTH, LAYERS), "xavier_normal", False)
    dist.barrier()
    before, began = peak(), time.perf_counter()
    with CommDebugMode() as sent:
        glorot.apply(plan, model, seed=0)
    taken, seconds = peak() - before, time.perf_counter() - began
    square, orthogonal = sharded(SIDE, 1), glorot.plan(stack(SIDE, 1), "orthogonal", False)
    dist.barrier()
    began = time.perf_counter()
    glorot.apply(orthogonal, square, seed=0)
    whole = time.perf_counter() - began
    equal = glorot.digest(model) == plan.digest(0)
    every: list[dict[str, float]] = [{}] * dist.get_world_size()
    own = {"seconds": seconds, "taken": taken, "sent": sent.get_total_counts(), "whole": whole, "equal": float(equal)}
    dist.all_gather_object(every, own)
    dist.barrier()
    dist.destroy_process_group()
    return {key: (min if key == "equal" else max)(one[key] for one in every) for key in own}


def table() -> str:
    """Launch each number of processes, and return the table."""
    size, whole = LAYERS * WIDTH**2 * 4 >> 20, f"orthogonal {SIDE}², s"
    lines = [
        f"{LAYERS} × {WIDTH}² in float32 ({size} MiB), xavier_normal; torch {torch.__version__}",
        "",
        f"{'processes':>9}{'apply, s':>12}{'beside, MiB':>14}{'sent':>7}{'same bits':>12}{whole:>24}",
    ]
    for size in SIZES:
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(size)]
        done = subprocess.run([*launch, __file__, "--one"], capture_output=True, text=True, check=True)
        found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
        lines.append(
            f"{size:>9}{found['seconds']:>12.2f}{found['taken'] / 2**20:>14.1f}{found['sent']:>7.0f}"
            f"{'yes' if found['equal'] else 'no':>12}{found['whole']:>24.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure in this process, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", action="store_true", help="measure in this process of a launch")
    parser.add_argument("-o", "--output", type=Path, help="write the table to a file too")
    given = parser.parse_args()
    if given.one:
        found = measured()
        if os.environ["RANK"] == "0":
            print(json.dumps(found), flush=True)
        return
    text = table()
    print(text)
    if given.output:
        given.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
