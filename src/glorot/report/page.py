"""The page of a comparison: one HTML file that opens offline."""

from glorot.comparison.comparison import Comparison
from glorot.comparison.results import GOAL
from glorot.markup import html_text
from glorot.report import hero, sections, tables
from glorot.report.cards import cards
from glorot.report.charts import load_converter
from glorot.report.conclusions import finding
from glorot.report.document import document, figure, fragment, prose, readout_script, section
from glorot.report.links import lab_html, state_of_comparison


def comparison_html(comparison: Comparison) -> str:
    """Return the whole page of a comparison.

    Args:
        comparison: what was trained and measured.

    Returns:
        HTML that needs no other file and no network.

    Raises:
        GlorotError: if the packages that draw the charts are not installed.
    """
    load_converter()
    first, rest = ("accuracy", sections.LOSSES) if comparison.classifies else ("loss", ())
    shown = sections.ACCURACIES if comparison.classifies else sections.LOSSES
    body = "\n".join(
        [
            _first_screen(comparison, "h1", "h2"),
            cards(comparison),
            lab_html(state_of_comparison(comparison)),
            section(f"Learning: {first} by epoch", sections.learning(comparison, shown)),
            section("What textbooks say, what we saw", tables.claims(comparison)),
            section("All figures", tables.figures(comparison), folded=True),
            section("Loss by epoch", sections.learning(comparison, rest), folded=True),
            section("Depth", sections.depth(comparison), folded=True),
            section("Signal and gradient at the start", sections.layers(comparison), folded=True),
            section("What enters the activations", sections.activations(comparison), folded=True),
            section("First-layer weights at the end", sections.weights(comparison), folded=True),
            section("How to reproduce", tables.reproduction(comparison), folded=True),
        ]
    )
    return document(f"{finding(comparison)} · glorot", body, readout_script())


def first_screen_html(comparison: Comparison) -> str:
    """Return what a notebook shows of a comparison: the finding, the first picture and the cards.

    Args:
        comparison: what was trained and measured.

    Returns:
        HTML with its own style, which styles nothing outside of it.
    """
    return fragment(_first_screen(comparison, "h3", "h4") + cards(comparison, "h4"))


def _first_screen(comparison: Comparison, first: str, second: str) -> str:
    cut = '<p class="warn">Stopped before its end: only complete runs are shown.</p>' if comparison.interrupted else ""
    drawing = hero.hero(comparison)
    title = "What is left of the signal, layer by layer, before training"
    return (
        f'<{first} class="finding">{prose(finding(comparison))}</{first}>\n'
        f'<p class="lead">{html_text(_facts(comparison))}</p>\n{cut}\n'
        f"{figure(title, drawing, hero.caption(comparison), second) if drawing else ''}\n"
    )


def _facts(comparison: Comparison) -> str:
    """Say what was trained, how often and how long."""
    several = len(comparison.results) > 1
    counts = (("start", len(comparison.results)), ("seed", comparison.seeds), ("epoch", comparison.epochs))
    listing = " · ".join(f"{count} {what}{'s' * (count != 1)}" for what, count in counts)
    words = f"{comparison.task} · {listing}" + (" · the same batches for all" if several else "")
    if comparison.classifies:
        words += f" · learned: {100 * GOAL:.0f} % of the test set right"
    for sign in ("·", "%"):  # which no line begins with
        words = words.replace(f" {sign}", f"\u00a0{sign}")
    return words[0].upper() + words[1:]
