"""What is asked of `glorot.check` besides its model, looked at before anything runs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from glorot.checks import Finding, Report
from glorot.checks.thresholds import by_name
from glorot.errors import GlorotError
from glorot.given import kind_of
from glorot.plans import Plan
from glorot.stream.philox import checked_seed


def asked_options(
    select: Any = None, ignore: Any = None, waive: Any = None, thresholds: Any = None, baseline: Any = None
) -> dict[str, Any]:
    """Return which checks to run and what to leave out of their report, as `glorot.checks.running.run` takes it.

    Raises:
        GlorotError: if one of them is of another kind than it should be.

    Example:
        >>> asked_options(select="GL1, head-scale")["select"]
        ['GL1', 'head-scale']
    """
    return {
        "select": _codes(select, "select"),
        "ignore": _codes(ignore, "ignore"),
        "waive": _waivers(waive),
        "known": _findings(baseline),
        "thresholds": by_name(thresholds or {}),
    }


def asked_seed(seed: Any, *, planned: bool, what: str = "") -> int | None:
    """Return the seed with which weights should be drawn.

    Args:
        seed: what was given.
        planned: whether there is something that is drawn with it.
        what: what is checked, if it is no model.

    Raises:
        GlorotError: if it is no seed, or there is nothing that it could draw.

    Example:
        >>> asked_seed(3, planned=True), asked_seed(None, planned=False)
        (3, None)
    """
    if seed is None:
        return None
    found = checked_seed(seed)
    if not planned:
        raise GlorotError(f"{what}seed={found} needs the plan that was drawn with it: give plan=")
    return found


def asked_plan(plan: Any) -> Plan | None:
    """Return the plan that weights should follow.

    Raises:
        GlorotError: if it is something else.
    """
    if plan is not None and not isinstance(plan, Plan):
        raise GlorotError(f"plan must be a plan, as glorot.plan or Plan.load returns it, got {kind_of(plan)}")
    return plan


def asked_ranks(ranks: Any) -> Sequence[Any] | None:
    """Return the weights of each rank, unless they are one file or one mapping, which would be taken apart.

    Raises:
        GlorotError: if they are no list, or an empty one.
    """
    if ranks is None:
        return None
    if isinstance(ranks, str | Path | Mapping):
        raise GlorotError(f"ranks must be a list of the weights of each rank, got one {type(ranks).__name__}")
    if not isinstance(ranks, Iterable):
        raise GlorotError(f"ranks must be a list of the weights of each rank, got {kind_of(ranks)}")
    several = tuple(ranks)
    if not several:
        raise GlorotError("ranks is empty; pass the weights of each rank, as a mapping or a file of each")
    return several


def refuse_without_batch(**given: Any) -> None:
    """Check that nothing is given that only a batch is compared with, or runs on.

    Raises:
        GlorotError: if something is.
    """
    for name, value in given.items():
        if value is not None:
            what = "runs the model on" if name == "forward" else "needs"
            raise GlorotError(f"{name}= {what} a batch, and there is none; pass one as inputs=")


def _codes(given: Any, name: str) -> Sequence[str] | None:
    if given is None:
        return None
    if isinstance(given, str):
        return [one.strip() for one in given.split(",")]
    found = tuple(given) if isinstance(given, Iterable) and not isinstance(given, Mapping) else None
    if found is None or not all(isinstance(one, str) for one in found):
        raise GlorotError(f'{name} must be codes or names of checks, as "GL3" or ["GL3", "head-scale"], got {given!r}')
    return found


def _waivers(given: Any) -> Mapping[str, str] | None:
    if given is None:
        return None
    told = kind_of(given)
    if isinstance(given, Mapping):
        if all(isinstance(one, str) for pair in given.items() for one in pair):
            return given
        told = repr(dict(given))
    raise GlorotError(f'waive must be a dict of reasons, as {{"GL301 head.*": "the head is loaded later"}}, got {told}')


def _findings(baseline: Any) -> tuple[Finding, ...]:
    if baseline is None:
        return ()
    if not isinstance(baseline, Report):
        raise GlorotError(
            f"baseline must be a report, as glorot.check returns it, got {kind_of(baseline)}; a saved one is read by "
            "glorot check TARGET --baseline report.json"
        )
    return baseline.findings
