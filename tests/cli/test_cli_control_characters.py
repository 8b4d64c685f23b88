"""Names of files, parameters and layers that would steer a terminal reach it as escapes."""

import json
import unicodedata
from pathlib import Path

import pytest

from glorot.cli import main

HOSTILE = "fc\x1b[31m\r\x9b2J\u202e\u2066\x07\x85\u2028"


def is_unseen(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")


OWN = f"""
import warnings
def start():
    warnings.warn({HOSTILE!r})
    raise ValueError({HOSTILE!r})
"""


@pytest.mark.parametrize(
    "words",
    [
        ["plan", f"{HOSTILE}.py:start"],
        ["plan", "own.py:start"],
        ["plan", "own.py:start", "--rule", HOSTILE],
        ["plan", "net.prototxt"],
        ["plan", "own.py:start", "--diff", "plan.json"],
        ["apply", "fc\x1b[2J.json", "own.py:start", "--seed", "0", "-o", "w.npz"],
        ["compare", "\x1b[2J.json"],
        ["draw", HOSTILE, "3", "--seed", "0"],
        ["draw", f"normal(std={HOSTILE!r})", "3", "--seed", "0"],
        ["explain", HOSTILE],
        [HOSTILE],
        [f"--{HOSTILE}"],
        ["draw", "zeros", HOSTILE, "--seed", "0"],
    ],
    ids=lambda words: " ".join(words).encode("unicode_escape").decode(),
)
def test_no_error_of_the_command_line_steers_the_terminal(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "net.prototxt").write_text('layer { name: "fc\\033[2J" type: "Inner\\033[2J" }')
    (tmp_path / "plan.json").write_text('{"version": "\\u001b[2J", "stream": "\u202e", "entries": []}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["glorot", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    shown = capsys.readouterr()
    assert (stop.value.code, shown.out) == (2, "")
    assert shown.err.splitlines()[-1].startswith("error: ")
    assert not any(map(is_unseen, shown.err.replace("\n", "")))


def test_json_holds_them_as_escapes_and_the_data_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text(SAVING)
    monkeypatch.chdir(tmp_path)
    words = ["plan", "own.py:start", "--rule", "*=normal(std=0.1)", "--format", "json"]
    for more in ([], ["-o", "plan.json", "--format", "text"]):
        monkeypatch.setattr("sys.argv", ["glorot", *words, *more])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 0
        out = capsys.readouterr().out if not more else (tmp_path / "plan.json").read_text(encoding="utf-8")
        assert r"\u202e\u2066\u0007\u0085\u2028" in out
        assert not any(map(is_unseen, out.replace("\n", "")))
        assert json.loads(out)["entries"][0]["name"] == HOSTILE


SAVING = f"""
import torch
def start():
    model = torch.nn.Module()
    model.register_parameter({HOSTILE!r}, torch.nn.Parameter(torch.arange(12.0).reshape(3, 4)))
    return model
"""


@pytest.mark.parametrize("name", ["fc\x1b[2J", "fc\u202e", "fc\udce9"], ids=ascii)
def test_what_was_saved_is_named_and_printed_with_escapes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text(SAVING)
    monkeypatch.chdir(tmp_path)
    plan = ["plan", "own.py:start", "--rule", "*=normal(std=0.1)", "-o", f"{name}.json"]
    for words in (plan, ["apply", f"{name}.json", "own.py:start", "--seed", "0", "-o", f"{name}.npz"]):
        monkeypatch.setattr("sys.argv", ["glorot", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        assert stop.value.code == 0
        assert err == f"saved {name.encode('unicode_escape').decode()}{Path(words[-1]).suffix}\n"
        assert Path(words[-1]).exists()
        assert not any(map(is_unseen, (out + err).replace("\n", "")))


BROKEN = f"""
import torch
def start():
    model = torch.nn.Linear(4, 4)
    name = "a\\n::error::done" + {HOSTILE!r}
    model.register_parameter(name, torch.nn.Parameter(torch.full((8, 8), float("nan"))))
    torch.save({{name: torch.full((64, 64), float("nan"))}}, "weights.pt")
    return model
"""


@pytest.mark.parametrize("form", ["text", "github", "sarif", "html", "json"])
def test_names_in_findings_stay_on_their_line_in_every_form(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    for target in ("own.py:start", "weights.pt"):
        monkeypatch.setattr("sys.argv", ["glorot", "check", target, "--format", form])
        with pytest.raises(SystemExit) as stop:
            main()
        out = capsys.readouterr().out
        assert stop.value.code == 1
        assert "::error::done" in out
        assert not any(line.startswith("::error::done") for line in out.splitlines())
        assert not any(map(is_unseen, out.replace("\n", "")))
