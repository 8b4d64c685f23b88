"""Weights straight to disk: speed beside plain writing and drawing in memory, peak memory, 400 B parameters.

Run with: make bench-disk, or python benchmarks/disk.py [speed|memory|large|plans …] [--folder FOLDER]

Needs about 45 GB free in FOLDER and 5 GB in /dev/shm; transformers gives the models, on the meta device.

speed   median of rounds, each in an order that is drawn. "plain" writes as many bytes, of a buffer that is not
        drawn, to as many files, in pieces of 8 MiB, and flushes each file to the disk.
        "in memory" draws all tensors into fresh arrays, as glorot.apply does for a model that it gives memory to.
        "to memory" writes the files to /dev/shm, and "plain to memory" as many bytes.
memory  the peak of `glorot apply`, as the system counts it, for 4 and 40 GB.
large   `glorot apply --only-shard` for 20 of the files of a model of 419 B parameters, each in its own process.
plans   the file of a plan of 44,544 tensors.
"""

import argparse
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
import transformers
from torch import nn

import glorot
from glorot import weights
from glorot.plans import Plan
from glorot.stream import Fill, fill_all
from glorot.stream.elements import BFLOAT16
from glorot.weights.shards import lay_out
from glorot.weights.tensors import tensors_of

ROUNDS, SHARDS = 5, 20
PIECE = 2**23
MEMORY = Path("/dev/shm")


def llama(layers: int, width: int, inner: int, vocabulary: int, heads: int) -> nn.Module:
    """Return a model on the meta device."""
    with torch.device("meta"):
        config = transformers.LlamaConfig(
            hidden_size=width, num_hidden_layers=layers, intermediate_size=inner, vocab_size=vocabulary,
            num_attention_heads=heads, num_key_value_heads=heads // 4,
        )  # fmt: skip
        model: nn.Module = transformers.LlamaForCausalLM(config)
    return model


def plan_of(gigabytes: int, place: Path) -> Plan:
    """Return the plan of a model that takes some GB in float32, as it is read from its file."""
    layers = {4: 15, 40: 162}[gigabytes]
    return Plan.load(glorot.plan(llama(layers, 2048, 8192, 32000, 16)).save(place))


def write_plainly(plan: Plan, dtype: str, folder: Path) -> None:
    """Write as many bytes to as many files."""
    buffer = np.random.default_rng(0).integers(0, 256, PIECE, np.uint8)
    folder.mkdir()
    for shard in lay_out(plan, 0, dtype).shards:
        with (folder / shard.name).open("wb") as file:
            for start in range(0, shard.size, PIECE):
                file.write(buffer[: shard.size - start].data)
            file.flush()
            os.fsync(file.fileno())


def draw_in_memory(plan: Plan, dtype: str) -> None:
    """Draw all tensors into fresh arrays."""
    kind = BFLOAT16 if dtype == "bfloat16" else np.dtype(dtype)
    fills = []
    for tensor in tensors_of(plan, 0, dtype)[0]:
        (piece,) = tensor.pieces
        assert piece.entry.distribution is not None
        fills.append(Fill(np.empty(tensor.shape, kind), piece.key, piece.entry.distribution, tensor.shape))
    fill_all(fills)


def seconds(action: Callable[[], object]) -> float:
    """Return how long something takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def busy() -> float:
    """Return for how many seconds processors have worked for this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure_speed(work: Path) -> None:
    """Print GB/s of each way, its seconds of processors for a GB, and what share of another way's speed it has."""
    plan, moments = plan_of(4, work / "plan.json"), random.Random(0)
    print(f"\nspeed: median of {ROUNDS} rounds in drawn order, 1.04 B elements; CPU is the work of all processors")
    for dtype in ("float32", "bfloat16"):
        size = sum(shard.size for shard in lay_out(plan, 0, dtype).shards) / 1e9
        ways: dict[str, Callable[[], object]] = {
            "plain": partial(write_plainly, plan, dtype, work / "out"),
            "to disk": partial(weights.write, plan, work / "out", seed=0, dtype=dtype),
            "in memory": partial(draw_in_memory, plan, dtype),
            "plain to memory": partial(write_plainly, plan, dtype, MEMORY / work.name),
            "to memory": partial(weights.write, plan, MEMORY / work.name, seed=0, dtype=dtype),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name in moments.sample([*ways], len(ways)):
                os.sync()  # or one way waits for what another has left to flush
                worked = busy()
                times[name].append((seconds(ways[name]), busy() - worked))
                for folder in (work / "out", MEMORY / work.name):
                    shutil.rmtree(folder, ignore_errors=True)
        speeds = {name: size / statistics.median(took for took, _ in found) for name, found in times.items()}
        beside = {"to disk": ["plain"], "to memory": ["in memory", "plain to memory"]}
        for name in ways:
            work_of = statistics.median(worked for _, worked in times[name]) / size
            least, most = (size / end([took for took, _ in times[name]]) for end in (max, min))
            share = "".join(f"   {speeds[name] / speeds[other]:.2f} of {other}" for other in beside.get(name, ()))
            told = f"{speeds[name]:.2f} GB/s, {least:.2f} to {most:.2f}; CPU {work_of:.2f} s/GB"
            print(f"{dtype:9} {name:15} {told}{share}", flush=True)


def apply(*words: str) -> tuple[float, float]:
    """Run `glorot apply`, and return its seconds and its peak memory in MiB, as the system counts it."""
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen([sys.executable, "-m", "glorot", "apply", *words], stderr=subprocess.DEVNULL)
    while process.poll() is None:  # what wait4 reports includes the memory of whoever started the process
        told = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").partition("VmHWM:")[2]
        peak = max(peak, int(told.split()[0])) if told else peak
        time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"glorot apply {' '.join(words)} failed")
    return time.perf_counter() - began, peak / 1024


def measure_memory(work: Path) -> None:
    """Print the peak for 4 and 40 GB."""
    print("\nmemory of glorot apply PLAN -o FOLDER, float32, shards of 5 GB")
    for size in (4, 40):
        plan_of(size, work / "plan.json")
        took, peak = apply(str(work / "plan.json"), "--seed", "0", "-o", str(work / "out"))
        written = sum(path.stat().st_size for path in (work / "out").iterdir()) / 1e9
        shutil.rmtree(work / "out")
        print(f"{written:6.1f} GB written: peak {peak:6.1f} MiB, {took:6.1f} s, {written / took:.2f} GB/s", flush=True)


def measure_large(work: Path) -> None:
    """Print what 20 files of a model of 419 B parameters take."""
    place = work / "plan.json"
    began = time.perf_counter()
    plan = glorot.plan(llama(126, 16384, 53248, 128256, 128))
    planned = time.perf_counter() - began
    plan.save(place)
    layout = lay_out(plan, 0, "bfloat16", "2GB")
    total, count = sum(shard.held for shard in layout.shards), len(layout.shards)
    size = place.stat().st_size
    print(f"\na model of {total / 2e9:.0f} B parameters: planned in {planned:.1f} s, its plan {size} bytes")
    how = (str(place), "--seed", "0", "-o", str(work / "out"), "--dtype", "bfloat16", "--shard-size", "2GB")
    with (work / "index.json").open("wb") as file:
        began = time.perf_counter()
        words = [sys.executable, "-m", "glorot", "apply", *how, "--dry-run"]
        subprocess.run(words, stdout=file, stderr=subprocess.DEVNULL, check=True)
    print(f"dry run of the index: {count} files, {total / 1e9:.0f} GB, {time.perf_counter() - began:.1f} s")
    peaks, sizes, took = [], [], 0.0
    for number in sorted(random.Random(0).sample(range(1, count + 1), SHARDS)):
        one, peak = apply(*how, "--only-shard", str(number))
        peaks.append(peak)
        took += one
        sizes.append(sum(path.stat().st_size for path in (work / "out").iterdir()))
        if len(sizes) <= 3:
            assert not weights.verify(plan, work / "out", seed=0, dtype="bfloat16", shard_size="2GB", only_shard=number)
        shutil.rmtree(work / "out")
    print(
        f"{SHARDS} of the files, drawn at random, each in its own process: {sum(sizes) / 1e9:.1f} GB in "
        f"{took:.1f} s, peak {max(peaks):.1f} MiB; 3 of them read back and compared"
    )


class Experts(nn.Module):
    """A model of experts that are not merged: 58 layers of 256, three matrices each."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.ModuleList(self.expert() for _ in range(256)) for _ in range(58))

    @staticmethod
    def expert() -> nn.Module:
        names = {"gate_proj": (7168, 2048), "up_proj": (7168, 2048), "down_proj": (2048, 7168)}
        return nn.ModuleDict({name: nn.Linear(*sizes, bias=False) for name, sizes in names.items()})


def measure_plans(work: Path) -> None:
    """Print what the file of a plan of many tensors takes."""
    with torch.device("meta"):
        plan = glorot.plan(Experts(), inputs=False)
    place = work / "plan.json"
    saved = seconds(lambda: plan.save(place))
    read = seconds(lambda: Plan.load(place))
    print(
        f"\nthe plan of {len(plan.entries)} tensors: {place.stat().st_size} bytes, saved in {saved:.1f} s, read in "
        f"{read:.1f} s"
    )


def main() -> None:
    """Measure what is asked for."""
    parts = {"speed": measure_speed, "memory": measure_memory, "large": measure_large, "plans": measure_plans}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*parts, []], metavar="PART")
    parser.add_argument("--folder", type=Path, default=Path.cwd())
    asked = parser.parse_args()
    transformers.logging.set_verbosity_error()
    kind, load = platform.processor() or platform.machine(), os.getloadavg()[1]
    print(f"{kind}, {os.cpu_count()} processors, {load:.1f} processes on them before, torch {torch.__version__}")
    with tempfile.TemporaryDirectory(dir=asked.folder) as work:
        for name in asked.parts or parts:
            parts[name](Path(work))


if __name__ == "__main__":
    main()
