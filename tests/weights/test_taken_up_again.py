"""A folder of weights that is written in several runs, killed in between, or by two processes at once."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from stored_models import small
from torch import nn

import glorot
from glorot import weights
from glorot.errors import GlorotError

BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")
HOW: dict[str, Any] = {"seed": 0, "shard_size": "900B"}


@pytest.fixture
def plan() -> glorot.Plan:
    return glorot.plan(small())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_that_are_complete_are_kept(plan: glorot.Plan, tmp_path: Path) -> None:
    first = weights.write(plan, tmp_path, **HOW)
    before, times = contents(tmp_path), {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    (tmp_path / first.files[1]).unlink()
    again = weights.write(plan, tmp_path, **HOW)
    assert again.files == (first.files[1],)
    assert again.kept == tuple(name for name in first.files if name != first.files[1])
    assert contents(tmp_path) == before
    untouched = {name for name in times if (tmp_path / name).stat().st_mtime_ns == times[name]}
    assert untouched == set(times) - {first.files[1]}


def test_what_killed_processes_left_is_removed_and_other_files_stay(plan: glorot.Plan, tmp_path: Path) -> None:
    weights.write(plan, tmp_path, **HOW)
    before = contents(tmp_path)
    script = (
        "import os, sys; from pathlib import Path; from glorot.files import beside\n"
        "with beside(Path(sys.argv[1]) / 'model-00001-of-00002.safetensors') as file: file.write(b'half'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    (left,) = [path for path in tmp_path.iterdir() if path.name not in before]
    assert left.name.startswith(".glorot-")
    (tmp_path / ".glorot-lock-2").touch()
    (tmp_path / "config.json").write_text("{}")
    next(tmp_path.glob("*-00001-*")).unlink()
    weights.write(plan, tmp_path, **HOW)
    assert contents(tmp_path) == before | {"config.json": b"{}"}


def move_a_bit(folder: Path) -> None:
    file = next(folder.glob("*-00001-*"))
    file.write_bytes(file.read_bytes()[:-1])


def of_the_library(folder: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"0.weight": np.zeros((20, 30), np.float32)}, next(folder.glob("*-00001-*")))


def another_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {}}')


OTHERS: list[tuple[Callable[[Path], object], dict[str, Any], str]] = [
    (str, {"seed": 1}, r"00001-of-00003\.safetensors holds weights of seed 0, expected seed 1; give an empty folder"),
    (str, {"dtype": "float64", "shard_size": "1800B"}, r"holds weights of dtype float32, expected dtype float64; give"),
    (str, {"shard_size": "2500B"}, r"00001-of-00003\.safetensors is in the way: a loader would take it and the files mod"),
    (str, {"shard_size": "1GB"}, r"00001-of-00003\.safetensors is in the way: .* it and the one file model\.safetensors t"),
    (move_a_bit, {}, r"00001-of-00003\.safetensors was changed since glorot wrote it, or written with another shard size"),
    (of_the_library, {}, r"00001-of-00003\.safetensors is no file that glorot wrote; give an empty folder, or move the fi"),
    (another_index, {}, r"model\.safetensors\.index\.json is the index of other shards than these; give an empty folder"),
    (lambda folder: (folder / "adapter.safetensors").touch(), {}, r"adapter\.safetensors is in the way"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "how", "words"), OTHERS)
def test_other_weights_in_the_folder_are_refused_and_left_as_they_are(
    change: Callable[[Path], object], how: dict[str, Any], words: str, plan: glorot.Plan, tmp_path: Path
) -> None:
    weights.write(plan, tmp_path, **HOW)
    next(tmp_path.glob("*-00002-*")).unlink()
    change(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(GlorotError, match=words):
        weights.write(plan, tmp_path, **HOW | how)
    assert contents(tmp_path) == before


def test_shards_of_a_plan_with_other_laws_are_refused(plan: glorot.Plan, tmp_path: Path) -> None:
    weights.write(plan, tmp_path, **HOW)
    other = glorot.plan(small(), "he")
    assert other.fingerprint == plan.fingerprint
    with pytest.raises(GlorotError, match=r"holds weights of another plan, expected those of this plan"):
        weights.write(other, tmp_path, **HOW)
    assert weights.write(replace(plan, recipe="by another name"), tmp_path, **HOW).files == ()


HOLD = """
import sys, time
from pathlib import Path
from glorot.files import locked
with locked(Path(sys.argv[1]), "busy", shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Any:
    started = []

    def hold(name: str, how: str) -> None:
        words = [sys.executable, "-c", HOLD, str(tmp_path / name), how]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"

    yield hold
    for process in started:
        process.communicate()


def test_a_second_writer_is_told_apart(plan: glorot.Plan, holder: Callable[..., None], tmp_path: Path) -> None:
    holder(".glorot-lock", "alone")
    words = rf"^another process is writing weights to {tmp_path}; wait for it, or give another folder$"
    for number in (None, 2):
        with pytest.raises(GlorotError, match=words):
            weights.write(plan, tmp_path, **HOW, only_shard=number)
    assert [path.name for path in tmp_path.iterdir()] == [".glorot-lock"]


def test_writers_of_different_shards_work_side_by_side(
    plan: glorot.Plan, holder: Callable[..., None], tmp_path: Path
) -> None:
    holder(".glorot-lock", "shared")
    holder(".glorot-lock-1", "alone")
    assert len(weights.write(plan, tmp_path, **HOW, only_shard=2).files) == 1
    for number in (None, 1):
        with pytest.raises(GlorotError, match="another process is writing weights"):
            weights.write(plan, tmp_path, **HOW, only_shard=number)
    assert sorted(path.name for path in tmp_path.glob(".*")) == [".glorot-lock", ".glorot-lock-1"]


def test_a_lock_that_was_removed_in_between_is_taken_again(tmp_path: Path) -> None:
    place = tmp_path / "lock"
    descriptor = os.open(place, os.O_CREAT | os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    place.unlink()
    from glorot.files import locked

    with locked(place, "busy"):
        assert place.exists()
    os.close(descriptor)
    assert not place.exists()


def test_a_run_that_is_terminated_leaves_what_is_complete_alone(tmp_path: Path) -> None:
    with torch.device("meta"):
        model = nn.Sequential(*(nn.Linear(2048, 2048, bias=False) for _ in range(40)))
    plan = glorot.plan(model, inputs=False).save(tmp_path / "plan.json")
    words = ["apply", str(plan), "--seed", "0", "-o", str(tmp_path / "out"), "--shard-size", "17MB"]
    process = subprocess.Popen([sys.executable, "-m", "glorot", *words], stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("out/*-00001-*")):
        time.sleep(0.01)
        assert process.poll() is None
    process.terminate()
    _, told = process.communicate()
    assert (process.returncode, told.splitlines()[-1]) == (143, "terminated")
    found = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert 1 <= len(found) < 40
    assert found == [f"model-{n:05d}-of-00040.safetensors" for n in range(1, len(found) + 1)]


@pytest.mark.slow
def test_killed_at_random_moments_no_file_is_half_written(tmp_path: Path) -> None:
    sys.path.insert(0, BENCHMARKS)
    try:
        from disk_kills import kill_and_resume
    finally:
        sys.path.remove(BENCHMARKS)
    counts = kill_and_resume(tmp_path, 10, seed=time.time_ns())
    assert counts.kills == 10
    assert counts.wrong == 0
    assert counts.complete >= 1
    assert counts.shards >= 21
