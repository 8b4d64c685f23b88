"""Files of weights beside the plan, or the tensors, that they should agree with."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import nn

import glorot
from glorot.caffe import parse_net, save
from glorot.checks import Report
from glorot.checks.stored import evidence_of_file
from glorot.cli.check import command
from glorot.errors import GlorotError
from glorot.report.check_page import check_html

NET = """
name: "net" input: "x" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layer { name: "conv" type: "Convolution" bottom: "x" top: "c"
  convolution_param { num_output: 32 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "ip" type: "InnerProduct" bottom: "c" top: "y"
  inner_product_param { num_output: 10 weight_filler { type: "gaussian" std: 0.01 } } }
"""


def net(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(64, 128), nn.Tanh(), nn.BatchNorm1d(128), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 10)
    ).to(dtype)


def saved(path: Path, model: nn.Module, prefix: str = "") -> Path:
    file = path / "weights"
    save_file({prefix + name: one.clone() for name, one in model.state_dict().items()}, file)
    return file


def told(report: Report) -> list[str]:
    return [str(one) for one in report.findings]


# ---- a plan ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("recipe", ["xavier", "auto", "orthogonal"])
def test_a_file_that_was_drawn_to_plan_follows_it_in_law_and_to_the_bit(
    tmp_path: Path, dtype: torch.dtype, recipe: str
) -> None:
    model = net(dtype)
    plan = glorot.plan(model, recipe)
    path = saved(tmp_path, glorot.apply(plan, model, seed=3))
    in_law, to_the_bit = glorot.check(path, plan=plan), glorot.check(path, plan=plan, seed=3)
    assert told(in_law) == told(to_the_bit) == []
    assert {"GL113", "GL701", "GL702"} <= set(in_law.asked)
    assert in_law.notes == ("10 of the plan's 10 tensors were compared with it in law",)
    assert to_the_bit.notes == ("10 of the plan's 10 tensors were compared with it to the bit with seed 3",)


def test_another_seed_is_another_start(tmp_path: Path) -> None:
    model = net(torch.bfloat16)
    plan = glorot.plan(model, "xavier")
    (one,) = glorot.check(saved(tmp_path, glorot.apply(plan, model, seed=3)), plan=plan, seed=4).findings
    assert (one.code, one.paths) == ("GL701", ("0.weight", "3.weight", "5.weight"))
    assert one.why == "differs from what the plan writes with this seed"


@pytest.mark.parametrize("prefix", ["model.", "module.", "_orig_mod.", "state.module."])
def test_one_prefix_before_all_names_is_left_out_and_said(tmp_path: Path, prefix: str) -> None:
    model = net()
    plan = glorot.plan(model, "xavier")
    report = glorot.check(saved(tmp_path, glorot.apply(plan, model, seed=3), prefix), plan=plan, seed=3)
    assert told(report) == []
    assert report.notes[0] == f"names in the file have the prefix {prefix!r}, which is left out here"
    assert f"1 check\n{report.notes[0]}\n" in str(report).replace("4 checks", "1 check")
    assert report.to_json()["notes"] == list(report.notes)


def test_what_is_missing_too_much_of_another_shape_or_law_is_told_apart(tmp_path: Path) -> None:
    model = net()
    plan = glorot.plan(model, "xavier")
    state = {f"model.{name}": one for name, one in glorot.apply(plan, model, seed=3).state_dict().items()}
    del state["model.5.bias"]
    torch.manual_seed(0)
    state |= {"model.3.weight": torch.randn(128, 128), "model.0.weight": torch.randn(64, 128), "ema": torch.zeros(3)}
    save_file(state, tmp_path / "weights")
    report = glorot.check(tmp_path / "weights", plan=plan)
    assert not report.ok
    assert told(report) == [
        "GL702 error: 0.weight: is 64×128 in the file, and 128×64 in the plan",
        "GL702 error: 5.bias: is in the plan, and not in the file",
        "GL701 warning: 3.weight: does not follow the law of the plan (1.004, expected uniform with std 0.08839)",
        "GL702 note: ema: is in the file, and not in the plan",
    ]
    assert report.notes[1:] == (
        "8 of the plan's 10 tensors were compared with it in law",
        "not in the file: 5.bias",
    )


def test_whole_numbers_in_the_place_of_a_weight_are_not_compared(tmp_path: Path) -> None:
    plan = glorot.plan(nn.Linear(8, 8), "xavier")
    save_file({"weight": torch.ones(8, 8, dtype=torch.int8), "bias": torch.zeros(8)}, tmp_path / "weights")
    report = glorot.check(tmp_path / "weights", plan=plan)
    assert report.notes == (
        "1 of the plan's 2 tensors were compared with it in law",
        "not compared, because they hold whole numbers: weight",
    )


def test_a_large_tensor_is_compared_block_by_block(tmp_path: Path) -> None:
    model = nn.Linear(1500, 1500)
    plan = glorot.plan(model, "xavier")
    path = saved(tmp_path, glorot.apply(plan, model, seed=3))
    assert told(glorot.check(path, plan=plan, seed=3, select="GL7")) == []
    with torch.no_grad():
        model.weight[-1, -1] += 1
    (one,) = glorot.check(saved(tmp_path, model), plan=plan, seed=3, select="GL7").findings
    assert (one.path, round(one.figure, 5)) == ("weight", 1.0)


def test_fused_kernels_are_compared_piece_by_piece(tmp_path: Path) -> None:
    model = nn.MultiheadAttention(64, 4)
    plan = glorot.plan(model, "xavier")
    path = saved(tmp_path, glorot.apply(plan, model, seed=0))
    assert told(glorot.check(path, plan=plan, seed=0, select="GL7")) == []
    with torch.no_grad():
        model.in_proj_weight[64:128] *= 3
    (one,) = glorot.check(saved(tmp_path, model), plan=plan, select="GL7").findings
    assert one.paths == ("in_proj_weight[k]",)


def test_a_caffemodel_is_compared_with_its_plan(tmp_path: Path) -> None:
    parsed = parse_net(NET)
    plan = glorot.plan(parsed, "caffe")
    path = save(tmp_path / "weights", parsed, glorot.apply(plan, parsed, seed=1))
    report = glorot.check(path, plan=plan, seed=1)
    assert told(report) == []
    assert report.notes == ("4 of the plan's 4 tensors were compared with it to the bit with seed 1",)
    (one,) = glorot.check(path, plan=glorot.plan(parsed, "he")).findings
    assert one.code == "GL701"
    assert set(one.paths) == {"conv.0", "ip.0"}


def test_the_plan_is_read_at_the_command_line(tmp_path: Path) -> None:
    model = net()
    plan = glorot.plan(model, "xavier")
    path = saved(tmp_path, glorot.apply(plan, model, seed=0), "module.")
    words = [str(path), "--plan", str(plan.save(tmp_path / "plan.json"))]
    assert CliRunner().invoke(command, [*words, "--seed", "0"]).exit_code == 0
    result = CliRunner().invoke(command, [*words, "--seed", "1", "--strict", "--format", "json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["findings"][0]["code"] == "GL701"


def test_without_a_plan_none_of_its_checks_is_asked(tmp_path: Path) -> None:
    path = saved(tmp_path, net())
    assert glorot.check(path).asked == ("GL113",)
    assert "not asked: GL701, GL702: needs a plan" in str(glorot.check(path, select="GL7"))


def test_a_seed_alone_and_what_needs_a_model_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, net())
    with pytest.raises(
        GlorotError, match=r"weights is a file of weights; seed=3 needs the plan that was drawn with it"
    ):
        glorot.check(path, seed=3)
    with pytest.raises(GlorotError, match=r"checked without a model; optimizer= needs one: load the file into a model"):
        glorot.check(path, optimizer=[], plan=glorot.plan(net(), "xavier"))


# ---- a reference -----------------------------------------------------------------------------------------------------


def test_a_file_that_continues_a_reference_or_does_not(tmp_path: Path) -> None:
    model = net()
    state = {name: one.clone() for name, one in model.state_dict().items()}
    report = glorot.check(saved(tmp_path, model, "module."), reference=state)
    assert told(report) == []
    assert report.notes[1] == "10 of the reference's 11 tensors were compared with it"
    nn.init.zeros_(model[3].weight)
    (one,) = glorot.check(saved(tmp_path, model, "module."), reference=state, select="GL703").findings
    assert one.paths == ("3.weight",)


def test_half_precision_is_compared_with_what_it_was_rounded_from(tmp_path: Path) -> None:
    model = net()
    state = {name: one.clone() for name, one in model.state_dict().items()}
    path = saved(tmp_path, model.to(torch.bfloat16))
    assert told(glorot.check(path, reference=state, select="GL703")) == []


# ---- reading ---------------------------------------------------------------------------------------------------------


def test_tensors_are_read_one_by_one(tmp_path: Path) -> None:
    path = saved(tmp_path, net())
    weights = evidence_of_file(path, glorot.plan(net(), "xavier")).weights
    assert "2.num_batches_tracked" not in weights
    first = weights["0.weight"]
    assert not first.flags.owndata  # mapped, not copied
    assert not first.flags.writeable
    assert weights["0.weight"] is first
    assert weights["3.weight"] is not first


# ---- the page --------------------------------------------------------------------------------------------------------


def test_the_page_says_what_a_file_was_compared_with(tmp_path: Path) -> None:
    model = net()
    plan = glorot.plan(model, "xavier")
    path = saved(tmp_path, glorot.apply(plan, model, seed=0))
    page = check_html(glorot.check(path, plan=plan))
    assert "<h1>All of this file was written, and as planned</h1>" in page
    assert "by 4 checks. 10 of the plan&#x27;s 10 tensors were compared with it in law</p>" in page
    other = check_html(glorot.check(path, plan=plan, seed=1))
    assert "<h1>This file is not what it was compared with</h1>" in other
