"""Files are opened in one place, and every page says what it may load."""

import ast
import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import glorot
from glorot.report.explanation import explanation
from glorot.report.plan_page import plan_html

SOURCE = Path(glorot.__file__).parent
OPENERS = {
    "open", "fdopen", "write_text", "write_bytes", "read_bytes", "read_text", "touch", "mkstemp", "NamedTemporaryFile",
    "TemporaryFile", "save_file", "savetxt", "tofile", "memmap", "rename", "replace_file", "copyfile", "fromfile",
}  # fmt: skip
OWN_PLACES = {
    "files.py": "the one place",
    "report/document.py": "reads what is installed with glorot",
    "adapters.py": "opens models: the net that a file defines",
    "arrays.py": "reads how much memory the system gives",
    "cli/places.py": "reads the source of a target",
    "forensics/reading/archives.py": "maps the tensors of an archive into memory",
    "forensics/reading/safetensors.py": "maps the tensors of a file into memory",
    "cli/errors.py": "opens what swallows the output that nobody reads",
}


def openers_in(text: str) -> list[str]:
    """Return the calls in a module that open a file."""
    calls = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    names = [call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls]
    return [name for name in names if name in OPENERS]


def test_files_are_opened_in_one_place() -> None:
    found = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if openers_in(path.read_text())}
    assert found == set(OWN_PLACES)


def test_what_opens_a_file_is_seen() -> None:
    text = "from pathlib import Path\nPath('a').write_text('b')\nopen('c')\nnp.savez(file)"
    assert openers_in(text) == ["write_text", "open"]


def writes_to(text: str) -> list[str]:
    """Return what is given first to the writers of frameworks."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    given = [
        (ast.unparse(call.func), ast.unparse(call.args[-1 if "torch" in ast.unparse(call.func) else 0]))
        for call in calls
        if call.args
    ]
    return [to for function, to in given if function in ("np.save", "np.savez", "numpy.save", "torch.save")]


def test_writers_of_frameworks_get_an_open_file() -> None:
    found = [to for path in SOURCE.rglob("*.py") for to in writes_to(path.read_text())]
    assert sorted(found) == ["buffer", "file", "file"]


def page_of_a_plan() -> str:
    return plan_html(glorot.plan(torch.nn.Linear(3, 2), "xavier"))


def page_of_an_explanation() -> str:
    return explanation("xavier_uniform", html=True)


@pytest.mark.parametrize("page", [page_of_a_plan, page_of_an_explanation], ids=["plan", "explain"])
def test_a_page_loads_nothing_and_runs_only_its_own_script(page: Callable[[], str]) -> None:
    text = page()
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"/>', text)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in policy
    assert "http" not in policy
    for tag in ("style", "script"):
        for content in re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in rules[f"{tag}-src"]
    assert not re.search(r" (?:on\w+|style)=|javascript:", text), "a policy without 'unsafe-inline' would drop it"


def test_every_page_has_the_one_shell() -> None:
    shells = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if "<!DOCTYPE" in path.read_text()}
    assert shells == {"report/document.py"}
