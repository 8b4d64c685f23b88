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
        ([3], r"^only must be a path pattern such as 'head\.\*', or several, got \[3\]$"),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused(only: object, message: str) -> None:
    model = deep()
    before = model.state_dict()["head.weight"].clone()
    with pytest.raises(GlorotError, match=message):
        glorot.apply(PLAN, model, seed=5, only=only)  # type: ignore[arg-type]
    assert torch.equal(model["head"].weight, before)


def test_what_the_plan_lacks_is_named() -> None:
    model = nn.ModuleDict({**deep(), "extra": nn.Linear(4, 4)})
    with pytest.raises(GlorotError, match=r"in the model only: extra\.weight"):
        glorot.apply(PLAN, model, seed=5, only="*")
    glorot.apply(PLAN, model, seed=5, only=["head.*", "layer*"])
