"""What a page says, before it is set in text, HTML or JSON: made from the docstring and what is computed."""

import re
import shlex
from dataclasses import dataclass, field
from typing import Any

from glorot.activations import ACTIVATIONS, Activation
from glorot.catalogue import Catalogue
from glorot.errors import GlorotError
from glorot.recipes.base import RECIPES
from glorot.report.explanation.docstring import Docstring, Section, read_docstring
from glorot.report.explanation.samples import INPUTS, OUTPUTS, Sample, recipe_samples, sample_call, scheme_samples
from glorot.report.explanation.starts import FEEDS, signal_figure
from glorot.report.links import State, state_of_entry
from glorot.schemes import SCHEMES
from glorot.text import number
from glorot.topics import TOPICS, Figure

CATALOGUES: dict[str, Catalogue[Any]] = {
    "topic": TOPICS,
    "recipe": RECIPES,
    "scheme": SCHEMES,
    "activation": ACTIVATIONS,
}
"""Where a name is looked up, in this order; `scheme:zeros` asks for one of them."""

QUESTION, NEXT, ALSO, ASKED = "The question", "Next", "Related", "Also asked as"
"""The sections of a docstring that have a place of their own on the page, or, the last, none: it is for looking up."""


@dataclass(frozen=True)
class Page:
    """The content of a page.

    Attributes:
        kind: "topic", "recipe", "scheme" or "activation".
        name: its own name.
        aliases: its other names; a topic, which has many, shows none.
        also: other pages, as one may ask for them: `scheme:zeros`.
        doc: its docstring.
        samples: the laws it gives to a layer of 300 → 100.
        phi: the activation that an activation's page draws.
        figure: the figure of a topic, and of a recipe that asks a question the signal that answers it.
        command: what to run next.
        lab: the state of the lab page that fits.
        note: what it has to do with the words that were asked, where that is not plain.
    """

    kind: str
    name: str
    aliases: tuple[str, ...]
    also: tuple[str, ...]
    doc: Docstring
    samples: tuple[Sample, ...]
    phi: Activation | None
    figure: Figure | None
    command: str
    lab: State = field(default_factory=dict)
    note: str = ""

    @property
    def reference(self) -> str:
        """What `glorot explain` takes to show this page."""
        first = next(kind for kind, catalogue in CATALOGUES.items() if self.name in catalogue)
        return self.name if first == self.kind else f"{self.kind}:{self.name}"

    @property
    def title(self) -> str:
        """The name as people write it: that of a topic without underscores."""
        return self.name.replace("_", " ") if self.kind == "topic" else self.name

    @property
    def question(self) -> str:
        """What the page asks before it answers, if it does."""
        section = self.doc.section(QUESTION)
        return " ".join(block.content for block in section.blocks) if section else ""

    @property
    def sections(self) -> tuple[Section, ...]:
        """The sections without a place of their own."""
        return tuple(section for section in self.doc.sections if section.title not in (QUESTION, NEXT, ALSO, ASKED))


def make_page(kind: str, name: str, call: str, note: str = "") -> Page:
    """Return the page of an entry.

    Args:
        kind: its kind.
        name: its name or an alias, as `call` begins with it.
        call: the name, or a call such as `normal(std=0.02)`.
        note: what to say first.

    Raises:
        GlorotError: if the arguments of the call do not fit.
    """
    catalogue = CATALOGUES[kind]
    factory = catalogue.factory(name)
    own = factory.__name__
    call = sample_call(catalogue, own + call[len(name) :], own)
    samples = {"scheme": scheme_samples, "recipe": recipe_samples}.get(kind, lambda _: [])(call)
    doc = read_docstring(factory.__doc__ or "")
    topic = TOPICS.make(call) if kind == "topic" else None
    asks = kind == "recipe" and own in FEEDS
    others = [other for other, held in CATALOGUES.items() if other != kind and name in held]
    return Page(
        kind=kind,
        name=own,
        aliases=() if topic else tuple(catalogue.aliases(own)),
        also=(*(f"{other}:{CATALOGUES[other].factory(name).__name__}" for other in others), *_also(doc)),
        doc=doc,
        samples=tuple(samples),
        phi=ACTIVATIONS.make(call) if kind == "activation" else None,
        figure=topic.figure if topic else signal_figure(own) if asks else None,
        command=_command(kind, call, doc),
        lab=topic.lab if topic else state_of_entry(kind, own),
        note=note,
    )


def _also(doc: Docstring) -> list[str]:
    section = doc.section(ALSO)
    return re.findall(r"[\w:]+", " ".join(block.content for block in section.blocks)) if section else []


def _command(kind: str, call: str, doc: Docstring) -> str:
    written = doc.section(NEXT)
    if written is not None:
        return " ".join(block.content for block in written.blocks)
    call = shlex.quote(call)
    if kind == "scheme":
        return f"`glorot draw {call} {INPUTS} {OUTPUTS} --seed 0` draws such a matrix."
    return f"`glorot compare --{kind} {call}` shows how a deep net trains with it."


def facts(phi: Activation) -> list[tuple[str, str]]:
    """Return the numbers of an activation under z ~ N(0, 1), each with what it is called."""
    moments = phi.moments()
    rows = [
        ("E φ", number(_clean(moments.mean))),
        ("E φ²", number(moments.second_moment)),
        ("E φ′²", number(moments.derivative_second_moment)),
        ("φ′(0)", number(phi.slope_at_zero)),
    ]
    try:
        forward, backward = phi.scale_gains()
    except GlorotError:
        return rows  # a φ that lets nothing through has no gain
    return [*rows, ("gain 1/√E φ²", number(phi.gain)), ("g_f", number(forward)), ("g_b", number(backward))]


def _clean(value: float) -> float:
    """Take the rounding error of a quadrature whose value is 0 for the 0 that it is."""
    return 0.0 if abs(value) < 1e-12 else value
