"""A plan written straight to disk holds, bit by bit, what applying it to its model writes there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file
from stored_models import Interleaved, Mixed, small
from torch import nn

import glorot
from glorot import weights
from glorot.errors import GlorotError
from glorot.plans import Plan
from glorot.weights.blocks import blocks_of, draw_block
from glorot.weights.shards import lay_out
from glorot.weights.tensors import tensors_of

TOKENS = torch.arange(22).reshape(2, 11) % 11
MODELS: dict[str, Callable[[], tuple[nn.Module, Any]]] = {
    "mixed": lambda: (Mixed(), TOKENS),
    "interleaved": lambda: (Interleaved(), torch.ones(2, 3, 24)),
    "conv": lambda: (nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 1, groups=4)), None),
}


def loaded(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found |= load_file(file)
    return found


def assert_same(found: dict[str, torch.Tensor], model: nn.Module) -> None:
    state = model.state_dict()
    assert found.keys() == state.keys()
    for name, tensor in state.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_the_files_hold_what_apply_writes(name: str, dtype: str, tmp_path: Path) -> None:
    model, inputs = MODELS[name]()
    plan = glorot.plan(model, inputs=inputs)
    plan = Plan.load(plan.save(tmp_path / "plan.json"))
    written = weights.write(plan, tmp_path / "out", seed=5, dtype=dtype, shard_size="200B")
    assert len(written.files) > 1
    state = loaded(tmp_path / "out")
    assert_same(state, glorot.apply(plan, model.to(getattr(torch, dtype)), seed=5))
    model.load_state_dict(state, strict=True)


def test_interleaved_pieces_need_the_shape_that_the_plan_tells() -> None:
    plan = glorot.plan(Interleaved(), inputs=torch.ones(2, 3, 24))
    views = [entry.view for entry in plan if entry.name.startswith("qkv.weight[")]
    assert len(views) == 3
    assert all(view is not None and view.cut is not None for view in views)
    assert {entry.tensor_shape for entry in plan if entry.name.startswith("qkv.weight[")} == {(72, 24)}


@given(limit=st.integers(8, 3000), threads=st.integers(1, 3))
def test_blocks_of_any_size_draw_the_same_bytes(limit: int, threads: int) -> None:
    plan = glorot.plan(Interleaved(), inputs=torch.ones(2, 3, 24))
    tensors, _ = tensors_of(plan, seed=1)
    (whole,) = blocks_of(tensors, 2**30)
    expected = draw_block(whole, np.empty(0, np.uint8))
    drawn = [draw_block(block, np.empty(limit, np.uint8), threads) for block in blocks_of(tensors, limit)]
    assert max(len(block) for block in drawn) <= limit
    np.testing.assert_array_equal(np.concatenate(drawn), expected)


@pytest.mark.parametrize("recipe", ["orthogonal", "identity"])
def test_laws_of_whole_matrices_are_drawn_whole(recipe: str, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(24, 24), nn.Conv1d(24, 24, 3), nn.MultiheadAttention(24, 2).out_proj)
    plan = glorot.plan(model, recipe, inputs=False)
    weights.write(plan, tmp_path, seed=2, shard_size="3KB")
    found, started = loaded(tmp_path), glorot.apply(plan, model, seed=2).state_dict()
    assert found.keys() == started.keys()
    for name, tensor in started.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-5)
    rows = weights.draw(plan, "0.weight", ((3, 9), (0, 24)), seed=2)
    np.testing.assert_allclose(rows, started["0.weight"][3:9].numpy(), atol=1e-5)


def test_a_stack_of_whole_matrices_is_drawn_matrix_by_matrix() -> None:
    stack = {"w": torch.zeros(6, 16, 16)}
    plan = glorot.plan({"w": stack["w"].numpy()}, "orthogonal", axes={"w": "boi"})
    tensors, _ = tensors_of(plan, seed=1)
    blocks = list(blocks_of(tensors, 1024))
    assert [block.held[0].box[0] for block in blocks] == [(n, n + 1) for n in range(6)]
    drawn = np.concatenate([draw_block(block, np.empty(1024, np.uint8)) for block in blocks]).view(np.float32)
    law = plan["w"].distribution
    assert law is not None
    whole = glorot.stream.draw(glorot.stream.key_of(1, "w"), law, (6, 16, 16), "boi")
    np.testing.assert_allclose(drawn.reshape(6, 16, 16), whole, atol=1e-5)


def test_shards_are_filled_in_order_and_the_index_lists_them(tmp_path: Path) -> None:
    plan = glorot.plan(small())
    written = weights.write(plan, tmp_path, seed=0, shard_size=2400)
    assert written.files == ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index == {
        "metadata": {"total_size": 4 * (600 + 20 + 200 + 10)},
        "weight_map": {
            "0.weight": written.files[0], "0.bias": written.files[1],
            "2.weight": written.files[1], "2.bias": written.files[1],
        },
    }  # fmt: skip
    with safe_open(tmp_path / written.files[1], "pt") as file:
        assert sorted(file.keys()) == ["0.bias", "2.bias", "2.weight"]
        metadata = file.metadata()
    assert metadata["format"] == "pt"
    assert (metadata["glorot.seed"], metadata["glorot.dtype"]) == ("0", "float32")
    assert metadata["glorot.shard"] == "2 of 2"


def test_weights_that_fit_one_file_have_no_index(tmp_path: Path) -> None:
    assert weights.write(glorot.plan(small()), tmp_path, seed=0).files == ("model.safetensors",)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_tensor_larger_than_a_shard_has_a_file_to_itself() -> None:
    layout = lay_out(glorot.plan(small()), 0, shard_size="100B")
    assert [[one.name for one in shard.tensors] for shard in layout.shards] == [
        ["0.weight"], ["0.bias"], ["2.weight"], ["2.bias"],
    ]  # fmt: skip


def test_each_shard_can_be_written_by_another_machine(tmp_path: Path) -> None:
    plan, index = glorot.plan(small()), tmp_path / "apart" / "model.safetensors.index.json"
    for number in (2, 1):
        assert not index.exists()
        written = weights.write(plan, tmp_path / "apart", seed=0, shard_size=2400, only_shard=number)
        assert written.missing == number - 1
    weights.write(plan, tmp_path / "whole", seed=0, shard_size=2400)
    apart, whole = ({path.name: path.read_bytes() for path in (tmp_path / one).iterdir()} for one in ("apart", "whole"))
    assert apart == whole
    assert len(whole) == 3


def test_parts_that_are_left_alone_are_refused_or_left_out(tmp_path: Path) -> None:
    plan = glorot.plan(small(), rules=[("2.*", "skip")])
    words = (
        r"^nothing says what to write for 2\.weight, 2\.bias: 2\.weight is left alone: rule '2\.\*', skip; plan what was "
        r"left alone by a rule, apply the plan to the model, .* or leave these tensors out with --partial"
    )
    with pytest.raises(GlorotError, match=words):
        weights.write(plan, tmp_path / "out", seed=0)
    assert not (tmp_path / "out").exists()
    written = weights.write(plan, tmp_path / "out", seed=0, partial=True)
    assert written.left_out == ("2.weight", "2.bias")
    assert str(written).endswith("; left out: 2.weight, 2.bias")
    assert sorted(loaded(tmp_path / "out")) == ["0.bias", "0.weight"]


def test_weights_that_are_computed_from_others_are_refused(tmp_path: Path) -> None:
    plan = glorot.plan(nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))))
    with pytest.raises(GlorotError, match=r"^nothing .* 0\.weight is stored as its norm and its direction; plan"):
        weights.write(plan, tmp_path, seed=0)


def test_a_plan_of_an_older_version_is_refused(tmp_path: Path) -> None:
    plan = Plan.load(Path(__file__).parents[1] / "data" / "plans" / "version_2_torch.json")
    with pytest.raises(GlorotError, match=r"this plan is of version 2, which does not say how every tensor is stored"):
        weights.write(plan, tmp_path, seed=0)


def test_a_damaged_plan_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    file = glorot.plan(Mixed(), inputs=TOKENS).save(tmp_path / "plan.json")
    file.write_text(file.read_text().replace('"tensor_shape": [24, 8]', '"tensor_shape": [24, 7]'))
    with pytest.raises(
        GlorotError, match=r"the parts of attention\.in_proj_weight do not make up one tensor of .*24×7"
    ):
        weights.write(Plan.load(file), tmp_path / "out", seed=0)
    assert not (tmp_path / "out").exists()


def test_a_slice_is_drawn_by_itself() -> None:
    model = Mixed()
    plan = glorot.plan(model, inputs=TOKENS)
    state = glorot.apply(plan, model, seed=3).state_dict()
    for name in ("attention.in_proj_weight", "gru.weight_ih_l0", "embed.weight"):
        whole = state[name].numpy()
        rows = weights.draw(plan, name, ((5, 10), (2, 7)), seed=3)
        np.testing.assert_array_equal(rows, whole[5:10, 2:7])
        np.testing.assert_array_equal(weights.draw(plan, name, seed=3), whole)
    assert weights.draw(plan, "head.weight", seed=3, dtype="bfloat16").dtype == ml_dtypes.bfloat16
    with pytest.raises(
        GlorotError, match=r"no stored tensor 'hed\.weight' that it starts \(did you mean 'head\.weight'"
    ):
        weights.draw(plan, "hed.weight", seed=3)
    with pytest.raises(GlorotError, match="box must give 0 <= start <= stop <= extent"):
        weights.draw(plan, "head.weight", ((0, 9), (0, 2)), seed=3)


def test_a_model_of_flax_is_written_in_its_own_layout(tmp_path: Path) -> None:
    model = nnx.Linear(6, 4, rngs=nnx.Rngs(0))
    plan = glorot.plan(model)
    weights.write(plan, tmp_path, seed=0)
    started = glorot.apply(plan, model, seed=0)
    with safe_open(tmp_path / "model.safetensors", "np") as file:
        np.testing.assert_array_equal(file.get_tensor("kernel"), np.asarray(started.kernel[...]))


def test_progress_is_told_byte_by_byte(tmp_path: Path) -> None:
    told: list[int] = []
    weights.write(glorot.plan(small()), tmp_path, seed=0, progress=told.append)
    assert sum(told) == 4 * 830
