"""The commands of the pages that a test cannot run, since they install something: what they name must exist."""

import re
import shlex
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def complaint(typed: str) -> str | None:
    """Return what is wrong with a command that installs: an extra, a target or a file that does not exist."""
    words = shlex.split(typed, comments=True)
    for word in words:
        if word.endswith((".txt", "/run")) and not (ROOT / word).is_file():
            return f"there is no file {word}"
        for extra in re.findall(r"[\w-]+", "".join(re.findall(r"\[(.*?)\]", word))):
            if extra not in _extras():
                return f"pyproject.toml has no extra {extra!r}"
    if words[0] == "make":
        for target in words[1:]:
            if "=" not in target and target not in _targets():
                return f"the Makefile has no target {target!r}"
    return None


def installs(typed: str) -> bool:
    """Tell whether a command makes an environment, installs into it, or runs what does. Keep this list short."""
    return re.match(r"python3? -m venv |\. \.venv/bin/activate|pip install |make\b|\.ci/run", typed) is not None


def _extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return set(project["optional-dependencies"])


def _targets() -> set[str]:
    return set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
