"""Plan: a recipe resolved on one inventory. Pure data: printed, saved, loaded, compared."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from glorot.distributions import Bilinear, Constant, Distribution, Identity, Orthogonal, PositiveUnitball, from_json
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.files import write_whole
from glorot.inventory import ROLES, Part, fingerprint
from glorot.stream.matrix import check_axes
from glorot.text import number, shape_text, shortened, table

VERSION = 1
STREAM = "glorot-stream/1"


@dataclass(frozen=True)
class PlanEntry:
    """What one part gets: its distribution (None: left alone), the scheme it came from, and why."""

    name: str
    axes: str
    shape: tuple[int, ...]
    role: str
    fans: Fans | None
    fed_by: str
    followed_by: str
    depth: int
    distribution: Distribution | None
    scheme: str
    why: str


@dataclass(frozen=True)
class Plan:
    """The distribution of every part of a model. Made by `glorot.plan`, carried out by `glorot.apply`.

    Attributes:
        version: the version of the plan format.
        stream: the stream its numbers are drawn from.
        recipe: the recipe it was resolved from.
        entries: one for each part.
    """

    version: int
    stream: str
    recipe: str
    entries: tuple[PlanEntry, ...]

    @property
    def fingerprint(self) -> str:
        """A hash of all names, axes and shapes: a plan fits a model that has the same."""
        return fingerprint(self.entries)

    def __getitem__(self, name: str) -> PlanEntry:
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(name)

    def __iter__(self) -> Iterator[PlanEntry]:
        return iter(self.entries)

    def __contains__(self, name: object) -> bool:
        return any(entry.name == name for entry in self.entries)

    def __str__(self) -> str:
        rows = [
            [
                entry.name,
                shape_text(entry.shape),
                f"{number(entry.fans.fan_in)} → {number(entry.fans.fan_out)}" if entry.fans else "–",
                entry.fed_by,
                shortened(entry.scheme) or "–",
                _width(entry.distribution),
                entry.why,
            ]
            for entry in self.entries
        ]
        head = f"plan: {self.recipe} · {len(self.entries)} parts · fingerprint {self.fingerprint}"
        return f"{head}\n\n" + table(["path", "shape", "fans", "fed by", "scheme", "std", "why"], rows)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data, ready for JSON."""
        entries = []
        for entry in self.entries:
            law = None if entry.distribution is None else entry.distribution.to_json()
            fans = None if entry.fans is None else [entry.fans.fan_in, entry.fans.fan_out]
            entries.append({**asdict(entry), "distribution": law, "fans": fans})
        return {
            "version": self.version,
            "stream": self.stream,
            "recipe": self.recipe,
            "fingerprint": self.fingerprint,
            "entries": entries,
        }

    def save(self, path: str | Path) -> Path:
        """Write the plan as a JSON file, whole or not at all.

        Args:
            path: the file to write.

        Returns:
            The path written.

        Raises:
            GlorotError: if the place cannot be written.
        """
        return write_whole(path, json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "Plan":
        """Read a plan that `save` wrote.

        Args:
            path: the file to read.

        Returns:
            The plan.

        Raises:
            GlorotError: if the file cannot be read, is no plan, is of another version, or was damaged.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise GlorotError(f"cannot read plan {path}: {error.strerror or error}") from error
        except ValueError as error:  # no JSON, no UTF-8, or a whole number of thousands of digits
            raise GlorotError(
                f"{path} is not a plan: it is no valid JSON ({error}); save one with `glorot plan -o`"
            ) from error
        except RecursionError:
            raise GlorotError(
                f"{path} is not a plan: its JSON is nested too deeply; save one with `glorot plan -o`"
            ) from None
        return _from_json(data, str(path))

    def diff(self, other: "Plan") -> "PlanDiff":
        """Compare with another plan, part by part."""
        mine = {entry.name: entry for entry in self.entries}
        theirs = {entry.name: entry for entry in other.entries}
        changed = tuple(
            (mine[name], theirs[name])
            for name in mine
            if name in theirs and _essence(mine[name]) != _essence(theirs[name])
        )
        return PlanDiff(
            removed=tuple(entry for name, entry in mine.items() if name not in theirs),
            added=tuple(entry for name, entry in theirs.items() if name not in mine),
            changed=changed,
        )

    def check_fits(self, parts: Sequence[Part]) -> None:
        """Raise, naming every part that is missing, extra or of another shape, unless the plan fits these parts."""
        if self.fingerprint == fingerprint(parts):
            return
        planned = {entry.name: entry for entry in self.entries}
        present = {part.name: part for part in parts}
        lines = [f"  in the plan only: {name}" for name in planned if name not in present]
        lines += [f"  in the model only: {name}" for name in present if name not in planned]
        lines += [
            f"  {name}: planned {_layout(planned[name])}, the model has {_layout(present[name])}"
            for name in planned
            if name in present and _layout(planned[name]) != _layout(present[name])
        ]
        more = [f"  … and {len(lines) - 20} more"] if len(lines) > 20 else []
        if any(planned[name].axes and not present[name].axes for name in planned if name in present):
            more.append("  what has no axes in the model needs them here as well: axes={path pattern: letters}")
        raise GlorotError(
            "this plan was made for another model; make one for this model with glorot.plan(model), or say what its "
            "parameters are called in the plan with names={path: name}\n" + "\n".join(lines[:20] + more)
        )


@dataclass(frozen=True)
class PlanDiff:
    """What differs between two plans; false if nothing does."""

    removed: tuple[PlanEntry, ...]
    added: tuple[PlanEntry, ...]
    changed: tuple[tuple[PlanEntry, PlanEntry], ...]

    def __bool__(self) -> bool:
        return bool(self.removed or self.added or self.changed)

    def __str__(self) -> str:
        rows = [["-", entry.name, _summary(entry), ""] for entry in self.removed]
        rows += [["+", entry.name, "", _summary(entry)] for entry in self.added]
        rows += [["~", before.name, _summary(before), _summary(after)] for before, after in self.changed]
        return table(["", "path", "before", "after"], rows) if rows else "no differences"


def _width(law: Distribution | None) -> str:
    if law is None:
        return "–"
    return f"= {number(law.value)}" if isinstance(law, Constant) else number(law.std)


def _summary(entry: PlanEntry) -> str:
    return f"{shortened(entry.scheme) or 'left alone'} {_width(entry.distribution)} {_layout(entry)}"


def _layout(part: Part | PlanEntry) -> str:
    return f"{shape_text(part.shape)} ({part.axes or 'no axes'})"


def _essence(entry: PlanEntry) -> tuple[object, ...]:
    return entry.axes, entry.shape, entry.distribution, entry.scheme


def _from_json(data: Any, path: str) -> Plan:
    if not isinstance(data, dict) or not isinstance(data.get("entries"), list):
        raise GlorotError(f"{path} is not a plan: it has no list of entries; save one with `glorot plan -o`")
    version, stream = data.get("version"), data.get("stream")
    if type(version) is not int or version != VERSION or stream != STREAM:
        raise GlorotError(
            f"{path} is a plan of version {version!r} for {stream!r}; this glorot reads version {VERSION} for "
            f"{STREAM!r}: make the plan again, or use the glorot that wrote it"
        )
    if not isinstance(data.get("recipe"), str):
        raise GlorotError(f"{path} is damaged: recipe must be text, got {data.get('recipe')!r}")
    plan = Plan(VERSION, STREAM, data["recipe"], tuple(_entries(data["entries"], path)))
    if plan.fingerprint != data.get("fingerprint"):
        raise GlorotError(
            f"{path} is damaged: names, axes or shapes do not match its fingerprint {data.get('fingerprint')!r}; "
            "change distributions by hand if you like, never what they belong to"
        )
    return plan


def _entries(rows: list[Any], path: str) -> Iterator[PlanEntry]:
    expected = {field.name for field in fields(PlanEntry)}
    for position, row in enumerate(rows):
        place = f"{path} is damaged at entry {position}"
        if not isinstance(row, dict) or set(row) != expected:
            got = sorted(row) if isinstance(row, dict) else row
            raise GlorotError(f"{place}: expected the fields {sorted(expected)}, got {got}")
        try:
            yield _entry_from_json(row)
        except OverflowError as error:
            raise GlorotError(f"{place} ({row['name']}): a number is too large for a float ({error})") from error
        except (GlorotError, TypeError, ValueError) as error:
            raise GlorotError(f"{place} ({row['name']}): {error}") from error


def _entry_from_json(row: dict[str, Any]) -> PlanEntry:
    texts = {key: row[key] for key in ("name", "axes", "role", "fed_by", "followed_by", "scheme", "why")}
    shape, depth, fans = row["shape"], row["depth"], row["fans"]
    for key, value in texts.items():
        _require(isinstance(value, str), key, "text", value)
    _require(row["role"] in ROLES, "role", f"one of {', '.join(ROLES)}", row["role"])
    sizes = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    _require(sizes, "shape", "a list of sizes", shape)
    _require(type(depth) is int and depth >= 0, "depth", "a number from 0 on", depth)
    pair = isinstance(fans, list) and len(fans) == 2
    counts = pair and all(type(count) in (int, float) and 0 < count < math.inf for count in fans)
    _require(fans is None or counts, "fans", "two positive numbers or null", fans)
    law = row["distribution"]
    _require(law is None or isinstance(law, dict), "distribution", "a law with its numbers, or null", law)
    distribution = None if law is None else from_json(law)
    if isinstance(distribution, Orthogonal | Identity) and ("o" not in row["axes"] or len(row["axes"]) < 2):
        raise GlorotError(
            f"law {distribution.law!r} fills a whole matrix: it needs two axes or more, one of them 'o', "
            f"got axes {row['axes']!r}"
        )
    if isinstance(distribution, PositiveUnitball | Bilinear):
        check_axes(distribution, tuple(shape), row["axes"])
    return PlanEntry(
        **texts,
        shape=tuple(shape),
        fans=None if fans is None else Fans(float(fans[0]), float(fans[1])),
        depth=depth,
        distribution=distribution,
    )


def _require(holds: bool, key: str, what: str, given: object) -> None:
    if not holds:
        raise GlorotError(f"{key} must be {what}, got {given!r}")
