"""GL303: heads whose logits start far too large."""

import math
from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.law.measures import Measured, gain_of, measured, results_of
from glorot.graph.folding import Folded
from glorot.graph.operations import Map
from glorot.inventory.walking import is_linear

LARGEST = 3.0
"""The std of logits from which a head is too large: it costs 4.5 nats in the first loss, half the square of it."""


class HeadScale(Check):
    """A head starts with logits that are far too large.

    What it does:
        Computes the std of the logits, √(fan_in · σ² · E φ²), times the factors that the graph of the model shows
        before and after the head. A head that shares its weights with an embedding is looked at too. Found is a std
        above 3.

        Setting: `head-scale = 3`, the largest std of the logits.

    Why it matters:
        The first loss of a classifier with normal logits of variance v lies about v/2 nats above that of a guess, so
        that std 20 costs two hundred. The first steps then do nothing but undo it, with a softmax that gives all its
        gradient to few wrong answers. It happens where a head was drawn as if it were an embedding, with std 1, or is
        tied to one that was.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> embed, head = torch.nn.Embedding(1000, 512), torch.nn.Linear(512, 1000, bias=False)
        >>> head.weight = embed.weight
        >>> model = torch.nn.Sequential(embed, torch.nn.LayerNorm(512), head)
        >>> print(glorot.check(model, torch.arange(8)[None], select="GL303").findings[0])
        GL303 warning: 0.weight: is also the head, and makes logits that are far too large (22.64, expected a std of at
        most 3)

    What to do:
        Draw the head with std 1/√fan_in or smaller; of a tied embedding, draw rows of length 1 (std 1/√width), as
        glorot's recipes do, or divide the logits by √width.
    """

    code = "GL303"
    name = "head-scale"
    threshold = LARGEST
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        most = self.limit(evidence)
        folded = evidence.folded
        for one in measured(evidence).values():
            if one.part.purpose != "head" or one.spread.std == 0 or one.part.is_told:
                continue
            tied = one.part.role == "embedding"
            if tied and folded is None:
                continue
            logits = _std_of_logits(one, folded)
            finding = None
            if logits > most:
                finding = self.finding(
                    one.part.name,
                    "is also the head, and makes logits that are far too large"
                    if tied
                    else "makes logits that are far too large",
                    figure=logits,
                    expected=f"a std of at most {most:g}",
                    remedy="draw it with std 1/√width, or smaller",
                )
            yield Tested(one.spread.chance(one.spread.std * most / logits) if logits > most else 1.0, finding)


def _std_of_logits(one: Measured, folded: Folded | None) -> float:
    """Return the std of logits of a head, where what comes before it has variance 1."""
    width = one.part.shape[-1] if one.part.role == "embedding" else 1
    gain = one.spread.std * math.sqrt(width) if one.part.role == "embedding" else gain_of(one)
    if folded is None:
        return gain
    before = _before if one.part.role == "embedding" else (lambda *_: 1.0)  # a kernel's source holds its factor
    factors = [before(folded, met) * _after(folded, made) for met, made in results_of(folded, one.part.path)]
    return gain * max(factors, default=1.0)


def _before(folded: Folded, value: int) -> float:
    """Return the factor by which a signal is multiplied on its way to a head since it last had a law."""
    source = folded.source.get(value, value)
    return _slope(folded, value) if source != value and is_linear(folded, value) else 1.0


def _after(folded: Folded, value: int) -> float:
    """Return the factor by which logits are multiplied before anything else is done with them."""
    factor = 1.0
    for _ in range(len(folded.graph.steps)):
        users = {folded.graph.steps[position].result for position, _ in folded.users[value]}
        after = [one for one in users if folded.kind.get(one) in ("move", "affine", "dropout")]
        scaled = [one for one in users if folded.source.get(one, one) != one]
        if len(users) != 1 or not (after or scaled):
            return factor
        made = users.pop()
        step = folded.makers.of(made)
        if scaled and step is not None and step.operation in (Map("mul"), Map("div")):
            factor *= _slope(folded, made)
        value = made
    return factor


def _slope(folded: Folded, value: int) -> float:
    """Return the slope at 0 of a value as a function of its source."""
    low, high = folded.curve(value, folded.source[value])(np.array([-1e-3, 1e-3]))
    return float(abs(high - low) / 2e-3)
