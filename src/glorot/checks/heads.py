"""What makes the outputs of a model as wide as they are: a scale, the kernel of the head, or what feeds it."""

import math
from typing import NamedTuple

import numpy as np

from glorot.checks.chains import Seen, before_of, seen_steps, weights_of
from glorot.checks.evidence import Evidence
from glorot.checks.logits import Factor, met, parameters_on
from glorot.graph.folding import Folded

SHARPEST = 100.0
"""The largest factor of cosines that is taken for meant: where CLIP cuts its temperature off."""

WIDE = 3.0
"""The root mean square of what feeds a head from which on what made that is to blame, and not the head."""

PLAIN = 1.5
"""How many times as wide as its input a head may make its output and still be no reason."""

MEETINGS = ("interaction", "product")
"""Steps in which two signals are multiplied."""


class Head(NamedTuple):
    """The last step of a model that a batch showed, and the parameters that scale and shift its outputs after that.

    Attributes:
        seen: the step.
        factors: the parameters.
        width: what they multiply its values by.
    """

    seen: Seen
    factors: list[Factor]
    width: float


def head_of(evidence: Evidence) -> Head | None:
    """Return the head that makes the first output of a model; None where nothing of it was seen."""
    folded, steps = evidence.folded, seen_steps(evidence)
    if folded is None or not steps:
        return None
    outputs = [one for one in folded.graph.outputs if one in folded.source]
    factors, end = parameters_on(evidence, folded, outputs[0]) if outputs else ([], -1)
    ends = [one for one in steps if one.step.is_output] or [one for one in steps if one.point.value >= end > -1]
    seen = (ends or steps[-1:])[0]
    after = [] if seen.step.is_output else [one for one in factors if not one.is_added]
    return Head(seen, after, math.prod(one.size for one in after))


def scales_of(evidence: Evidence, head: Head) -> list[str] | None:
    """Return the scales that make an output wide; None where it is cosines times a factor that may be meant."""
    folded = evidence.folded
    assert folded is not None
    inner = list[Factor]()
    step = folded.makers.of(head.seen.point.value)
    is_meeting = head.seen.point.kind in MEETINGS and step is not None
    ends = [parameters_on(evidence, folded, value) for value in folded.data_of(step)] if is_meeting and step else []
    for factors, _ in ends:
        inner += [one for one in factors if not one.is_added]
    found = [one for one in (*head.factors, *inner) if one.size > 1]
    product = math.prod(one.size for one in (*head.factors, *inner))
    if is_meeting:
        is_cosine = all(folded.kind.get(end) == "normalised" for _, end in ends)
        if is_cosine and product <= SHARPEST:
            return None
        return [one.path for one in found] if product > SHARPEST else []
    own = head.seen.step.std_across
    return [one.path for one in found] if product > max(1.0, own) else []


def meeting_behind(evidence: Evidence, head: Head) -> int | None:
    """Return the step in which two signals are multiplied, of which a head is the sum, the mean or a function."""
    steps = {one.point.value: one for one in seen_steps(evidence)}
    at: int | None = head.seen.point.value
    while at is not None and evidence.folded is not None and steps[at].point.kind in ("curve", "mean", *MEETINGS):
        if steps[at].point.kind in MEETINGS:
            return at
        at = before_of(evidence.folded, steps[at].point, steps)
    return None


def stream_behind(evidence: Evidence, head: Head) -> tuple[str, ...]:
    """Return the path of what made the stream so wide that feeds a head; () where the head makes it wide itself."""
    folded = evidence.folded
    steps = {one.point.value: one for one in seen_steps(evidence)}
    at = None if folded is None else before_of(folded, head.seen.point, steps)
    if folded is None or at is None:
        return ()
    width = math.sqrt(steps[at].step.second_moment)
    if not width > WIDE or head.seen.step.std > PLAIN * width:
        return ()
    for _ in range(len(steps)):
        if steps[at].point.kind in ("kernel", "embedding"):
            return tuple(weights_of(folded, steps[at].point)[:1])
        further = _widest_term(evidence, folded, steps, at) if steps[at].point.kind == "sum" else None
        further = before_of(folded, steps[at].point, steps) if further is None else further
        if further is None:
            return ()
        at = further
    return ()


def _widest_term(evidence: Evidence, folded: Folded, steps: dict[int, Seen], value: int) -> int | None:
    """Return the step that made the widest term of a sum."""
    terms, waiting = dict[int, float](), [value]
    while waiting:
        at = waiting.pop()
        step = folded.makers.of(at)
        is_sum = folded.kind.get(at) == "sum" and (at == value or at not in steps)
        if is_sum and step is not None:
            waiting += folded.data_of(step)
            continue
        shown, gain = _shown(evidence, folded, steps, at)
        if shown is not None:
            terms[shown] = gain**2 * steps[shown].step.second_moment
    return max(terms, key=lambda one: terms[one], default=None)


def _shown(evidence: Evidence, folded: Folded, steps: dict[int, Seen], value: int) -> tuple[int | None, float]:
    """Return the last step that a batch showed on the way to a value, and how often what it makes was multiplied."""
    at, gain = value, 1.0
    while at not in steps:
        source = folded.source[at]
        if source != at:
            low, high = folded.curve(at, source)(np.array([0.0, 1.0]))
            gain *= abs(float(high - low))
        elif at in folded.passes:
            gain *= math.prod(one.size for one in met(evidence, folded, at) if not one.is_added)
            source = folded.passes[at]
        else:
            return None, gain
        at = source
    return at, gain
