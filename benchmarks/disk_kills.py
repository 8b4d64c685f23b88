"""Writing weights to disk, killed at random moments by SIGKILL, and taken up again.

Run with: python benchmarks/disk_kills.py [KILLS] | tee benchmarks/results/disk_kills.txt

After every kill each file with the name of a shard must have the bytes of an undisturbed run. Once the set is
complete, the folder must hold that run's files and nothing else; then it is emptied, and the next kills follow.
"""

import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

import glorot

WIDTH, LAYERS = 1024, 24
SHARD_SIZE = "5MB"


@dataclass
class Counts:
    """What came of the kills.

    Attributes:
        kills: processes that were killed.
        amid: of them, those that left half of a file, under a temporary name.
        complete: times that the set was completed.
        shards: files that were compared with those of an undisturbed run.
        wrong: files that differ from these, or that should not be there.
    """

    kills: int = 0
    amid: int = 0
    complete: int = 0
    shards: int = 0
    wrong: int = 0


def save_plan(place: Path) -> Path:
    """Save the plan of a model of 100 MB, and return its path."""
    with torch.device("meta"):
        model = nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)))
    return glorot.plan(model, inputs=False).save(place)


def start(plan: Path, folder: Path) -> "subprocess.Popen[bytes]":
    """Start a process that writes the weights of a plan."""
    words = ["-m", "glorot", "apply", str(plan), "--seed", "0", "-o", str(folder), "--shard-size", SHARD_SIZE]
    return subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE)


def kill_and_resume(work: Path, kills: int, seed: int = 0) -> Counts:
    """Kill processes at random moments, and compare what they leave with what an undisturbed one writes.

    Args:
        work: an empty folder to work in.
        kills: how many.
        seed: of the moments.

    Returns:
        What came of it.
    """
    plan, whole, folder = save_plan(work / "plan.json"), work / "whole", work / "killed"
    process = start(plan, whole)
    _wait_until_it_writes(process, whole)
    began = time.perf_counter()
    _finish(process)
    longest = time.perf_counter() - began
    expected = {path.name: path.read_bytes() for path in whole.iterdir()}
    moments, counts = random.Random(seed), Counts()
    while counts.kills < kills:
        process = start(plan, folder)
        _wait_until_it_writes(process, folder)
        try:
            process.wait(moments.random() * longest)
        except subprocess.TimeoutExpired:
            process.kill()
            counts.kills += 1
        process.communicate()
        if process.returncode == 0:
            _look(folder, expected, counts, is_complete=True)
            shutil.rmtree(folder)
        elif folder.exists():
            _look(folder, expected, counts, is_complete=False)
    _finish(start(plan, folder))
    _look(folder, expected, counts, is_complete=True)
    return counts


def _wait_until_it_writes(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Wait for the first file that a process writes, whose temporary name has its number, or for its end."""
    while process.poll() is None and not list(folder.glob(f".glorot-*-{process.pid}-*")):
        time.sleep(0.002)


def _finish(process: "subprocess.Popen[bytes]") -> None:
    _, told = process.communicate()
    if process.returncode:
        raise RuntimeError(told.decode())


def _look(folder: Path, expected: dict[str, bytes], counts: Counts, *, is_complete: bool) -> None:
    """Compare what is in a folder, and count."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    visible = {name: data for name, data in found.items() if is_complete or not name.startswith(".glorot-")}
    counts.amid += any(name.startswith(".glorot-") and "lock" not in name and data for name, data in found.items())
    counts.complete += is_complete
    counts.shards += len(visible)
    counts.wrong += sum(expected.get(name) != data for name, data in visible.items())
    counts.wrong += is_complete and visible.keys() != expected.keys()


def main() -> None:
    """Print what came of the kills."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as work:
        counts = kill_and_resume(Path(work), kills)
        size = sum(path.stat().st_size for path in Path(work, "whole").iterdir())
    print(f"{size / 1e6:.0f} MB in {counts.shards} files compared, {SHARD_SIZE} each at most")
    print(f"killed by SIGKILL      {counts.kills:6}")
    print(f"  amid a file          {counts.amid:6}")
    print(f"completed afterwards   {counts.complete:6}")
    print(f"half-written or wrong  {counts.wrong:6}")


if __name__ == "__main__":
    main()
