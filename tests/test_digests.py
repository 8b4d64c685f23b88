"""Digests: known answers, the same sum from a plan, a model, its files and its shards, and what makes it differ."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import glorot
from glorot import native
from glorot.errors import GlorotError
from glorot.stream.digest import Digest, digest_key, digest_of, digest_of_name, summed
from glorot.stream.pieces import row_major_steps

GAMMA, LANE = 0x9E3779B97F4A7C15, 2**64


def mix(x: int) -> int:
    """The output function of SplitMix64, in whole numbers."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % LANE
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % LANE
    return x ^ (x >> 31)


def by_hand(words: list[int], key: int, indices: list[int]) -> int:
    """The digest as docs/stream.md writes it, one element after the other."""
    first = [mix(mix((key + (i + 1) * GAMMA) % LANE) ^ w) for w, i in zip(words, indices, strict=True)]
    return sum(first) % LANE * LANE + sum(mix((a + GAMMA) % LANE) for a in first) % LANE


KERNELS = pytest.mark.parametrize("kernel", native.available())


@KERNELS
def test_known_answers(kernel: str) -> None:
    with native.using(kernel):
        key = digest_key("layers.0.weight")
        assert key == 0x8F48B59A88685DB1
        ones = np.ones(3, np.float32).view(np.uint32)
        assert f"{digest_of(ones, key, 0, (1,)):032x}" == KNOWN["three ones in float32"]
        halves = np.full((2, 2), 0.5, np.float16).view(np.uint16)
        assert f"{digest_of(halves, key, 2**40, (2, 1)):032x}" == KNOWN["four halves in float16 from 2⁴⁰ on"]
    assert f"{digest_of_name('layers.0.weight'):032x}" == KNOWN["the name alone"]


KNOWN = {
    "three ones in float32": "a240151b32189df8980384f0ba563c66",
    "four halves in float16 from 2⁴⁰ on": "0daca0207a9c595736456da1051af861",
    "the name alone": "6e8511ea1cac82c257567f84b940de0a",
}


@KERNELS
@given(st.data())
def test_a_block_adds_what_its_elements_add(kernel: str, data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(0, 5), max_size=4).map(tuple))
    kind = data.draw(st.sampled_from([np.uint8, np.uint16, np.uint32, np.uint64]))
    seed, key = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(0, LANE - 1))
    bits = np.random.default_rng(seed).integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)
    steps = tuple(data.draw(st.integers(-(2**40), 2**40)) for _ in shape)
    first = data.draw(st.integers(0, LANE - 1))
    indices = [first + sum(n * step for n, step in zip(at, steps, strict=True)) for at in np.ndindex(*shape)]
    order = data.draw(st.permutations(range(len(shape))))
    with native.using(kernel):
        found = digest_of(bits.transpose(order), key, first, tuple(steps[axis] for axis in order))
    assert found == by_hand([int(word) for word in bits.reshape(-1)], key, indices)


@KERNELS
def test_threads_and_tiles_do_not_change_the_sum(kernel: str) -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, (700, 301), np.uint32)
    with native.using(kernel):
        rows = [digest_of(row, 7, n * 301, (1,)) for n, row in enumerate(bits)]
        assert digest_of(bits, 7, 0, row_major_steps(bits.shape)) == summed(rows)
        assert digest_of(bits[:, ::-1].T, 7, 300, (-1, 301)) == summed(rows)


class Net(nn.Module):
    """Fused attention, a padded table, groups, a recurrent layer with orthogonal weights, and a tied head."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 12, padding_idx=3)
        self.attention = nn.MultiheadAttention(12, 3, batch_first=True)
        self.conv = nn.Conv1d(12, 12, 3, groups=4, padding=1)
        self.norm = nn.BatchNorm1d(12)
        self.lstm = nn.LSTM(12, 12, batch_first=True)
        self.head = nn.Linear(12, 11)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor) -> Any:
        x = self.embedding(tokens)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = self.norm(self.conv(x.transpose(1, 2))).transpose(1, 2)
        return self.head(self.lstm(x)[0])


PLAN = glorot.plan(Net())


def started(seed: int = 5, dtype: torch.dtype = torch.float32) -> Net:
    return glorot.apply(PLAN, Net().to(dtype), seed=seed)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
def test_a_plan_knows_the_digest_of_its_weights(dtype: str) -> None:
    model = started(dtype=getattr(torch, dtype))
    assert PLAN.digest(5, dtype) == glorot.digest(model, PLAN)
    assert PLAN.digest(6, dtype) != glorot.digest(model, PLAN)
    assert PLAN.digest(5, dtype).by_name == {"lstm.weight_hh_l0"}


def test_without_the_plan_only_whole_matrices_differ() -> None:
    model = started()
    assert glorot.digest(model).differing(PLAN.digest(5)) == ["lstm.weight_hh_l0"]
    assert "head.weight" not in glorot.digest(model).tensors  # tied, and counted once


def test_files_and_mappings_have_the_digest_of_the_model(tmp_path: Path) -> None:
    model = started()
    whole = glorot.digest(model, PLAN)
    assert glorot.digest(model.state_dict(), PLAN) == whole
    arrays = {path: tensor.numpy() for path, tensor in model.state_dict().items()}
    assert glorot.digest(arrays, PLAN) == whole
    torch.save(model.state_dict(), tmp_path / "model.pt")
    np.savez(tmp_path / "model.npz", **arrays)
    assert glorot.digest(tmp_path / "model.pt", PLAN) == whole
    assert glorot.digest(str(tmp_path / "model.npz"), PLAN) == whole


def test_the_files_of_a_folder_add_up(tmp_path: Path) -> None:
    glorot.weights.write(PLAN, tmp_path / "out", seed=5, shard_size=2_000)
    files = sorted((tmp_path / "out").glob("*.safetensors"))
    assert len(files) > 2
    assert glorot.digest(tmp_path / "out", PLAN) == PLAN.digest(5)
    assert sum(glorot.digest(file, PLAN) for file in files) == PLAN.digest(5)


def test_a_large_tensor_of_a_file_is_counted_in_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    glorot.weights.write(PLAN, tmp_path / "out", seed=5)
    monkeypatch.setattr("glorot.forensics.stored.WINDOW", 7)
    assert glorot.digest(tmp_path / "out", PLAN) == PLAN.digest(5)


@pytest.mark.parametrize("change", ["a bit", "a swap", "a sign of zero"])
def test_what_differs_is_named(change: str) -> None:
    model, other = started(), started()
    weight = other.conv.weight.data
    if change == "a bit":
        weight.view(torch.int32)[3, 1, 2] ^= 1
    elif change == "a swap":
        weight[0, 0, 0], weight[0, 0, 1] = weight[0, 0, 1].clone(), weight[0, 0, 0].clone()
    else:
        other.conv.bias.data[0] = -0.0
    path = "conv.bias" if change == "a sign of zero" else "conv.weight"
    assert glorot.digest(other).differing(glorot.digest(model)) == [path]


def test_mappings_of_both_kinds_and_dtypes_of_pytorch_are_taken() -> None:
    state = started().state_dict()
    mixed = {path: tensor.numpy() if "norm" in path else tensor for path, tensor in state.items()}
    assert glorot.digest(mixed, PLAN) == PLAN.digest(5, torch.float32)  # type: ignore[arg-type]


def test_a_stage_is_counted_by_the_plan_of_the_whole() -> None:
    stage = nn.ModuleDict({"conv": started().conv})
    found = glorot.digest(stage, PLAN)
    assert found.tensors == {path: PLAN.digest(5).tensors[path] for path in ("conv.weight", "conv.bias")}


def test_names_say_what_a_plan_of_the_same_framework_calls_the_tensors() -> None:
    whole, other = nn.Sequential(nn.Linear(8, 4)), nn.ModuleDict({"first": nn.Linear(8, 4)})
    plan, names = glorot.plan(whole), {"first.weight": "0.weight", "first.bias": "0.bias"}
    glorot.apply(plan, other, seed=5, names=names)
    assert glorot.digest(other, plan, names=names) == plan.digest(5)


def test_reading_memory_leaves_it_resizable() -> None:
    model = nn.Linear(8, 4)
    glorot.digest(model)
    model.weight.untyped_storage().resize_(0)  # as FSDP frees what it has gathered
    assert model.weight.untyped_storage().nbytes() == 0


def test_another_name_or_prefix_is_another_digest() -> None:
    state = started().state_dict()
    renamed = {path.replace("conv", "cnn"): tensor for path, tensor in state.items()}
    assert glorot.digest(state).value != glorot.digest(renamed).value
    prefixed = glorot.apply(PLAN, Net(), seed=5, prefix="ema.")
    assert PLAN.digest(5, prefix="ema.") == glorot.digest(prefixed, PLAN)


def test_what_a_plan_leaves_alone_is_not_counted() -> None:
    model = Net()
    plan = glorot.plan(model, rules=[("conv.*", "skip")])
    glorot.apply(plan, model, seed=5)
    assert "conv.weight" not in plan.digest(5).tensors
    assert glorot.digest(model, plan) == plan.digest(5)


def test_sums_are_commutative_and_print_as_32_digits() -> None:
    one, other = Digest({"a": 2**128 - 1}), Digest({"a": 2**64 + 3, "b": 1})
    assert one + other == other + one
    assert (one + other).tensors == {"a": 2, "b": 1}  # each lane of 64 bits by itself
    assert str(one + other) == f"{3:032x}"
    assert math.log2(PLAN.digest(5).value) < 128


def test_keras_weights_are_counted_as_a_plan_of_pytorch_stores_them() -> None:
    keras = pytest.importorskip("keras")
    torch_net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 4, 5))
    plan = glorot.plan(torch_net, inputs=torch.ones(2, 3, 4, 4))
    other = keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.Conv2D(8, 3, activation="relu", name="conv"),
         keras.layers.Flatten(), keras.layers.Dense(5, name="dense")]
    )  # fmt: skip
    names = glorot.match(plan, other)
    glorot.apply(plan, other, seed=9, names=names)
    found = glorot.digest(other, plan, names=names)
    assert found.tensors["0.weight"] == plan.digest(9).tensors["0.weight"]
    assert found == plan.digest(9)


def test_jax_shards_of_eight_devices_add_up() -> None:
    jax = pytest.importorskip("jax")
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:8]).reshape(4, 2), ("a", "b"))
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("a"))  # replicated over b
    tree = {"w": jax.device_put(np.zeros((8, 6), np.float32), place), "v": np.zeros((6,), np.float32)}
    plan = glorot.plan(tree, axes={"w": "io", "v": "o"})
    written = glorot.apply(plan, tree, seed=3, axes={"w": "io", "v": "o"})
    assert glorot.digest(written) == plan.digest(3) == glorot.digest(jax.tree.map(np.asarray, written))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PLAN.digest(5, "int8"), r"^dtype must be one of float32, bfloat16, float16, float64, got 'int8'$"),
        (lambda: PLAN.digest(-1), r"^seed must be a whole number with 0 <= seed < 2\*\*64"),
        (lambda: glorot.digest(Net(), "plan.json"), r"^plan must be a Plan, got str; read one by Plan\.load$"),
        (lambda: glorot.digest("missing.safetensors"), r"^cannot read missing\.safetensors: "),
        (lambda: glorot.digest({}, names={"a": "b"}), r"^names= says what a plan calls the tensors of a model; pass the"),
        (lambda: glorot.digest({}, PLAN, names={"a": "b"}), r"^names= is for models: the tensors of files and mappings"),
        (lambda: glorot.digest({"x": torch.ones(2)}, PLAN), r"^none of the tensors of the plan is there, embedding\.weig"),
        (lambda: glorot.digest(nn.Linear(3, 2), PLAN), r"^this plan was made for another model"),
        (lambda: glorot.digest({"w": torch.ones(2), "epoch": 3}), r"^'epoch' is a int; expected tensors by path, as in a"),
        (lambda: PLAN.digest(5).differing("x"), r"^a digest is compared with another digest, got str$"),
        (lambda: glorot.digest(3), r"^cannot tell which framework a builtins\.int belongs to"),
        (lambda: glorot.digest(nn.Linear(3, 2, device="meta")), r"^weight is on the meta device and holds nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_counted_is_refused(call: Any, message: str) -> None:
    with pytest.raises(GlorotError, match=message):
        call()
