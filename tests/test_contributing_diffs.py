"""The diffs in CONTRIBUTING are tried: each is applied to a copy of the package, and does what is said of it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DIFFS = re.findall(r"```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.S)

TOY = """
import numpy as np

class Chain:
    def __init__(self):
        self.matrices = {"first": np.zeros((6, 5), np.float32), "second": np.zeros((5, 4), np.float32)}
"""
TURNED = """
import torch

class Turned(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.bias = torch.nn.Parameter(torch.ones(6, 5)), torch.nn.Parameter(torch.zeros(5))
        self.nf = 5
"""
TRIED = {  # what is imported by the name toy, and what shows that the change works
    "an activation": (
        "",
        "import torch; from torch import nn\n"
        "class Atan(nn.Module):\n    def forward(self, x): return torch.atan(x)\n"
        "plan = glorot.plan(nn.Sequential(nn.Linear(6, 5), Atan(), nn.Linear(5, 4)))\n"
        "assert plan['2.weight'].fed_by == 'arctan', plan\n"
        "assert 'arctan' in glorot.explain()\n",
    ),
    "a layer class": (
        TURNED,
        "import toy; plan = glorot.plan(toy.Turned(), inputs=False)\n"
        "assert (plan['weight'].axes, plan['weight'].shape, plan['weight'].fans) == ('oi', (5, 6), glorot.fans.dense(6, 5))\n",
    ),
    "a framework": (
        TOY,
        "import numpy as np, toy; model = toy.Chain(); plan = glorot.plan(model, 'auto')\n"
        "assert (plan['second'].fed_by, plan['second'].seen) == ('tanh', True)\n"
        "glorot.apply(plan, model, seed=3)\n"
        "twin = glorot.draw(plan['first'].scheme, (6, 5), seed=3, name='first')\n"
        "assert np.array_equal(model.matrices['first'], twin)\n",
    ),
}
OURS = """
import sys
sys.meta_path = [finder for finder in sys.meta_path if "ScikitBuild" not in type(finder).__name__]
sys.path[:0] = sys.argv[1:]
import glorot
assert glorot.__file__.startswith(sys.argv[1]), glorot.__file__
"""


def applied(diff: str, source: Path) -> None:
    """Apply a diff of one hunk for each file to a copy of the repository."""
    for place, hunk in re.findall(r"^\+\+\+ b/(.*)\n@@.*\n((?:[ +-](?!-- ).*\n?|[ +]\n?)*)", diff, re.M):
        lines = hunk.splitlines()
        before = "\n".join(line[1:] for line in lines if line[0] in " -")
        after = "\n".join(line[1:] for line in lines if line[0] in " +")
        path = source / place
        path.parent.mkdir(exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        assert text.count(before) == 1 or not text, (place, before)
        path.write_text(text.replace(before, after) if text else after + "\n", encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "diff"), [*zip(TRIED, DIFFS, strict=True)], ids=TRIED)
def test_a_diff_does_what_is_said_of_it(name: str, diff: str, tmp_path: Path) -> None:
    toy, shows = TRIED[name]
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "toy.py").write_text(toy, encoding="utf-8")
    try_it = [sys.executable, "-c", OURS + shows, str(tmp_path / "src"), str(tmp_path)]
    assert subprocess.run(try_it, capture_output=True, check=False).returncode == 1
    applied(diff, tmp_path)
    after = subprocess.run(try_it, capture_output=True, text=True, check=False)
    assert after.returncode == 0, after.stderr
