"""What an init function wrote: the wrong start of the museum and its healthy twin, and every outcome there is."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import init

import glorot
from glorot.checks.audited import Audit


def linear() -> nn.Linear:
    return nn.Linear(4, 3)


def states(report: Audit) -> dict[str, str]:
    return {one.path: one.state for one in report.tensors}


def codes(report: Audit) -> set[str]:
    return {one.code for one in report.findings}


# ---- T7 of the museum ------------------------------------------------------------------------------------------------


def t7(wrong: bool) -> dict[str, Any]:
    def start(model: Any) -> None:
        init.zeros_(model.bias)
        own = model.parametrizations.weight
        init.kaiming_normal_(model.weight.data if wrong else own.original1)
        if not wrong:
            own.original0.data.copy_(own.original1.norm(dim=1, keepdim=True))

    return {"build": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(256, 256)), "init": start}


def test_an_init_that_writes_into_a_computed_weight_is_caught():
    report = glorot.audit(**t7(wrong=True))
    assert not report.ok
    stored = {f"parametrizations.weight.original{n}": "never" for n in (0, 1)}
    assert states(report) == {"bias": "once", **stored}
    first, *others = report.findings
    assert (first.code, first.severity) == ("GL191", "error")
    assert set(first.paths) == {"weight", *stored}
    assert {(one.code, one.paths[0]) for one in others} == {("GL192", path) for path in stored}
    line = str(report).splitlines()[0]
    assert line.startswith(
        "GL191 error: weight, parametrizations.weight.original1, parametrizations.weight.original0: "
    )
    assert "kaiming_normal_ at test_audit.py:" in line
    assert "wrote into a temporary (weight_norm_interface at test_audit.py:" in line


def test_its_healthy_twin_has_no_finding():
    report = glorot.audit(**t7(wrong=False))
    assert report.ok
    assert report.findings == ()
    assert set(states(report).values()) == {"once"}
    assert str(report) == (
        "start(model): of 3 tensors 3 written once. Built on the meta device, then given memory as by to_empty()"
    )


# ---- each outcome ----------------------------------------------------------------------------------------------------


def by_operator(model: nn.Linear) -> None:
    init.orthogonal_(model.weight)  # some operators, one write
    init.trunc_normal_(model.bias)


def by_drawing_some_again(model: nn.Linear) -> None:
    for parameter in model.parameters():
        init.trunc_normal_(parameter, a=-0.6, b=0.6)  # nearly half of its draws are out of bounds at first
        with torch.no_grad():
            parameter.copy_(parameter / 2)


def by_foreach(model: nn.Linear) -> None:
    torch._foreach_zero_([one.data for one in model.parameters()])


def by_pieces(model: nn.Linear) -> None:
    for piece in model.weight.data.chunk(2):
        init.normal_(piece)
    with torch.no_grad():
        model.bias[0] = 1.0
        model.bias[[1, 2]] = 0.0


def by_mask(model: nn.Linear) -> None:
    model.weight.data.zero_()
    model.bias.data.masked_fill_(torch.tensor([True, False, True]), 1.0)
    model.bias.data.masked_fill_(torch.tensor([False, True, False]), 0.0)


def by_transposed_view(model: nn.Linear) -> None:
    model.weight.data.t().copy_(torch.ones(4, 3))
    with torch.no_grad():
        model.bias.set_(torch.zeros(3))


def by_numpy(model: nn.Linear) -> None:
    model.weight.detach().numpy()[...] = np.ones((3, 4))
    model.bias.detach().numpy()[:] = 0


def by_replacing(model: nn.Linear) -> None:
    model.weight = nn.Parameter(torch.randn(3, 4))
    model.bias.data = torch.zeros(3)


def by_loading(model: nn.Linear) -> None:
    model.load_state_dict({"weight": torch.ones(3, 4), "bias": torch.zeros(3)}, assign=True)


def through_wider_floats(model: nn.Linear) -> None:
    wide = torch.empty_like(model.weight, dtype=torch.float64)
    init.normal_(wide)
    model.weight.data.copy_(wide)
    init.zeros_(model.bias)


def with_out(model: nn.Linear) -> None:
    torch.normal(0.0, 1.0, (3, 4), out=model.weight.data)
    init.zeros_(model.bias)


@pytest.mark.parametrize(
    "start",
    [
        by_operator, by_drawing_some_again, by_foreach, by_pieces, by_mask, by_transposed_view, by_numpy, by_replacing, by_loading,
        through_wider_floats, with_out,
    ],
)  # fmt: skip
def test_whatever_writes_every_element_is_seen(start: Callable[[nn.Linear], None]):
    report = glorot.audit(linear, start)
    assert states(report) == {"weight": "once", "bias": "once"}, report.table()
    assert report.findings == ()


def test_what_is_written_past_all_operators_is_told_by_the_poison():
    report = glorot.audit(linear, by_numpy)
    assert report["weight"].writers == ("no operator: NumPy or a kernel",)


def test_a_row_that_nothing_writes_is_told():
    def start(model: nn.Linear) -> None:
        model.weight.data[:2].normal_()
        model.bias.detach().numpy()[1:] = 0

    report = glorot.audit(linear, start)
    assert {one.path: (one.state, one.unwritten) for one in report.tensors} == {
        "weight": ("partly", 4),
        "bias": ("partly", 1),
    }
    assert str(report.findings[0]).startswith(
        "GL192 error: weight: is written in part by start(model): 4 of 12 elements are not: raw memory after to_empty();"
    )


def test_a_tensor_written_over_is_a_note():
    def start(model: nn.Linear) -> None:
        for _ in range(3):
            init.normal_(model.weight)
        init.zeros_(model.bias)

    report = glorot.audit(linear, start)
    assert (report["weight"].state, report["weight"].times) == ("again", 3)
    assert report.ok
    assert codes(report) == {"GL196"}


def test_a_padding_row_set_to_zero_is_no_second_start():
    def start(model: nn.Embedding) -> None:
        init.normal_(model.weight)
        init.zeros_(model.weight[0])

    assert states(glorot.audit(lambda: nn.Embedding(5, 3), start)) == {"weight": "once"}


@pytest.mark.parametrize(
    "write",
    [
        lambda weight: init.normal_(weight.clone()),
        lambda weight: weight.to(torch.float64).normal_(),
        lambda weight: weight.t().contiguous().normal_(),
        lambda weight: weight[[0, 1]].normal_(),
        lambda weight: torch.empty_like(weight).normal_().mul_(2).to(torch.bfloat16),
    ],
    ids=["clone", "to", "contiguous", "index", "like"],
)
def test_a_write_into_a_temporary_is_an_error(write: Callable[[torch.Tensor], Any]):
    def start(model: nn.Linear) -> None:
        init.zeros_(model.weight)
        init.zeros_(model.bias)
        write(model.weight.data)

    report = glorot.audit(linear, start)
    assert states(report) == {"weight": "once", "bias": "once"}
    assert [(one.code, one.paths) for one in report.findings if one.severity == "error"] == [("GL191", ("weight",))]


def test_a_temporary_that_is_read_is_no_loss():
    def start(model: nn.Linear) -> None:
        noise = torch.empty_like(model.weight).normal_()
        std = torch.zeros_like(model.bias).uniform_().max().item()
        model.weight.data.copy_(noise * std)
        model.bias.data.copy_(noise.sum(1))

    assert glorot.audit(linear, start).findings == ()


def test_a_write_to_a_parameter_without_elements_is_an_error():
    def start(model: nn.Linear) -> None:  # as where parameters are gathered from several processes
        whole, model.weight.data = model.weight.data, torch.empty(0)
        init.normal_(model.weight)
        model.weight.data = whole
        init.zeros_(model.bias)

    report = glorot.audit(linear, start)
    assert states(report) == {"weight": "empty", "bias": "once"}
    assert str(report).startswith("GL193 error: weight: was written while it was empty, by normal_ at test_audit.py:")


def test_memory_given_after_the_start_is_not_written():
    def start(model: nn.Linear) -> None:
        model.reset_parameters()
        model.to_empty(device="cpu")

    report = glorot.audit(linear, start)
    assert states(report) == {"weight": "never", "bias": "never"}
    assert "and then given other memory, which nothing writes" in report.findings[0].why


def test_what_is_made_of_raw_memory_is_an_error():
    def start(model: nn.Linear) -> None:
        model.bias.data.copy_(model.weight.data.mean(1))
        init.normal_(model.weight)

    report = glorot.audit(linear, start)
    assert states(report) == {"weight": "once", "bias": "raw"}
    assert codes(report) == {"GL194", "GL197"}
    assert report["weight"].read_first.startswith("test_audit.py:")


def test_another_memory_for_what_data_returns_is_none_for_the_parameter():
    def start(model: nn.Linear) -> None:
        model.bias.data.set_(torch.zeros(3))
        init.normal_(model.weight)

    assert states(glorot.audit(linear, start)) == {"weight": "once", "bias": "never"}


def test_scaling_memory_that_nothing_wrote_is_not_writing():
    report = glorot.audit(linear, lambda model: [one.data.mul_(0.5) for one in model.parameters()])
    assert states(report) == {"weight": "never", "bias": "never"}


# ---- tied tensors, buffers, small types ------------------------------------------------------------------------------


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
        self.head.weight = self.table.weight
        self.register_buffer("mask", torch.ones(64, dtype=torch.bool))
        self.register_buffer("positions", torch.arange(4), persistent=False)


def test_tied_weights_count_once():
    report = glorot.audit(Tied, lambda model: init.normal_(model.head.weight))
    assert states(report) == {"mask": "never", "positions": "never", "table.weight": "once"}
    assert report["head.weight"] is report["table.weight"]
    assert report["table.weight"].tied == ("head.weight",)


def test_tied_weights_that_come_apart_are_told():
    def start(model: Tied) -> None:
        model.table.weight = nn.Parameter(torch.randn(5, 3))
        model.mask.fill_(True)
        model.positions.copy_(torch.arange(4))

    report = glorot.audit(Tied, start)
    assert states(report) == {"mask": "once", "positions": "once", "table.weight": "once", "head.weight": "never"}
    assert report["table.weight"].replaced
    assert {one.code: one.severity for one in report.findings} == {"GL192": "error", "GL195": "warning"}


def test_a_buffer_that_no_checkpoint_holds_is_told_so():
    report = glorot.audit(Tied, lambda model: init.normal_(model.head.weight))
    assert report["positions"].kind == "non-persistent buffer"
    remedies = {path: one.remedy for one in report.findings for path in one.paths}
    assert remedies["positions"] == "compute it again in the branch of the init for Tied: no checkpoint holds it either"
    assert report["positions"].constructor.startswith("arange at test_audit.py:")


@pytest.mark.parametrize("value", [True, False])
def test_booleans_written_past_operators_are_told_by_two_poisons(value: bool):
    def start(model: Tied) -> None:
        init.normal_(model.head.weight)
        model.mask.numpy()[:] = value
        model.positions.numpy()[2:] = 0

    report = glorot.audit(Tied, start)
    assert (report["mask"].state, report["mask"].unwritten) == ("once", 0)
    assert (report["positions"].state, report["positions"].unwritten) == ("partly", 2)


@pytest.mark.parametrize(
    "dtype",
    [torch.float16, torch.bfloat16, torch.float64, torch.complex64, torch.float8_e4m3fn, torch.int8, torch.int32],
)
def test_every_type_can_hold_poison(dtype: torch.dtype):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("a", torch.zeros(9).to(dtype))
            self.register_buffer("b", torch.zeros(9).to(dtype))

    def start(net: Any) -> None:
        net.a.copy_(torch.zeros(9).to(dtype))
        net.b[:5].copy_(torch.zeros(5).to(dtype))

    report = glorot.audit(Net, start)
    assert {one.path: (one.state, one.unwritten) for one in report.tensors} == {"a": ("once", 0), "b": ("partly", 4)}


def test_a_report_is_saved_and_shown(tmp_path):
    report = glorot.audit(**t7(wrong=True))
    data = json.loads(report.save(tmp_path / "audit.json").read_text())
    assert data["ok"] is False
    assert [row["state"] for row in data["tensors"]] == ["once", "never", "never"]
    assert data["lost"][0]["writer"].startswith("kaiming_normal_ at test_audit.py:")
    assert data["call"] == "start(model)"
    page = report._repr_html_()
    assert "GL191" in page
    assert "never written" in page
    assert report.table().splitlines()[2].startswith("parametrizations.weight.original0  256×1")
    with pytest.raises(KeyError):
        report["no.such.path"]
