"""The format of a saved comparison, version 2: what is written, and how it is read.

A comparison is a JSON object with its `format` and the fields of `Comparison`. What these hold is written in the same
way: a dataclass as an object of its fields, a tuple as a list, a plan as in a plan file. Figures keep all their digits;
NaN is null, and infinity is "inf" or "-inf". Each recipe also has a SUMMARY of its runs, for those who read the JSON
without glorot; loading passes over it. Fields with a default may be missing, and fields that this glorot does not know
are reported in one warning.
"""

import json
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from glorot.comparison.results import Epoch, RecipeResult
from glorot.errors import GlorotError
from glorot.files import read_json
from glorot.plans import Plan
from glorot.plans.file import plan_from_json
from glorot.probe import Signal
from glorot.text import escaped_json, printable

if TYPE_CHECKING:
    from glorot.comparison.comparison import Comparison

FAMILY, VERSION = "glorot-comparison", 2
READ = {f"{FAMILY}/{version}" for version in (1, VERSION)}
"""Version 1 wrote six digits of each figure, and null for infinity too."""

SUMMARY = ("final", "epochs_to_goal", "share_to_goal", "distinct_at_end")
REMEDY = 'save one with result.save("result.json")'
NOT_FINITE = {None: math.nan, "inf": math.inf, "-inf": -math.inf}
SCALARS = {bool: "true or false", int: "a whole number below 2**64", str: "text"}


def to_json(comparison: "Comparison") -> dict[str, Any]:
    """Return a comparison as plain data, which `json.dumps(…, allow_nan=False)` takes."""
    data: dict[str, Any] = {"format": f"{FAMILY}/{VERSION}", **_plain(comparison)}
    return data | {"versions": dict(comparison.versions)}


def json_text(comparison: "Comparison") -> str:
    """Return a comparison as the text of its file; letters that nobody sees are escapes in it."""
    text = json.dumps(to_json(comparison), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return escaped_json(text) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Plan):
        return value.to_json()
    if is_dataclass(value):
        more = _summary(value) if isinstance(value, RecipeResult) else {}
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)} | more
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _summary(result: RecipeResult) -> dict[str, Any]:
    final = {field.name: _plain(result.final(field.name)) for field in fields(Epoch)}
    values = (final, *(getattr(result, name) for name in SUMMARY[1:]))
    return {name: _plain(value) for name, value in zip(SUMMARY, values, strict=True)}


def read_comparison(path: str | Path, kind: "type[Comparison]") -> "Comparison":
    """Read the file of a comparison, of any version.

    Args:
        path: the file.
        kind: the class to make.

    Raises:
        GlorotError: if the file cannot be read, is not a comparison, is of another version, or was damaged.
    """
    data = read_json(path, "comparison", REMEDY)
    given = data.get("format") if isinstance(data, dict) else None
    if not isinstance(given, str) or not given.startswith(f"{FAMILY}/"):
        if isinstance(data, dict) and "entries" in data:
            raise GlorotError(f"{path} is a plan, not a comparison; read it with glorot.Plan.load")
        raise GlorotError(f"{path} is not a comparison: its format is not {FAMILY}/{VERSION}; {REMEDY}")
    if given not in READ:
        raise GlorotError(
            f"{path} is a comparison of format {given!r}; this glorot reads {' and '.join(sorted(READ))}: "
            "compare again, or use the glorot that wrote it"
        )
    data = {name: value for name, value in data.items() if name != "format"}
    if isinstance(data.get("versions"), dict):
        data["versions"] = [list(pair) for pair in data["versions"].items()]
    reader = _Reader(path)
    comparison: Comparison = reader.record(kind, data, "")
    for place, wrong in _inconsistencies(comparison):
        raise GlorotError(f"{path} is damaged at {place}: {wrong}")
    reader.report_unknown()
    return comparison


class _Reader:
    """Makes what the types of the fields ask for of plain data, and notes the fields that it does not know."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self.unknown: set[str] = set()

    def read(self, kind: Any, value: Any, place: str) -> Any:
        """Return a value of a type."""
        if kind is Plan:
            plan = Plan(*plan_from_json(value, f"{self.path}, {place}"))
            self.unknown |= {*plan.more, *(name for entry in plan for name in entry.more)}
            return plan
        if is_dataclass(kind):
            return self.record(kind, value, place)
        of = get_args(kind)
        if get_origin(kind) is UnionType and NoneType in of:
            (other,) = (one for one in of if one is not NoneType)
            return None if value is None else self.read(other, value, place)
        if get_origin(kind) is tuple:
            return self.items(of, value, place)
        return self.number(value, place) if kind is float else self.scalar(kind, value, place)

    def record(self, kind: Any, value: Any, place: str) -> Any:
        """Return a dataclass, made of an object of its fields."""
        known = _types(kind)
        self.require(isinstance(value, dict), place, f"an object of the fields {sorted(known)}", value)
        needed = {field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING}
        missing = sorted(needed - set(value))
        self.require(not missing, place, f"the fields {missing}", sorted(value))
        self.unknown |= set(value) - set(known) - (set(SUMMARY) if kind is RecipeResult else set())
        inside = f"{place}." if place else ""
        return kind(**{name: self.read(known[name], value[name], inside + name) for name in known if name in value})

    def items(self, kinds: Sequence[Any], value: Any, place: str) -> tuple[Any, ...]:
        """Return a tuple, made of a list: of these types, or of any length if the last one is an ellipsis."""
        self.require(isinstance(value, list), place, "a list", value)
        if kinds[-1] is ...:
            kinds = [kinds[0]] * len(value)
        self.require(len(value) == len(kinds), place, f"a list of {len(kinds)}", value)
        pairs = zip(kinds, value, strict=True)
        return tuple(self.read(kind, item, f"{place}[{n}]") for n, (kind, item) in enumerate(pairs))

    def number(self, value: Any, place: str) -> float:
        """Return a float, NaN and infinity included."""
        if value is None or isinstance(value, str):
            value = NOT_FINITE.get(value, value)
        self.require(type(value) in (int, float), place, 'a number, null for NaN, "inf" or "-inf"', value)
        try:
            return float(value)
        except OverflowError as error:
            raise GlorotError(f"{self.path} is damaged at {place}: a number is too large for a float") from error

    def scalar(self, kind: type, value: Any, place: str) -> Any:
        """Return a value of a type that JSON has too."""
        fits = type(value) is kind and not (isinstance(value, int) and abs(value) >= 2**64)
        self.require(fits, place, SCALARS[kind], value)
        return value

    def require(self, holds: bool, place: str, what: str, given: Any) -> None:
        """Raise unless a value is what is expected here."""
        if not holds:
            text = repr(given)
            shown = text if len(text) <= 80 else f"{text[:80]}…"
            raise GlorotError(f"{self.path} is damaged{f' at {place}' if place else ''}: expected {what}, got {shown}")

    def report_unknown(self) -> None:
        """Warn once about what a newer glorot wrote."""
        if self.unknown:
            names = ", ".join(map(repr, sorted(self.unknown)))
            warnings.warn(
                f"{printable(str(self.path))} was written by a newer glorot: fields {names} are "
                "unknown to this one, and what they mean is left out",
                stacklevel=4,
            )


@cache
def _types(kind: Any) -> dict[str, Any]:
    """Return the type of each field of a dataclass."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _inconsistencies(comparison: "Comparison") -> Iterator[tuple[str, str]]:
    """Yield where the parts of a comparison do not fit one another, and how."""
    names = [result.recipe for result in comparison.results]
    if not names or len(set(names)) < len(names):
        yield "results", f"expected one result or more, each of another recipe, got {names}"
    if comparison.classifies and not 0 <= comparison.chance <= 1:
        yield "chance", f"expected a share from 0 to 1, got {comparison.chance}"
    if comparison.test_examples < 0:
        yield "test_examples", f"expected 0 or more, got {comparison.test_examples}"
    shapes: set[tuple[int, ...]] = set()
    for position, result in enumerate(comparison.results):
        place = f"results[{position}].runs"
        if not result.runs:
            yield place, "expected one run or more, got []"
        for number, run in enumerate(result.runs):
            at = f"{place}[{number}]"
            if not run.epochs:
                yield f"{at}.epochs", "expected one epoch or more, got []"
            if len({len(row) for row in run.first_weights}) > 1:
                yield f"{at}.first_weights", "expected rows of one length"
            for when in ("start", "first", "end"):
                signal = getattr(run, when)
                shapes |= set() if signal is None else {_shape(signal)}
                if len(shapes) > 1 or any(0 in shape for shape in shapes):
                    yield f"{at}.{when}", "expected as many layers as in the first run, each with a like histogram"


def _shape(signal: Signal) -> tuple[int, ...]:
    """Return the number of bins of each layer; 0 where the histogram cannot be drawn."""
    histograms = [layer.histogram for layer in signal.layers]
    return tuple(
        len(one.counts) if one.low < one.high and min(one.counts, default=-1) >= 0 else 0 for one in histograms
    )
