"""Settings of `glorot check`: the table [tool.glorot] of the pyproject.toml that is nearest to the current folder."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glorot.catalogue import nearest
from glorot.checks.registry import check_named, checks_of
from glorot.checks.thresholds import by_name
from glorot.errors import GlorotError
from glorot.files import read_whole


def read_settings() -> dict[str, Any]:
    """Return what the nearest pyproject.toml with a table [tool.glorot] sets; an empty dict where there is none.

    Returns:
        Arguments of `glorot.check`, and "strict".

    Raises:
        GlorotError: if the file is not TOML, or has an unknown key, or a value that does not fit its key.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            with _at(path):
                table = _table(_parse(path).get("tool", {}), "tool").get("glorot")
                if table is not None:
                    return _settings(_table(table, "tool.glorot"))
    return {}


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_whole(path, "settings").decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GlorotError(f"is not TOML: {error}") from error


def _settings(table: dict[str, Any]) -> dict[str, Any]:
    _check_keys(table, ("check", "thresholds"), "tool.glorot")
    options = _table(table.get("check", {}), "tool.glorot.check")
    _check_keys(options, tuple(KINDS), "tool.glorot.check")
    for key, value in options.items():
        with _at(f"[tool.glorot.check] {key}"):
            KINDS[key](value)
    thresholds = _table(table.get("thresholds", {}), "tool.glorot.thresholds")
    for key, value in thresholds.items():
        with _at(f"[tool.glorot.thresholds] {key}"):
            by_name({key: value})
    with _at("[tool.glorot.thresholds]"):
        return {**options, **({"thresholds": by_name(thresholds)} if thresholds else {})}


def _check_codes(value: object) -> None:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise GlorotError(f'must be a list of codes or names of checks, as in ["GL3", "dead-units"], got {value!r}')
    for text in value:
        checks_of(text)


def _check_flag(value: object) -> None:
    if not isinstance(value, bool):
        raise GlorotError(f"must be true or false, got {value!r}")


def _check_waivers(value: object) -> None:
    if not isinstance(value, dict) or not all(isinstance(reason, str) and reason.strip() for reason in value.values()):
        raise GlorotError(f'must give each waiver a reason, as in {{"GL301 head.*" = "loaded later"}}, got {value!r}')
    for text in value:
        check_named(text.partition(" ")[0])


KINDS: Mapping[str, Callable[[object], None]] = {
    "select": _check_codes,
    "ignore": _check_codes,
    "strict": _check_flag,
    "waive": _check_waivers,
}
"""The keys of [tool.glorot.check], each with what refuses a value that does not fit it."""


def _check_keys(table: dict[str, Any], known: tuple[str, ...], name: str) -> None:
    for key in table:
        if key not in known:
            keys = f"{', '.join(known[:-1])} and {known[-1]}"
            raise GlorotError(f"[{name}] has no key {key!r}{nearest(key, known)}; its keys are {keys}")


def _table(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise GlorotError(f"[{name}] must be a table, got {value!r}")
    return value


@contextmanager
def _at(place: object) -> Iterator[None]:
    """Put a place before the message of an error."""
    try:
        yield
    except GlorotError as error:
        raise GlorotError(f"{place}: {error}") from error
