"""Starts that a model means: a layer's own arguments are kept, adapters change nothing, and what is special is told."""

import math
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

import glorot
from glorot import GlorotError
from glorot.report.plan_page import plan_html
from glorot.torch.layers import parts_of


class LowRank(nn.Module):
    def __init__(self, names: tuple[str, str] = ("down", "up"), zero: bool = True) -> None:
        super().__init__()
        self.base = nn.Linear(6, 6).requires_grad_(False)
        self.names = names
        self.add_module(names[0], nn.Linear(6, 2, bias=False))
        self.add_module(names[1], nn.Linear(2, 6, bias=False))
        if zero:
            nn.init.zeros_(self.get_submodule(names[1]).weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        down, up = (self.get_submodule(name) for name in self.names)
        return self.base(x) + up(down(x))


@pytest.mark.parametrize(("names", "zero"), [(("down", "up"), True), (("lora_A", "lora_B"), False)])
@pytest.mark.parametrize("recipe", ["auto", "xavier", "he", "random(1)"])
def test_an_adapter_starts_as_no_change(names: tuple[str, str], zero: bool, recipe: str) -> None:
    model, x = LowRank(names, zero), torch.randn(5, 6)
    glorot.initialize(model, recipe, seed=0)
    assert torch.equal(model(x), model.base(x))
    assert model.get_submodule(names[0]).weight.all()


def test_two_matrices_of_zeros_are_no_adapter() -> None:
    model = LowRank()
    nn.init.zeros_(model.down.weight)
    with pytest.warns(UserWarning, match=r"down\.weight holds all 0; up\.weight holds all 0"):
        glorot.initialize(model, "xavier", seed=0)
    assert model.up.weight.all()


@pytest.mark.parametrize("recipe", ["auto", "he", "pytorch"])
def test_prelu_starts_where_its_argument_says(recipe: str) -> None:
    plan = glorot.plan(nn.Sequential(nn.Linear(3, 4), nn.PReLU(4, init=0.01)), recipe)
    assert plan["1.weight"].distribution == glorot.distributions.Constant(0.01)
    assert plan["1.weight"].why == "its layer declares a start of 0.01"


def zero_head() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    nn.init.zeros_(model[2].weight)
    return model


def prior() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    nn.init.constant_(model[2].bias, -math.log(99))
    return model


def zero_scale() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
    nn.init.zeros_(model[1].weight)
    return model


def steps() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 16))
    model[0].bias = nn.Parameter(torch.linspace(-7, -2, 16))
    return model


def identity() -> nn.Module:
    model = nn.Sequential(nn.Linear(8, 8, bias=False))
    nn.init.eye_(model[0].weight)
    return model


def sines() -> nn.Module:
    model = nn.Sequential(nn.Embedding(40, 8))
    angle = torch.arange(40)[:, None] / 1000 ** (torch.arange(0, 8, 2) / 8)
    model[0].weight = nn.Parameter(torch.stack([angle.sin(), angle.cos()], -1).flatten(1))
    return model


SPECIAL = {
    zero_head: ("2.weight", "all 0"), prior: ("2.bias", "all -4.595"), zero_scale: ("1.weight", "all 0"),
    steps: ("0.bias", "values from -7 to -2"), identity: ("0.weight", "only the values 0, 1"),
    sines: ("0.weight", "rows that change little from each to the next"),
}  # fmt: skip


@pytest.mark.parametrize("make", SPECIAL)
def test_a_special_start_is_told_of_before_it_is_overwritten(make: object) -> None:
    model, (path, words) = make(), SPECIAL[make]  # type: ignore[operator, index]
    told = f"the plan overwrites what may be meant: {path} holds {words}; keep it with rules=[('{path}', 'skip')]"
    with pytest.warns(UserWarning, match=f"^{re.escape(told)}$"):
        plan = glorot.plan(model, "auto")
    assert plan[path].why.endswith(f"; overwrites what {path} holds: {words}")
    kept = glorot.plan(model, "auto", rules=[(path, "skip")])  # warnings are errors
    assert kept[path].distribution is None
    asked = glorot.plan(model, "auto", rules=[(path, "normal(std=0.5)")])
    assert "overwrites" not in asked[path].why
    glorot.plan(model, "current")


def test_one_warning_for_all_and_four_by_name() -> None:
    model = nn.Sequential(*(nn.Linear(2, 2, bias=False) for _ in range(6)))
    for layer in model:
        nn.init.zeros_(layer.weight)
    model.append(nn.Linear(2, 2))
    with pytest.warns(UserWarning, match="the plan overwrites what may be meant") as caught:
        glorot.plan(model)
    (only,) = caught
    assert "3.weight holds all 0 and 2 more; keep it with" in str(only.message)


def lost_by(model: nn.Module, recipe: str = "auto") -> list[str]:
    """Return the parts of a model whose special start a plan would overwrite."""
    return [entry.name for entry in glorot.plan(model, recipe) if "overwrites what" in entry.why]


@pytest.mark.parametrize("recipe", ["auto", "pytorch", "xavier", "constant(0.1)", "zeros", "random(1)", "lecun"])
def test_what_a_recipe_or_pytorch_starts_is_not_special(recipe: str) -> None:
    def build() -> nn.Module:
        layers = [nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ConvTranspose2d(8, 4, 2, 2), nn.GroupNorm(2, 4)]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16, 8), nn.PReLU(), nn.LayerNorm(8), nn.Bilinear(8, 4, 2))

    assert lost_by(build(), recipe) == []
    others = [nn.LSTM(100, 6, proj_size=2), nn.GRUCell(3, 40), nn.MultiheadAttention(8, 2, add_bias_kv=True)]
    for module in [*others, nn.Embedding(30, 4, padding_idx=0), nn.Transformer(8, 2, 1, 1, 16, batch_first=True)]:
        assert lost_by(module, recipe) == []


def test_memory_that_is_all_zero_is_fresh_and_not_spoken_of() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    assert lost_by(model) == []


def test_a_layer_that_describes_itself_to_glorot_may_hold_anything() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    model[1].glorot_parts = parts_of(model[1])
    nn.init.zeros_(model[1].weight)
    assert lost_by(model) == []
    del model[1].glorot_parts
    with pytest.warns(UserWarning, match=r"1\.weight holds all 0"):
        glorot.plan(model)


def test_memory_that_nothing_wrote_to_is_not_spoken_of() -> None:
    model = nn.Linear(4, 4)
    nn.init.constant_(model.weight, math.nan)
    assert lost_by(model) == []


# running statistics and other buffers


def test_running_statistics_are_started_with_the_model() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    model(100 + torch.randn(64, 3))
    plan = glorot.plan(model, "he")
    assert [(entry.name, entry.role, entry.scheme) for entry in plan][-2:] == [
        ("1.running_mean", "running_mean", "zeros"), ("1.running_var", "running_variance", "ones"),
    ]  # fmt: skip
    glorot.apply(plan, model, seed=0)
    assert (model[1].running_mean.tolist(), model[1].running_var.tolist()) == ([0.0] * 4, [1.0] * 4)
    assert model[1].num_batches_tracked == 0


def test_after_meta_and_to_empty_nothing_is_nan() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    plan = glorot.plan(model)
    model.to_empty(device="cpu")
    for tensor in model.state_dict().values():
        tensor.fill_(float("nan") if tensor.is_floating_point() else 7)
    glorot.apply(plan, model, seed=0)
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())
    assert model[1].num_batches_tracked == 0


def test_statistics_of_a_frozen_norm_and_those_outside_only_stay() -> None:
    frozen = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4).requires_grad_(False))
    frozen(100 + torch.randn(64, 3))
    before = frozen[1].running_mean.clone()
    glorot.initialize(frozen, seed=0)
    assert torch.equal(frozen[1].running_mean, before)
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 4))
    model(100 + torch.randn(64, 3))
    before = model[0].running_mean.clone()
    glorot.initialize(model, seed=0, only="1.*")
    assert torch.equal(model[0].running_mean, before)
    glorot.initialize(model, seed=0, only="0.*")
    assert not model[0].running_mean.any()


def test_a_plan_without_statistics_fits_and_they_are_started_all_the_same() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    plan = glorot.plan(model)
    older = type(plan)(plan.version, plan.stream, plan.recipe, plan.entries[:-2])
    model(100 + torch.randn(64, 3))
    glorot.apply(older, model, seed=0)
    assert not model[1].running_mean.any()
    with pytest.raises(GlorotError, match=r"in the model only: 1\.bias"):
        glorot.apply(type(plan)(plan.version, plan.stream, plan.recipe, plan.entries[:-3]), model, seed=0)


def test_other_buffers_are_listed_as_left_alone(tmp_path: object) -> None:
    model = nn.Module()
    model.out = nn.Linear(4, 2)
    model.register_buffer("inv_freq", torch.arange(4.0), persistent=False)
    plan = glorot.plan(model)
    assert plan.buffers == ("inv_freq",)
    assert str(plan).splitlines()[-1] == "left alone, for they are buffers: inv_freq"
    again = glorot.plan.__globals__["Plan"].load(plan.save(f"{tmp_path}/plan.json"))
    assert again == plan
    assert again.buffers == ("inv_freq",)
    assert "left alone, for they are buffers: inv_freq</p>" in plan_html(plan)


def test_threads_that_plan_one_model_get_one_plan() -> None:
    model = nn.Sequential(
        nn.Embedding(9, 4, max_norm=0.1), nn.Flatten(), nn.Linear(12, 4), nn.BatchNorm1d(4), nn.ReLU()
    )
    batch = torch.randint(9, (5, 3))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with ThreadPoolExecutor(4) as pool:
        plans = list(pool.map(lambda _: glorot.plan(model, inputs=batch), range(24)))
    assert all(plan == plans[0] for plan in plans)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
