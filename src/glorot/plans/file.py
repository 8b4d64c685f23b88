"""The plan format, version 3: what is written, and how any version is read.

A plan is a JSON object with `version`, `stream`, `recipe`, `fingerprint` and `entries`; an entry has the fields of
`PlanEntry`, and a row may stand for many (see `repeats`). Fields with a default may be missing. Fields and roles that
this glorot does not know are kept, written again as they were, and reported in one warning.
"""

import json
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from glorot.distributions import Bilinear, Distribution, Identity, Orthogonal, PositiveUnitball, from_json
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.files import read_json
from glorot.graph import sources
from glorot.inventory import ROLES, Branch, View, fingerprint
from glorot.plans.entry import PlanEntry
from glorot.plans.repeats import MOST, fold_rows, unfold_row
from glorot.stream.checks import MOST_AXES
from glorot.stream.matrix import check_axes
from glorot.text import LONGEST, printable, quoted, shape_text

VERSION = 3
READ = (1, 2, VERSION)
STREAM = "glorot-stream/1"
ADDED = {2: {"view", "source", "seen", "branch", "purpose", "way"}, 3: {"tensor_shape", "computed"}}
"""The fields of an entry that each version added; an older one is written without them."""

ENDLESS = 2**63
"""More elements than any memory has addresses."""

HEAD = ("version", "stream", "recipe", "fingerprint", "entries", "buffers", "framework")
KNOWN = {field.name for field in fields(PlanEntry)} - {"more"}
NEEDED = {field.name for field in fields(PlanEntry) if field.default is MISSING} - {"more"}


R = TypeVar("R")


class PlanFields(NamedTuple):
    """What a plan file holds, in the order of the fields of `Plan`."""

    version: int
    stream: str
    recipe: str
    entries: tuple[PlanEntry, ...]
    more: Mapping[str, Any]
    buffers: tuple[str, ...] = ()
    framework: str = ""


def file_text(plan: PlanFields) -> str:
    """Return a plan as the text of its file, in which entries that differ by numbers alone are one row."""
    data = to_json(plan)
    if plan.version < 3:
        return json.dumps(data, indent=1, ensure_ascii=False)
    rows = [json.dumps(row, ensure_ascii=False) for row in fold_rows(data["entries"])]
    lines = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in data.items()]
    lines[list(data).index("entries")] = ' "entries": [\n  ' + ",\n  ".join(rows) + "\n ]"
    return "{\n" + ",\n".join(lines) + "\n}"


def to_json(plan: PlanFields) -> dict[str, Any]:
    """Return a plan as plain data, ready for JSON, with a row for each entry."""
    newer = {name for version, names in ADDED.items() if version > plan.version for name in names}
    return {
        "version": plan.version,
        "stream": plan.stream,
        "recipe": plan.recipe,
        "fingerprint": fingerprint(plan.entries),
        "entries": [_entry_to_json(entry, newer) for entry in plan.entries],
        **({"buffers": list(plan.buffers)} if plan.buffers else {}),
        **({"framework": plan.framework} if plan.framework and plan.version > 1 else {}),
        **plan.more,
    }


def _entry_to_json(entry: PlanEntry, newer: set[str]) -> dict[str, Any]:
    law = None if entry.distribution is None else entry.distribution.to_json()
    fans = None if entry.fans is None else [entry.fans.fan_in, entry.fans.fan_out]
    row = {**vars(entry), "distribution": law, "fans": fans}
    for key in ("view", "branch"):
        row[key] = None if row[key] is None else dict(vars(row[key]))
    row["source"] = None if entry.source is None else sources.to_json(entry.source)
    del row["more"]
    for key in ("source", "seen", "branch", "purpose", "way", "computed"):
        if not row[key]:
            del row[key]
    if entry.tensor_shape is None:
        del row["tensor_shape"]
    if entry.view is not None and entry.view.cut is None:
        del row["view"]["cut"]
    return {key: value for key, value in row.items() if key not in newer} | dict(entry.more)


def read_plan(path: str | Path) -> PlanFields:
    """Read a plan file of any version.

    Raises:
        GlorotError: if the file cannot be read, is no plan, is of another version, or was damaged.
    """
    plan = plan_from_json(read_json(path, "plan", "save one with `glorot plan -o`"), str(path))
    _report_unknown(path, plan.more, plan.entries)
    return plan


def plan_from_json(data: Any, path: str) -> PlanFields:
    """Read a plan from plain data, which errors call by this path.

    Raises:
        GlorotError: if it is no plan, is of another version, or was damaged.
    """
    if not isinstance(data, dict) or not isinstance(data.get("entries"), list):
        raise GlorotError(f"{path} is not a plan: it has no list of entries; save one with `glorot plan -o`")
    version, stream = data.get("version"), data.get("stream")
    if type(version) is not int or version not in READ or stream != STREAM:
        read = f"{', '.join(map(str, READ[:-1]))} and {READ[-1]}"
        raise GlorotError(
            f"{path} is a plan of version {quoted(version)} for {quoted(stream)}; this glorot reads versions {read} "
            f"for {STREAM!r}: make the plan again, or use the glorot that wrote it"
        )
    if not isinstance(data.get("recipe"), str):
        raise GlorotError(f"{path} is damaged: recipe must be text, got {quoted(data.get('recipe'))}")
    entries = _entries_of(data["entries"], path)
    _check_names(entries, path)
    if fingerprint(entries) != data.get("fingerprint"):
        raise GlorotError(
            f"{path} is damaged: names, axes or shapes do not match its fingerprint {quoted(data.get('fingerprint'))}; "
            "change distributions by hand if you like, never what they belong to"
        )
    more = {key: value for key, value in data.items() if key not in HEAD}
    buffers = data.get("buffers", [])
    if not isinstance(buffers, list) or not all(isinstance(buffer, str) for buffer in buffers):
        raise GlorotError(f"{path} is damaged: buffers must be a list of paths, got {quoted(buffers)}")
    framework = data.get("framework", "")
    if not isinstance(framework, str):
        raise GlorotError(f"{path} is damaged: framework must be text, got {quoted(framework)}")
    return PlanFields(version, stream, data["recipe"], entries, more, tuple(buffers), framework)


def _check_names(entries: Sequence[PlanEntry], path: str) -> None:
    seen: set[str] = set()
    for entry in entries:
        if entry.name in seen:
            raise GlorotError(f"{path} is damaged: two entries are called {quoted(entry.name)}; keep one of them")
        seen.add(entry.name)


def _report_unknown(path: str | Path, more: Mapping[str, Any], entries: Sequence[PlanEntry]) -> None:
    """Warn once about what a newer glorot wrote."""
    names = sorted({*more, *(name for entry in entries for name in entry.more)})
    roles = sorted({entry.role for entry in entries} - set(ROLES))
    unknown = [f"fields {', '.join(map(repr, names))}"] if names else []
    unknown += [f"roles {', '.join(map(repr, roles))}"] if roles else []
    if unknown:
        warnings.warn(
            f"{printable(str(path))} was written by a newer glorot: {' and '.join(unknown)} are unknown to this "
            "one; they are kept, and what they mean is left out of account",
            stacklevel=4,
        )


def _entries_of(rows: Sequence[Any], path: str) -> tuple[PlanEntry, ...]:
    """Return the entries in their order: those that are one row at their places, the others between them."""
    placed: dict[int, PlanEntry] = {}
    singles: list[PlanEntry] = []
    for position, row in enumerate(rows):
        place = f"{path} is damaged at entry {position}"
        if not isinstance(row, dict) or not set(row) >= NEEDED:
            got = sorted(row) if isinstance(row, dict) else row
            raise GlorotError(f"{place}: expected the fields {sorted(NEEDED)}, got {quoted(got)}")
        place += f" ({printable(str(row['name']))[:LONGEST]})"
        if "for" not in row:
            singles.append(_read(_entry_from_json, row, place))
            continue
        for at, entry in _read(_repeated, row, place):
            if type(at) is not int or not 0 <= at < MOST or at in placed:
                raise GlorotError(f"{place}: at must be a place that no other entry has, got {quoted(at)}")
            placed[at] = entry
    if any(at >= len(placed) + len(singles) for at in placed):
        raise GlorotError(f"{path} is damaged: its entries leave places between them empty")
    others = iter(singles)
    return tuple(placed[n] if n in placed else next(others) for n in range(len(placed) + len(singles)))


def _repeated(row: dict[str, Any]) -> list[tuple[Any, PlanEntry]]:
    """Return the entries that a row with "for" stands for, each with its place."""
    plain = {key: value for key, value in row.items() if key not in ("for", "at")}
    found: list[tuple[Any, PlanEntry]] = []
    for varying in unfold_row(row):
        at = varying.pop("at")
        found.append((at, replace(found[0][1], **_varied(varying)) if found else _entry_from_json(plain | varying)))
    return found


def _varied(varying: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an entry that vary in its row; their texts are what those of the first entry are."""
    readers = {
        "depth": _depth_from_json,
        "source": sources.from_json,
        "branch": _branch_from_json,
        "way": _way_from_json,
    }
    return {key: readers[key](value) if key in readers else value for key, value in varying.items()}


def _depth_from_json(depth: Any) -> int:
    _require(type(depth) is int and 0 <= depth < ENDLESS, "depth", "a number from 0 on", depth)
    return int(depth)


def _read(reader: Callable[[dict[str, Any]], R], row: dict[str, Any], place: str) -> R:
    """Read a row, and say where what is wrong with it is."""
    try:
        return reader(row)
    except OverflowError as error:
        raise GlorotError(f"{place}: a number is too large for a float ({error})") from error
    except (GlorotError, TypeError, ValueError) as error:
        raise GlorotError(f"{place}: {error}") from error


def _entry_from_json(row: dict[str, Any]) -> PlanEntry:
    texts = {key: row[key] for key in ("name", "axes", "role", "fed_by", "followed_by", "scheme", "why")}
    shape, depth, fans, whole = row["shape"], row["depth"], row["fans"], row.get("tensor_shape")
    others = {key: row.get(key, "") for key in ("purpose", "computed")}
    for key, value in {**texts, **others}.items():
        _require(isinstance(value, str), key, "text", value)
    _require(_are_sizes(shape), "shape", "a list of sizes", shape)
    _require(math.prod(shape) < ENDLESS, "shape", "of fewer than 2**63 elements", shape)
    _require(whole is None or _are_sizes(whole), "tensor_shape", "null or a list of sizes", whole)
    pair = isinstance(fans, list) and len(fans) == 2
    counts = pair and all(type(count) in (int, float) and 0 < count < math.inf for count in fans)
    _require(fans is None or counts, "fans", "two positive numbers or null", fans)
    return PlanEntry(
        **texts,
        shape=tuple(shape),
        fans=None if fans is None else Fans(float(fans[0]), float(fans[1])),
        depth=_depth_from_json(depth),
        distribution=_law_from_json(row),
        view=_view_from_json(row.get("view"), math.prod(shape)),
        source=None if row.get("source") is None else sources.from_json(row["source"]),
        seen=_flag(row, "seen"),
        branch=_branch_from_json(row.get("branch")),
        way=_way_from_json(row.get("way")),
        tensor_shape=None if whole is None else tuple(whole),
        **others,
        more={key: value for key, value in row.items() if key not in KNOWN},
    )


def _flag(row: dict[str, Any], key: str) -> bool:
    value = row.get(key, False)
    _require(isinstance(value, bool), key, "true or false", value)
    return bool(value)


def _branch_from_json(branch: Any) -> Branch | None:
    if branch is None:
        return None
    names = [field.name for field in fields(Branch)]
    is_one = isinstance(branch, dict) and set(branch) == set(names) and all(map(_is_count, branch.values()))
    _require(is_one, "branch", f"null or {', '.join(names)} as numbers from 1 on", branch)
    return Branch(**branch)


def _is_count(number: Any) -> bool:
    return type(number) is int and 0 < number < ENDLESS


def _way_from_json(way: Any) -> tuple[int, int] | None:
    _require(way is None or (_are_sizes(way) and len(way) == 2), "way", "null or two numbers from 0 on", way)
    return None if way is None else (way[0], way[1])


def _law_from_json(row: dict[str, Any]) -> Distribution | None:
    law, axes = row["distribution"], row["axes"]
    _require(law is None or isinstance(law, dict), "distribution", "a law with its numbers, or null", law)
    if law is None:
        _require(bool(row["why"]), "why", "the reason why the part is left alone", row["why"])
        return None
    distribution = from_json(law)
    if isinstance(distribution, Orthogonal | Identity) and ("o" not in axes or len(axes) < 2):
        raise GlorotError(
            f"law {distribution.law!r} fills a whole matrix: it needs two axes or more, one of them 'o', "
            f"got axes {axes!r}"
        )
    if isinstance(distribution, PositiveUnitball | Bilinear):
        check_axes(distribution, tuple(row["shape"]), axes)
    return distribution


def _view_from_json(view: Any, size: int) -> View | None:
    if view is None:
        return None
    known = {field.name for field in fields(View)}
    needed = known - {"cut"}
    is_one = isinstance(view, dict) and needed <= set(view) <= known
    _require(is_one, "view", f"null or the fields {sorted(needed)}, and 'cut' if need be", view)
    box, unfold, cut, order, flip = (view.get(key) for key in ("box", "unfold", "cut", "order", "flip"))
    for key, numbers in (("unfold", unfold), ("order", order), ("flip", flip)):
        _require(numbers is None or _are_sizes(numbers), f"view's {key}", "a list of whole numbers from 0 on", numbers)
    for key, pairs in (("box", box), ("cut", cut)):
        _require(pairs is None or _are_pairs(pairs), f"view's {key}", "a list of pairs (start, stop), or null", pairs)
    _require(order is None or sorted(order) == list(range(len(order))), "view's order", "a permutation", order)
    _check_places(box, unfold, cut, size)
    return View(
        box=None if box is None else tuple((start, stop) for start, stop in box),
        unfold=None if unfold is None else tuple(unfold),
        cut=None if cut is None else tuple((start, stop) for start, stop in cut),
        order=None if order is None else tuple(order),
        flip=tuple(flip or ()),
    )


def _check_places(box: Any, unfold: Any, cut: Any, size: int) -> None:
    """Raise unless what a view finds has as many elements as its part."""
    extents = [stop - start for start, stop in box or ()]
    whole, what = size, "the part"
    if cut is not None:
        teeth = [stop - start for start, stop in cut]
        axes = unfold if unfold is not None else extents
        is_within = (unfold is None and box is None) or (
            len(cut) == len(axes) and all(stop <= extent for (_, stop), extent in zip(cut, axes, strict=True))
        )
        _require(is_within, "view's cut", f"a pair (start, stop) within each axis of {shape_text(axes)}", cut)
        held = min(teeth, default=0) >= 0 and math.prod(teeth) == size
        _require(held, "view's cut", f"a place of as many elements as the part, {size}", cut)
        whole, what = math.prod(axes), "its unfold"
    for key, given, sizes in (("box", box, extents), ("unfold", unfold, unfold)):
        held = given is None or (min(sizes, default=0) >= 0 and math.prod(sizes) == whole)
        _require(held, f"view's {key}", f"a place of as many elements as {what}, {whole}", given)


def _are_pairs(pairs: Any) -> bool:
    if not isinstance(pairs, list) or len(pairs) > MOST_AXES:
        return False
    return all(_are_sizes(pair) and len(pair) == 2 for pair in pairs)


def _are_sizes(numbers: Any) -> bool:
    if not isinstance(numbers, list) or len(numbers) > MOST_AXES:
        return False
    return all(type(number) is int and 0 <= number < ENDLESS for number in numbers)


def _require(holds: bool, key: str, what: str, given: object) -> None:
    if not holds:
        raise GlorotError(f"{key} must be {what}, got {quoted(given)}")
