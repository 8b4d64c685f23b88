"""Plan: a recipe resolved on one inventory. Pure data: printed, saved, loaded, compared."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from glorot.distributions import Constant, Distribution, from_json
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.files import write_whole
from glorot.inventory import Inventory, Part, fingerprint
from glorot.recipes import Choice, Recipe
from glorot.schemes import Scheme, as_scheme
from glorot.text import matches, number, shape_text, shortened, table

VERSION = 1
STREAM = "glorot-stream/1"
Rules = Sequence[tuple[str, "str | Scheme"]]


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
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise GlorotError(
                f"{path} is not a plan: it is no valid JSON ({error}); save one with `glorot plan -o`"
            ) from error
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

    def check_fits(self, inventory: Inventory) -> None:
        """Raise, naming every part that is missing, extra or of another shape, unless the plan fits."""
        if self.fingerprint == fingerprint(inventory.parts):
            return
        planned = {entry.name: entry for entry in self.entries}
        present = {part.name: part for part in inventory.parts}
        lines = [f"  in the plan only: {name}" for name in planned if name not in present]
        lines += [f"  in the model only: {name}" for name in present if name not in planned]
        lines += [
            f"  {name}: planned {_layout(planned[name])}, the model has {_layout(present[name])}"
            for name in planned
            if name in present and _layout(planned[name]) != _layout(present[name])
        ]
        more = [f"  … and {len(lines) - 20} more"] if len(lines) > 20 else []
        raise GlorotError(
            "this plan was made for another model; make one for this model with glorot.plan(model)\n"
            + "\n".join(lines[:20] + more)
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


def resolve(inventory: Inventory, recipe: Recipe, rules: Rules = (), only: str | None = None) -> Plan:
    """Resolve a recipe on an inventory: decide the distribution of every part.

    Args:
        inventory: the parts of the model.
        recipe: what decides where no rule does.
        rules: (path pattern, scheme or "skip") pairs; the last one that matches a part decides.
        only: a path pattern; parts that it does not match are left alone.

    Returns:
        The plan.

    Raises:
        GlorotError: if a pattern matches nothing, or a part is unknown and no rule names it.
    """
    _check_patterns(inventory, [*(pattern for pattern, _ in rules), *([only] if only is not None else [])])
    schemes = [(pattern, None if given == "skip" else as_scheme(given)) for pattern, given in rules]
    entries, unknown = [], []
    for part in inventory.parts:
        choice = _decide(part, inventory, recipe, schemes, only)
        if choice is None:
            unknown.append(part)
        else:
            entries.append(_entry(part, choice, inventory))
    if unknown:
        _refuse_unknown(unknown)
    return Plan(VERSION, STREAM, recipe.text, tuple(entries))


def _decide(
    part: Part, inventory: Inventory, recipe: Recipe, rules: list[tuple[str, Scheme | None]], only: str | None
) -> Choice | None:
    if only is not None and not _matches(only, part):
        return Choice(None, f"left alone: outside only={only!r}")
    for pattern, scheme in reversed(rules):
        if _matches(pattern, part):
            return Choice(scheme, f"rule {pattern!r}" if scheme else f"left alone: rule {pattern!r}, skip")
    if part.role == "unknown" and not recipe.keeps:
        return None
    return recipe.choose(part, inventory)


def _entry(part: Part, choice: Choice, inventory: Inventory) -> PlanEntry:
    try:
        law = None if choice.scheme is None else choice.scheme(part.fans, part.shape, part.axes)
    except GlorotError as error:
        raise GlorotError(f"{part.name}: {error}") from error
    sharers = [p.path for p in inventory.parameters if p.tied_to == part.path]
    why = f"{choice.why}; shared with {', '.join(sharers)}" if sharers else choice.why
    scheme = "" if choice.scheme is None else choice.scheme.text
    return PlanEntry(
        part.name, part.axes, part.shape, part.role, part.fans, part.fed_by, part.followed_by, part.depth,
        law, scheme, why,
    )  # fmt: skip


def _matches(pattern: str, part: Part) -> bool:
    return matches(pattern, part.name) or matches(pattern, part.path)


def _check_patterns(inventory: Inventory, patterns: Iterable[str]) -> None:
    tied = {p.path: p.tied_to for p in inventory.parameters if p.tied_to is not None}
    for pattern in patterns:
        if any(_matches(pattern, part) for part in inventory.parts):
            continue
        owner = next((f"; {path} is tied: write {to!r}" for path, to in tied.items() if matches(pattern, path)), "")
        some = ", ".join(part.name for part in inventory.parts[:4])
        raise GlorotError(f"rule {pattern!r} matches no parameter{owner}; paths here look like: {some}")


def _refuse_unknown(unknown: list[Part]) -> None:
    rows = [f"  {part.name}  {shape_text(part.shape)}  in {part.layer}" for part in unknown]
    raise GlorotError(
        "no layer that glorot knows owns these parameters:\n" + "\n".join(rows) + "\n"
        f"say what they get with a rule, rules=[({unknown[0].name!r}, 'normal(std=0.02)')], "
        f"or leave them alone with rules=[({unknown[0].name!r}, 'skip')]"
    )


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
    if not isinstance(data, dict) or "entries" not in data:
        raise GlorotError(f"{path} is not a plan: it has no entries; save one with `glorot plan -o`")
    if data.get("version") != VERSION or data.get("stream") != STREAM:
        raise GlorotError(
            f"{path} is a plan of version {data.get('version')!r} for {data.get('stream')!r}; this glorot reads "
            f"version {VERSION} for {STREAM!r}: make the plan again, or use the glorot that wrote it"
        )
    expected = {field.name for field in fields(PlanEntry)}
    entries = []
    for position, row in enumerate(data["entries"] if isinstance(data["entries"], list) else [None]):
        try:
            if set(row) != expected:
                raise GlorotError(f"expected the fields {sorted(expected)}, got {sorted(row)}")
            entries.append(_entry_from_json(row))
        except (GlorotError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise GlorotError(f"{path} is damaged at entry {position}: {error}") from error
    plan = Plan(VERSION, STREAM, str(data.get("recipe")), tuple(entries))
    if plan.fingerprint != data.get("fingerprint"):
        raise GlorotError(
            f"{path} is damaged: names, axes or shapes do not match its fingerprint {data.get('fingerprint')!r}; "
            "change distributions by hand if you like, never what they belong to"
        )
    return plan


def _entry_from_json(row: dict[str, Any]) -> PlanEntry:
    texts = {key: row[key] for key in ("name", "axes", "role", "fed_by", "followed_by", "scheme", "why")}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise GlorotError(f"{key} must be text, got {value!r}")
    fans = None if row["fans"] is None else Fans(*map(float, row["fans"]))
    law = None if row["distribution"] is None else from_json(row["distribution"])
    return PlanEntry(**texts, shape=tuple(map(int, row["shape"])), fans=fans, depth=int(row["depth"]), distribution=law)
