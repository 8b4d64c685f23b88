"""The room of hooks: what it offers, what a missing framework gets, and what a report becomes."""

import logging
import pickle
import subprocess
import sys

import pytest

import glorot
from glorot.checks import Finding, Report
from glorot.hooks.verdict import check_found, judge

ERROR = Finding("GL101", "not-finite", "error", ("w\x1b[2J",), float("nan"), "", "holds NaN", "write it")
WARNING = Finding("GL301", "wrong-fan", "warning", ("w",), 2.0, "1", "has twice the std", "draw it again")
MISSING = """
import sys
sys.modules[{framework!r}] = None
{more}
import glorot
try:
    glorot.hooks.{hook}
except glorot.GlorotError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("hook", "framework", "more", "install"),
    [
        ("KerasCheck", "keras", "", "keras"),
        ("LightningCheck", "lightning", "sys.modules['pytorch_lightning'] = None", "lightning"),
        ("TrainerCheck", "transformers", "", "'transformers[torch]'"),
    ],
)
def test_a_missing_framework_gets_one_message(hook: str, framework: str, more: str, install: str) -> None:
    code = MISSING.format(hook=hook, framework=framework, more=more)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"glorot.hooks.{hook} needs {framework}: pip install {install}\n"


def test_the_room_imports_no_framework() -> None:
    code = "import glorot.hooks, sys; print(*dir(glorot.hooks)); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, modules = done.stdout.splitlines()
    assert names == "CheckError KerasCheck LightningCheck TrainerCheck optax_check"
    assert not {"torch", "jax", "keras", "lightning", "transformers", "numpy"} & set(modules.split())


def test_an_unknown_name_is_said() -> None:
    with pytest.raises(AttributeError, match="module 'glorot.hooks' has no attribute 'KerasChek'"):
        _ = glorot.hooks.KerasChek


@pytest.mark.parametrize(
    ("findings", "strict", "level"),
    [((), False, logging.INFO), ((), True, logging.INFO), ((WARNING,), False, logging.WARNING)],
)
def test_what_lets_a_training_go_on_is_logged(
    findings: tuple[Finding, ...], strict: bool, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    report = Report(findings, looked_at=3, asked=("GL301",))
    with caplog.at_level(logging.INFO, "glorot"):
        assert judge(report, strict=strict) is report
        judge(report, strict=strict, is_logged=False)
    assert [(one.levelno, one.getMessage()) for one in caplog.records] == [(level, str(report))]


@pytest.mark.parametrize(
    ("report", "strict"),
    [
        (Report((ERROR,), looked_at=3, asked=("GL101",)), False),
        (Report((WARNING,), looked_at=3, asked=("GL301",)), True),
        (Report((), looked_at=0), False),  # a green verdict on nothing
        (Report((), looked_at=3), False),  # nor one by no check
    ],
)
def test_what_ends_a_training(report: Report, strict: bool) -> None:
    with pytest.raises(glorot.hooks.CheckError) as caught:
        judge(report, strict=strict)
    assert caught.value.report is report
    assert str(caught.value).splitlines()[0] == str(report).splitlines()[0].replace("\x1b", r"\x1b")


def test_the_error_passes_between_processes() -> None:
    error = pickle.loads(pickle.dumps(glorot.hooks.CheckError(Report((ERROR,), looked_at=3))))
    assert error.report.findings[0].path == ERROR.path


def test_an_argument_that_is_wrong_is_refused_and_no_batch_is_blamed(caplog: pytest.LogCaptureFixture) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(glorot.GlorotError, match="there is no check 'GL1O1'"):
        check_found(torch.nn.Linear(3, 4), torch.ones(2, 3), select="GL1O1")
    assert not caplog.records
