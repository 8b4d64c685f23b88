"""Files are read back and compared with the stream: the first difference of each is named."""

from pathlib import Path

import numpy as np
import pytest
from stored_models import small
from torch import nn

import glorot
from glorot import weights
from glorot.errors import GlorotError
from glorot.weights.shards import lay_out


def overwrite(file: Path, offset: int, data: bytes) -> None:
    with file.open("r+b") as place:
        place.seek(offset)
        place.write(data)


@pytest.fixture
def plan() -> glorot.Plan:
    return glorot.plan(small())


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_difference_of_each_file_is_named(threads: int, plan: glorot.Plan, tmp_path: Path) -> None:
    weights.write(plan, tmp_path, seed=0, shard_size=2400)
    first, second = lay_out(plan, 0, shard_size=2400).shards
    for element in (37, 31, 599):
        overwrite(tmp_path / first.name, len(first.header) + 4 * element, np.float32(7).tobytes())
    overwrite(tmp_path / second.name, second.size - 4, np.float32(np.nan).tobytes())
    one, other = weights.verify(plan, tmp_path, seed=0, shard_size=2400, threads=threads)
    assert (one.file, one.tensor, one.place, one.stored) == (first.name, "0.weight", (1, 1), 7.0)
    assert one.drawn == weights.draw(plan, "0.weight", seed=0)[1, 1]
    assert str(other) == f"{second.name}: 2.bias[9] is NaN, and the stream draws 0"


def test_bfloat16_is_compared_as_numbers_are_read(plan: glorot.Plan, tmp_path: Path) -> None:
    weights.write(plan, tmp_path, seed=0, dtype="bfloat16")
    (shard,) = lay_out(plan, 0, "bfloat16").shards
    overwrite(tmp_path / shard.name, len(shard.header), b"\x80\x3f")
    (one,) = weights.verify(plan, tmp_path, seed=0, dtype="bfloat16")
    assert (one.tensor, one.place, one.stored) == ("0.weight", (0, 0), 1.0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_laws_of_whole_matrices_may_differ_by_what_is_promised(dtype: str, tmp_path: Path) -> None:
    plan = glorot.plan(nn.Linear(16, 16, bias=False), "orthogonal")
    weights.write(plan, tmp_path, seed=0, dtype=dtype)
    (shard,) = lay_out(plan, 0, dtype).shards
    file = tmp_path / shard.name
    bits = np.frombuffer(file.read_bytes()[-4:], np.uint16 if dtype == "bfloat16" else np.uint32)[-1:]
    overwrite(file, shard.size - bits.itemsize, (bits + 1).tobytes())
    assert not weights.verify(plan, tmp_path, seed=0, dtype=dtype)
    overwrite(file, shard.size - bits.itemsize, (bits + (5 if dtype == "bfloat16" else 5000)).tobytes())
    (one,) = weights.verify(plan, tmp_path, seed=0, dtype=dtype)
    assert one.place == (15, 15)


def test_a_file_that_is_missing_is_named(plan: glorot.Plan, tmp_path: Path) -> None:
    weights.write(plan, tmp_path, seed=0, shard_size=2400, only_shard=1)
    assert not weights.verify(plan, tmp_path, seed=0, shard_size=2400, only_shard=1)
    missing = tmp_path / "model-00002-of-00002.safetensors"
    with pytest.raises(GlorotError, match=rf"^{missing} is not there; write it first, by the same command without"):
        weights.verify(plan, tmp_path, seed=0, shard_size=2400)


def test_another_seed_is_refused_by_what_the_file_says(plan: glorot.Plan, tmp_path: Path) -> None:
    weights.write(plan, tmp_path, seed=0)
    with pytest.raises(GlorotError, match="holds weights of seed 0, expected seed 1"):
        weights.verify(plan, tmp_path, seed=1)
