"""What the diagnostic functions of TorchLens say of the twenty bugs that `glorot check` is tested on.

    python benchmarks/rival_torchlens.py        in its own environment: pip install torch==2.13.0 torchlens pandas numpy

Every function of TorchLens that judges one model, and runs without being told the fault, is run on each bug and on its
healthy twin: `audit_params`, `audit_trace` (NaN, ranges of numbers, gradients that vanish or explode),
`gradient_flow_audit` on both of its bases, `dead_neurons`, and a `ChecksSession` with all its checks over ten steps.
Where the museum gives no batch, loss or optimizer, one is made up here. A bug counts as caught by the rule of the
museum: a warning or worse names a tensor or layer to blame, and the same check says nothing on the twin.
"""

import importlib.metadata
import sys
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests" / "checks"), str(HERE.parent / "src")]

import museum  # noqa: E402
import torchlens  # noqa: E402
from torchlens.checks import ChecksSession, audit_params  # noqa: E402
from torchlens.debug import audit_trace, compare_params, dead_neurons_rows, gradient_flow_audit_rows  # noqa: E402
from torchlens.options import CaptureOptions  # noqa: E402

PAGE = HERE / "results" / "torchlens.md"
STEPS = 10
"""Steps of a session: its window for missing gradients is eight."""

MOSTLY = 0.5
"""The share of dead units from which on a table of them is taken for a warning; TorchLens itself gives no verdict."""

UNSEEN = {
    2: "two layers are compared only if asked to be",
    3: "no function knows how large weights should be",
    4: "no function knows how large weights or a first loss should be",
    5: "no function looks for outliers: bounds must be given by hand",
    6: "no function knows how large weights should be",
    7: "no function watches an init function",
    8: "no function knows how large weights should be, or what a rank holds",
    9: "no function reads what other ranks hold; two models are compared only if asked to be",
    13: "two networks are compared only if asked to be",
    14: "an adapter is treated like any other layer",
    17: "what a table should hold is not known",
    18: "what an optimizer should train is not known",
    20: "no function reads checkpoints; two models are compared only if asked to be",
}

NOTES = (
    "T11 is counted in favour of TorchLens: it warns of a norm scale that is all ones, but also of every healthy",
    "`LayerNorm`, whose scale starts at one (T2, T4, T6). It lists a bias of zero (T12, T16) without a verdict, as",
    "for any healthy layer. TorchLens was made to look at what a run does, and at numbers that break: files, ranks,",
    "plans, laws of draws and init functions are outside its scope.",
)


class Said(NamedTuple):
    """One thing that TorchLens said: the function, its check, whether it warns, and the path that it names."""

    where: str
    check: str
    warns: bool
    path: str


def ids(vocabulary: int) -> Tensor:
    return torch.randint(vocabulary, (4, 32))


INPUTS: dict[int, Callable[[], tuple[Tensor, ...]]] = {
    1: lambda: (ids(64),),
    2: lambda: (torch.randn(4, 16, 128),),
    3: lambda: (torch.randn(16, 4, 256),) * 3,
    5: lambda: (torch.randn(64, 512),),
    7: lambda: (torch.randn(64, 256),),
    8: lambda: (torch.randn(64, 512),),
    9: lambda: (torch.randn(64, 64),),
    13: lambda: (torch.randn(64, 24),),
    15: lambda: (torch.randn(64, 64),),
    17: lambda: (ids(128),),
    20: lambda: (torch.randn(64, 64),),
}
"""Batches for the bugs that need none."""


class Whole(nn.Module):
    """What holds the layers of a dictionary or list, and computes what the bug's source computes of them."""

    def __init__(self, number: int, layers: nn.Module) -> None:
        super().__init__()
        self.number = number
        for name, layer in layers.named_children():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        layers = [layer for _, layer in self.named_children()]
        if self.number == 13:
            return torch.minimum(layers[0](x), layers[1](x))
        body = layers[0](x)
        return body if len(layers) == 1 else layers[1](body.relu()) + layers[2](body.relu())


def opened(number: int, wrong: bool) -> tuple[nn.Module, dict[str, Any]]:
    """Return the model of a bug or of its twin, and the other arguments."""
    given = museum.arguments(number, wrong=wrong)
    if "build" in given:
        model = given["build"]()
        given["init"](model)
        return model, given
    model = given.pop("model")
    return (Whole(number, model) if isinstance(model, nn.ModuleDict | nn.ModuleList) else model), given


def loss_of(outputs: Any, given: dict[str, Any]) -> Tensor:
    """Return the loss that the museum gives, or the mean square of the outputs."""
    if "loss" in given:
        found: Tensor = given["loss"](outputs, given["targets"])
        return found
    return outputs.square().mean()


def said_of(number: int, wrong: bool) -> Iterator[Said]:
    """Yield all that TorchLens says of a bug or of its twin."""
    model, given = opened(number, wrong)
    torch.manual_seed(1)
    inputs = (given["inputs"],) if "inputs" in given else INPUTS[number]()
    for held in [model, *given.get("ranks", [])]:
        for one in audit_params(held).findings:
            yield from (Said("audit_params", one.code, one.severity != "info", name) for name in one.names)
    yield from said_of_trace(model, inputs, given)
    if any(one.requires_grad for one in model.parameters()):
        yield from said_of_steps(model, inputs, given)


def said_of_trace(model: nn.Module, inputs: tuple[Tensor, ...], given: dict[str, Any]) -> Iterator[Said]:
    """Yield what the audits of one forward and backward pass say; the path is a module's."""
    kept = CaptureOptions(layers_to_save="all", save_grads="all", backward_ready=True)
    trace = torchlens.trace(model, inputs, capture=kept)
    loss = loss_of(trace[trace.output_layers[0]].out, given)
    if loss.requires_grad:
        trace.log_backward(loss)
    modules = {one.layer_label: str(one.module or "").split(":")[0] for one in trace.layer_list}

    def module(label: str) -> str:
        return modules.get(label.split(":", maxsplit=1)[0], "")

    for one in audit_trace(trace).findings:
        for path in {*(module(label) for label in one.ops), *(name.split(":")[0] for name in one.modules)}:
            yield Said("audit_trace", one.check, one.severity != "info", path)
    for basis in ("total_norm", "rms"):
        rows, _ = gradient_flow_audit_rows(trace, basis=basis, grad_scale=1.0)
        for row in rows:
            if row["verdict"] not in ("ok", "healthy", "unknown", "unavailable", None):
                yield Said("gradient_flow_audit", row["verdict"], True, str(row["module"] or "").split(":")[0])
    for dim in (1, -1):
        for row in dead_neurons_rows(trace, dim=dim)[0]:
            if row["dead_count"]:
                yield Said("dead_neurons", "dead", row["dead_frac"] > MOSTLY, module(row["op"]))


def said_of_steps(model: nn.Module, inputs: tuple[Tensor, ...], given: dict[str, Any]) -> Iterator[Said]:
    """Yield what a session with all its checks says of ten steps."""
    optimizers = given.get("optimizer") or torch.optim.AdamW(model.parameters(), 1e-3)
    session = ChecksSession(model, optimizer=optimizers)
    session.register_change_check(action="collect")
    session.register_update_ratio_check()
    session.register_nonfinite_gradient_check(action="collect")
    session.register_nonfinite_param_check(action="collect")
    session.register_magnitude_check()
    with session:
        for _ in range(STEPS):
            outputs = model(*inputs)
            loss_of(outputs[0] if isinstance(outputs, tuple) else outputs, given).backward()
            for one in optimizers if isinstance(optimizers, list) else [optimizers]:
                one.step()
                one.zero_grad()
    report = session.final_report
    for one in report.findings:
        yield from (Said("ChecksSession", one.code, one.severity != "info", name) for name in one.names)
    for name in report.disclosures["membership"]["in_no_optimizer"]:
        yield Said("ChecksSession", "in_no_optimizer", True, name)


def compared(number: int, wrong: bool) -> bool | None:
    """Tell whether two models that the bug names are alike, where somebody thinks of comparing them."""
    model, given = opened(number, wrong)
    if number in (2, 13):
        parts = list((model.layers if number == 2 else model).children())  # type: ignore[union-attr]
        return all(bool(compare_params(a, b)["allclose"].all()) for a, b in pairwise(parts))
    if number in (9, 20):
        other, _ = opened(number, wrong)
        other.load_state_dict(given["ranks"][1] if number == 9 else given["reference"])
        return bool(compare_params(model, other)["allclose"].all())
    return None


def blamed(path: str, blame: tuple[str, ...]) -> bool:
    """Tell whether a path is one to blame, or the layer that holds it."""
    return any(path and (path == one or one.startswith(f"{path}.") or path.startswith(f"{one}.")) for one in blame)


def row_of(number: int) -> tuple[str, dict[str, bool]]:
    """Return the row of a bug in the table, and how it was caught."""
    blame = museum.BUGS[number].blame
    twin = set(said_of(number, False))
    mine = set(said_of(number, True))
    usual = {(one.where, one.check) for one in twin}
    new = [one for one in sorted(mine) if (one.where, one.check) not in usual]
    there = [one for one in sorted(mine) if blamed(one.path, blame)]
    named = [one for one in new if one in there and one.warns]
    anything = [one for one in there if one not in twin]
    asked = compared(number, True) != compared(number, False)
    held = {"named": bool(named), "anything": bool(anything), "compared": asked or bool(named)}
    shown = "; ".join(dict.fromkeys(f"`{one.where}`: {one.check}, `{one.path}`" for one in (named or anything)[:2]))
    said = shown or UNSEEN.get(number, "nothing")
    cells = " | ".join("yes" if held[key] else "–" for key in ("named", "compared", "anything"))
    alarms = len({(one.check, one.path) for one in twin if one.warns})
    return f"| T{number} | {', '.join(f'`{one}`' for one in blame[:2])} | {cells} | {said} | {alarms} |", held


def main() -> None:
    warnings.simplefilter("ignore")
    rows = {number: row_of(number) for number in sorted(museum.BUGS)}
    totals = {key: sum(held[key] for _, held in rows.values()) for key in ("named", "compared", "anything")}
    installed = importlib.metadata.version("torchlens")
    head, title = (__doc__ or "").split("\n\n", 1)[1].split("\n\n", 1)[1], "# TorchLens on the bug museum"
    lines = [
        *(title, "", "Made by `python benchmarks/rival_torchlens.py`.", ""),
        f"TorchLens {installed}, torch {torch.__version__}, Python {sys.version.split()[0]}. Caught and named: "
        f"**{totals['named']} of {len(rows)}**; {totals['compared']} if somebody thinks of comparing the right two "
        f"models; {totals['anything']} if anything counts that it says of what is to blame and not of the twin, even "
        "facts without a verdict. `glorot check` and `glorot.audit`: 20 of 20 (`tests/checks/test_museum.py`).",
        *("", head.strip(), ""),
        "| bug | to blame | warned | or when compared | said anything | what it says | warnings on the twin |",
        *("|---|---|---|---|---|---|---|", *(row for row, _ in rows.values()), "", *NOTES, ""),
    ]
    PAGE.write_text("\n".join(lines), "utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
