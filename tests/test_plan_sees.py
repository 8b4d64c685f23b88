"""A plan keeps what the batch showed: it is applied without one, and says what no batch reached."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from flax import nnx
from torch import Tensor, nn

import glorot
from glorot.distributions import Constant

WIDTH, HEADS, SIZE = 12, 3, 4
X = torch.randn(2, 5, WIDTH, generator=torch.Generator().manual_seed(0))
NORMAL = [("*.bias", "normal(std=0.1)")]


def attend(y: Tensor) -> Tensor:
    """Attend with the outputs of a layer that holds heads × (q, k, v) × features."""
    q, k, v = y.unflatten(-1, (HEADS, 3, SIZE)).permute(3, 0, 2, 1, 4)
    return ((q @ k.mT / math.sqrt(SIZE)).softmax(-1) @ v).transpose(1, 2).flatten(2)


class Interleaved(nn.Module):
    """A fused kernel, an expert stack and a scale whose meaning only a batch shows."""

    def __init__(self) -> None:
        super().__init__()
        self.mixed = nn.Linear(WIDTH, 3 * WIDTH)
        self.experts = nn.Parameter(torch.randn(2, WIDTH, 6))
        self.scale = nn.Parameter(torch.zeros(WIDTH))
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * (1 + self.scale)
        y = attend(self.mixed(x)).flatten(0, 1).expand(2, -1, -1)
        return self.head(torch.relu(torch.bmm(y, self.experts)).sum(0))


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


# ---- Apply needs no batch -------------------------------------------------------------------------------------------


def test_a_plan_is_applied_without_the_batch_that_it_was_made_with(tmp_path: Path):
    plan = glorot.plan(Interleaved(), "xavier", inputs=X, rules=NORMAL)
    assert {"mixed.weight[q]", "mixed.weight[k]", "mixed.weight[v]"} <= {entry.name for entry in plan}
    assert (plan["experts"].axes, plan["experts"].role, plan["scale"].distribution) == ("boi", "kernel", Constant(0.0))
    loaded = glorot.Plan.load(plan.save(tmp_path / "plan.json"))
    assert loaded.entries == plan.entries
    first = weights(glorot.apply(plan, Interleaved(), seed=4, inputs=X))
    assert_equal(first, weights(glorot.apply(plan, Interleaved(), seed=4)))
    assert_equal(first, weights(glorot.apply(loaded, Interleaved(), seed=4)))
    assert_equal(first, weights(glorot.initialize(Interleaved(), "xavier", seed=4, inputs=X, rules=NORMAL)))


def test_each_piece_has_its_own_numbers_at_its_own_rows():
    model = Interleaved()
    plan = glorot.plan(model, "xavier_normal", inputs=X, rules=NORMAL)
    glorot.apply(plan, model, seed=4)
    rows = torch.arange(3 * WIDTH).reshape(HEADS, 3, SIZE)
    for n, name in enumerate("qkv"):
        drawn = glorot.draw(
            "xavier_normal", (WIDTH, WIDTH), seed=4, name=f"mixed.weight[{name}]", in_axis=1, out_axis=0
        )
        assert torch.equal(model.mixed.weight[rows[:, n].flatten()], torch.from_numpy(drawn.copy())), name


def test_a_plan_made_without_a_batch_is_applied_with_one():
    plan = glorot.plan(nn.Linear(WIDTH, 3 * WIDTH), "xavier")
    one, other = (glorot.apply(plan, nn.Linear(WIDTH, 3 * WIDTH), seed=1, inputs=given) for given in (None, X))
    assert_equal(weights(one), weights(other))


def test_a_whole_kernel_of_a_plan_stays_whole_although_a_batch_shows_pieces():
    """As in a plan of an older version; the batch at hand must not change a bit of it."""

    whole = glorot.plan(Interleaved(), "xavier", False, axes={"experts": "bio"}, rules=[*NORMAL, ("scale", "zeros")])
    assert "mixed.weight" in whole
    first = weights(glorot.apply(whole, Interleaved(), seed=4, axes={"experts": "bio"}))
    assert_equal(first, weights(glorot.apply(whole, Interleaved(), seed=4, axes={"experts": "bio"}, inputs=X)))


def test_a_path_that_is_stored_otherwise_in_another_framework_is_not_mistaken(tmp_path: Path):
    """`kernel` is (inputs, outputs) here and (outputs, inputs) there: a view of one does not fit the other."""

    class InTorch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = nn.Parameter(torch.randn(WIDTH, WIDTH))

        def forward(self, x: Tensor) -> Tensor:
            return x @ self.kernel.mT

    class InFlax(nnx.Module):
        def __init__(self) -> None:
            self.kernel = nnx.Param(jnp.asarray(np.random.default_rng(0).normal(size=(WIDTH, WIDTH))))

        def __call__(self, x: Any) -> Any:
            return x @ self.kernel[...]

    plan = glorot.plan(InTorch(), "xavier", inputs=X)
    plan = glorot.Plan.load(plan.save(tmp_path / "plan.json"))
    ours = glorot.apply(plan, InTorch(), seed=2)
    theirs = glorot.apply(plan, InFlax(), seed=2, inputs=X.numpy())
    np.testing.assert_array_equal(np.asarray(theirs.kernel[...]).T, ours.kernel.detach().numpy())


# ---- What no batch reached ---------------------------------------------------------------------------------------


class Halves(nn.Module):
    """A layer that the batch reaches, and one that it does not."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.spare = nn.Linear(WIDTH, 4), nn.Linear(4, 7)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x)


class HalvesInFlax(nnx.Module):
    def __init__(self) -> None:
        self.used, self.spare = nnx.Linear(WIDTH, 4, rngs=nnx.Rngs(0)), nnx.Linear(4, 7, rngs=nnx.Rngs(0))

    def __call__(self, x: Any) -> Any:
        return self.used(x)


class HalvesInKeras(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.spare = keras.layers.Dense(4), keras.layers.Dense(7)
        self.spare.build((None, 4))

    def call(self, x: Any) -> Any:
        return self.used(x)


def halves_in_keras() -> keras.Model:
    model = HalvesInKeras()
    model(X.numpy())
    return model


@pytest.mark.parametrize(
    ("build", "batch"),
    [(Halves, X), (HalvesInFlax, X.numpy()), (halves_in_keras, X.numpy())],
    ids=["torch", "nnx", "keras"],
)
def test_a_plan_says_which_parts_no_batch_reached(build: Callable[[], Any], batch: Any, tmp_path: Path):
    plan = glorot.plan(build(), "xavier", inputs=batch)
    assert {entry.name.partition(".")[0]: entry.seen for entry in plan} == {"used": True, "spare": False}
    spare = next(entry for entry in plan if entry.name.startswith("spare") and entry.role == "kernel")
    assert (spare.source, spare.fans.fan_in, spare.fans.fan_out) == (None, 4, 7)
    assert "known by their class alone, for the batch does not reach them: spare" in str(plan)
    loaded = glorot.Plan.load(plan.save(tmp_path / "plan.json"))
    assert [entry.seen for entry in loaded] == [entry.seen for entry in plan]


def test_without_a_batch_nothing_is_seen():
    plan = glorot.plan(Halves(), "xavier", inputs=False)
    assert {entry.seen for entry in plan} == {False}
    assert {entry.source for entry in plan} == {None}


# ---- What a person says overrides what is seen ----------------------------------------------------------------------


def test_axes_override_what_the_use_told():
    plan = glorot.plan(Interleaved(), "xavier", inputs=X, axes={"experts": "iob"})
    assert plan["experts"].fans == glorot.fans.Fans(2, WIDTH)
    assert plan["experts"].shape == (6, WIDTH, 2)  # b, o, i


def test_a_layer_that_uses_half_of_its_rows_is_not_believed_by_its_class():
    class Half(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.linear(x, self.weight[: self.out_features // 2], self.bias[: self.out_features // 2])

    model = nn.Sequential(Half(WIDTH, 8), nn.ReLU(), nn.Linear(4, 2))
    entry = glorot.plan(model, "xavier", inputs=X)["0.weight"]
    assert entry.fans == glorot.fans.Fans(WIDTH, 4)
    assert entry.shape == (8, WIDTH)
    assert "12 → 4" in entry.why


# ---- Frozen and tied ---------------------------------------------------------------------------------------------


def test_a_frozen_fused_kernel_is_left_alone_piece_by_piece():
    model = Interleaved()
    model.mixed.requires_grad_(False)
    before = model.mixed.weight.clone()
    plan = glorot.plan(model, "xavier", inputs=X)
    assert {plan[f"mixed.weight[{name}]"].why for name in "qkv"} == {"left alone: frozen"}
    glorot.apply(plan, model, seed=0)
    assert torch.equal(model.mixed.weight, before)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.mixed, self.again = (
            nn.Embedding(10, WIDTH),
            nn.Linear(WIDTH, 3 * WIDTH),
            nn.Linear(WIDTH, 10, False),
        )
        self.twin = nn.Linear(WIDTH, 3 * WIDTH)
        self.again.weight, self.twin.weight = self.words.weight, self.mixed.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = attend(self.mixed(self.words(ids)))
        return self.again(attend(self.twin(x)))


def test_tied_layers_are_planned_once_and_stay_tied():
    model, ids = Tied(), torch.arange(6).reshape(2, 3)
    plan = glorot.plan(model, "xavier", inputs=ids)
    names = [entry.name for entry in plan]
    assert [name for name in names if "weight" in name] == ["words.weight", *(f"mixed.weight[{n}]" for n in "qkv")]
    assert {entry.seen for entry in plan} == {True}
    glorot.apply(plan, model, seed=0)
    assert model.again.weight is model.words.weight
    assert model.twin.weight is model.mixed.weight
