"""Planning: from a recipe, rules and an inventory to a plan, and from a plan to the names of the stream."""

from collections.abc import Iterable, Mapping, Sequence

from glorot.errors import GlorotError
from glorot.inventory import Inventory, Part, path_of
from glorot.plans import STREAM, VERSION, Plan, PlanEntry
from glorot.recipes import Choice, Recipe
from glorot.schemes import Scheme, as_scheme
from glorot.text import matches, shape_text

Rules = Sequence[tuple[str, "str | Scheme"]]


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
    _check_form(rules, only)
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


def _check_form(rules: Rules, only: str | None) -> None:
    if isinstance(rules, str | Mapping) or not isinstance(rules, Sequence):
        raise GlorotError(f"rules must be a list of (path pattern, scheme or 'skip') pairs, got {type(rules).__name__}")
    for rule in rules:
        if not isinstance(rule, tuple | list) or len(rule) != 2 or not isinstance(rule[0], str):
            raise GlorotError(f"a rule is a pair (path pattern, scheme or 'skip'), got {rule!r}")
    if only is not None and not isinstance(only, str):
        raise GlorotError(f"only must be a path pattern such as 'head.*', got {only!r}")


def stream_names(plan: Plan, prefix: str, names: Mapping[str, str]) -> dict[str, str]:
    """Return the name in the stream of every entry of a plan.

    Args:
        plan: the plan.
        prefix: put before every name.
        names: {path or name of a part: its name in the stream}; what is not there keeps its own.

    Returns:
        {name of an entry: its name in the stream}.

    Raises:
        GlorotError: if `names` speaks of what the plan does not have, or gives two parts one name.
    """
    if not isinstance(prefix, str) or not isinstance(names, Mapping):
        raise GlorotError(f"prefix must be text and names a dict of names, got {prefix!r} and {type(names).__name__}")
    known = {key for entry in plan.entries for key in (entry.name, path_of(entry.name))}
    unknown = sorted(set(names) - known)
    if unknown:
        raise GlorotError(f"names gives a name to {unknown[0]!r}, which the plan does not have")
    found: dict[str, str] = {}
    for entry in plan.entries:
        path = path_of(entry.name)
        found[entry.name] = prefix + names.get(entry.name, names.get(path, path) + entry.name.removeprefix(path))
    taken: dict[str, str] = {}
    for entry_name, name in found.items():
        if name in taken:
            raise GlorotError(f"names gives one name, {name!r}, to both {taken[name]!r} and {entry_name!r}")
        taken[name] = entry_name
    return found
