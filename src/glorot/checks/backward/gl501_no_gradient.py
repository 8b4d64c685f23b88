"""GL501: weights that get no gradient."""

import math
from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.batches import cause_in_batch
from glorot.checks.blame import bias_that_silences, silenced, zeros_behind, zeros_in_kernels
from glorot.checks.chains import seen_steps, weights_of
from glorot.checks.evidence import Array, Evidence
from glorot.inventory import Part

DRAWN = ("kernel", "recurrent", "embedding")
"""The roles whose gradient matters: that of a bias may be zero for good reasons, as before a norm."""


ADDED = ("bias", "forget_bias", "shift")
"""The roles of vectors that are added: zeros there stop nothing."""


class NoGradient(Check):
    """Weights get a gradient of exactly zero.

    What it does:
        Looks at the gradient of the loss with respect to each trained kernel and embedding that the batch reaches. If
        none of them moves, it looks for the cause: the scale of a norm that multiplies by zero; kernels that hold zeros
        on both sides; a buffer of zeros that masks or multiplies the signal; biases that keep all units before an
        activation below zero; or the last layer that passes nothing back. Where the batch is the cause, as inputs or a
        mask of zeros, or targets that are all ignored, it is blamed, and no weight. A single tensor of zeros that gets
        a gradient itself, as a head of zeros, the end of a residual branch or the B of an adapter, opens the way in the
        first step, and is let pass. So is a batch of one whose answer is divided by itself, as by a softmax over one
        example: it is 1 whatever the weights are.

    Why it matters:
        What gets no gradient is not trained. Behind a layer of dead units, or two zeros that wait for each other, this
        never changes, and the loss stays at what the biases alone can learn, without any error.

    Example that fails:
        >>> import glorot, torch
        >>> embed, norm, head = torch.nn.Embedding(32, 16), torch.nn.RMSNorm(16), torch.nn.Linear(16, 32, bias=False)
        >>> model = torch.nn.Sequential(embed, norm, head)
        >>> _ = torch.nn.init.zeros_(norm.weight)
        >>> tokens = torch.arange(16).view(2, 8)
        >>> print(glorot.check(model, tokens, tokens, select="GL501").findings[0])
        GL501 error: 1.weight: multiplies by zero, so that no kernel or embedding gets a gradient (2, expected 0)

    What to do:
        Start the scale of a norm at what changes nothing: 1, or 0 where the layer multiplies by 1 + w. Draw kernels at
        random, at most one of two in a row at zero: `glorot.initialize(model, "auto", seed=0)`. After dead units, look
        at the bias, and at the scale of the layer that feeds them. A batch of zeros, or one whose targets are all
        ignored, says nothing of the weights: check another one.
    """

    code = "GL501"
    name = "no-gradient"
    severity = "error"
    mended_by_drawing = True
    needs = ("observed",)
    explained_by = ("GL205", "GL401")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.observed is not None
        known = evidence.observed.weights
        parameters = {one.path: one for one in evidence.inventory.parameters if not one.frozen and one.path in known}
        parts = [(part, values) for part, values in evidence.parts() if part.path in parameters]
        squares = {path: known[path].second_moment for path in parameters}
        drawn = list(dict.fromkeys(part.path for part, _ in parts if part.role in DRAWN and part.layer))
        still = [path for path in drawn if squares[path] == 0]
        if not still:
            return
        silent = [part.path for part, values in parts if part.role == "scale" and _is_zero_scale(part, values)]
        zeros = [part.path for part, values in parts if part.role in DRAWN and not values.any()]
        gives = {"figure": len(still), "expected": "0"}
        last = _last_still(evidence, still, drawn)
        cause = cause_in_batch(evidence) if last else None
        if cause is not None:
            yield self.finding(cause.paths, cause.why, remedy=cause.remedy, **gives)  # type: ignore[arg-type]
        elif len(still) == len(drawn) and silent:
            why = "multiplies by zero, so that no kernel or embedding gets a gradient"
            yield self.finding(silent, why, remedy="start it at what changes nothing", **gives)  # type: ignore[arg-type]
        elif any(squares[part.path] > 0 and not values.any() and not _is_added(part) for part, values in parts):
            return  # the first step moves these, as the gates of branches, and the second the others
        elif zeros:
            why = "holds zeros and gets no gradient, and neither does what waits for it"
            yield self.finding(zeros, why, remedy="draw at least one of them at random", **gives)  # type: ignore[arg-type]
        elif last and (lost := _zeros_that_stop(evidence) or zeros_in_kernels(evidence, still)):
            why = "holds only zeros, which stop the signal, so that no kernel or embedding before it gets a gradient"
            remedy = "fill it with what its layer computes: a buffer that is not in the state dict is lost on meta"
            yield self.finding(lost, why, remedy=remedy, **gives)  # type: ignore[arg-type]
        elif last and (silencing := _biases_that_silence(evidence)):
            why = "keeps all units below zero, so that no kernel or embedding up to its activation gets a gradient"
            yield self.finding(silencing, why, remedy="start it at zero", **gives)  # type: ignore[arg-type]
        elif last:
            why = "gets no gradient, and nothing before it does"
            remedy = "look at what follows it: units that are dead or saturated, or a graph that was detached"
            yield self.finding(last, why, remedy=remedy, **gives)  # type: ignore[arg-type]


def _is_added(part: Part) -> bool:
    """Tell whether a part is a vector that is added; the B of an adapter is a matrix."""
    return part.role in ADDED and len(part.shape) < 2


def _is_zero_scale(part: Part, values: Array) -> bool:
    """Tell whether the scale of a norm that is not the end of a branch multiplies by zero."""
    return part.branch is None and bool(np.all(values == part.neutral - 1))


def _zeros_that_stop(evidence: Evidence) -> tuple[str, ...]:
    """Return the tensors of zeros that make the first step zero that is."""
    first = next((one.point for one in seen_steps(evidence) if one.step.second_moment == 0), None)
    return () if first is None else zeros_behind(evidence, first.value)


def _biases_that_silence(evidence: Evidence) -> list[str]:
    paths = [bias_that_silences(evidence, fed) for fed in silenced(evidence)]
    return [path for path in dict.fromkeys(paths) if path]


def _last_still(evidence: Evidence, still: list[str], drawn: list[str]) -> str:
    """Return the last kernel without gradient, if no kernel up to it has one; "" otherwise.

    What is only beside the way of the loss, as a head for another task, is no cause.
    """
    assert evidence.observed is not None
    folded = evidence.observed.folded
    order = [path for one in seen_steps(evidence) for path in weights_of(folded, one.point) if path in drawn]
    order = list(dict.fromkeys(order))
    lost = [path for path in order if path in still]
    if not lost or order[: len(lost)] != lost or _is_divided_by_itself(evidence):
        return ""
    return lost[-1]


def _is_divided_by_itself(evidence: Evidence) -> bool:
    """Tell whether the gradient ends where shares are taken of a single value, so that the result is always 1."""
    assert evidence.observed is not None
    values, gradients = evidence.observed.values, evidence.observed.gradients
    moving = [one.point for one in seen_steps(evidence) if one.point.value in gradients]
    first = next((one for one in moving if gradients[one.value].second_moment > 0), None)
    if first is None or first.kind not in ("softmax", "product"):
        return False
    return math.isclose(values[first.value].mean, 1) and math.isclose(values[first.value].second_moment, 1)
