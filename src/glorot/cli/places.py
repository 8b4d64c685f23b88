"""Where in the source a target lies, for the tools that show findings beside it."""

import ast
import importlib.util
from pathlib import Path

from glorot.report.sarif import Place


def place_of(target: str) -> Place:
    """Return the file of a target, relative to the current folder where it lies inside, and its line.

    Args:
        target: a target, or the path of a file.
    """
    module, colon, name = target.rpartition(":")
    if not colon or not name.isidentifier():
        return Place(_relative(Path(target)), 1)
    file = Path(module) if module.endswith(".py") else _file_of(module)
    if file is None or not file.is_file():
        return Place(_relative(Path(target)), 1)
    tree = ast.parse(file.read_bytes())
    lines = [node.lineno for node in tree.body if name in _defined(node)]
    return Place(_relative(file), lines[-1] if lines else 1)


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [one.id for one in targets if isinstance(one, ast.Name)]


def _file_of(module: str) -> Path | None:
    found = importlib.util.find_spec(module)
    return None if found is None or found.origin is None else Path(found.origin)


def _relative(path: Path) -> str:
    whole, here = path.resolve(), Path.cwd().resolve()
    return whole.relative_to(here).as_posix() if whole.is_relative_to(here) else whole.as_posix()
