"""Terms: each word of the field that a page uses, with the one line that explains it where it stands."""

import re
from collections.abc import Mapping

from glorot.comparison.results import GOAL
from glorot.markup import html_text
from glorot.report.document import prose

TERMS = {
    "signal": "how much activations vary (standard deviation over the units and examples of a layer), at the start.",
    "across examples": "how much a unit varies from example to example, at the start: only this carries information.",
    "gradient": "how much the error sent back varies (standard deviation over units and examples), at the start.",
    "saturated": "where the activation is flat (slope below 5 % of the steepest) and passes no gradient: a share of "
    "units and examples, in the fullest layer.",
    "distinct unit": "a unit that differs from all others of its layer (counted in the poorest layer, at the end); "
    "copies learn the same.",
    "epoch": "one pass through all training examples; epoch 0 is before training.",
    f"epochs to {100 * GOAL:.0f} %": f"the first epoch with {100 * GOAL:.0f} % of the test set right, over the seeds "
    "that get there.",
    "seeds there": f"the share of seeds that ever reach {100 * GOAL:.0f} %.",
    "seed": "the number from which the weights and the order of the batches of a run follow.",
    "test": "examples kept aside, never trained on.",
    "loss": "how wrong the answers are: what training makes small.",
    "overfits": "is better on the training examples than on the test set.",
    "points": "percentage points of accuracy.",
    "interval": "where the true difference lies: on 95 of 100 pages all of them do.",
    "diverge": "the loss grows until it is no longer a number.",
    "vanishes": "becomes so small on its way through the layers that the first ones hardly learn.",
    "explodes": "becomes so large on its way through the layers that steps of training overshoot.",
    "mean-field theory": "predicts signal and gradient of very wide layers from the distribution of their weights.",
    "±": "standard deviation over seeds.",
}
"""In the order in which they are explained; a term is looked for as it is written here."""


def used_terms(text: str) -> list[str]:
    """Return the terms that a text uses."""
    return [term for term in TERMS if re.search(rf"(?<!\w){re.escape(term)}", text.lower())]


def terms(text: str, *left_out: str) -> str:
    """Explain the terms that a text uses.

    Args:
        text: plain text that stands above.
        left_out: terms that need no line here.

    Returns:
        An HTML list; empty if the text uses none.
    """
    return glossary({term: TERMS[term] for term in used_terms(text) if term not in left_out})


def glossary(lines: Mapping[str, str]) -> str:
    """Return terms, each with its line, as an HTML list; empty without terms."""
    each = "".join(
        f"<div><dt><dfn>{html_text(term)}</dfn></dt><dd>{prose(line)}</dd></div>" for term, line in lines.items()
    )
    return f'<dl class="terms">{each}</dl>' if each else ""
