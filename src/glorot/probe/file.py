"""The formats of saved signals and records, version 1: their fields by name; NaN is null, infinity "inf" or "-inf"."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np

from glorot.errors import GlorotError
from glorot.files import read_json
from glorot.text import shortened

if TYPE_CHECKING:
    from glorot.probe.signal import Signal


class Format(NamedTuple):
    """A kind of file.

    Attributes:
        family: what its format is called, before the version.
        word: what is saved in it.
        remedy: how one is made.
        again: what is done about a file of another version.
    """

    family: str
    word: str
    remedy: str
    again: str

    @property
    def current(self) -> str:
        """The format that is written, and the only one that is read."""
        return f"{self.family}/1"


SIGNAL = Format("glorot-signal", "signal", 'save one with signal.save("signal.json")', "measure again")
RECORD = Format("glorot-record", "record", 'save one with record.save("record.json")', "record again")
NOT_FINITE = {None: math.nan, "inf": math.inf, "-inf": -math.inf}


def to_json(value: Any, form: Format = SIGNAL) -> dict[str, Any]:
    """Return a signal or a record as plain data, which `json.dumps(…, allow_nan=False)` takes."""
    return {"format": form.current, **_plain(value)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value.tolist()]
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
    signal: Signal = read_saved(path, kind, SIGNAL)
    return signal


def read_saved(path: str | Path, kind: type, form: Format) -> Any:
    """Read a file of one of these formats.

    Args:
        path: the file.
        kind: the class to make.
        form: what the file should be.

    Raises:
        GlorotError: if the file cannot be read, is something else, is of another version, or was damaged.
    """
    data = read_json(path, form.word, form.remedy)
    given = data.get("format") if isinstance(data, dict) else None
    if not isinstance(given, str) or not given.startswith(f"{form.family}/"):
        raise GlorotError(f"{path} is not a {form.word}: its format is not {form.current}; {form.remedy}")
    if given != form.current:
        told = f"{path} is a {form.word} of format {given!r}; this glorot reads {form.current}: {form.again}"
        raise GlorotError(told)
    try:
        return _record(kind, data)
    except (TypeError, ValueError, KeyError) as error:
        raise GlorotError(f"{path} is damaged: {error}") from error


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
    if get_origin(kind) is np.ndarray:
        element = get_args(get_args(kind)[1])[0]
        return np.array(_value(tuple[int, ...] if element is np.int64 else tuple[float, ...], value), element)
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
