"""`glorot diff`: what it prints, in each form, and its exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glorot.cli.diff import command
from glorot.errors import GlorotError

NETS = """
import glorot, torch
from torch import nn

def net(seed=0, recipe="xavier_uniform"):
    model = nn.Sequential(nn.Linear(64, 100), nn.Tanh(), nn.Linear(100, 10))
    return glorot.initialize(model, recipe, seed=seed)

def other():
    return net(1), torch.ones(2, 64)

def larger():
    model = net(1)
    model[0].weight.data.mul_(1.5)
    return {"model": model}

def renamed():
    from collections import OrderedDict
    model = nn.Sequential(OrderedDict(body=nn.Linear(64, 100), phi=nn.Tanh(), head=nn.Linear(100, 10)))
    return glorot.initialize(model, "xavier_uniform", seed=3)

def saved():
    model = net(2)
    torch.save(model.state_dict(), "net.pt")
    glorot.plan(model, "xavier_uniform").save("plan.json")
    return model
"""
CAFFE = Path(__file__).parents[2] / "examples" / "caffe" / "lenet.prototxt"
LARGER = """\
A is nets.py:net, B is nets.py:larger
0.weight: has 1.5 times the std in B (A: std 0.1095, uniform; B: std 0.1653, uniform)
1 tensor differs; 2 the same; 1 equal in law (a std off by 13 % would have been found)
"""


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)


def diff(*words: str) -> Result:
    return CliRunner(catch_exceptions=True).invoke(command, words)


def refused(*words: str) -> str:
    error = diff(*words).exception
    assert isinstance(error, GlorotError)
    return str(error)


def test_another_seed_is_no_difference() -> None:
    result = diff("nets.py:net", "nets.py:other")
    told = "no differences; 2 the same; 2 equal in law (a std off by 5–13 % would have been found)\n"
    assert (result.exit_code, result.stdout) == (0, told)


def test_another_law_is_one() -> None:
    result = diff("nets.py:net", "nets.py:larger")
    assert (result.exit_code, result.stdout) == (1, LARGER)


def test_json_and_a_file(tmp_path: Path) -> None:
    result = diff("nets.py:net", "nets.py:larger", "--format", "json", "-o", "told.txt")
    assert result.exit_code == 1
    data = json.loads(result.stdout)
    assert (data["a"], data["b"], data["differ"]) == ("nets.py:net", "nets.py:larger", True)
    assert data["differences"][0]["paths"] == ["0.weight"]
    assert "saved told.txt" in result.stderr
    assert (tmp_path / "told.txt").read_text() == LARGER


def test_files_of_plans_and_weights_are_told_by_their_content(tmp_path: Path) -> None:
    assert diff("nets.py:saved", "nets.py:net").exit_code == 0
    (tmp_path / "plan.json").rename("a.weights")
    (tmp_path / "net.pt").rename("b.json")
    assert diff("a.weights", "b.json").stdout == "no differences; 2 the same; 2 equal in law\n"
    assert diff("b.json", "nets.py:net").exit_code == 0
    worse = diff("nets.py:larger", "a.weights")
    assert (worse.exit_code, "0.weight: does not follow the law of the plan" in worse.stdout) == (1, True)


def test_a_caffe_net_is_the_plan_of_its_fillers() -> None:
    assert diff(str(CAFFE), str(CAFFE), "--phase", "TEST").stdout == "no differences; 8 the same\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nets.py:net", "gone.pt"], "there is no plan and no file of weights gone.pt; a model is written package.mod"),
        (["nets.py", "nets.py:net"], "there is no plan and no file of weights nets.py; a model is written package.mod"),
        (["nets.py:net", "nets.py:nett"], "nets.py has no 'nett' (did you mean 'net'?)"),
        (
            ["nets.py:net", "nets.py:net", "--phase", "TEST"],
            "--phase belongs to a Caffe .prototxt; nets.py:net is none",
        ),
        (["nets.py:net", str(CAFFE)], "have no tensor in common: A has 0.weight, 0.bias, 2.weight, B has conv1.0"),
        (["nets.py:net", "nets.py:net", "-o", "a.html"], "a.html: expected a file name that ends in .json or .txt"),
        (["nets.py:net", "."], ".: this folder has no weights"),
    ],
)
def test_what_cannot_be_compared(words: list[str], told: str) -> None:
    assert told in refused(*words)


PAIRS = {"body.weight": "0.weight", "body.bias": "0.bias", "head.weight": "2.weight", "head.bias": "2.bias"}


def test_names_of_b_are_given_as_pairs_or_as_a_file() -> None:
    Path("names.json").write_text(json.dumps(PAIRS))
    pairs = [word for path, name in PAIRS.items() for word in ("--names", f"{path}={name}")]
    for words in (["--names", "names.json"], pairs, [*pairs[:4], "--names", "names.json"]):
        result = diff("nets.py:net", "nets.py:renamed", *words)
        assert result.stdout.startswith("no differences; 2 the same; 2 equal in law (a std off by ")
        assert result.exit_code == 0
    assert "have no tensor in common" in refused("nets.py:net", "nets.py:renamed")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("=0.weight", "--names '=0.weight': write B_PATH=A_PATH, as in 'layers.0.kernel=0.weight'"),
        ("body.weight=", "--names 'body.weight=': write B_PATH=A_PATH, as in 'layers.0.kernel=0.weight'"),
        ("list.json", 'list.json is not a file of names: write {"path in B": "path in A", …}, or --names B_PATH=A_PATH'),
        ("bodi.weight=0.weight", "names gives a name to 'bodi.weight', which B does not have (did you mean 'body.weight'?)"),
    ],
)  # fmt: skip
def test_names_that_are_none_are_refused(text: str, message: str) -> None:
    Path("list.json").write_text('["0.weight"]')
    assert refused("nets.py:net", "nets.py:renamed", "--names", text) == message


def test_a_file_of_names_that_is_not_there() -> None:
    assert refused("nets.py:net", "nets.py:renamed", "--names", "none.json").startswith("cannot read none.json: ")
