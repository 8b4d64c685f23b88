"""Checks of the family 6xx: what several ranks hold."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

import glorot
from glorot.checks import Finding, Report
from glorot.errors import GlorotError

Rank = dict[str, Tensor]


def checked(model: nn.Module, ranks: Sequence[Rank], **more: object) -> Report:
    return glorot.check(model, ranks=ranks, select="GL6", **more)


def codes(model: nn.Module, ranks: Sequence[Rank], **more: object) -> list[str]:
    return [one.code for one in checked(model, ranks, **more).findings]


def only(model: nn.Module, ranks: Sequence[Rank], **more: object) -> Finding:
    (found,) = checked(model, ranks, **more).findings
    return found


def linear(inputs: int = 256, outputs: int = 64, seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(inputs, outputs, bias=False)


def parts(weight: Tensor, count: int, axis: int) -> list[Rank]:
    return [{"weight": one.clone()} for one in weight.detach().chunk(count, axis)]


# ---- GL601 and GL602: replicas and parts -----------------------------------------------------------------------------


def test_replicas_that_differ_are_an_error_but_for_running_statistics() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
    ranks = [{path: one.clone() for path, one in model.state_dict().items()} for _ in range(3)]
    ranks[1]["1.running_mean"] += 1
    assert codes(model, ranks) == []
    ranks[2]["0.weight"][0, 0] += 0.5
    found = only(model, ranks)
    assert (found.code, found.severity, found.paths, found.why) == (
        "GL601", "error", ("0.weight",), "differs between replicas",
    )  # fmt: skip
    assert found.figure == pytest.approx(0.5)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod."])
def test_what_wrappers_put_before_the_paths_is_left_out(prefix: str) -> None:
    model = linear()
    assert codes(model, [{f"{prefix}weight": model.weight}] * 2) == []


SPLITS: dict[str, Callable[[Tensor], list[Rank]]] = {
    "by outputs": lambda weight: parts(weight, 4, 0),
    "by inputs": lambda weight: parts(weight, 4, 1),
    "unevenly": lambda weight: [{"weight": one} for one in weight.split([30, 34])],
    "flattened": lambda weight: [{"weight": one} for one in weight.flatten().chunk(4)],
    "two parts on neighbours, twice": lambda weight: parts(weight, 2, 0) * 2,
    "two parts, each on neighbours": lambda weight: [one for one in parts(weight, 2, 0) for _ in range(2)],
}


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS.keys())
def test_a_whole_that_is_split_says_nothing(split: Callable[[Tensor], list[Rank]]) -> None:
    model = linear()
    plan = glorot.plan(model, "lecun_normal")
    glorot.apply(plan, model, seed=3)
    assert codes(model, split(model.weight.detach()), plan=plan, seed=3) == []


@pytest.mark.parametrize("split", [SPLITS["two parts on neighbours, twice"], SPLITS["two parts, each on neighbours"]])
def test_parts_that_several_ranks_hold_are_compared_with_each_other(split: Callable[[Tensor], list[Rank]]) -> None:
    model = linear()
    ranks = [{path: one.clone() for path, one in rank.items()} for rank in split(model.weight.detach())]
    ranks[3]["weight"][0, 0] += 0.1
    assert only(model, ranks).code == "GL601"


@pytest.mark.parametrize("axis", [0, 1])
def test_parts_that_were_drawn_alike_are_an_error(axis: int) -> None:
    model = linear()
    found = only(model, parts(model.weight, 4, axis)[:1] * 4)
    assert (found.code, found.severity, found.figure, found.expected) == ("GL602", "error", 1, "4 different parts")


def test_parts_of_zeros_or_ones_are_alike_on_purpose() -> None:
    model = nn.ModuleDict({"norm": nn.LayerNorm(64), "head": nn.Linear(64, 64)})
    nn.init.zeros_(model["head"].weight)
    nn.init.zeros_(model["head"].bias)
    ranks = [{path: one.chunk(2)[0] for path, one in model.state_dict().items()}] * 2
    assert codes(model, ranks) == []


# ---- GL603: fans of the part -----------------------------------------------------------------------------------------

LAWS = {
    "Xavier's law": nn.init.xavier_normal_,
    "LeCun's law": lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="linear"),
    "He's law": nn.init.kaiming_normal_,
    "the default of torch": lambda weight: nn.init.kaiming_uniform_(weight, a=math.sqrt(5)),
}


@pytest.mark.parametrize("name", LAWS)
def test_a_law_by_the_fans_of_the_part_is_named(name: str) -> None:
    torch.manual_seed(0)
    model, ranks = linear(768, 80), [{"weight": LAWS[name](torch.empty(80, 192))} for _ in range(4)]
    found = only(model, ranks)
    assert (found.code, found.severity) == ("GL603", "warning")
    assert found.why == f"was drawn by {name} with the fans of each rank's part"
    assert found.figure > 1.2


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("axis", [0, 1])
def test_a_law_by_the_fans_of_the_whole_says_nothing_on_any_axis(name: str, axis: int) -> None:
    for seed in range(25):
        model = linear(768, 96, seed)
        LAWS[name](model.weight.data)
        assert codes(model, parts(model.weight, 3, axis)) == []


@pytest.mark.parametrize("std", [0.02, 0.006, 0.1])
def test_a_std_that_no_fan_sets_says_nothing(std: float) -> None:
    for seed in range(25):
        model = linear(512, 64, seed)
        nn.init.normal_(model.weight, std=std)
        assert codes(model, parts(model.weight, 4, 1)) == []


def test_a_plan_says_which_law_was_meant() -> None:
    model = linear(512, 64)  # He's law by the whole is LeCun's by the half
    ranks = [{"weight": nn.init.normal_(torch.empty(64, 256), std=256**-0.5)} for _ in range(2)]
    assert codes(model, ranks) == []
    assert only(model, ranks, plan=glorot.plan(model, "lecun_normal")).why == (
        "was drawn by LeCun's law with the fans of each rank's part"
    )
    assert codes(model, ranks, plan=glorot.plan(model, "he_normal")) == []


# ---- GL604 and GL605 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("recipe", ["xavier", "orthogonal"])
def test_the_start_of_one_process_is_compared_bit_by_bit(dtype: torch.dtype, recipe: str) -> None:
    model = linear(64, 32).to(dtype)
    plan = glorot.plan(model, recipe)
    glorot.apply(plan, model, seed=7)
    ranks = parts(model.weight, 2, 1)
    assert codes(model, ranks, plan=plan, seed=7) == []
    found = only(model, ranks, plan=plan, seed=8)
    assert (found.code, found.severity) == ("GL604", "error")
    assert found.why == "holds other numbers on the ranks than the plan and the seed give"
    assert found.figure > 0.5


def test_without_a_seed_bits_are_not_asked() -> None:
    model = linear()
    report = checked(model, [{"weight": model.weight}], plan=glorot.plan(model, "xavier"))
    assert [(one.code, one.why) for one in report.unasked] == [("GL604", "needs a seed")]


def test_shapes_that_do_not_make_up_the_whole_and_missing_tensors_are_told() -> None:
    model = nn.Linear(8, 8)
    found = checked(model, [{"weight": torch.zeros(8, 3)}] * 2).findings
    assert {one.code for one in found} == {"GL605"}
    assert {one.path: one.why for one in found} == {
        "weight": "lies on the ranks in shapes that do not make up its own",
        "bias": "is on no rank",
    }


def test_one_file_or_one_mapping_is_no_list_of_ranks() -> None:
    model = nn.Linear(4, 3)
    for given, name in (("weights.pt", "str"), (model.state_dict(), "OrderedDict")):
        with pytest.raises(GlorotError, match=f"^ranks must be a list of the weights of each rank, got one {name}$"):
            glorot.check(model, ranks=given)  # type: ignore[arg-type]
