"""`glorot apply` to a folder: what is shown, and the one line for each thing that cannot be."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from stored_models import small
from torch import nn

import glorot
from glorot.cli import main
from glorot.cli.to_disk import watched

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in a folder that has a plan, and return its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    glorot.plan(small()).save("plan.json")

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["glorot", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return run


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_plan_alone_is_written_verified_and_taken_up_again(run: Run) -> None:
    words = ("apply", "plan.json", "--seed", "0", "-o", "out", "--shard-size", "2.4KB", "--dtype", "float32")
    code, out, told = run(*words, "--verify")
    assert (code, out) == (0, "")
    assert told.startswith("wrote 2 files to out, ")
    assert told.endswith("\nverified 2 files: as the stream draws them\n")
    assert names("out")[-1] == "model.safetensors.index.json"
    code, out, told = run(*words)
    assert (code, told) == (0, "wrote 0 files to out; 2 files there already\n")


def test_a_dry_run_shows_the_index_and_writes_nothing(run: Run) -> None:
    words = ("apply", "plan.json", "--seed", "0", "-o", "out", "--shard-size", "2.4KB")
    code, out, told = run(*words, "--dry-run")
    assert code == 0
    assert not Path("out").exists()
    assert told.startswith("would write 2 files, ")
    run(*words)
    assert json.loads(out) == json.loads(Path("out/model.safetensors.index.json").read_text())


def test_what_was_changed_is_found_by_verify(run: Run) -> None:
    words = ("apply", "plan.json", "--seed", "0", "-o", "out")
    run(*words)
    with Path("out/model.safetensors").open("r+b") as file:
        file.seek(-1 - 4 * 12, 2)
        file.write(b"?")
    code, out, told = run(*words, "--verify")
    assert code == 1
    assert out.startswith("model.safetensors: 2.weight[9, 17] is ")
    assert ", and the stream draws " in out
    assert "verified" not in told


def test_matrices_that_are_drawn_whole_are_counted(run: Run) -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(4096, 1024, bias=False), nn.Linear(1024, 8, bias=False))
    glorot.plan(model, "orthogonal", inputs=False).save("plan.json")
    code, _, told = run("apply", "plan.json", "--seed", "0", "-o", "out", "--dtype", "bfloat16", "--dry-run")
    assert code == 0
    assert told.splitlines() == [
        "some laws draw whole matrices, of up to 16.78 MB each: one at a time, in memory",
        "would write 1 file, 8.41 MB, to out",
    ]


def test_without_a_terminal_the_progress_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = iter([0.0, 1.0, 12.0, 13.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    with watched("writing", 5 * 10**9) as told:
        for count in (10**9, 2 * 10**9, 10**9):
            told(count)
    assert capsys.readouterr().err == "writing: 3.00 GB of 5.00 GB, 250.00 MB/s\n"


REFUSED = [
    ("--seed 0 -o out --only-shard 3 --shard-size 2.4KB", "only_shard must be a number from 1 to 2, got 3"),
    ("--seed 0 -o out --only-shard 0", "only_shard must be a number from 1 to 1, got 0"),
    ("--seed 0 -o out --dtype float8", "dtype must be float32, bfloat16, float16 or float64, got 'float8'"),
    ("--seed 0 -o out --shard-size 5QB", "shard_size must be a number of bytes, or text such as 500MB or 5GiB, got '5QB'"),
    ("--seed 0 -o out --shard-size 0", "shard_size must be a number of bytes, or text such as 500MB or 5GiB, got '0'"),
    ("--seed -1 -o out", "seed must be a whole number with 0 <= seed < 2**64, got -1; to fold any integer into that range "
     "use seed % 2**64"),
    ("--seed 0 -o no/out", "cannot make the folder no/out: No such file or directory; give a path in a folder you may write to"),
    ("--seed 0 -o /proc/self", "cannot write /proc/self/.glorot-lock: No such file or directory; give a path in a folder you "
     "may write to"),
    ("--seed 0 -o plan.json", "cannot make the folder plan.json: File exists; give a path in a folder you may write to"),
    ("--seed 0 -o w.safetensors", "w.safetensors: without TARGET the weights go to a folder; give one, or the model: "
     "glorot apply PLAN_FILE TARGET --seed INTEGER -o FILE"),
    ("--seed 0 -o out --phase TEST", "--phase belongs to a Caffe .prototxt; a plan alone is none"),
    ("nets.py:net --seed 0 -o w.pt --verify", "--verify is for a folder of shards, which a plan alone is written to; leave "
     "TARGET out: glorot apply PLAN_FILE --seed INTEGER -o FOLDER"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "told"), REFUSED)
def test_what_cannot_be_is_one_line(words: str, told: str, run: Run) -> None:
    before = names(".")
    assert run("apply", "plan.json", *words.split()) == (2, "", f"error: {told}\n")
    assert names(".") == before


def test_a_disk_that_is_too_small_is_told_before_a_byte_is_written(run: Run) -> None:
    with torch.device("meta"):
        huge = nn.Linear(2**24, 2**24, bias=False)
    glorot.plan(huge).save("huge.json")
    code, out, told = run("apply", "huge.json", "--seed", "0", "-o", "out")
    assert (code, out) == (2, "")
    free = shutil.disk_usage(".").free
    assert told.startswith(f"error: out: 1125899.91 GB are to be written, and the disk has {free / 1e9:.0f}"[:60])
    assert told.count("\n") == 1
    assert not Path("out").exists()


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
sys.argv = ["glorot", *sys.argv[1:]]
from glorot.cli import main
from glorot.cli.to_disk import watched
main()
"""


def test_a_disk_that_becomes_full_leaves_what_is_complete_and_no_half_of_a_file(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(100, 100), nn.Linear(100, 200))
    plan = glorot.plan(model, inputs=False).save(tmp_path / "plan.json")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "config.json").write_text("{}")
    words = ["apply", str(plan), "--seed", "0", "-o", str(tmp_path / "out"), "--shard-size", "41KB"]
    ended = subprocess.run([sys.executable, "-c", FULL, *words], capture_output=True, text=True, check=False)
    second = tmp_path / "out" / "model-00002-of-00003.safetensors"
    assert ended.returncode == 2
    assert ended.stderr == f"error: cannot write {second}: File too large; give a path in a folder you may write to\n"
    assert names(str(tmp_path / "out")) == ["config.json", "model-00001-of-00003.safetensors"]
    glorot.weights.write(glorot.Plan.load(plan), tmp_path / "out", seed=0, shard_size="41KB")
    assert not glorot.weights.verify(glorot.Plan.load(plan), tmp_path / "out", seed=0, shard_size="41KB")
