"""Running checks over what is known of a model, with one error rate over all that is asked."""

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from glorot.checks.base import SEVERITIES, Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.registry import all_checks, check_named, checks_of
from glorot.checks.report import Report, Unasked
from glorot.errors import GlorotError
from glorot.inventory import path_of

ALPHA = 0.001
"""The probability of one or more false findings among all statistical tests of a run."""


def run(
    evidence: Evidence,
    *,
    select: Sequence[str] | None = None,
    ignore: Sequence[str] | None = None,
    waive: Mapping[str, str] | None = None,
    thresholds: Mapping[str, float] | None = None,
    known: Iterable[Finding] = (),
) -> Report:
    """Run all checks that the evidence allows, and return what they find.

    Args:
        evidence: what is known of the model.
        select: codes, their beginnings or names of the checks to run; None runs all.
        ignore: codes, their beginnings or names of the checks not to run.
        waive: {code, or code and a pattern of paths as in "GL301 head.*": the reason}; such findings are waived.
        thresholds: thresholds in place of the checks' own, by the name of the check.
        known: the findings of an earlier report; they are not reported again.

    Returns:
        The report.

    Raises:
        GlorotError: if a pattern matches no check, a waiver matches nothing or has no reason, or no tensor of the known
            findings is in the model.
    """
    evidence = replace(evidence, settings=thresholds) if thresholds else evidence
    alone = next((name for name in ALONE if getattr(evidence, name) is not None), "")
    chosen = _chosen(select, ignore, evidence, alone)
    reasons = {check.code: _reason_against(check, evidence, alone) for check in chosen}
    known = tuple(known)
    _check_same_model(known, evidence)
    found: list[Finding] = []
    tests: list[Tested] = []
    for check in chosen:
        if not reasons[check.code]:
            for one in check.run(evidence):
                (tests if isinstance(one, Tested) else found).append(one)  # type: ignore[arg-type]
    found += significant(tests)
    kept, waived = _waived(without_effects(merge(found)), waive or {})
    seen = {(one.code, one.paths) for one in known}
    fresh = [one for one in kept if (one.code, one.paths) not in seen]
    return Report(
        findings=tuple(sorted(fresh, key=_order)),
        waived=tuple(waived),
        known=len(kept) - len(fresh),
        looked_at=evidence.size,
        asked=tuple(check.code for check in chosen if not reasons[check.code]),
        unasked=tuple(Unasked(one.code, one.name, reasons[one.code]) for one in chosen if reasons[one.code]),
        tests=len(tests),
        signal=evidence.signal,
        predicted=evidence.predicted,
        origins=evidence.origins,
        notes=evidence.notes,
        steps=evidence.steps,
    )


def _check_same_model(known: Sequence[Finding], evidence: Evidence) -> None:
    """Refuse findings of which no tensor is in the model."""
    blamed = {path_of(path) for one in known for path in one.paths if " " not in path and "." in path}
    places = tuple(_places(evidence))
    if blamed and not any(f"{place}.".startswith(f"{path}.") for path in blamed for place in places):
        some = min(blamed)
        raise GlorotError(
            f"the baseline blames {some}, and nothing here has that name, nor any other that it blames: it is the "
            "report of another model; make one of this model, as by glorot check TARGET -o baseline.json"
        )


def _places(evidence: Evidence) -> Iterator[str]:
    """Yield the paths of all tensors that are known."""
    yield from (one.path for one in evidence.inventory.parameters)
    yield from (*evidence.weights, *evidence.buffers, *(one.name for one in evidence.origins or ()))


def significant(tests: Sequence[Tested], alpha: float = ALPHA) -> list[Finding]:
    """Return the findings of the tests that hold together at an error rate.

    Example:
        >>> one = Finding("GL301", "wrong-fan", "warning", ("w",), 2.0, "1", "has twice the std", "draw it again")
        >>> [len(significant([Tested(p, one), *[Tested(0.5)] * 9])) for p in (2e-4, 5e-5)]
        [0, 1]
    """
    passed = passing([test.p for test in tests], alpha)
    return [test.finding for n, test in enumerate(tests) if n in passed and test.finding is not None]


def passing(chances: Sequence[float], alpha: float = ALPHA) -> set[int]:
    """Return which of several tests are significant together at an error rate, by Holm's method.

    Sorted p₁ ≤ p₂ ≤ … of m tests: the first k are significant while p_k ≤ α / (m − k + 1)

    Example:
        >>> passing([2e-4, 0.5, 0.5]), passing([0.5, 4e-4, 3e-4])
        ({0}, {1, 2})

    References:
        Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
    """
    passed: set[int] = set()
    for rank, n in enumerate(sorted(range(len(chances)), key=lambda n: chances[n])):
        if chances[n] > alpha / (len(chances) - rank):
            break
        passed.add(n)
    return passed


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """Join the findings of one check that say the same of several paths; the figure is that of the first path."""
    joined: dict[tuple[str, ...], Finding] = {}
    for one in findings:
        key = one.code, one.severity, one.why, one.remedy
        before = joined.get(key)
        paths = one.paths if before is None else tuple(dict.fromkeys((*before.paths, *one.paths)))
        joined[key] = replace(one if before is None else before, paths=paths)
    return list(joined.values())


def without_effects(findings: Sequence[Finding]) -> list[Finding]:
    """Leave out findings whose cause another finding names, on the same paths."""
    blamed = {(one.code, path) for one in findings for path in one.paths}

    def is_effect(finding: Finding) -> bool:
        causes = check_named(finding.code).explained_by
        return any(all((code, path) in blamed for path in finding.paths) for code in causes)

    return [one for one in findings if not is_effect(one)]


def _order(finding: Finding) -> tuple[int, str]:
    return SEVERITIES.index(finding.severity), finding.code


ALONE = {"origins": "needs a model, and this is a file of weights", "audit": "needs a model, and this is an audit"}
"""Evidence that stands alone, and what is said of checks that ask for other evidence beside it."""


BESIDE = frozenset({"plan", "seed", "reference"})
"""Evidence that a file of weights can be compared with, with no model at hand."""


def _is_beside(check: Check, alone: str) -> bool:
    """Tell whether a check asks for nothing but what a file of weights can be compared with."""
    return alone == "origins" and bool(check.needs) and set(check.needs) <= BESIDE


def _chosen(select: Sequence[str] | None, ignore: Sequence[str] | None, evidence: Evidence, alone: str) -> list[Check]:
    """Return the checks to run; without a selection those alone that evidence of this kind is for."""
    unwanted = {one.code for text in ignore or () for one in checks_of(text)}
    if select is None:
        wanted = {one.code for one in all_checks() if next((name for name in one.needs if name in ALONE), "") == alone}
        beside = [one for one in all_checks() if _is_beside(one, alone)]
        wanted |= {one.code for one in beside if all(getattr(evidence, name) is not None for name in one.needs)}
    else:
        wanted = {one.code for text in select for one in checks_of(text)}
    return [one for one in all_checks() if one.code in wanted - unwanted]


def _reason_against(check: Check, evidence: Evidence, alone: str = "") -> str:
    adapter = evidence.inventory.adapter
    if adapter in check.not_on:
        return check.not_on[adapter]
    if alone and alone not in check.needs and not _is_beside(check, alone):
        return ALONE[alone]
    missing = dict.fromkeys(NEEDED[name] for name in check.needs if getattr(evidence, name) is None)
    return f"needs {', '.join(missing)}" if missing else ""


NEEDED = {
    "plan": "a plan",
    "seed": "a seed",
    "observed": "a batch",
    "signal": "a batch",
    "predicted": "a batch of which theory expects something",
    "answer": "targets",
    "groups": "an optimizer",
    "updates": "a batch, and an optimizer that steps",
    "steps": "steps of training, as steps=5",
    "reference": "a reference",
    "ranks": "the weights of several ranks",
    "origins": "a file of weights",
    "audit": "an audit, glorot.audit(build, init)",
}
"""What a check waits for, by the field of the evidence."""


def _waived(findings: Sequence[Finding], waive: Mapping[str, str]) -> tuple[list[Finding], list[tuple[Finding, str]]]:
    kept, waived, used = [], [], set()
    codes = {text: check_named(text.partition(" ")[0]).code for text in waive}
    for finding in findings:
        for text, reason in waive.items():
            pattern = text.partition(" ")[2]
            matches = codes[text] == finding.code
            left = [path for path in finding.paths if not fnmatch.fnmatchcase(path, pattern or "*")]
            if matches and len(left) < len(finding.paths):
                used.add(text)
                gone = tuple(path for path in finding.paths if path not in left)
                waived.append((replace(finding, paths=gone), reason))
                finding = replace(finding, paths=tuple(left))  # noqa: PLW2901 - what is left of it
        if finding.paths:
            kept.append(finding)
    for text, reason in waive.items():
        if not reason:
            raise GlorotError(f"the waiver {text!r} has no reason; say why such findings are meant")
        if text not in used:
            raise GlorotError(f"the waiver {text!r} matches no finding; take it out, or mend its code or pattern")
    return kept, waived
