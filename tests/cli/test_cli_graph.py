"""`glorot plan --graph`: the layers as a tree."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glorot.cli.plan import command
from glorot.errors import GlorotError

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.up, self.down, self.head = (nn.Linear(*s) for s in ((4, 8), (8, 32), (32, 8), (8, 2)))

    def forward(self, x):
        x = self.stem(x)
        return self.head(x + self.down(torch.relu(self.up(x))))

def traced():
    return Net(), torch.ones(2, 4)
"""

TREE = """\
plan: auto · 8 parts · 1 branch on 1 stream

      fans    fed by    purpose
stem  4 → 8   identity  kernel
up    8 → 32  identity  up
down  32 → 8  relu      down, ends branch 1 of 1
head  8 → 2   sum       head
"""


def plan(*words: str) -> Result:
    return CliRunner(catch_exceptions=True).invoke(command, ["nets.py:traced", *words])


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets.py").write_text(NET)
    monkeypatch.chdir(tmp_path)


def test_the_layers_are_shown_as_a_tree():
    assert plan("--graph").stdout == TREE


def test_the_page_is_saved_beside_the_tree():
    assert plan("--graph", "-o", "plan.html").stdout == TREE
    assert "branch 1 of 1" in Path("plan.html").read_text()


@pytest.mark.parametrize("words", [("--format", "json"), ("--format", "html"), ("--full",)])
def test_what_a_tree_is_not_is_refused(words: tuple[str, ...]):
    result = plan("--graph", *words)
    assert isinstance(result.exception, GlorotError)
    given = " ".join(words)
    assert str(result.exception) == f"--graph shows a tree as text, and {given} another form; leave one of them out"
