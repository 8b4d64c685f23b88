"""What a page says, before it is set in text or HTML: found by name and made from the docstring."""

import shlex
from dataclasses import dataclass
from typing import Any

from glorot.activations import ACTIVATIONS, Activation
from glorot.catalogue import Catalogue, nearest, parse_call, squash
from glorot.errors import GlorotError
from glorot.recipes.base import RECIPES
from glorot.report.explanation.docstring import Docstring, read_docstring
from glorot.report.explanation.samples import INPUTS, OUTPUTS, Sample, recipe_samples, sample_call, scheme_samples
from glorot.schemes import SCHEMES
from glorot.text import number

CATALOGUES: dict[str, Catalogue[Any]] = {"recipe": RECIPES, "scheme": SCHEMES, "activation": ACTIVATIONS}
"""Where a name is looked up, in this order; `scheme:zeros` asks for one of them."""


@dataclass(frozen=True)
class Page:
    """The content of a page.

    Attributes:
        kind: "recipe", "scheme" or "activation".
        name: its own name.
        aliases: its other names.
        also: what else bears the name, as one may ask for it: `scheme:zeros`.
        doc: its docstring.
        samples: the laws it gives to a layer of 300 → 100.
        phi: the activation that an activation's page draws.
        command: what to run next.
    """

    kind: str
    name: str
    aliases: tuple[str, ...]
    also: tuple[str, ...]
    doc: Docstring
    samples: tuple[Sample, ...]
    phi: Activation | None
    command: str

    @property
    def reference(self) -> str:
        """What `glorot explain` takes to show this page."""
        first = next(kind for kind, catalogue in CATALOGUES.items() if self.name in catalogue)
        return self.name if first == self.kind else f"{self.kind}:{self.name}"


def page_of(text: str) -> Page:
    """Return the page that a name, an alias or a call such as `normal(std=0.02)` asks for.

    Args:
        text: the name; `kind:name` where several kinds share it.

    Returns:
        The page.

    Raises:
        GlorotError: if nothing bears the name; the nearest names of all catalogues are told.
    """
    if not isinstance(text, str):
        raise GlorotError(f"explain takes a name such as 'xavier' or 'relu', got {type(text).__name__}")
    before, _, after = text.partition(":")
    asked = squash(before) if after and squash(before) in CATALOGUES else ""
    call = (after if asked else text).strip()
    name = parse_call(call)[0]
    kinds = [kind for kind, catalogue in CATALOGUES.items() if name in catalogue]
    if asked:
        CATALOGUES[asked].factory(name)  # refuses a name that this kind does not have
        kinds = [asked, *(kind for kind in kinds if kind != asked)]
    if not kinds:
        close = nearest(name, _all_names())
        raise GlorotError(f"unknown name {name!r}{close or f'; known are {_listed()}'}")
    return _page(kinds[0], call, name, kinds[1:])


def _all_names() -> list[str]:
    return [
        name for catalogue in CATALOGUES.values() for entry in catalogue for name in (entry, *catalogue.aliases(entry))
    ]


def _listed() -> str:
    return "; ".join(f"the {kind}s {', '.join(catalogue)}" for kind, catalogue in CATALOGUES.items())


def _page(kind: str, call: str, name: str, others: list[str]) -> Page:
    catalogue = CATALOGUES[kind]
    factory = catalogue.factory(name)
    own = factory.__name__
    call = sample_call(catalogue, own + call[len(name) :], own)
    phi = ACTIVATIONS.make(call) if kind == "activation" else None
    samples = {"scheme": scheme_samples, "recipe": recipe_samples}.get(kind, lambda _: [])(call)
    doc = read_docstring(factory.__doc__ or "")
    return Page(
        kind=kind,
        name=own,
        aliases=tuple(catalogue.aliases(own)),
        also=tuple(f"{other}:{CATALOGUES[other].factory(name).__name__}" for other in others),
        doc=doc,
        samples=tuple(samples),
        phi=phi,
        command=_command(kind, call, doc),
    )


def _command(kind: str, call: str, doc: Docstring) -> str:
    written = doc.section("Next")
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
