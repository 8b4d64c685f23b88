"""What loads weights elsewhere reads a folder that was written straight from a plan."""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
import torch
import transformers
from jax.sharding import NamedSharding, PartitionSpec
from pretrained_models import MORE, QUICK
from safetensors import safe_open
from stored_models import Mixed, small
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
from torch.distributed.checkpoint.state_dict_loader import load

import glorot
from glorot import weights

Read = Callable[[tuple[slice, ...] | None], np.ndarray]

CASES = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE)]


@pytest.mark.parametrize("name", CASES)
def test_from_pretrained_reads_what_apply_writes(name: str, tmp_path: Path) -> None:
    model = (QUICK | MORE)[name]()
    plan = glorot.plan(model)
    plan = glorot.Plan.load(plan.save(tmp_path / "plan.json"))
    assert len(weights.write(plan, tmp_path, seed=3, shard_size="20KB").files) > 2
    assert not weights.verify(plan, tmp_path, seed=3, shard_size="20KB")
    assert glorot.digest(tmp_path) == plan.digest(seed=3)
    model.config.save_pretrained(tmp_path)
    loaded, told = type(model).from_pretrained(tmp_path, output_loading_info=True)
    assert not any(told.values()), told
    started = glorot.apply(plan, model, seed=3).state_dict()
    assert_equal(loaded.state_dict(), started)
    base = transformers.AutoModel.from_pretrained(tmp_path)
    prefix = "" if isinstance(base, type(model)) else f"{model.base_model_prefix}."
    own = {path.removeprefix(prefix): one for path, one in started.items() if path.startswith(prefix)}
    assert_equal({path: one for path, one in base.state_dict().items() if path in own}, own)


def assert_equal(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys() != set()
    for path, tensor in expected.items():
        assert torch.equal(found[path], tensor), path


def test_the_check_can_fail(tmp_path: Path) -> None:
    model = QUICK["gpt2"]()
    weights.write(glorot.plan(model), tmp_path, seed=4)
    model.config.save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path)
    started = glorot.apply(glorot.plan(model), model, seed=3).state_dict()
    with pytest.raises(AssertionError, match=r"wte\.weight"):
        assert_equal(loaded.state_dict(), started)


def test_distributed_checkpoint_reads_it(tmp_path: Path) -> None:
    model = Mixed()
    plan = glorot.plan(model)
    weights.write(plan, tmp_path, seed=1, shard_size="500B")
    state = {path: torch.full_like(one, 7) for path, one in model.state_dict().items()}
    with pytest.warns(UserWarning, match="assuming the intent is to load in a single process"):
        load(state, storage_reader=HuggingFaceStorageReader(str(tmp_path)), no_dist=True)
    assert_equal(state, glorot.apply(plan, model, seed=1).state_dict())


@pytest.fixture
def plan() -> glorot.Plan:
    return glorot.plan(small())


def from_a_file(plan: glorot.Plan, folder: Path) -> Read:
    weights.write(plan, folder, seed=0)

    def read(index: tuple[slice, ...] | None) -> np.ndarray:
        assert index is not None
        with safe_open(folder / "model.safetensors", "np") as file:
            return np.asarray(file.get_slice("0.weight")[index])

    return read


def from_the_plan(plan: glorot.Plan, folder: Path) -> Read:
    def draw(index: tuple[slice, ...] | None) -> np.ndarray:
        assert index is not None
        box = [cut.indices(size)[:2] for cut, size in zip(index, (20, 30), strict=True)]
        return weights.draw(plan, "0.weight", box, seed=0)

    return draw


@pytest.mark.parametrize("make", [from_a_file, from_the_plan])
def test_a_device_of_jax_reads_or_makes_its_slice_alone(
    make: Callable[[glorot.Plan, Path], Read], plan: glorot.Plan, tmp_path: Path
) -> None:
    read, asked = make(plan, tmp_path), set[tuple[int, ...]]()

    def part(index: tuple[slice, ...] | None) -> np.ndarray:
        found = read(index)
        asked.add(found.shape)
        return found

    mesh = jax.make_mesh((2, 2), ("a", "b"), devices=jax.devices()[:4])
    array = jax.make_array_from_callback((20, 30), NamedSharding(mesh, PartitionSpec("a", "b")), part)  # type: ignore[no-untyped-call]
    assert asked == {(10, 15)}
    whole = glorot.apply(plan, small(), seed=0).state_dict()["0.weight"]
    np.testing.assert_array_equal(np.asarray(array), whole.numpy())
