"""GL409: a first loss far above that of an answer that does not look."""

import math
from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.chains import weight_of
from glorot.checks.evidence import Answer, Evidence
from glorot.checks.heads import MEETINGS, Head, head_of, meeting_behind, scales_of, stream_behind
from glorot.checks.logits import sides_of
from glorot.checks.outputs import added_to_outputs

MOST = 1.5
"""The nats above the loss of the best constant answer from which it is found: half of a variance of logits of 3."""

SLACK = 0.1
"""The nats that a loss may lie above twice that of the best constant answer, where that is small."""

TIMES = 10.0
"""How many times the variance of the targets a mean squared error may start at."""

PER_SIGMOID = 1 / 8
"""What a variance of logits costs at most where a sigmoid follows each: half of the largest slope of a sigmoid."""

TIMES_LESS = 0.01
"""The share of a loss below which the spread of the outputs can't be the reason, though there is no bias to blame."""

PER_CLASS = 10
"""Answers for each class from which on their shares are taken for those of the data; of fewer, equal shares are."""


class FirstLoss(Check):
    """The first loss is far above that of the best answer that does not look at the inputs.

    What it does:
        Compares the loss of the batch with that of the best constant answer: the entropy of the classes' shares, or the
        log of their number where the batch is too small to tell shares; for zeros and ones the mean entropy of each
        class; for values their variance. A loss function that was given is tried on such constant answers, for values
        on their mean. Found is a loss 1.5 nats above it, or above twice of it if that is less; for values ten times of
        it. Blamed is the bias where the spread of the outputs does not cost as much; otherwise a scale that multiplies
        them, or what made the stream wide that feeds the head, or the head. Cosines times a factor of up to 100 are let
        pass. Of targets that are all the same it only notes that, for no start can know them.

        Setting: `first-loss = 1.5`, the nats that the loss may lie above that answer.

    Why it matters:
        The first steps go into unlearning what the start claims to know, at the largest gradients of the whole run. For
        rare classes, a head with zero biases gives a loss twelve times that of the prior, and the many easy negatives
        drown the few positives.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.ReLU(), torch.nn.Linear(256, 100))
        >>> _ = torch.nn.init.normal_(model[2].weight)
        >>> report = glorot.check(model, torch.randn(64, 64), torch.randint(100, (64,)), select="GL409")
        >>> print(report.findings[0].path, report.findings[0].why)
        2.weight makes a first loss far above that of the best constant answer

    What to do:
        Draw the head smaller, with std 1/√fan_in or less. If shares or targets are far from even, set its bias to
        log(share), to log(p/(1 − p)) before a sigmoid, or to the mean of the targets. Start a temperature that is
        exponentiated at a logarithm.

    References:
        Lin et al. (2017), "Focal Loss for Dense Object Detection", section 3.3.
    """

    code = "GL409"
    name = "first-loss"
    threshold = MOST
    needs = ("answer", "signal")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        answer = evidence.answer
        assert answer is not None
        if not math.isfinite(answer.loss):
            return
        best, most = _limits(answer, self.limit(evidence))
        if not answer.loss > most:
            return
        if best == 0:
            yield self.finding(
                "targets",
                "are all the same in this batch, so that its loss says nothing of the start",
                severity="note",
                figure=answer.loss,
                remedy="check the model on a batch whose targets differ",
            )
            return
        head = head_of(evidence)
        blamed = None if head is None else _blamed(evidence, head, answer.loss - best)
        if blamed is not None:
            paths, remedy = blamed
            yield self.finding(
                paths,
                "makes a first loss far above that of the best constant answer",
                figure=answer.loss,
                expected=f"about {best:.3g}, at most {most:.3g}",
                remedy=remedy,
            )


def _limits(answer: Answer, most: float) -> tuple[float, float]:
    """Return the loss of the best constant answer, and how large that of a model may be."""
    if answer.shares is None:
        return answer.constant, TIMES * answer.constant
    needed = PER_CLASS * (1 if answer.independent else len(answer.shares))
    best = answer.constant if answer.count >= needed else answer.uniform
    return best, best + min(most, best + SLACK)


def _blamed(evidence: Evidence, head: Head, excess: float) -> tuple[tuple[str, ...], str] | None:
    """Return the paths to blame and what to do; None for cosines that are multiplied by no more than may be meant."""
    kernel, bias = weight_of(evidence, head.seen.point), _bias_of(evidence, head)
    cost = (head.seen.step.std_across * head.width) ** 2
    if evidence.answer is not None and evidence.answer.independent:
        cost *= PER_SIGMOID
    if bias and cost <= excess:  # of a batch of one it is not known
        return (bias,), "start it at what the targets are on average: log(share), log(p/(1 − p)), or their mean"
    scales = scales_of(evidence, head)
    if scales is None:
        return None
    if scales:
        return tuple(scales), "start it so that outputs have a std of about 1; before an exponential at a logarithm"
    meeting = meeting_behind(evidence, head)
    if meeting is not None:
        paths = sides_of(evidence, meeting)
        return paths or (head.seen.step.name,), "divide both signals by their norms, or their product by √d"
    if cost <= TIMES_LESS * excess:
        return (kernel,), "give it a bias that starts at what the targets are on average, or center them"
    stream = stream_behind(evidence, head)
    if stream:
        return stream, "draw it smaller, so that the stream that it starts has a std of about 1 where it is read"
    return (kernel,), "draw it smaller: with std 1/√fan_in, or at zero"


def _bias_of(evidence: Evidence, head: Head) -> str:
    """Return the path of what is added to the outputs; "" if nothing is."""
    added = next(iter(added_to_outputs(evidence.folded)), "")
    if head.seen.point.kind in MEETINGS:
        return added
    layer = _layer(weight_of(evidence, head.seen.point))
    biases = (part.path for part in evidence.inventory.parts if part.role == "bias" and _layer(part.path) == layer)
    return next(biases, added)


def _layer(path: str) -> str:
    return path.rpartition(".")[0]
