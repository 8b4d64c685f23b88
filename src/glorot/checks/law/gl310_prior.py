"""GL310: heads that start as if all classes were equally frequent."""

import math
from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Answer, Array, Evidence
from glorot.checks.outputs import output_biases

LEAST = 0.25
"""Nats that a better bias would save from the first step on, from which they matter."""

PER_CLASS = 20
"""Answers, for each class that excludes the others, from which shares are known well enough."""


class Prior(Check):
    """A head's bias does not know how rare its classes are.

    What it does:
        Counts how often each class is asked for in the targets, as class numbers or as zeros and ones, and compares
        that with what is predicted by the bias alone that is added to the outputs, be it a single number. Found is a
        difference of more than 0.25 nats on average. Targets of one class alone are left to GL409.

        Setting: `prior = 0.25`, the most nats that the bias may lose.

    Why it matters:
        Where one anchor in a hundred is an object, a bias of 0 predicts one in two: a first loss of 0.69 instead of
        0.056. The sum of the gradients of all the easy negatives then moves every layer in the first steps, for the
        sake of one number that is known beforehand. Detectors with a focal loss diverge from it.

    Example that fails:
        >>> import glorot, torch
        >>> model = torch.nn.Conv2d(8, 4, 1)
        >>> _ = torch.nn.init.zeros_(model.bias)
        >>> targets = (torch.arange(4 * 4 * 64).view(4, 4, 8, 8) % 100 == 0).float()
        >>> loss = torch.nn.functional.binary_cross_entropy_with_logits
        >>> report = glorot.check(model, torch.randn(4, 8, 8, 8), targets, loss=loss, select="GL310")
        >>> print(report.findings[0])
        GL310 warning: bias: predicts other shares of the classes than the targets have (0.6339, expected at most 0.25
        nats lost by it)

    What to do:
        Set the bias to log(share) of each class where a softmax follows, to log(p/(1 − p)) where a sigmoid does: −4.6
        for one in a hundred.
    """

    code = "GL310"
    name = "prior"
    threshold = LEAST
    needs = ("answer",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        answer = evidence.answer
        if answer is None or answer.shares is None or answer.constant == 0:
            return
        most = self.limit(evidence)
        needed = PER_CLASS * (1 if answer.independent else len(answer.shares))
        biases = output_biases(evidence.folded, evidence.inventory)
        for part, values in evidence.parts():
            if part.path not in biases or values.size != answer.shares.size or answer.count < needed:
                continue
            cost = _cost(answer, values.reshape(-1))
            finding = None
            if cost > most:
                law = "log(p/(1 − p))" if answer.independent else "log(share)"
                finding = self.finding(
                    part.name,
                    "predicts other shares of the classes than the targets have",
                    figure=cost,
                    expected=f"at most {most:g} nats lost by it",
                    remedy=f"set it to {law} of each class",
                )
            yield Tested(_chance(answer, cost), finding)


def _cost(answer: Answer, bias: Array) -> float:
    """Return the nats by which the bias alone misses the shares: the divergence, the mean of classes that are apart."""
    shares, logits = np.asarray(answer.shares, np.float64), bias.astype(np.float64)
    if answer.independent:
        predicted = 1 / (1 + np.exp(-logits))
        return float(np.mean(_divergence(shares, predicted) + _divergence(1 - shares, 1 - predicted)))
    predicted = np.exp(logits - logits.max())
    return float(np.sum(_divergence(shares, predicted / predicted.sum())))


def _divergence(shares: Array, predicted: Array) -> Array:
    tiny = np.finfo(np.float64).tiny
    return shares * np.log(np.maximum(shares, tiny) / np.maximum(predicted, tiny))


def _chance(answer: Answer, cost: float) -> float:
    """Return the probability of such shares if the bias were right, by the likelihood ratio 2·n·cost ~ χ²."""
    classes = len(answer.shares) if answer.shares is not None else 1
    freedom = classes if answer.independent else max(classes - 1, 1)
    figure = 2 * answer.count * cost
    z = ((figure / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    return math.erfc(z / math.sqrt(2)) / 2
