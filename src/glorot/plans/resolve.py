"""Resolving: from a recipe, rules and an inventory to a plan."""

import math
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from glorot.distributions import Constant, Distribution
from glorot.errors import GlorotError
from glorot.inventory import SAME, Held, Inventory, Parameter, Part, path_of, runs
from glorot.plans.entry import PlanEntry
from glorot.plans.file import STREAM, VERSION
from glorot.plans.names import shared_names
from glorot.plans.plan import Plan
from glorot.recipes import Choice, Recipe, usual
from glorot.schemes import Scheme, as_scheme
from glorot.text import matches, number, printable, shape_text

ASKED, OVERWRITES = "rule", "overwrites what"
"""Words by which a reason begins where a rule decided, and that it has where a special start is lost."""

MOST_TOLD = 4
"""Paths that a warning names."""

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
        rules: (path pattern, scheme or "skip") pairs; the last one that matches a part decides. A frozen part is
            written only where its full path is given, without a wildcard, here or in `only`.
        only: a path pattern; parts that it does not match are left alone.
        names: {path or name of a part in this model: its name in the plan}.

    Returns:
        The plan.

    Raises:
        GlorotError: if a pattern matches nothing, a part is unknown and no rule names it, there is nothing to plan, or
            everything is frozen.
    """
    _check_form(rules, only)
    if not inventory.parts:
        raise GlorotError(f"nothing to plan: {inventory.empty_because or 'the model has no parameters'}")
    named = shared_names(inventory, names)
    called = {part.name: _called(part, named[part.name]) for part in inventory.parts}
    _check_patterns(inventory, called, [*(pattern for pattern, _ in rules), *([only] if only is not None else [])])
    schemes = [(pattern, None if given == "skip" else as_scheme(given)) for pattern, given in rules]
    asked = _Asked(inventory, recipe, schemes, only)
    frozen = {parameter.path for parameter in inventory.parameters if parameter.frozen}
    sharers = defaultdict(list)
    for parameter in inventory.parameters:
        sharers[parameter.tied_to].append(parameter.path)
    entries, unknown = [], []
    for part in inventory.parts:
        decide = _decide_frozen if part.path in frozen else _decide
        choice = decide(part, called[part.name], asked)
        if choice is None:
            unknown.append(part)
        else:
            entries.append(_entry(part, named[part.name], choice, sharers[part.path], inventory.parameter(part.path)))
    if unknown:
        _refuse_unknown(unknown, inventory.framework)
    if not recipe.keeps and len(frozen) == len(inventory.parameters) and not any(e.distribution for e in entries):
        raise GlorotError(
            f"every parameter of the model is frozen, {inventory.parameters[0].path} and all others; unfreeze what is "
            f"to be started, or name it by its full path, rules=[({inventory.parameters[0].path!r}, 'xavier_uniform')]"
        )
    _warn_of_losses(inventory, entries)
    return Plan(
        VERSION,
        STREAM,
        recipe.text,
        tuple(entries),
        buffers=inventory.buffers,
        framework=inventory.framework,
        notes=inventory.notes,
        graph=inventory.graph,
    )


def _overwrites(law: Distribution | None, held: Held) -> bool:
    same = isinstance(law, Constant) and held.value is not None and math.isclose(law.value, held.value, rel_tol=SAME)
    return law is not None and not same


def _warn_of_losses(inventory: Inventory, entries: Sequence[PlanEntry]) -> None:
    """Warn once of what a model holds that is unusual for its layers, and the plan overwrites."""
    pairs = zip(inventory.parts, entries, strict=True)
    lost = {part.path: part.held.words for part, entry in pairs if part.held and OVERWRITES in entry.why}
    if lost:
        some = [f"{path} holds {words}" for path, words in list(lost.items())[:MOST_TOLD]]
        more = f" and {len(lost) - MOST_TOLD} more" if len(lost) > MOST_TOLD else ""
        told = printable(
            f"the plan overwrites what may be meant: {'; '.join(some)}{more}; keep it with "
            f"rules=[({next(iter(lost))!r}, 'skip')]"
        )
        warnings.warn(told, stacklevel=4)


class _Asked(NamedTuple):
    """What is asked for a whole model.

    Attributes:
        inventory: the parts of the model.
        recipe: what decides where no rule does.
        rules: (path pattern, scheme) pairs; None leaves a part alone.
        only: a path pattern; what it does not match is left alone.
    """

    inventory: Inventory
    recipe: Recipe
    rules: Sequence[tuple[str, Scheme | None]]
    only: str | None


def _decide(part: Part, called: set[str], asked: _Asked) -> Choice | None:
    """Return what a part gets; None if nothing says."""
    if asked.only is not None and not _matches(asked.only, called):
        return Choice(None, f"left alone: outside only={asked.only!r}")
    for pattern, scheme in reversed(asked.rules):
        if _matches(pattern, called):
            return Choice(scheme, f"{ASKED} {pattern!r}" if scheme else f"left alone: rule {pattern!r}, skip")
    if part.role == "unknown" and not asked.recipe.keeps:
        return Choice(None, f"left alone: {part.kept}") if part.kept else None
    gathered = runs(part.role) and not asked.recipe.keeps and not part.declared
    choice = usual(part) if gathered else asked.recipe.choose(part, asked.inventory)
    says_so = part.declared is not None and choice.why == part.declared.why  # the recipe `caffe` does
    if part.stored is not None and part.stored.scheme and choice.scheme is not None:
        return Choice(as_scheme(part.stored.scheme), part.stored.words)
    if part.start is None or choice.scheme is None or says_so:
        return choice
    return Choice(as_scheme(f"constant({part.start!r})"), f"its layer declares a start of {number(part.start)}")


def _decide_frozen(part: Part, called: set[str], asked: _Asked) -> Choice | None:
    """Leave a frozen part alone, unless its full path is given."""
    exact = [(pattern, scheme) for pattern, scheme in asked.rules if not set("*?") & set(pattern)]
    is_ruled = asked.only is None and any(_matches(pattern, called) for pattern, _ in exact)
    if asked.only in called or is_ruled:
        return _decide(part, called, asked._replace(rules=exact))
    patterns = [*([] if asked.only is None else [asked.only]), *(pattern for pattern, _ in asked.rules)]
    wild = next((pattern for pattern in reversed(patterns) if _matches(pattern, called)), None)
    hint = "" if wild is None else f"; {wild!r} has a wildcard, and only its full path writes it"
    return Choice(None, f"left alone: frozen{hint}")


def _entry(part: Part, name: str, choice: Choice, sharers: Sequence[str], parameter: Parameter | None) -> PlanEntry:
    try:
        law = None if choice.scheme is None else choice.scheme(part.fans, part.shape, part.axes)
    except GlorotError as error:
        raise GlorotError(f"{part.name}: {error}") from error
    why = f"{choice.why}; shared with {', '.join(sharers)}" if sharers else choice.why
    if part.held is not None and _overwrites(law, part.held) and not choice.why.startswith(ASKED):
        why = f"{why}; {OVERWRITES} {part.path} holds: {part.held.words}"
    why = f"{why}; {part.note}" if part.note else why
    if law is not None and part.stored is not None and part.stored.words not in why:
        why = f"{why}; {part.stored.words}"
    scheme = "" if choice.scheme is None else choice.scheme.text
    tensor_shape = None if parameter is None or parameter.shape == part.shape else parameter.shape
    computed = "" if part.stored is None else part.stored.words
    return PlanEntry(
        name, part.axes, part.shape, part.role, part.fans, part.fed_by, part.followed_by, part.depth,
        law, scheme, why, part.view, part.source, part.seen, part.branch, part.purpose,
        part.way, tensor_shape, computed,
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


def _refuse_unknown(unknown: list[Part], framework: str) -> None:
    rows = [f"  {part.name}  {shape_text(part.shape)}  in {part.layer}" for part in unknown]
    first, axes = unknown[0], _usual_axes(len(unknown[0].shape), framework)
    law = "normal(std=0.02)" if first.shape else "constant(1)"
    how = [
        f"say what they get with a rule, rules=[({first.name!r}, {law!r})]",
        f"leave them alone with rules=[({first.name!r}, 'skip')]",
    ]
    if axes:
        letters = "tell their axes (b copies, o outputs, i inputs, k kernel) with"
        how.append(f"{letters} axes={{{first.name!r}: {axes!r}}}")
    raise GlorotError(
        "no layer that glorot knows owns these parameters:\n" + "\n".join(rows) + "\n"
        f"{', '.join(how[:-1])}, or {how[-1]}"
    )


def _usual_axes(rank: int, framework: str) -> str:
    """Return the letters of a kernel of some rank in the order in which a framework stores it; none of a scalar."""
    if rank < 2:
        return "o" * rank
    return "oi" + "k" * (rank - 2) if framework == "torch" else "k" * (rank - 2) + "io"


def _check_form(rules: Rules, only: str | None) -> None:
    if isinstance(rules, str | Mapping) or not isinstance(rules, Sequence):
        raise GlorotError(f"rules must be a list of (path pattern, scheme or 'skip') pairs, got {type(rules).__name__}")
    for rule in rules:
        if not isinstance(rule, tuple | list) or len(rule) != 2 or not isinstance(rule[0], str):
            raise GlorotError(f"a rule is a pair (path pattern, scheme or 'skip'), got {rule!r}")
    if only is not None and not isinstance(only, str):
        raise GlorotError(f"only must be a path pattern such as 'head.*', got {only!r}")
