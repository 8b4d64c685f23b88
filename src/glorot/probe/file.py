"""The format of a saved signal, version 1: its fields by name; NaN is null, infinity "inf" or "-inf"."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from glorot.errors import GlorotError
from glorot.files import read_json
from glorot.text import shortened

if TYPE_CHECKING:
    from glorot.probe.signal import Signal

FAMILY, VERSION = "glorot-signal", 1
REMEDY = 'save one with signal.save("signal.json")'
NOT_FINITE = {None: math.nan, "inf": math.inf, "-inf": -math.inf}


def to_json(signal: "Signal") -> dict[str, Any]:
    """Return a signal as plain data, which `json.dumps(…, allow_nan=False)` takes."""
    return {"format": f"{FAMILY}/{VERSION}", **_plain(signal)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def read_signal(path: str | Path, kind: "type[Signal]") -> "Signal":
    """Read the file of a signal.

    Args:
        path: the file.
        kind: the class to make.

    Raises:
        GlorotError: if the file cannot be read, is not a signal, is of another version, or was damaged.
    """
    data = read_json(path, "signal", REMEDY)
    given = data.get("format") if isinstance(data, dict) else None
    if not isinstance(given, str) or not given.startswith(f"{FAMILY}/"):
        raise GlorotError(f"{path} is not a signal: its format is not {FAMILY}/{VERSION}; {REMEDY}")
    if given != f"{FAMILY}/{VERSION}":
        raise GlorotError(
            f"{path} is a signal of format {given!r}; this glorot reads {FAMILY}/{VERSION}: measure again"
        )
    try:
        signal: Signal = _record(kind, data)
    except (TypeError, ValueError, KeyError) as error:
        raise GlorotError(f"{path} is damaged: {error}") from error
    return signal


def _record(kind: Any, data: Any) -> Any:
    """Return a dataclass, made of an object of its fields; what a newer glorot wrote besides is left out."""
    if not isinstance(data, Mapping):
        raise TypeError(f"expected the fields of a {kind.__name__}, got {shortened(repr(data))}")
    needed = [field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING]
    missing = [name for name in needed if name not in data]
    if missing:
        raise KeyError(f"a {kind.__name__} has no {', '.join(missing)}")
    return kind(**{name: _value(of, data[name]) for name, of in _types(kind).items() if name in data})


def _value(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        return _record(kind, value)
    if get_origin(kind) is UnionType:
        return None if value is None else _value(next(one for one in get_args(kind) if one is not type(None)), value)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise TypeError(f"expected a list, got {shortened(repr(value))}")
        return tuple(_value(get_args(kind)[0], one) for one in value)
    if kind is float:
        value = NOT_FINITE.get(value, value) if value is None or isinstance(value, str) else value
        if type(value) not in (int, float):
            raise TypeError(f"expected a number, got {shortened(repr(value))}")
        return float(value)
    if kind in (int, str, bool) and type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {shortened(repr(value))}")
    return value


@cache
def _types(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
