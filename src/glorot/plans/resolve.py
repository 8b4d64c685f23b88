"""Resolving: from a recipe, rules and an inventory to a plan."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from glorot.errors import GlorotError
from glorot.inventory import Inventory, Part, path_of
from glorot.plans.entry import PlanEntry
from glorot.plans.file import STREAM, VERSION
from glorot.plans.names import shared_names
from glorot.plans.plan import Plan
from glorot.recipes import Choice, Recipe
from glorot.schemes import Scheme, as_scheme
from glorot.text import matches, shape_text

Rules = Sequence[tuple[str, "str | Scheme"]]


def resolve(
    inventory: Inventory,
    recipe: Recipe,
    rules: Rules = (),
    only: str | None = None,
    names: Mapping[str, str] | None = None,
) -> Plan:
    """Resolve a recipe on an inventory: decide the distribution of every part.

    Args:
        inventory: the parts of the model.
        recipe: what decides where no rule does.
        rules: (path pattern, scheme or "skip") pairs; the last one that matches a part decides.
        only: a path pattern; parts that it does not match are left alone.
        names: {path or name of a part in this model: its name in the plan}.

    Returns:
        The plan.

    Raises:
        GlorotError: if a pattern matches nothing, or a part is unknown and no rule names it.
    """
    _check_form(rules, only)
    named = shared_names(inventory, names)
    called = {part.name: _called(part, named[part.name]) for part in inventory.parts}
    _check_patterns(inventory, called, [*(pattern for pattern, _ in rules), *([only] if only is not None else [])])
    schemes = [(pattern, None if given == "skip" else as_scheme(given)) for pattern, given in rules]
    sharers = defaultdict(list)
    for parameter in inventory.parameters:
        sharers[parameter.tied_to].append(parameter.path)
    entries, unknown = [], []
    for part in inventory.parts:
        choice = _decide(part, called[part.name], inventory, recipe, schemes, only)
        if choice is None:
            unknown.append(part)
        else:
            entries.append(_entry(part, named[part.name], choice, sharers[part.path]))
    if unknown:
        _refuse_unknown(unknown)
    return Plan(VERSION, STREAM, recipe.text, tuple(entries))


def _decide(
    part: Part,
    called: set[str],
    inventory: Inventory,
    recipe: Recipe,
    rules: list[tuple[str, Scheme | None]],
    only: str | None,
) -> Choice | None:
    if only is not None and not _matches(only, called):
        return Choice(None, f"left alone: outside only={only!r}")
    for pattern, scheme in reversed(rules):
        if _matches(pattern, called):
            return Choice(scheme, f"rule {pattern!r}" if scheme else f"left alone: rule {pattern!r}, skip")
    if part.role == "unknown" and not recipe.keeps:
        return None
    return recipe.choose(part, inventory)


def _entry(part: Part, name: str, choice: Choice, sharers: Sequence[str]) -> PlanEntry:
    try:
        law = None if choice.scheme is None else choice.scheme(part.fans, part.shape, part.axes)
    except GlorotError as error:
        raise GlorotError(f"{part.name}: {error}") from error
    why = f"{choice.why}; shared with {', '.join(sharers)}" if sharers else choice.why
    scheme = "" if choice.scheme is None else choice.scheme.text
    return PlanEntry(
        name, part.axes, part.shape, part.role, part.fans, part.fed_by, part.followed_by, part.depth,
        law, scheme, why, part.view,
    )  # fmt: skip


def _called(part: Part, shared: str) -> set[str]:
    """Return every name that a pattern may mean a part by: its own and that in the plan, whole or fused."""
    return {part.name, part.path, shared, path_of(shared)}


def _matches(pattern: str, called: set[str]) -> bool:
    return any(matches(pattern, name) for name in called)


def _check_patterns(inventory: Inventory, called: Mapping[str, set[str]], patterns: Iterable[str]) -> None:
    tied = {p.path: p.tied_to for p in inventory.parameters if p.tied_to is not None}
    for pattern in patterns:
        if any(_matches(pattern, names) for names in called.values()):
            continue
        owner = next((f"; {path} is tied: write {to!r}" for path, to in tied.items() if matches(pattern, path)), "")
        some = ", ".join(part.name for part in inventory.parts[:4])
        raise GlorotError(f"rule {pattern!r} matches no parameter{owner}; paths here look like: {some}")


def _refuse_unknown(unknown: list[Part]) -> None:
    rows = [f"  {part.name}  {shape_text(part.shape)}  in {part.layer}" for part in unknown]
    raise GlorotError(
        "no layer that glorot knows owns these parameters:\n" + "\n".join(rows) + "\n"
        f"say what they get with a rule, rules=[({unknown[0].name!r}, 'normal(std=0.02)')], "
        f"leave them alone with rules=[({unknown[0].name!r}, 'skip')], or tell their axes (b copies, o outputs, "
        f"i inputs, k kernel) with axes={{{unknown[0].name!r}: {_some_axes(unknown[0])!r}}}"
    )


def _some_axes(part: Part) -> str:
    rank = len(part.shape)
    return "k" * (rank - 2) + "io" if rank > 1 else "o"


def _check_form(rules: Rules, only: str | None) -> None:
    if isinstance(rules, str | Mapping) or not isinstance(rules, Sequence):
        raise GlorotError(f"rules must be a list of (path pattern, scheme or 'skip') pairs, got {type(rules).__name__}")
    for rule in rules:
        if not isinstance(rule, tuple | list) or len(rule) != 2 or not isinstance(rule[0], str):
            raise GlorotError(f"a rule is a pair (path pattern, scheme or 'skip'), got {rule!r}")
    if only is not None and not isinstance(only, str):
        raise GlorotError(f"only must be a path pattern such as 'head.*', got {only!r}")
