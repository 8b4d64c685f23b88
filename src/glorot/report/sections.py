"""The sections of a comparison's page that hold charts."""

from collections.abc import Callable, Sequence
from functools import partial

from glorot.comparison.comparison import Comparison
from glorot.markup import html_text
from glorot.report import curves, findings, ridges
from glorot.report.charts import charts
from glorot.report.document import figure
from glorot.report.heatmaps import distinct_rows, heatmaps
from glorot.report.panels import drawable
from glorot.report.terms import terms

ACCURACIES = ("test_accuracy", "train_accuracy")
LOSSES = ("test_loss", "train_loss")


def learning(comparison: Comparison, figures: Sequence[str]) -> str:
    """Return the curves of some figures over the epochs, each under its finding."""
    titles: dict[str, Callable[[Comparison], str]] = {
        "test_accuracy": findings.pace,
        "train_accuracy": findings.overfitting,
        "test_loss": partial(findings.losses, part="test"),
        "train_loss": partial(findings.losses, part="train"),
    }
    drawn = []
    for name in figures:
        series, panel = curves.learning(comparison, name), curves.learning_panel(comparison, name)
        if drawable(series, panel.log):
            finding = titles[name](comparison)
            drawn.append(figure(finding, charts(series, panel, finding)))
    if not drawn:
        return ""
    bands = f"Bands: mean ± 1 standard deviation over {comparison.seeds} seeds. " if comparison.seeds > 1 else ""
    note = f"{bands}Epoch: one pass through all training examples; epoch 0 is before training."
    if any(result.diverged for result in comparison.results):
        note += (
            " ✕ marks where the loss of every seed is no number any more; on the upper edge, it lies beyond the axis."
        )
    return f'<div class="pair">{"".join(drawn)}</div><p class="note">{html_text(note)}</p>'


def layers(comparison: Comparison) -> str:
    """Return signal and gradient by layer at the start."""
    drawn, told = [], ""
    for name in curves.LAYERED:
        series, panel = curves.layers(comparison, name), curves.layer_panel(comparison, name)
        if drawable(series, panel.log):
            finding, caption = findings.propagation(comparison, name), curves.layer_caption(comparison, name)
            drawn.append(figure(finding, charts(series, panel, finding), caption))
            told += f" {finding} {caption}"
    return f'<div class="pair">{"".join(drawn)}</div>{terms(told, "seed")}' if drawn else ""


def activations(comparison: Comparison) -> str:
    """Return the histograms of what enters the activations."""
    if not comparison.results[0].runs[0].start.layers:
        return ""
    finding = findings.saturation(comparison)
    return figure(finding, ridges.ridges(comparison, finding), ridges.caption(comparison))


def weights(comparison: Comparison) -> str:
    """Return the first-layer weights at the end as heat maps."""
    seed = comparison.results[0].runs[0].seed
    caption = (
        f"One line for each unit (32 at most), one column for each input (128 at most); seed {seed}. Each map has "
        "its own scale, symmetric around 0 and stated below it; it ends at the 99.5th percentile."
    )
    return figure(findings.copies(distinct_rows(comparison)), heatmaps(comparison), caption)


def depth(comparison: Comparison) -> str:
    """Return the accuracy over the depths, if several were compared."""
    series = curves.depth(comparison)
    if not drawable(series, log=False):
        return ""
    finding = findings.over_depth(comparison)
    caption = "Dots: mean over seeds at the end of training, whiskers ± 1 std."
    return figure(finding, charts(series, curves.depth_panel(comparison), finding), caption)
