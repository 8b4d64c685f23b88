"""Every error of the command line has one voice: `error: `, what was given, what was expected, what to do."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from glorot.cli import main
from glorot.cli.commands import COMMANDS, group
from glorot.cli.errors import message, report


def told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str) -> str:
    """Return the one line on stderr of a command that could not run."""
    monkeypatch.setattr("sys.argv", ["glorot", *words.split()])
    with pytest.raises(SystemExit) as stop:
        main()
    captured = capsys.readouterr()
    assert (stop.value.code, captured.out) == (2, "")
    assert captured.err.count("\n") == 1
    return captured.err.removesuffix("\n")


WORDS = [
    ("drow", "glorot has no command 'drow' (did you mean 'draw'?); commands: draw, plan, apply, check, diff, compare, explain, lab"),
    ("--versoin", "glorot has no option '--versoin' (did you mean '--version'?); see glorot --help"),
    ("-x", "glorot has no option '-x'; see glorot --help"),
    ("--version=3", "--version takes no value; see glorot --help"),
    ("--", "missing command; see glorot --help"),
    ("draw", "SCHEME is missing: write glorot draw SCHEME SIZES... --seed INTEGER; see glorot draw --help"),
    ("draw zeros", "SIZES is missing: write glorot draw SCHEME SIZES... --seed INTEGER; see glorot draw --help"),
    ("draw zeros 3", "--seed is missing: write glorot draw SCHEME SIZES... --seed INTEGER; see glorot draw --help"),
    ("draw zeros 3 x --seed 0", "SIZES must be integers, got 'x'; see glorot draw --help"),
    ("draw zeros 3 --seed 0.5", "--seed must be an integer, got '0.5'; see glorot draw --help"),
    ("draw zeros 3 --seed", "--seed needs a value: write --seed INTEGER; see glorot draw --help"),
    ("draw zeros 3 -o", "-o needs a value: write --output PATH; see glorot draw --help"),
    ("draw zeros 3 --seed 0 --format jsn", "--format must be text or json, got 'jsn' (did you mean 'json'?); see glorot draw --help"),
    ("draw zeros 3 --outptu w", "glorot draw has no option '--outptu' (did you mean '--output'?); see glorot draw --help"),
    ("plan", "TARGET is missing: write glorot plan TARGET; see glorot plan --help"),
    ("plan a b", "unexpected 'b': write glorot plan TARGET; see glorot plan --help"),
    ("plan a b c", "unexpected 'b c': write glorot plan TARGET; see glorot plan --help"),
    ("plan a --format", "--format needs a value: write --format text|json|html; see glorot plan --help"),
    ("plan a --format pdf", "--format must be text, json or html, got 'pdf'; see glorot plan --help"),
    ("plan a --rule", "--rule needs a value: write --rule PATTERN=SCHEME; see glorot plan --help"),
    ("plan a --level high", "--level must be an integer, got 'high'; see glorot plan --help"),
    ("plan a --phase trian", "--phase must be TRAIN or TEST, got 'trian' (did you mean 'TRAIN'?); see glorot plan --help"),
    ("apply", "PLAN_FILE is missing: write glorot apply PLAN_FILE [TARGET] --seed INTEGER --output PATH; see glorot apply --help"),
    ("apply p.json a --seed 0", "--output is missing: write glorot apply PLAN_FILE [TARGET] --seed INTEGER --output PATH; see glorot apply --help"),
    ("apply p.json a b --seed 0 -o w.pt", "unexpected 'b': write glorot apply PLAN_FILE [TARGET] --seed INTEGER --output PATH; see glorot apply --help"),
    ("check a --steps few", "--steps must be an integer of 0 or more, got 'few'; see glorot check --help"),
    ("check a --steps=-1", "--steps must be an integer of 0 or more, got -1; see glorot check --help"),
    ("compare a b", "unexpected 'b': write glorot compare [TARGET]; see glorot compare --help"),
    ("compare --lr fast", "--lr must be a number, got 'fast'; see glorot compare --help"),
    ("compare --quick=yes", "--quick takes no value; see glorot compare --help"),
    ("compare --optimizer adm", "--optimizer must be sgd, momentum or adam, got 'adm' (did you mean 'adam'?); see glorot compare --help"),
    ("explain a b --full", "unknown name 'a b'"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), WORDS, ids=[words for words, _ in WORDS])
def test_each_kind_of_error(
    words: str, expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = told(capsys, monkeypatch, words)
    assert line.startswith(f"error: {expected}")
    assert line == f"error: {expected}" or expected.endswith((" ", "'"))


def every_refusal() -> list[str]:
    """Return command lines that each command must refuse: for each option a bad value, no value, a misspelt name."""
    lines = []
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option):
                flag = max(option.opts, key=len)
                lines += [f"{name} {flag}x=1", f"{name} {flag}=1" if option.is_flag else f"{name} {flag}"]
                if option.type.name not in ("text", "path", "boolean"):
                    lines.append(f"{name} {flag} ?")
        if name != "explain":  # whose words are one question
            lines.append(f"{name} {'a ' * 9}".rstrip() if name != "draw" else f"{name} zeros a")
    return lines


@pytest.mark.parametrize("words", every_refusal())
def test_no_words_of_click_are_left(
    words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = told(capsys, monkeypatch, words)
    assert line.startswith("error: ")
    assert line.endswith(f"; see glorot {words.split(maxsplit=1)[0]} --help")
    assert not any(
        words in line for words in ("Usage", "Try ", "Error", "Missing", "Invalid", "No such", "valid ", "Got ")
    )


def test_words_of_a_type_that_says_more_are_kept() -> None:
    command = click.Command("fly", params=[click.Option(["--height"], type=click.IntRange(0, 9))])
    with pytest.raises(click.BadParameter) as caught:
        command.make_context("fly", ["--height", "12"])
    assert message(caught.value) == "--height: 12 is not in the range 0<=x<=9; see fly --help"


def test_an_error_without_a_context_is_told_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(click.FileError("net.bin", "No such file")) == 2
    assert capsys.readouterr().err == "error: could not open file 'net.bin': No such file; see glorot --help\n"


def test_no_words_at_all_show_the_help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["glorot"])
    with pytest.raises(SystemExit) as stop:
        main()
    shown = capsys.readouterr()
    assert (stop.value.code, shown.err) == (0, "")
    assert all(command in shown.out for command in COMMANDS)


def test_a_warning_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import warnings\ndef start():\n    warnings.warn('mind the step')\n    return 3\n"
    )
    done = glorot(tmp_path, "plan", "own.py:start")
    assert done.stderr.splitlines()[0] == "warning: mind the step"


def glorot(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "glorot", *words]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


def test_python_dash_m_is_the_command_under_its_own_name(tmp_path: Path) -> None:
    done = glorot(tmp_path, "draw", "zeros", "2", "--seed", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("zeros 2 · seed 0 · name 'weight'\n")
    assert glorot(tmp_path, "--help").stdout.startswith("Usage: glorot [OPTIONS] COMMAND")
    assert glorot(tmp_path, "draw", "--help").stdout.startswith("Usage: glorot draw [OPTIONS] SCHEME SIZES")
    refused = glorot(tmp_path, "draw", "zeros")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: SIZES is missing: write glorot draw SCHEME SIZES... --seed INTEGER")


def without_a_reader(place: Path, *words: str) -> tuple[str, int]:
    """Run the command with a stdout that nobody reads; return its stderr and exit code."""
    process = subprocess.Popen(
        [sys.executable, "-m", "glorot", *words], cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    return process.communicate(timeout=60)[1], process.returncode


@pytest.mark.parametrize("words", ["explain xavier --full", "draw zeros 3000 --seed 0 --format json", "--help"])
def test_a_reader_that_has_gone_ends_it_silently(words: str, tmp_path: Path) -> None:
    assert without_a_reader(tmp_path, *words.split()) == ("", 141)


def test_what_a_target_printed_to_a_reader_that_has_gone_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def start():\n    print('a word')\n    return 3\n")
    err, code = without_a_reader(tmp_path, "plan", "own.py:start")
    assert (err.count("\n"), code) == (1, 141)
    assert err.startswith("error: own.py:start: cannot tell which framework")


def test_a_shell_gets_its_completions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_GLOROT_COMPLETE": "bash_complete", "COMP_WORDS": "glorot co", "COMP_CWORD": "1"}.items():
        monkeypatch.setenv(name, value)
    assert glorot(tmp_path).stdout == "plain,compare\n"
