"""Whatever is written, in whatever pieces and however often: the audit says exactly that."""

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import init

import glorot


@settings(deadline=None)
@given(st.lists(st.sampled_from(["never", "once", "twice", "partly", "lost"]), min_size=1, max_size=6))
def test_what_was_done_is_what_is_told(wanted: list[str]):
    def start(model: nn.ParameterList) -> None:
        for parameter, what in zip(model, wanted, strict=True):
            if what in {"once", "twice"}:
                init.normal_(parameter)
            if what == "twice":
                init.uniform_(parameter)
            if what == "partly":
                init.normal_(parameter[1:])
            if what == "lost":
                init.normal_(parameter.clone())

    report = glorot.audit(lambda: nn.ParameterList([nn.Parameter(torch.empty(4, 3)) for _ in wanted]), start)
    expected = {"twice": ("again", 2, 0), "once": ("once", 1, 0), "partly": ("partly", 0, 3)}
    found = [(one.state, one.times, one.unwritten) for one in report.tensors]
    assert found == [expected.get(one, ("never", 0, 12)) for one in wanted]
    blamed = {path for one in report.findings if one.code == "GL191" for path in one.paths}
    assert blamed == {str(n) for n, one in enumerate(wanted) if one == "lost"}
    assert report.ok == (set(wanted) <= {"once", "twice"})


def _every_other(view: Tensor) -> Tensor:
    return (torch.arange(view.numel()) % 2 == 0).view(view.shape)


def _first(view: Tensor) -> Tensor:
    marks = torch.zeros_like(view)
    marks[0] = 1
    return marks


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "whole": lambda tensor: tensor,
    "a row": lambda tensor: tensor[1],
    "rows": lambda tensor: tensor[2:5],
    "columns": lambda tensor: tensor[:, ::2],
    "transposed": lambda tensor: tensor.t()[1:],
    "a piece": lambda tensor: tensor.chunk(3)[1],
    "flat": lambda tensor: tensor.view(-1)[5:20],
    "diagonal": lambda tensor: tensor.diagonal(),
    "reshaped": lambda tensor: tensor.view(3, 2, 4)[:, 1],
}
WRITES: dict[str, tuple[Callable[[Tensor], Any], Callable[[Tensor], Tensor] | None]] = {
    "fill": (lambda view: view.fill_(1.0), torch.ones_like),
    "random": (lambda view: view.random_(0, 9), torch.ones_like),
    "copy": (lambda view: view.copy_(torch.ones(view.shape)), torch.ones_like),
    "foreach": (lambda view: torch._foreach_zero_([view]), torch.ones_like),
    "scale": (lambda view: view.mul_(2), None),
    "every other": (lambda view: view.masked_fill_(_every_other(view), 1.0), lambda view: _every_other(view).to(view)),
    "first": (lambda view: view.__setitem__([0], 1.0), _first),
    "index": (lambda view: view.index_fill_(0, torch.tensor([0]), 1.0), _first),
}


STEPS = st.lists(st.tuples(st.sampled_from([*VIEWS]), st.sampled_from([*WRITES])), max_size=8)


@settings(deadline=None)
@given(STEPS, st.sampled_from([torch.float32, torch.bfloat16, torch.float64, torch.int64, torch.int8]))
def test_every_element_is_counted(steps: list[tuple[str, str]], dtype: torch.dtype):
    counts = torch.zeros(6, 4)
    for view, write in steps:
        marks = WRITES[write][1]
        if marks is not None:
            place = VIEWS[view](counts)
            place += marks(place)

    def start(model: nn.ParameterList) -> None:
        with torch.no_grad():
            for view, write in steps:
                WRITES[write][0](VIEWS[view](model[0]))

    (row,) = glorot.audit(
        lambda: nn.ParameterList([nn.Parameter(torch.empty(6, 4, dtype=dtype), requires_grad=False)]), start
    ).tensors
    assert row.times == int(counts.min())
    if not counts.min():
        assert row.unwritten == int((counts == 0).sum())
        assert row.state == ("never" if not counts.any() else "partly")
    elif row.state != "raw":  # scaled before it was written elsewhere is written after all
        assert row.state == ("once" if counts.min() == 1 else "again")
