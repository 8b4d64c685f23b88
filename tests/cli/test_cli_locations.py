"""SARIF and GitHub's annotations point to the class of the layer that is to blame, where the user wrote it."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

import glorot
from glorot.cli.check import command

TORCH = """
import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.full((8,), float("nan")))

    def forward(self, x):
        return x * self.weight


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.gate = nn.Linear(8, 8), nn.Identity()
        nn.init.constant_(self.inner.weight, float("nan"))

    def forward(self, x):
        return self.gate(self.inner(x))


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.block, self.gate = Block(), Gate()

    def forward(self, x):
        return self.gate(self.block(x))


def whole():
    return Whole()


def of_library():
    model = nn.Sequential(nn.Linear(8, 8))
    nn.init.constant_(model[0].weight, float("nan"))
    return model
"""
NNX = """
import jax.numpy as jnp
from flax import nnx


class Net(nnx.Module):
    def __init__(self):
        self.inner = nnx.Linear(4, 4, rngs=nnx.Rngs(0))
        self.inner.kernel[...] = jnp.full((4, 4), jnp.nan)

    def __call__(self, x):
        return self.inner(x)


def model():
    return Net()
"""
LINEN = """
import jax
import jax.numpy as jnp
from flax import linen


class Net(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.Dense(4)(x)


def model():
    net, x = Net(), jnp.ones((2, 4))
    params = jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), net.init(jax.random.key(0), x))
    return net, params, x
"""
EQUINOX = """
import equinox
import jax
import jax.numpy as jnp


class Net(equinox.Module):
    inner: equinox.nn.Linear

    def __init__(self):
        inner = equinox.nn.Linear(4, 4, key=jax.random.key(0))
        self.inner = equinox.tree_at(lambda it: it.weight, inner, jnp.full((4, 4), jnp.nan))

    def __call__(self, x):
        return self.inner(x)


def model():
    return Net()
"""
KERAS = """
import keras
import numpy as np


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = keras.layers.Dense(4)

    def call(self, x):
        return self.inner(x)


def model():
    net = Net()
    net(np.ones((2, 4), "float32"))
    net.inner.kernel.assign(np.full((4, 4), np.nan))
    return net
"""


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets").mkdir()
    monkeypatch.chdir(tmp_path)


def line_of(text: str, source: str) -> int:
    (number,) = (n for n, line in enumerate(source.splitlines(), 1) if line.startswith(text))
    return number


def located(source: str, name: str) -> dict[str, tuple[str, int]]:
    """Return file and line of each finding of NaN, by its path."""
    Path("nets/nets.py").write_text(source)
    words = [f"nets/nets.py:{name}", "--select", "GL101", "--format"]
    result = CliRunner(catch_exceptions=False).invoke(command, [*words, "sarif"])
    (run,) = json.loads(result.stdout)["runs"]
    found = {}
    for one in run["results"]:
        (location,) = one["locations"]
        physical = location["physicalLocation"]
        path = location["logicalLocations"][0]["fullyQualifiedName"]
        found[path] = physical["artifactLocation"]["uri"], physical["region"]["startLine"]
    annotated = CliRunner(catch_exceptions=False).invoke(command, [*words, "github"]).stdout
    assert sorted(line.partition(" file=")[2].partition(",title=")[0] for line in annotated.splitlines()) == sorted(
        f"{file},line={line}" for file, line in found.values()
    )
    return found


def test_the_class_that_the_user_wrote_is_pointed_to() -> None:
    assert located(TORCH, "whole") == {
        "block.inner.weight": ("nets/nets.py", line_of("class Block", TORCH)),
        "gate.weight": ("nets/nets.py", line_of("class Gate", TORCH)),
    }


def test_a_model_of_library_classes_is_where_its_target_is() -> None:
    assert located(TORCH, "of_library") == {"0.weight": ("nets/nets.py", line_of("def of_library", TORCH))}


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (NNX, "inner.kernel"),
        (LINEN, "Dense_0.kernel"),
        (EQUINOX, "inner.weight"),
        (KERAS, "inner.kernel"),
    ],
    ids=["nnx", "linen", "equinox", "keras"],
)
def test_classes_of_other_frameworks_too(source: str, path: str) -> None:
    assert located(source, "model")[path] == ("nets/nets.py", line_of("class Net", source))


class Half(nn.Module):
    """Its scale stands beside its layer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.inner = nn.Parameter(torch.full((64,), torch.nan)), nn.MultiheadAttention(64, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x, x, x)[0] * self.scale


def test_a_finding_names_the_class_of_its_layer() -> None:
    torch.manual_seed(0)
    found = glorot.check(Half(), select=["GL101", "GL301"]).findings
    assert [(one.path.partition(",")[0], one.where) for one in found] == [
        ("scale", "Half"),
        ("inner.in_proj_weight[q]", "MultiheadAttention"),
    ]


class Log(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.log(x)


def test_what_a_step_makes_is_blamed_on_the_layer_before_it() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), Log(), nn.Linear(8, 2))
    (found,) = glorot.check(model, torch.randn(16, 8), select="GL401").findings
    assert (found.path, found.where) == ("0 → a function", "Linear")


def test_a_pytree_has_no_layer() -> None:
    import jax.numpy as jnp

    (found,) = glorot.check({"w": jnp.full((4, 4), jnp.nan)}, select="GL101").findings
    assert found.where == ""
