"""Twenty real bugs of initialisation and their healthy twins, as data/museum.md tells them."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import torch

import glorot
from glorot.checks import Report

TEXT = (Path(__file__).parents[1] / "data" / "museum.md").read_text("utf-8")


class Bug(NamedTuple):
    """What must be said of a bug.

    Attributes:
        families: the digits of the families of checks that may name it.
        blame: the paths that the finding must name, all of them.
        severity: "error" for what cannot be meant; "" if a warning will do.
    """

    families: str
    blame: tuple[str, ...]
    severity: str = ""


BUGS = {
    1: Bug("1", ("smear_lambda", "backout_lambda", "cos", "sin"), "error"),
    2: Bug("2", tuple(f"layers.{n}" for n in range(6))),
    3: Bug("3", ("in_proj_weight",)),
    4: Bug("34", ("2.weight",)),
    5: Bug("31", ("0.weight",)),
    6: Bug("37", tuple(f"{n}.c_proj.weight" for n in range(24))),
    7: Bug("1", ("weight", "parametrizations.weight.original0", "parametrizations.weight.original1")),
    8: Bug("63", ("lora_A.weight",)),
    9: Bug("6", ("0.weight", "2.weight"), "error"),
    10: Bug("25", ("0.weight", "2.weight"), "error"),
    11: Bug("3", ("1.weight",)),
    12: Bug("3", ("dt_proj.bias",)),
    13: Bug("2", ("0", "1")),
    14: Bug("3", ("lora_B.weight",)),
    15: Bug("1", ("crf.weight", "crf.bias", "fc.weight", "fc.bias")),
    16: Bug("34", ("bias",)),
    17: Bug("31", ("position_embeddings.weight",)),
    18: Bug("3", ("embed.weight", "head.weight")),
    19: Bug("54", ("2.weight",), "error"),
    20: Bug("7", ("0.weight", "2.weight", "4.weight")),
}


def arguments(number: int, *, wrong: bool) -> dict[str, Any]:
    """Return what is checked, with the bug or without."""
    torch.manual_seed(0)
    found: dict[str, Any] = ROOM[f"t{number}"](wrong)[0]
    return found


def report_of(number: int, *, wrong: bool) -> Report:
    """Check a model with the bug, or its twin without; T7 is for an audit."""
    given = arguments(number, wrong=wrong)
    return glorot.audit(**given) if "build" in given else glorot.check(**given)


ROOM: dict[str, Any] = {}
for block in re.findall(r"```python\n(.*?)```", TEXT, re.S):
    exec(compile(block, "museum.md", "exec"), ROOM)
