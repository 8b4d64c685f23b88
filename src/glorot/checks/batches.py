"""What of a batch, and not of a model, stops the gradient."""

from typing import NamedTuple

from glorot.checks.chains import seen_steps
from glorot.checks.evidence import Evidence

MADE_BY_WEIGHTS = ("kernel", "curve", "embedding")
"""Points that are zero because of weights: a kernel of zeros, units that are dead."""


class Cause(NamedTuple):
    """What of a batch is to blame, in the words of a finding.

    Attributes:
        paths: the arrays, as one names them, or the loss.
        why: what is wrong with them.
        remedy: what to do.
    """

    paths: tuple[str, ...]
    why: str
    remedy: str


def cause_in_batch(evidence: Evidence) -> Cause | None:
    """Return what of the batch keeps gradients from weights: inputs or a mask of zeros, or targets that ask nothing."""
    if evidence.observed is None:
        return None
    gradients, steps = evidence.observed.gradients, seen_steps(evidence)
    ends = [gradients[one.point.value] for one in steps if one.step.is_output and one.point.value in gradients]
    if evidence.answer is not None and ends and all(one.second_moment == 0 for one in ends):
        return Cause(
            ("loss",),
            "asks nothing of the outputs for this batch, so that no kernel or embedding gets a gradient",
            "look at the targets and masks: all may be ignored, left out, or met exactly already",
        )
    first = next((one.point for one in steps if one.step.second_moment == 0), None)
    is_masked = first is not None and first.kind not in MADE_BY_WEIGHTS
    squares = evidence.observed.input_second_moments
    if evidence.empty and (is_masked or (squares and not any(squares))):
        return Cause(
            evidence.empty,
            "holds only zeros, so that kernels or embeddings get no gradient, whatever they hold",
            "check the model on a batch of real examples, of which a mask leaves some",
        )
    return None
