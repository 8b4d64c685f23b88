"""`glorot plan --signal`: what signal and gradient will do."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glorot.cli.plan import command
from glorot.errors import GlorotError
from glorot.probe.signal import Signal

NET = """
from torch import nn, ones

def batched():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)), ones(2, 64)
"""

TABLE = """\
step      kind    rms                  examples  gradient                grade
────────  ──────  ─────  ────────────  ────────  ────────  ────────────  ─────
0         kernel  1.414  ████████████  1         1         ███████████▏  exact
0 → relu  curve   1      ███████████▏  1         1.414     ████████████  exact
2         kernel  1.414  ████████████  1         1         ███████████▏  exact
"""


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets.py").write_text(NET)
    monkeypatch.chdir(tmp_path)


def plan(*words: str) -> Result:
    return CliRunner(catch_exceptions=True).invoke(command, ["nets.py:batched", "--recipe", "he", *words])


def test_what_a_signal_will_do_is_shown_as_a_table() -> None:
    assert plan("--signal").stdout == TABLE


@pytest.mark.parametrize("words", [("--format", "json"), ("--full",)])
def test_another_form_beside_it_is_refused(words: tuple[str, ...]) -> None:
    result = plan("--signal", *words)
    assert isinstance(result.exception, GlorotError)
    given = " ".join(words)
    told = f"--signal shows a table of the signal as text, and {given} another form; leave one of them out"
    assert str(result.exception) == told


def test_a_signal_is_saved_as_a_page() -> None:
    result = plan("--signal", "-o", "page.html")
    assert (result.exit_code, result.stderr) == (0, "saved page.html\n")
    assert result.stdout == TABLE
    page = Path("page.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert all(step in page for step in ("0 → relu", "exact", "1.414"))


def test_a_signal_is_saved_as_data() -> None:
    result = plan("--signal", "-o", "signal.json")
    assert (result.exit_code, result.stderr) == (0, "saved signal.json\n")
    saved = json.loads(Path("signal.json").read_text("utf-8"))
    assert [step["name"] for step in saved["steps"]] == ["0", "0 → relu", "2"]
    assert saved["steps"][1]["second_moment"] == pytest.approx(1)
    assert str(Signal.load("signal.json")) == TABLE.rstrip("\n")
