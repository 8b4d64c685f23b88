"""A plan is carried out in part: what a checkpoint lacked, or the stage of a pipeline that lies here."""

import pytest
import torch
from torch import nn

import glorot
from glorot.errors import GlorotError


def deep() -> nn.ModuleDict:
    layers = {f"layer{n}": nn.Linear(4, 4) for n in range(3)}
    return nn.ModuleDict({"stem": nn.Linear(3, 4), **layers, "head": nn.Linear(4, 2)})


def stage() -> nn.ModuleDict:
    return nn.ModuleDict({name: layer for name, layer in deep().items() if name in ("layer1", "head")})


PLAN = glorot.plan(deep(), "xavier")


def test_a_stage_of_a_pipeline_starts_as_the_whole_does() -> None:
    whole = glorot.apply(PLAN, deep(), seed=5).state_dict()
    held = glorot.apply(PLAN, stage(), seed=5, only="*").state_dict()
    assert sorted(held) == ["head.bias", "head.weight", "layer1.bias", "layer1.weight"]
    assert all(torch.equal(held[path], whole[path]) for path in held)


def test_without_only_a_plan_has_to_fit_the_whole_model() -> None:
    with pytest.raises(GlorotError, match=r"this plan was made for another model.*\n  in the plan only: stem\.weight"):
        glorot.apply(PLAN, stage(), seed=5)


def test_what_a_checkpoint_lacks_is_started_and_the_rest_is_kept() -> None:
    saved = {path: torch.full_like(value, 7) for path, value in deep().state_dict().items() if "head" not in path}
    with torch.device("meta"):
        model = deep()
    missing, _ = model.load_state_dict(saved, strict=False, assign=True)
    glorot.apply(PLAN, model, seed=5, only=missing, device="cpu")
    assert missing == ["head.weight", "head.bias"]
    assert all((model.state_dict()[path] == 7).all() for path in saved)
    assert torch.equal(model["head"].weight, glorot.apply(PLAN, deep(), seed=5)["head"].weight)


def test_a_part_of_a_fused_parameter_is_written_alone() -> None:
    model = nn.MultiheadAttention(4, 2)
    before = model.in_proj_weight.detach().clone()
    glorot.apply(glorot.plan(model), model, seed=1, only="in_proj_weight[k]")
    changed = (model.in_proj_weight != before).any(dim=1)
    assert changed.tolist() == [False] * 4 + [True] * 4 + [False] * 4


@pytest.mark.parametrize(
    ("only", "message"),
    [
        (
            "tail.*",
            r"^only 'tail\.\*' matches no parameter of the model; paths here look like: stem\.weight, stem\.bias, ",
        ),
        (["head.*", "stem"], r"^only 'stem' matches no parameter of the model"),
        (3, r"^only must be a path pattern such as 'head\.\*', or several, got 3$"),
        ([3], r"^only must be a path pattern such as 'head\.\*', or several, got \[3\]$"),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused(only: object, message: str) -> None:
    model = deep()
    before = model.state_dict()["head.weight"].clone()
    with pytest.raises(GlorotError, match=message):
        glorot.apply(PLAN, model, seed=5, only=only)  # type: ignore[arg-type]
    assert torch.equal(model["head"].weight, before)


class Tied(nn.Module):
    """A head that shares the table, and a table that no recipe starts."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(7, 4), nn.Linear(4, 7)
        self.head.weight = self.table.weight
        self.register_buffer("steps", torch.arange(4.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.table(x) * self.steps)


def test_the_other_name_of_a_tied_parameter_is_passed_over() -> None:
    plan, saved = glorot.plan(Tied()), torch.full((7, 4), 3.0)
    model = Tied()
    missing, _ = model.load_state_dict({"table.weight": saved, "steps": torch.ones(4)}, strict=False)
    assert missing == ["head.weight", "head.bias"]
    glorot.apply(plan, model, seed=1, only=missing)
    assert (model.table.weight == 3).all()  # what was loaded is kept
    assert torch.equal(model.head.bias, torch.zeros(7))
    with pytest.raises(
        GlorotError, match=r"^only 'head\.weight' .*; head\.weight is tied to table\.weight, and written by"
    ):
        glorot.apply(plan, model, seed=1, only="head.weight")


def test_a_buffer_that_no_recipe_starts_is_told() -> None:
    with pytest.raises(
        GlorotError, match=r"^only 'steps' matches no parameter of the model; steps is a buffer, which no"
    ):
        glorot.apply(glorot.plan(Tied()), Tied(), seed=1, only=["steps", "head.bias"])


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("meta", r"^device 'meta' holds no values; give one that does"),
        ("nonsense", r"^device 'nonsense' is not to be had here: "),
        (3.5, r"^device 3\.5 is not to be had here: "),
    ],
)
def test_a_device_that_cannot_hold_the_model_is_refused(device: object, message: str) -> None:
    model = deep()
    before = model["head"].weight.detach().clone()
    with pytest.raises(GlorotError, match=message):
        glorot.apply(PLAN, model, seed=5, device=device)
    assert torch.equal(model["head"].weight, before)


def test_what_the_plan_lacks_is_named() -> None:
    model = nn.ModuleDict({**deep(), "extra": nn.Linear(4, 4)})
    with pytest.raises(GlorotError, match=r"in the model only: extra\.weight"):
        glorot.apply(PLAN, model, seed=5, only="*")
    glorot.apply(PLAN, model, seed=5, only=["head.*", "layer*"])
