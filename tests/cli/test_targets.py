"""Targets that misbehave, and the exits of the command line."""

from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from torch import nn

import glorot
from glorot.cli import main
from glorot.cli.commands import COMMANDS, group
from glorot.cli.targets import load_target, model_and_inputs, model_arguments
from glorot.errors import GlorotError

NO_OPTIONS = {"input_shapes": (), "shapes": (), "phase": None, "stages": (), "level": None}


def write(place: Path, text: str) -> str:
    path = place / "mymodels.py"
    path.write_text(text)
    return str(path)


def test_a_target_that_exits_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "import sys\ndef leave():\n    sys.exit(3)\n")
    with pytest.raises(
        GlorotError, match=r"mymodels\.py:leave: the factory failed with sys\.exit\(3\) \(mymodels\.py:3"
    ):
        load_target(f"{path}:leave")
    path = write(tmp_path, "import sys\nsys.exit()\n")
    with pytest.raises(GlorotError, match=r"mymodels\.py does not import: sys\.exit\(None\) \(mymodels\.py:2\)$"):
        load_target(f"{path}:leave")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(GlorotError, match=r"module 'mymodels' does not import: sys\.exit\(None\) \(mymodels\.py:2\)$"):
        load_target("mymodels:leave")


def test_a_syntax_error_names_its_own_line(tmp_path: Path) -> None:
    path = write(tmp_path, "number = 1\n\ndef model(:\n    pass\n")
    with pytest.raises(GlorotError, match=r"mymodels\.py does not import: SyntaxError: .* \(mymodels\.py:3\)$"):
        load_target(f"{path}:model")


def test_a_missing_module_names_no_line_of_importlib() -> None:
    with pytest.raises(GlorotError, match=r"ModuleNotFoundError: No module named 'nowhere'$"):
        load_target("nowhere.at.all:model")


def test_a_factory_that_returns_none(tmp_path: Path) -> None:
    path = write(tmp_path, "def none():\n    pass\n\ndef pair():\n    return 1, 2\n")
    with pytest.raises(GlorotError, match=r"mymodels\.py:none is or returned None; it must be a model, or return one$"):
        model_and_inputs(f"{path}:none", NO_OPTIONS)
    with pytest.raises(GlorotError, match=r"mymodels\.py:pair: cannot tell which framework a builtins\.int belongs to"):
        model_and_inputs(f"{path}:pair", NO_OPTIONS)


TARGETS = """
import functools
import torch
from torch import nn

batch = torch.ones(2, 3)
model = nn.Linear(3, 2)
pair = (model, batch)
class Net(nn.Linear):
    def __init__(self):
        super().__init__(3, 2)
def make():
    return Net()
def make_pair(size=3):
    return nn.Linear(size, 2), torch.ones(2, size)
partial = functools.partial(make_pair, 3)
class Maker:
    def __call__(self):
        return make()
maker = Maker()
wide = functools.partial(nn.Linear, 3, 2, False)
"""


@pytest.mark.parametrize(
    ("name", "has_batch"),
    [
        ("model", False), ("pair", True), ("Net", False), ("make", False), ("make_pair", True), ("partial", True),
        ("maker", False), ("wide", False),
    ],
)  # fmt: skip
def test_a_target_is_a_model_or_makes_one(name: str, has_batch: bool, tmp_path: Path) -> None:
    model, inputs = model_and_inputs(f"{write(tmp_path, TARGETS)}:{name}", NO_OPTIONS)
    assert isinstance(model, nn.Linear)
    assert (inputs is not None) == has_batch
    assert glorot.plan(model, inputs=inputs)["weight"].shape == (2, 3)


ARGUMENTS = """
import torch
from torch import nn

def triple():
    return nn.Linear(3, 2), torch.ones(2, 3), torch.zeros(2, dtype=torch.long)

def arguments():
    model, inputs, targets = triple()
    return {"model": model, "inputs": inputs, "targets": targets, "optimizer": torch.optim.SGD(model.parameters(), 0.1)}

def misspelt():
    return {"model": nn.Linear(3, 2), "input": torch.ones(2, 3)}
"""


@pytest.mark.parametrize("name", ["triple", "arguments"])
def test_plan_and_apply_take_what_check_takes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target, run = f"{write(tmp_path, ARGUMENTS)}:{name}", CliRunner(catch_exceptions=False).invoke
    assert run(group, ["check", target, "--select", "GL101"]).exit_code == 0
    assert run(group, ["plan", target, "-o", "plan.json"]).exit_code == 0
    assert run(group, ["apply", "plan.json", target, "--seed", "0", "-o", "w.npz"]).exit_code == 0
    with np.load("w.npz") as saved:
        assert {path: saved[path].shape for path in saved} == {"weight": (2, 3), "bias": (2,)}


def test_a_dict_is_asked_for_arguments_by_every_verb(tmp_path: Path) -> None:
    with pytest.raises(GlorotError, match=r"glorot\.check has no argument 'input' \(did you mean 'inputs'\?\)"):
        model_and_inputs(f"{write(tmp_path, ARGUMENTS)}:misspelt", NO_OPTIONS)


def test_a_pytree_with_a_branch_called_model_is_a_pytree(tmp_path: Path) -> None:
    text = "import jax.numpy as jnp\ntree = {'model': {'w': jnp.ones((4, 4))}, 'head': jnp.ones((4, 2))}\n"
    model, inputs = model_and_inputs(f"{write(tmp_path, text)}:tree", NO_OPTIONS)
    assert (list(model), inputs) == (["model", "head"], None)


def test_a_batch_and_targets_follow_the_params_of_linen(tmp_path: Path) -> None:
    text = (
        "import jax, jax.numpy as jnp\nfrom flax import linen\nx, net = jnp.ones((2, 4)), linen.Dense(3)\n"
        "def made():\n    return net, net.init(jax.random.key(0), x), x, jnp.zeros(2, int)\n"
    )
    found = model_arguments(f"{write(tmp_path, text)}:made", NO_OPTIONS)
    assert [type(one).__name__ for one in found["model"]] == ["Dense", "dict"]
    assert (found["inputs"].shape, found["targets"].shape) == ((2, 4), (2,))


def test_a_target_may_be_lazy(tmp_path: Path) -> None:
    path = write(tmp_path, "def __getattr__(name):\n    if name == 'it': return 5\n    raise AttributeError(name)\n")
    assert load_target(f"{path}:it") == 5
    with pytest.raises(GlorotError, match=r"mymodels\.py has no 'other'$"):
        load_target(f"{path}:other")


def ended(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["glorot", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


@pytest.mark.parametrize("error", [KeyboardInterrupt, click.Abort])
def test_ctrl_c_ends_with_130(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(glorot, "draw", interrupted)
    assert ended(monkeypatch, "draw", "zeros", "3", "--seed", "0") == 130
    assert "interrupted" in capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("Unable to allocate 36.4 TiB for an array", "Unable to allocate 36.4 TiB for an array"),
        ("", "what was asked for does not fit"),
    ],
)
def test_too_little_memory_says_what_to_do(
    told: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError(told)

    monkeypatch.setattr(glorot, "draw", refuse)
    assert ended(monkeypatch, "draw", "zeros", "3", "--seed", "0") == 2
    assert capsys.readouterr().err == (
        f"error: not enough memory: {message}; ask for smaller sizes or a smaller model, or use a larger machine\n"
    )


def test_more_numbers_than_addresses(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(monkeypatch, "draw", "zeros", "10000000000", "10000000000", "--seed", "0") == 2
    assert capsys.readouterr().err == (
        "error: 10000000000×10000000000 are more numbers than a computer can address; ask for smaller sizes\n"
    )


def test_exit_codes_of_what_ends_well_or_early(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, "--help") == 0
    assert ended(monkeypatch, "draw", "zeros", "3", "--seed", "0") == 0
    assert ended(monkeypatch, "draw", "zeros", "3") == 2


def test_the_help_names_only_commands_that_are_there() -> None:
    for verb in ("plan", "apply", "check", "diff", "compare"):
        assert verb in (group.help or "")
        assert verb in COMMANDS
