"""`glorot check` with settings: the table [tool.glorot] of the nearest pyproject.toml."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glorot.cli.check import command
from glorot.cli.settings import read_settings
from glorot.errors import GlorotError

NETS = """
from torch import nn

def large():
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    model[0].weight.data[0, 0] = 50.0
    model[2].bias.data[0] = float("nan")
    return model

def dictionary():
    return {"model": large(), "select": "GL101"}
"""
HUGE, NAN = "GL103 error: 0.weight: holds numbers past 20 (50, expected below 20)", "GL101 error: 2.bias: holds NaN"


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)


def check(settings: str, *words: str, target: str = "nets.py:large") -> Result:
    Path("pyproject.toml").write_text(settings)
    return CliRunner(catch_exceptions=True).invoke(command, [target, *words])


def test_a_threshold_and_the_checks_are_set() -> None:
    result = check(
        '[tool.glorot.check]\nselect = ["GL1"]\nignore = ["not-finite"]\n[tool.glorot.thresholds]\nGL103 = 20'
    )
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == HUGE
    assert "GL101" not in result.stdout


def test_options_and_targets_go_before_the_file() -> None:
    settings = '[tool.glorot.check]\nselect = ["GL103"]\n[tool.glorot.thresholds]\nhuge-values = 20'
    assert check(settings).stdout.startswith(HUGE)
    assert check(settings, "--select", "GL101").stdout.startswith(NAN)
    assert check(settings, target="nets.py:dictionary").stdout.startswith(NAN)
    assert check(settings, "--select", "GL103", target="nets.py:dictionary").stdout.startswith(HUGE)


def test_waivers_of_the_file_have_their_reasons() -> None:
    result = check('[tool.glorot.check]\nselect = ["GL101"]\nwaive = {"GL101 2.*" = "loaded later"}')
    assert result.exit_code == 0
    assert "waived: GL101 2.bias: loaded later" in result.stdout


@pytest.mark.parametrize(("words", "code"), [([], 1), (["--no-strict"], 0)])
def test_warnings_count_where_the_file_is_strict(words: list[str], code: int) -> None:
    settings = '[tool.glorot.check]\nselect = ["GL302"]\nstrict = true\n[tool.glorot.thresholds]\nkernel-scale = 1'
    result = check(settings, *words)
    assert "GL302 warning: 0.weight" in result.stdout
    assert result.exit_code == code


def test_the_nearest_file_with_the_table_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.glorot.thresholds]\nGL103 = 20")
    inner = tmp_path / "package" / "inner"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    (tmp_path / "package" / "pyproject.toml").write_text('[project]\nname = "other"')
    assert read_settings() == {"thresholds": {"huge-values": 20.0}}
    (inner / "pyproject.toml").write_text("[tool.glorot.check]\nstrict = true")
    assert read_settings() == {"strict": True}


REFUSED = {
    "[tool.glorot": "is not TOML: ",
    "tool = 3": "[tool] must be a table, got 3",
    "[tool.glorot]\nselect = []": "[tool.glorot] has no key 'select'; its keys are check and thresholds",
    "[tool.glorot]\ncheck = 3": "[tool.glorot.check] must be a table, got 3",
    "[tool.glorot.check]\nselekt = []": (
        "[tool.glorot.check] has no key 'selekt' (did you mean 'select'?); its keys are select, ignore, strict and waive"
    ),
    '[tool.glorot.check]\nselect = "GL1"': (
        '[tool.glorot.check] select: must be a list of codes or names of checks, as in ["GL3", "dead-units"], got \'GL1\''
    ),
    '[tool.glorot.check]\nignore = ["GL999"]': "[tool.glorot.check] ignore: there is no check 'GL999'",
    "[tool.glorot.check]\nstrict = 1": "[tool.glorot.check] strict: must be true or false, got 1",
    '[tool.glorot.check.waive]\n"GL301 head.*" = ""': (
        '[tool.glorot.check] waive: must give each waiver a reason, as in {"GL301 head.*" = "loaded later"}, '
        "got {'GL301 head.*': ''}"
    ),
    '[tool.glorot.check.waive]\n"GL31 head.*" = "so"': "[tool.glorot.check] waive: there is no check 'GL31'",
    "[tool.glorot.thresholds]\nbranch-scael = 2": (
        "[tool.glorot.thresholds] branch-scael: there is no check 'branch-scael'; the nearest are branch-scale"
    ),
    "[tool.glorot.thresholds]\nGL101 = 2": (
        "[tool.glorot.thresholds] GL101: GL101 not-finite has no threshold; those that have one are raw-memory, "
    ),
    "[tool.glorot.thresholds]\nGL307 = -2": (
        "[tool.glorot.thresholds] GL307: the threshold of GL307 branch-scale must be a positive number, got -2"
    ),
    "[tool.glorot.thresholds]\nGL307 = 2\nbranch-scale = 3": (
        "[tool.glorot.thresholds]: the threshold of GL307 branch-scale is given twice, by code and by name"
    ),
}


@pytest.mark.parametrize("settings", REFUSED)
def test_a_setting_that_does_not_fit(settings: str) -> None:
    result = check(settings)
    assert isinstance(result.exception, GlorotError)
    assert str(result.exception).startswith(f"{Path('pyproject.toml').absolute()}: {REFUSED[settings]}")


def test_what_is_no_text() -> None:
    Path("pyproject.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(GlorotError, match=r"pyproject\.toml: is not TOML: 'utf-8' codec can't decode"):
        read_settings()
