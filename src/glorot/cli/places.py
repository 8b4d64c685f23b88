"""Where in the source a target, and what a finding blames, lies, for the tools that show findings beside it."""

import ast
import importlib.util
import inspect
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glorot.checks import Finding, Report
from glorot.checks.locating import layers_above
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


def places_in(report: Report, modules: Mapping[str, Any]) -> dict[Finding, Place]:
    """Return where the classes of the layers that findings blame are written.

    Of a layer whose class is a library's, it is that of the next layer around it whose class is the user's own; where
    there is none, the finding has no place.

    Args:
        report: the report of a model.
        modules: the layers of that model by their paths, itself at "".
    """
    found = {one: [_place_of_class(type(layer)) for layer in layers_above(one, modules)] for one in report.findings}
    return {one: next(filter(None, places)) for one, places in found.items() if any(places)}


LIBRARIES = ("stdlib", "platstdlib", "purelib", "platlib")
"""Where Python keeps what the user has not written."""


def _place_of_class(kind: type) -> Place | None:
    """Return where a class is written; None for one of a library, or without source."""
    try:
        file = Path(inspect.getsourcefile(kind) or "").resolve()
        _, line = inspect.getsourcelines(kind)
    except (OSError, TypeError):
        return None
    is_installed = "site-packages" in file.parts or "dist-packages" in file.parts
    is_library = is_installed or any(file.is_relative_to(sysconfig.get_path(name)) for name in LIBRARIES)
    return None if is_library else Place(_relative(file), line)


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
