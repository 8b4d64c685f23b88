"""Repeats: entries of a plan file that differ by whole numbers alone are one row of it.

A row with "for" stands for an entry at each number of its variables, at each pair or triple where it has several. What
grows with them is written in braces, in texts as in the place of numbers; "at" is the place of an entry among all, from
0. Entries in rows of their own fill the places between:

    {"for": {"i": [0, 12]}, "at": "{16*i+2}", "name": "h.{i}.ln_1.weight", "depth": "{3*i+1}", …}
"""

import itertools
import json
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from glorot.errors import GlorotError
from glorot.text import quoted

TEXTS, NUMBERS = ("name", "why", "source"), ("depth", "way", "branch", "at")
"""The fields in which entries of one row may differ: by the numbers in a text, and as numbers."""

VARIABLES = "ijk"
"""The variables of a row, the outermost first."""

FEWEST, MOST = 3, 10**7
"""Entries that are worth a row for all of them, and entries of the largest plan that is read."""

WHOLE = re.compile(r"(?<!\d)(0|[1-9]\d{0,17})(?!\d)")
HOLE = re.compile(r"\{([^{}]*)\}")
TERM = re.compile(r"([+-]?)(?:(\d{1,18})\*)?([a-z])|([+-]?\d{1,18})")

Values = tuple[int, ...]


class Loop(NamedTuple):
    """How the numbers of entries grow along one variable, and how often."""

    times: int
    steps: Values


class Repeat(NamedTuple):
    """Entries that differ by numbers alone.

    Attributes:
        row: the first of them, as plain data with its "at".
        first: the numbers in it.
        loops: how they grow, the innermost variable first.
    """

    row: Mapping[str, Any]
    first: Values
    loops: tuple[Loop, ...] = ()


def _mapped(value: Any, text: Callable[[str], Any], number: Callable[[int], Any]) -> Any:
    """Return plain data with each text and each whole number replaced, in order."""
    match value:
        case str():
            return text(value)
        case dict():
            return {key: _mapped(inner, text, number) for key, inner in value.items()}
        case list() | tuple():
            return [_mapped(inner, text, number) for inner in value]
        case int() if not isinstance(value, bool):
            return number(value)
    return value


def _varying(row: Mapping[str, Any], text: Callable[[str], Any], number: Callable[[int], Any]) -> dict[str, Any]:
    """Return the fields of a row that may vary, with their texts and numbers replaced; numbers of a source stay."""
    texts = {key: _mapped(row[key], text, lambda kept: kept) for key in TEXTS if key in row}
    return texts | {key: _mapped(row[key], text, number) for key in NUMBERS if key in row}


def fold_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write rows that differ by whole numbers alone as one, where these grow evenly.

    Args:
        rows: the entries as plain data, in their order.

    Returns:
        Rows of which `unfold_row` makes the same entries again.

    Example:
        >>> fold_rows([{"name": f"h.{i}.bias", "depth": 2 * i + 1} for i in range(12)])
        [{'for': {'i': [0, 12]}, 'at': '{i}', 'name': 'h.{i}.bias', 'depth': '{2*i+1}'}]
    """
    alike: dict[str, list[Repeat]] = {}
    for place, row in enumerate(rows):
        placed = {"at": place, **row}
        likeness, numbers = _taken_apart(placed)
        alike.setdefault(likeness, []).append(Repeat(placed, numbers))
    found = [one for repeats in alike.values() for one in _joined(_joined(_joined(repeats)))]
    return [_written(one) for one in sorted(found, key=lambda one: int(one.row["at"]))]


def _taken_apart(row: dict[str, Any]) -> tuple[str, Values]:
    """Return all of a row but its numbers that may vary, and these; a row that has braces already is like no other."""
    numbers: list[int] = []
    has_braces: list[bool] = []

    def blank(text: str) -> list[str]:
        pieces = WHOLE.split(text)
        numbers.extend(map(int, pieces[1::2]))
        has_braces.append("{" in text or "}" in text)
        return pieces[::2]

    form = _varying(row, blank, numbers.append)
    kept = {key: value for key, value in row.items() if key not in form}
    return json.dumps(row if any(has_braces) else [form, kept]), tuple(numbers)


def _joined(repeats: Sequence[Repeat]) -> list[Repeat]:
    """Join neighbours whose numbers grow evenly along one more variable."""
    found, n = list[Repeat](), 0
    while n < len(repeats):
        first, end = repeats[n], n + 1
        steps = _steps(first, repeats[end]) if end < len(repeats) else None
        while steps is not None and end < len(repeats) and _steps(repeats[end - 1], repeats[end]) == steps:
            end += 1
        if steps is not None and end - n >= FEWEST:
            found.append(first._replace(loops=(*first.loops, Loop(end - n, steps))))
            n = end
        else:
            found.append(first)
            n += 1
    return found


def _steps(one: Repeat, other: Repeat) -> Values | None:
    """Return by how much the numbers grow from one to another; None if they grow unlike within."""
    if one.loops != other.loops:
        return None
    return tuple([after - before for before, after in zip(one.first, other.first, strict=True)])


def _written(repeat: Repeat) -> dict[str, Any]:
    """Return the row for entries that repeat; that of one entry alone has no place."""
    row, first, loops = repeat
    if not loops:
        return {key: value for key, value in row.items() if key != "at"}
    loops = loops[::-1]
    starts = [_start_of(place, first, loops) for place in range(len(loops))]
    texts = iter([_expression(number, [loop.steps[n] for loop in loops], starts) for n, number in enumerate(first)])

    def grown(number: int) -> int | str:
        text = next(texts)
        return number if text == str(number) else text

    varying = _varying(row, lambda text: WHOLE.sub(lambda _: next(texts), text), grown)
    pairs = {name: [start, start + loop.times] for name, start, loop in zip(VARIABLES, starts, loops, strict=False)}
    return {"for": pairs, **{key: varying.get(key, value) for key, value in row.items()}}


def _start_of(place: int, first: Values, loops: Sequence[Loop]) -> int:
    """Return where a variable begins: at the first number that grows by one along it alone, as in a name."""
    alone = [int(other == place) for other in range(len(loops))]
    return next((number for n, number in enumerate(first) if [loop.steps[n] for loop in loops] == alone), 0)


def _expression(number: int, steps: Sequence[int], starts: Sequence[int]) -> str:
    """Write a number that grows with variables, `{6*i+4}`; one that does not as it is."""
    if not any(steps):
        return str(number)
    terms = [f"{step:+d}*{name}" for name, step in zip(VARIABLES, steps, strict=False) if step]
    rest = number - sum(map(operator.mul, steps, starts))
    text = "".join([*terms, f"{rest:+d}" if rest else ""]).removeprefix("+")
    return f"{{{re.sub(r'(?<![0-9])1[*]', '', text)}}}"


def unfold_row(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield for each entry of a row with "for" the fields that grow with its variables, and "at".

    Args:
        row: the row.

    Raises:
        GlorotError: if it is not written as `fold_rows` writes rows.

    Example:
        >>> row = {"for": {"i": [3, 5]}, "at": "{2*i-6}", "name": "h.{i}.bias", "depth": "{i+1}"}
        >>> list(unfold_row(row))[1]
        {'name': 'h.4.bias', 'depth': 5, 'at': 2}
    """
    ranges = _ranges_of(row["for"])
    templates = _varying({"at": None, **row}, lambda text: _parsed(text, list(ranges)), lambda number: number)
    grown = {key: one for key, one in templates.items() if key == "at" or _grows(one)}
    for values in itertools.product(*ranges.values()):
        yield {key: _instance(one, values, is_number=key in NUMBERS) for key, one in grown.items()}


def _ranges_of(given: Any) -> dict[str, range]:
    is_dict = isinstance(given, dict) and bool(given) and list(given) == list(VARIABLES[: len(given)])
    pairs = list(given.values()) if is_dict else []
    are_pairs = is_dict and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)
    are_numbers = are_pairs and all(type(n) is int and 0 <= n < 2**63 for pair in pairs for n in pair)
    if not are_numbers or not 0 < math.prod(max(0, stop - start) for start, stop in pairs) <= MOST:
        raise GlorotError(f"for must give each of its variables i, j, k a pair [start, stop], got {quoted(given)}")
    return {name: range(start, stop) for name, (start, stop) in given.items()}


class _Grown(NamedTuple):
    """A text with numbers that grow: the pieces between them, and for each its steps and what is added."""

    pieces: tuple[str, ...]
    numbers: tuple[tuple[Values, int], ...]


def _parsed(text: str, names: Sequence[str]) -> "str | _Grown":
    pieces = HOLE.split(text)
    numbers = tuple(_terms_of(one, names) for one in pieces[1::2])
    return _Grown(tuple(pieces[::2]), numbers) if numbers else text


def _terms_of(expression: str, names: Sequence[str]) -> tuple[Values, int]:
    """Return the steps of a sum along the variables, and what is added."""
    steps, rest, end = dict.fromkeys(names, 0), 0, 0
    for found in TERM.finditer(expression):
        sign, step, name, number = found.groups()
        is_next = found.start() == end and (not end or expression[end] in "+-")
        if not is_next or (name is not None and name not in steps):
            break
        end = found.end()
        if name is None:
            rest += int(number)
        else:
            steps[name] += int(f"{sign}{step or 1}")
    if not expression or end != len(expression):
        raise GlorotError(f"braces must hold a sum of {', '.join(names)} such as 2*i+1, got {quoted(expression)}")
    return tuple(steps.values()), rest


def _grows(template: Any) -> bool:
    inner = template.values() if isinstance(template, dict) else template if isinstance(template, list) else ()
    return isinstance(template, _Grown) or any(map(_grows, inner))


def _instance(template: Any, values: Sequence[int], *, is_number: bool) -> Any:
    """Put the values of the variables into what `_varying` made of a field."""
    match template:
        case _Grown(pieces, numbers):
            found = [rest + sum(map(operator.mul, steps, values)) for steps, rest in numbers]
            if is_number and pieces == ("", ""):
                return found[0]
            return pieces[0] + "".join([f"{n}{piece}" for n, piece in zip(found, pieces[1:], strict=True)])
        case dict():
            return {key: _instance(inner, values, is_number=is_number) for key, inner in template.items()}
        case list():
            return [_instance(inner, values, is_number=is_number) for inner in template]
    return template
