"""The examples of models that several processes hold together run, and print what they promise."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch.distributed.fsdp", reason="these tests need PyTorch's torch.distributed")

EXAMPLES = Path(__file__).parents[2] / "examples"


def printed(tmp_path: Path, *arguments: str) -> str:
    """Return what two processes print that run an example."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*launch, *arguments], check=False, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.mark.slow
def test_fsdp2_starts_and_trains(tmp_path: Path) -> None:
    text = printed(tmp_path, str(EXAMPLES / "fsdp2" / "train.py"))
    assert "rank 0 holds 115,584 of 231,168 weights" in text
    losses = [float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("step")]
    assert losses[-1] < losses[0] - 0.5


@pytest.mark.slow
def test_tensor_parallelism_starts_as_one_process_does(tmp_path: Path) -> None:
    text = printed(tmp_path, str(EXAMPLES / "tensor_parallel" / "train.py"))
    assert "1.gate.weight has the placements (_StridedShard(dim=0, sf=2), Shard(dim=0))" in text
    assert "the weights of one process: True" in text


@pytest.mark.slow
@pytest.mark.parametrize("ways", [1, 2], ids="tensor parallel over {}".format)
def test_a_configuration_says_how_the_model_starts(tmp_path: Path, ways: int) -> None:
    config = (EXAMPLES / "torchtitan_style" / "debug.toml").read_text()
    (tmp_path / "own.toml").write_text(config.replace("parallel_degree = 1", f"parallel_degree = {ways}"))
    text = printed(tmp_path, str(EXAMPLES / "torchtitan_style" / "train.py"), "own.toml")
    assert text.count("step ") == 4
    assert (tmp_path / "plan.json").is_file()
