"""All checks there are: one file each, in a folder for each family."""

import functools
import importlib
import pkgutil
from difflib import get_close_matches

from glorot import checks
from glorot.checks.base import Check
from glorot.errors import GlorotError

FAMILIES = {
    "1": "written",
    "2": "alike",
    "3": "law",
    "4": "forward",
    "5": "backward",
    "6": "ranks",
    "7": "plan",
}
"""The folder of each family, by the first digit of its codes."""


@functools.cache
def all_checks() -> tuple[Check, ...]:
    """Return one of each check, by code.

    A check is a class of `glorot.checks.FAMILY.glNNN_NAME`; a new file is all that it takes.
    """
    found = []
    for family in FAMILIES.values():
        package = importlib.import_module(f"{checks.__name__}.{family}")
        for info in pkgutil.iter_modules(package.__path__):
            if info.name.startswith("gl"):
                module = importlib.import_module(f"{package.__name__}.{info.name}")
                own = (
                    one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__
                )
                found += [kind() for kind in own if issubclass(kind, Check)]
    return tuple(sorted(found, key=lambda one: one.code))


def check_named(text: str) -> Check:
    """Return the check that a code or a name means.

    Raises:
        GlorotError: if there is none; the nearest are named.
    """
    known = {key: one for one in all_checks() for key in (one.code, one.name)}
    found = known.get(text) or known.get(text.upper())
    if found is None:
        near = get_close_matches(text, known, n=3)
        hint = f"; the nearest are {', '.join(near)}" if near else ""
        raise GlorotError(f"there is no check {text!r}{hint}; `glorot explain checks` lists them all")
    return found


def checks_of(text: str) -> list[Check]:
    """Return the checks whose code begins so; a whole code or a name means one.

    Raises:
        GlorotError: if there is none.
    """
    begin = text.upper()
    found = [one for one in all_checks() if begin.startswith("GL") and one.code.startswith(begin.rstrip("X"))]
    return found or [check_named(text)]
