"""The command line, run as a person runs it: output, exit codes, and one clear message for bad input."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

import glorot
from glorot.cli import main
from glorot.cli.rules import parse_rules
from glorot.errors import GlorotError

TARGETS = """
import numpy as np, torch
from torch import nn
from glorot.comparison import Task

def model():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

def wider():
    return nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 2))

def traced():
    return model(), torch.ones(2, 4)

def ill_fitting():
    return model(), torch.ones(2, 5)

def task():
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    y = (x[:, 0] > 0).astype("int64")
    return Task(model, (x, y), (x, y), name="signs", optimizer=lambda p: torch.optim.Adam(p, lr=0.05))

def pair():
    t = task()
    return t.build, (*t.train, *t.test)

def wrong():
    return "a model, I swear"

def broken():
    return nn.Linear(4, "two")

number = 3
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "nets.py").write_text(TARGETS)
    (tmp_path / "sick.py").write_text("import torch\nraise RuntimeError('no network today')\n")
    return tmp_path


class Outcome(NamedTuple):
    """What a person sees of a command."""

    returncode: int
    stdout: str
    stderr: str


def run(place: Path, *words: str) -> Outcome:
    """Run the command line in a folder, in this process: importing PyTorch anew each time takes seconds."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(place)
        patch.setattr("sys.argv", ["glorot", *words])
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


def succeed(place: Path, *words: str) -> str:
    result = run(place, *words)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_draw_prints_and_saves(place):
    out = succeed(place, "draw", "xavier_uniform", "300", "100", "--seed", "0", "-o", "w.npy")
    assert out.startswith("xavier_uniform 300×100 · seed 0 · name 'weight'\nmean ")
    np.testing.assert_array_equal(np.load(place / "w.npy"), glorot.draw("xavier_uniform", (300, 100), seed=0))
    as_json = json.loads(succeed(place, "draw", "normal(1)", "3", "--seed", "7", "--name", "b", "--format", "json"))
    assert as_json["values"] == glorot.draw("normal(1)", (3,), seed=7, name="b").tolist()


def test_draw_shows_how_the_values_lie(place):
    lines = succeed(place, "draw", "normal(1)", "100", "100", "--seed", "0").splitlines()
    assert lines[1].startswith("mean ")
    assert lines[2] == lines[8] == ""
    assert lines[6].strip().startswith("▁")
    assert "──0──" in lines[7]
    constant = succeed(place, "draw", "constant(0.3)", "4", "--seed", "0").splitlines()
    assert constant[3:6] == [" " * 20 + "█"] * 3
    assert constant[7].strip() == "0.3"
    assert succeed(place, "draw", "zeros", "0", "3", "--seed", "0") == "zeros 0×3 · seed 0 · name 'weight'\n[]\n"


def test_plan_apply_and_diff_go_round(place):
    table = succeed(place, "plan", "nets.py:model", "--recipe", "xavier", "-o", "plan.json")
    assert "0.weight" in table
    assert "fan" in table
    same = run(place, "plan", "nets.py:model", "--recipe", "xavier", "--diff", "plan.json")
    assert (same.returncode, same.stdout) == (0, "no differences\n")
    other = run(place, "plan", "nets:traced", "--diff", "plan.json")
    assert other.returncode == 1
    assert "2.weight" in other.stdout
    succeed(place, "apply", "plan.json", "nets.py:model", "--seed", "3", "-o", "w.pt")
    succeed(place, "apply", "plan.json", "nets.py:model", "--seed", "3", "-o", "w.npz")
    expected = glorot.draw("xavier_uniform", (4, 8), seed=3, name="0.weight").T
    np.testing.assert_array_equal(torch.load(place / "w.pt")["0.weight"].numpy(), expected)
    np.testing.assert_array_equal(np.load(place / "w.npz")["0.weight"], expected)


def test_plan_takes_rules_and_formats(place):
    out = json.loads(
        succeed(
            place, "plan", "nets.py:model", "--rule", "2.*=normal(std=0.5)", "--rule", "2.bias=skip", "--format", "json"
        )
    )
    laws = {entry["name"]: entry["distribution"] for entry in out["entries"]}
    assert laws["2.weight"] == {"law": "normal", "mean": 0.0, "std": 0.5}
    assert laws["2.bias"] is None
    page = succeed(place, "plan", "nets.py:model", "--only", "2.*", "--format", "html")
    assert page.lower().startswith("<!doctype html>")
    assert "left alone" in page


def test_plan_writes_the_page_or_the_plan_that_its_output_names(place):
    table = succeed(place, "plan", "nets.py:model", "-o", "plan.html")
    assert table.startswith("plan: auto")
    page = (place / "plan.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert succeed(place, "plan", "nets.py:model", "--format", "html", "-o", "plan.html") == ""  # once is enough
    assert succeed(place, "plan", "nets.py:model", "--format", "html") == page
    data = succeed(place, "plan", "nets.py:model", "--format", "json", "-o", "plan.html")
    assert json.loads(data)["version"] == 3
    assert (place / "plan.html").read_text() == page
    assert succeed(place, "plan", "nets.py:model", "--format", "json", "-o", "plan.json") == ""
    assert (place / "plan.json").read_text() == data


def test_equal_layers_are_one_row_until_the_table_is_unfolded(place):
    (place / "deep.py").write_text(
        "from torch import nn\nmodel = nn.Sequential(*(nn.Linear(4, 4) for _ in range(9)))\n"
    )
    folded = succeed(place, "plan", "deep.py:model")
    assert "{0..8}.weight" in folded
    assert "3.weight" not in folded
    unfolded = succeed(place, "plan", "deep.py:model", "--full")
    assert [line.split()[0] for line in unfolded.splitlines()[4:]] == [
        f"{n}.{what}" for n in range(9) for what in ("weight", "bias")
    ]
    assert ">{0..8}.bias<" in succeed(place, "plan", "deep.py:model", "--format", "html")
    assert ">8.bias<" in succeed(place, "plan", "deep.py:model", "--format", "html", "--full")


def test_rules_may_come_from_a_file(place):
    (place / "rules.txt").write_text("# the head\n2.weight = normal(std=0.5)\n\n*.bias=ones\n")
    out = succeed(place, "plan", "nets.py:model", "--rule", "@rules.txt", "--rule", "2.bias=skip", "--format", "json")
    schemes = {entry["name"]: entry["scheme"] for entry in json.loads(out)["entries"]}
    assert schemes == {"0.weight": "balanced", "0.bias": "ones", "2.weight": "normal(std=0.5)", "2.bias": ""}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "error: cannot read rules.txt: No such file or directory; give the path of a rules file"),
        (b"# nothing\n", "error: --rule @rules.txt: the file holds no rule; write PATTERN=SCHEME on each line, as in"),
        (b"a=ones\nhead\n", "error: rules.txt, line 2: --rule 'head': write PATTERN=SCHEME, as in 'head.*=normal"),
        (b"\xff\xfe", "error: cannot read rules.txt: 'utf-8' codec can't decode"),
    ],
)
def test_files_that_hold_no_rules(place, content, message):
    (place / "rules.txt").unlink(missing_ok=True)
    if content is not None:
        (place / "rules.txt").write_bytes(content)
    result = run(place, "plan", "nets.py:model", "--rule", "@rules.txt")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(message)
    assert len(result.stderr.splitlines()) == 1


def test_rules_come_from_a_regular_file_of_some_size(place, monkeypatch):
    os.mkfifo(place / "pipe")
    for name in ("pipe", "/dev/zero"):
        result = run(place, "plan", "nets.py:model", "--rule", f"@{name}")
        told = f"error: cannot read {name}: this is no regular file; give the path of a rules file\n"
        assert (result.returncode, result.stdout, result.stderr) == (2, "", told)
    (place / "pipe").unlink()
    monkeypatch.setattr("glorot.files.LARGEST", 2**20)
    (place / "flood").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(GlorotError, match=r"flood: it is larger than 1 MiB; give the path of a rules file$"):
        parse_rules([f"@{place / 'flood'}"])


def test_explain_alone_lists_what_there_is(place):
    out = succeed(place, "explain")
    assert out.startswith("Topics, for the words of the field:\n  activation_functions ")
    assert "\nRecipes decide for a whole model:\n  auto " in out
    assert "\n  xavier_uniform " in out


def test_compare_runs_a_target_and_writes_a_page(place):
    out = succeed(
        place, "compare", "nets.py:task", "--recipe", "zeros", "--recipe", "he", "--seeds", "2", "--epochs", "3"
    )
    assert "signs" in out
    assert "he" in out
    page = (place / "glorot-report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert "https://" not in page  # a task of one's own, which the lab cannot show
    data = json.loads(
        succeed(place, "compare", "nets.py:pair", "--recipe", "he", "--seeds", "1", "--epochs", "1", "--format", "json")
    )
    assert [row["recipe"] for row in data["results"]] == ["he"]


def test_explain_prints_a_page(place):
    assert "fan_in" in succeed(place, "explain", "xavier")
    assert succeed(place, "explain", "gelu", "--format", "html").lower().startswith("<!doctype html>")
    assert len(succeed(place, "explain", "xavier", "--full")) > len(succeed(place, "explain", "xavier"))


def test_the_installed_command_runs(place):
    command = Path(sys.executable).parent / "glorot"
    done = subprocess.run(
        [command, "draw", "zeros", "2", "--seed", "0"], cwd=place, capture_output=True, text=True, check=True
    )
    assert "[0. 0.]" in done.stdout


def test_version_and_help(place):
    assert succeed(place, "--version") == f"glorot, version {glorot.__version__}\n"
    for command in ("draw", "plan", "apply", "compare", "explain"):
        assert command in succeed(place, "--help")
        assert "Usage: glorot " + command in succeed(place, command, "--help")


BAD = [
    ("drow", "error: glorot has no command 'drow' (did you mean 'draw'?)"),
    ("draw xavier_uniform 3 2", "error: --seed is missing: write glorot draw SCHEME SIZES... --seed INTEGER"),
    ("draw xavier_uniform 3 2 --seed -1", "error: seed must be a whole number with 0 <= seed < 2**64, got -1"),
    ("draw xavier_uniform 3 2 --seed x", "error: --seed must be an integer, got 'x'; see glorot draw --help"),
    ("draw xavier_uniform 3 --seed 0", "error: scheme 'xavier_uniform' needs fans"),
    ("draw zeros 3 --seed 0 -o w.txt", "error: w.txt: expected a file name that ends in .npy"),
    ("draw zeros 3 --seed 0 -o nowhere/w.npy", "error: cannot write nowhere/w.npy: No such file or directory"),
    ("plan nets.py", "error: 'nets.py' is not a target: write package.module:name, path/to/file.py:name or path"),
    ("plan gone.py:model", "error: gone.py is not a file; a target is written path/to/file.py:name"),
    ("plan sick.py:model", "error: sick.py does not import: RuntimeError: no network today (sick.py:2)"),
    ("plan no.such.module:model", "error: module 'no.such.module' does not import: ModuleNotFoundError"),
    ("plan nets.py:modle", "error: nets.py has no 'modle' (did you mean 'model'"),
    (
        "plan nets.py:number",
        "error: nets.py:number: cannot tell which framework a builtins.int belongs to; expected a torch.nn.Module",
    ),
    (
        "plan nets.py:model -o plan.txt",
        "error: plan.txt: expected a file name that ends in .json for a plan, or in .html for its page",
    ),
    ("plan nets.py:wrong", "error: 'a model, I swear' is no model: text stands for the path of a Caffe net"),
    ("plan nets.py:broken", "error: nets.py:broken: the factory failed with TypeError"),
    ("plan nets.py:ill_fitting", "error: the batch does not fit the model: layer '0' refused it"),
    ("plan nets.py:model --recipe xavir", "error: unknown recipe 'xavir' (did you mean 'xavier'"),
    (
        "plan nets.py:model --rule head.*=zeros",
        "error: rule 'head.*' matches no parameter; paths here look like: 0.weight",
    ),
    ("plan nets.py:model --rule head", "error: --rule 'head': write PATTERN=SCHEME"),
    ("plan nets.py:model -o nowhere/plan.json", "error: cannot write nowhere/plan.json"),
    (
        "plan nets.py:model --diff gone.json",
        "error: cannot read gone.json: No such file or directory; give the path of a plan file",
    ),
    ("apply nets.py nets.py:model --seed 0 -o w.pt", "error: nets.py is not a plan: it is not valid JSON"),
    ("apply good.json nets.py:wider --seed 0 -o w.pt", "error: this plan was made for another model"),
    ("apply good.json nets.py:model --seed 0 -o w.bin", "error: w.bin: expected a file name that ends in .pt"),
    ("apply old.json nets.py:model --seed 0 -o w.pt", "error: old.json is a plan of version 0"),
    ("apply hurt.json nets.py:model --seed 0 -o w.pt", "error: hurt.json is damaged at entry 1"),
    (
        "compare nets.py:model",
        "error: nets.py:model must return a glorot.comparison.Task or (build, data), got Sequential",
    ),
    ("compare nets.py:task --depth 3", "error: --depth belongs to the digits; a target brings its own model"),
    ("compare --depth five", "error: --depth must be a number or a list such as 1,2,3,5,20, got 'five'"),
    ("compare --depth 0 --seeds 1 --epochs 1", "error: depth must be a positive integer, got 0"),
    ("compare --activation tahn", "error: unknown activation 'tahn' (did you mean 'tanh'"),
    ("compare --recipe xavir --seeds 1", "error: unknown recipe 'xavir'"),
    ("compare --seeds 0", "error: seeds must be a positive integer, or different seeds from 0 on"),
    ("compare -o nowhere/page.html", "error: cannot write nowhere/page.html; give a path in a folder you may write to"),
    ("explain xavir", "(did you mean 'xavier'"),
]


@pytest.mark.parametrize(("words", "message"), BAD, ids=[words for words, _ in BAD])
def test_bad_input_gets_one_message_and_exit_code_2(place, words, message):
    plan = glorot.plan(torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))).to_json()
    (place / "good.json").write_text(json.dumps(plan))
    (place / "old.json").write_text(json.dumps({**plan, "version": 0}))
    plan["entries"][1]["fans"] = ["many", 3]
    (place / "hurt.json").write_text(json.dumps(plan))
    before = sorted(path.name for path in place.iterdir() if path.name != "__pycache__")
    result = run(place, *words.split())
    assert result.returncode == 2, result
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert sorted(path.name for path in place.iterdir() if path.name != "__pycache__") == before
