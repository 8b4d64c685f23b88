"""GL401: values that are no numbers, on the way of a batch."""

import math
from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.blame import beyond_function, zeros_behind, zeros_of_layer
from glorot.checks.chains import Seen, seen_steps, weight_of
from glorot.checks.evidence import Evidence
from glorot.graph.points import Point


class ValuesNotFinite(Check):
    """The loss or the output of a batch is NaN or infinite.

    What it does:
        Looks for the first step whose values are NaN or infinite, where the output or the loss is, and walks back from
        it to the tensor that causes them: one of zeros that divides, masks or multiplies, or one that its own function
        makes infinite. Without such a tensor the step is named. Minus infinity alone, as a mask adds it to the logits
        of attention, is let pass if what follows is a number. Weights that are no numbers themselves are left to GL101.

    Why it matters:
        The first step of the optimizer makes every weight NaN. In half precision 65,504 is the largest number, which
        logits and sums of squares pass early; otherwise it is a logarithm or a root of what may be zero or negative, a
        softmax over nothing but masked places, or a product of far too large weights.

    Example that fails:
        >>> import glorot, torch
        >>> class Log(torch.nn.Module):
        ...     def forward(self, x):
        ...         return torch.log(x)
        >>> model = torch.nn.Sequential(torch.nn.Linear(8, 8), Log(), torch.nn.Linear(8, 2))
        >>> print(glorot.check(model, torch.randn(16, 8), select="GL401").findings[0])
        GL401 error: 0 → a function: makes the first values that are NaN or infinite

    What to do:
        Give a buffer of zeros what it should hold: a mask, a table or a std that is not in the state dict is lost
        between the meta device and `to_empty`. Where a step is named, look at it: keep a logarithm, root or division
        away from zero by an epsilon, mask with a large negative number where a whole row may be masked, or compute the
        step in float32.
    """

    code = "GL401"
    name = "values-not-finite"
    severity = "error"
    needs = ("observed",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.observed is not None
        floats = (path for path, values in evidence.weights.items() if values.dtype.kind == "f")
        if not all(math.isfinite(evidence.largest(path)) for path in floats):
            return
        steps = seen_steps(evidence)
        loss = math.nan if evidence.answer is None else evidence.answer.loss
        has_loss = evidence.answer is not None
        if not any(one.step.is_output and _is_strange(one) for one in steps) and (not has_loss or math.isfinite(loss)):
            return
        strange = [one for one in steps if _is_strange(one)]
        first = next((one for one in strange if one.step.mean != -math.inf), strange[0] if strange else None)
        if first is None:
            yield self.finding(
                "loss",
                "is no number, though the values of every step are",
                remedy="look at the loss function: a logarithm of zero, or an average over no targets",
            )
            return
        zeros = zeros_behind(evidence, first.point.value) or _zeros_of_kernel(evidence, first.point)
        beyond = () if zeros else beyond_function(evidence, first.point.value)
        if zeros or beyond:
            why = "holds only zeros" if zeros else "is more than a function of it can take"
            yield self.finding(
                zeros or beyond,
                f"{why}, which makes the values of {first.step.name} NaN or infinite",
                remedy="fill it with what its layer computes: a buffer that is left out of the state dict is lost on "
                "its way from the meta device"
                if zeros
                else "start it at what its function makes a moderate number of",
            )
            return
        yield self.finding(
            first.step.name if first.step.kind != "kernel" else weight_of(evidence, first.point),
            "makes the first values that are NaN or infinite",
            remedy="keep the step away from zero, or from what its dtype can't hold; GL302 names weights too large",
        )


def _zeros_of_kernel(evidence: Evidence, point: Point) -> tuple[str, ...]:
    """Return the buffers of zeros that belong to the layer of a kernel, which may be computed from them."""
    return zeros_of_layer(evidence, point.layer) if point.kind == "kernel" and point.layer else ()


def _is_strange(one: Seen) -> bool:
    return not math.isfinite(one.step.mean) or not math.isfinite(one.step.second_moment)
