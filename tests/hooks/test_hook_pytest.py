"""The fixture of pytest: what fails, and that it costs a suite nothing where it is not used."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import glorot
from glorot.checks import Finding, Report

pytest_plugins = ("pytester",)
ROOT = Path(__file__).parents[2]
FRAMEWORKS = {"torch", "jax", "flax", "equinox", "keras", "tensorflow", "lightning", "transformers", "optax"}
ALONE = ("-p", "no:cacheprovider", "-p", "glorot.hooks.pytest")  # the plugin, whether it is installed or not
NETS = """
import pytest
torch = pytest.importorskip("torch")

def healthy():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 3))

def test_healthy(glorot_check):
    report = glorot_check(healthy(), torch.randn(16, 64), torch.randint(3, (16,)), select="GL101")
    assert report.ok and report.signal is not None

def test_broken(glorot_check):
    model = healthy()
    torch.nn.init.constant_(model[0].bias, float("nan"))
    glorot_check(model, select="GL101")
"""


def test_a_test_fails_with_the_report(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(NETS)
    result = pytester.runpytest_subprocess(*ALONE)
    result.assert_outcomes(passed=1, failed=1)
    text = "\n".join(result.outlines)
    assert "GL101 error: 0.bias: holds NaN in all of its 64 elements\n" in text
    assert "1 error in 4 tensors by 1 check\n" in text
    assert "hooks/pytest.py" not in text  # no trace of ours


def test_warnings_fail_where_the_check_is_strict(glorot_check, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    warning = Finding("GL301", "wrong-fan", "warning", ("w",), 2.0, "1", "has twice the std", "draw it again")
    monkeypatch.setattr("glorot.api.check", lambda *_, **__: Report((warning,), looked_at=1, asked=("GL301",)))
    assert glorot_check(None).findings == (warning,)
    with pytest.raises(pytest.fail.Exception, match=r"GL301 warning: w: has twice the std \(2, expected 1\)"):
        glorot_check(None, strict=True)


def test_the_plugin_is_found_by_its_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"glorot": "glorot.hooks.pytest"}


PLUGIN = "import pytest; before = {*sys.modules}; import glorot.hooks.pytest; print(*({*sys.modules} - before))"


def test_the_plugin_brings_nothing_along() -> None:
    words = [sys.executable, "-X", "importtime", "-c", f"import sys; {PLUGIN}"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"glorot", "glorot.hooks", "glorot.hooks.pytest"} <= loaded
    assert not {name.partition(".")[0] for name in loaded} & {*FRAMEWORKS, "numpy", "click", "rich", "scipy"}
    assert len(loaded) <= 20  # pytest has read what else it takes
    lines = done.stderr.splitlines()
    assert re.fullmatch(r"import time: +\d+ \| +\d+ \| glorot\.hooks\.pytest", lines[-1]), lines[-1]
    ours = [line for line in lines if line.rpartition("|")[2].strip().partition(".")[0] == "glorot"]
    assert len(ours) <= 6  # glorot, its errors and its text, hooks, this


def test_the_plugin_would_be_caught_importing() -> None:
    heavy = PLUGIN.replace("glorot.hooks.pytest", "glorot.hooks.verdict")
    done = subprocess.run([sys.executable, "-c", f"import sys; {heavy}"], capture_output=True, text=True, check=True)
    assert "numpy" in done.stdout.split()
    assert glorot.hooks.CheckError is not None
