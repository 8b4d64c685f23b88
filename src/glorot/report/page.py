"""The page of a comparison: one HTML file that opens offline."""

import math

from glorot.comparison.comparison import Comparison
from glorot.comparison.results import Claim, RecipeResult
from glorot.markup import html_text
from glorot.report import curves, findings, ridges
from glorot.report.document import document, figure, prose, section
from glorot.report.heatmaps import distinct_rows, heatmaps
from glorot.report.labels import balanced
from glorot.report.laws import law_text
from glorot.report.panels import draw, drawable, load_converter, svg


def comparison_html(comparison: Comparison) -> str:
    """Return the whole page of a comparison.

    Args:
        comparison: what was trained and measured.

    Returns:
        HTML that needs no other file, no script and no network.

    Raises:
        GlorotError: if the packages that draw the charts are not installed.
    """
    load_converter()
    body = "\n".join(
        [
            _top(comparison),
            section("The figures", _table(comparison)),
            section("Learning", _learning(comparison)),
            section("Signal and gradient at the start", _layers(comparison)),
            section("What enters the activations", _ridges(comparison)),
            section("First-layer weights at the end", _weights(comparison)),
            section("Depth", _depth(comparison)),
            section("What textbooks say, what we saw", _claims(comparison)),
            section("How to reproduce", _reproduce(comparison)),
        ]
    )
    return document(f"{findings.headline(comparison)} · glorot", body)


def _top(comparison: Comparison) -> str:
    seeds, epochs, count = comparison.seeds, comparison.epochs, len(comparison.results)
    facts = f"{comparison.task}. Each of {count} recipes" if count > 1 else f"{comparison.task}. One recipe"
    facts += f" trained from {seeds} seed{'s' * (seeds != 1)} for {epochs} epoch{'s' * (epochs != 1)}"
    facts += ", all on the same batches." if count > 1 else "."
    facts = facts[0].upper() + facts[1:]
    cut = '<p class="warn">Stopped before its end: only complete runs are shown.</p>' if comparison.interrupted else ""
    cards = "\n".join(_card(result, comparison) for result in comparison.results)
    return (
        f'<h1>{prose(findings.headline(comparison))}</h1>\n<p class="lead">{html_text(facts)}</p>\n{cut}\n'
        f'<div class="cards" style="--columns:{balanced(count)}">\n{cards}\n</div>'
    )


def _card(result: RecipeResult, comparison: Comparison) -> str:
    hue, _ = curves.style(comparison, result.recipe)
    if comparison.classifies:
        end, what, scale, digits = result.final("test_accuracy"), "% test", 100, ".1f"
    else:
        end, what, scale, digits = result.final("test_loss"), "test loss", 1, ".3g"
    score = "no number" if math.isnan(end.mean) else f"{scale * end.mean:{digits if end.mean < 1000 else '.0f'}}"
    around = f" ± {scale * end.std:{digits if end.std < 1000 else '.0f'}}" if end.count > 1 else ""
    spread = "" if math.isnan(end.mean) else f"<small>{around} {what}</small>"
    verdict = "<br>".join(prose(word[:1].upper() + word[1:]) for word in result.verdict.split("; "))
    return (
        f'<article class="card" style="--hue:{hue}"><h3>{html_text(result.recipe)}</h3>'
        f'<p class="law">{html_text(_law(result))}</p><p class="score">{score}{spread}</p>'
        f'<p class="verdict">{verdict}</p></article>'
    )


def _law(result: RecipeResult) -> str:
    """Say what the first matrix of weights is drawn from."""
    entry = next((e for e in result.plan.entries if len(e.shape) > 1), None)
    return "" if entry is None else f"{entry.name}: {law_text(entry.distribution)}"


def _table(comparison: Comparison) -> str:
    head = comparison.columns()
    top = "".join(f'<th scope="col">{prose(name)}</th>' for name in head[:-1])
    lines = []
    for result, row in zip(comparison.results, comparison.rows(), strict=True):
        hue, _ = curves.style(comparison, result.recipe)
        name = (
            f'<td class="name" data-head="recipe"><span class="dot" style="--hue:{hue}"></span>{html_text(row[0])}</td>'
        )
        cells = "".join(
            f'<td data-head="{html_text(what)}">{html_text(cell)}</td>'
            for what, cell in zip(head[1:-1], row[1:-1], strict=True)
        )
        words = f'<tr class="words"><td colspan="{len(head) - 1}">{html_text(row[-1])}</td></tr>'
        lines.append(f"<tbody><tr>{name}{cells}</tr>\n{words}</tbody>")
    return f'<table class="results">\n<thead><tr>{top}</tr></thead>\n' + "\n".join(lines) + f"\n</table>\n{_glossary()}"


def _glossary() -> str:
    words = (
        "Signal: standard deviation of the activations in the first → last hidden layer before training, pooled over "
        "units and examples; across examples: that of one unit over the examples, which alone carries information. "
        "Gradient: standard deviation of the backpropagated gradient in the last → first hidden layer. Saturated: "
        "share of units and examples in the fullest layer whose slope is below 5 % of its maximum. Distinct units: "
        "in the poorest hidden layer at the end. ±: standard deviation over seeds."
    )
    return f'<p class="note">{html_text(words)}</p>'


def _learning(comparison: Comparison) -> str:
    titles = {
        "test_accuracy": findings.pace(comparison),
        "train_accuracy": findings.overfitting(comparison),
        "test_loss": findings.losses(comparison, "test"),
        "train_loss": findings.losses(comparison, "train"),
    }
    figures = []
    for name, finding in titles.items():
        if "accuracy" in name and not comparison.classifies:
            continue
        series = curves.learning(comparison, name)
        panel = curves.learning_panel(comparison, name)
        if drawable(series, panel.log):
            figures.append(figure(finding, svg(draw(series, panel))))
    bands = f"Bands: mean ± 1 standard deviation over {comparison.seeds} seeds. " if comparison.seeds > 1 else ""
    note = f"{bands}Epoch 0 is before training."
    if any(result.diverged for result in comparison.results):
        note += (
            " ✕ marks where the loss of every seed is no number any more; on the upper edge, it lies beyond the axis."
        )
    return f'<div class="pair">{"".join(figures)}</div><p class="note">{html_text(note)}</p>'


def _layers(comparison: Comparison) -> str:
    figures = []
    for name in curves.LAYERED:
        series, panel = curves.layers(comparison, name), curves.layer_panel(comparison, name)
        if drawable(series, panel.log):
            drawing = svg(draw(series, panel))
            figures.append(
                figure(findings.propagation(comparison, name), drawing, curves.layer_caption(comparison, name))
            )
    return f'<div class="pair">{"".join(figures)}</div>' if figures else ""


def _ridges(comparison: Comparison) -> str:
    if not comparison.results[0].runs[0].start.layers:
        return ""
    return figure(findings.saturation(comparison), ridges.ridges(comparison), ridges.caption(comparison), wide=True)


def _weights(comparison: Comparison) -> str:
    seed = comparison.results[0].runs[0].seed
    caption = (
        f"One line for each unit (32 at most), one column for each input (128 at most); seed {seed}. Each map has "
        "a scale of its own, symmetric around 0 and stated below it; it ends at the 99.5th percentile."
    )
    return figure(findings.copies(distinct_rows(comparison)), heatmaps(comparison), caption)


def _depth(comparison: Comparison) -> str:
    series = curves.depth(comparison)
    if not drawable(series, log=False):
        return ""
    drawing = svg(draw(series, curves.depth_panel(comparison)))
    return figure(
        findings.over_depth(comparison),
        drawing,
        "Dots: mean over seeds at the end of training, whiskers ± 1 std.",
        wide=True,
    )


def _claims(comparison: Comparison) -> str:
    if not comparison.claims:
        return ""
    items = "\n".join(_claim(claim) for claim in comparison.claims)
    held, count = sum(claim.holds is True for claim in comparison.claims), len(comparison.claims)
    untold = sum(claim.holds is None for claim in comparison.claims)
    rest = f"; of {untold} it cannot be told" if untold else ""
    return f'<p class="lead">{held} of {count} sentences hold here{rest}.</p>\n<ul class="claims">\n{items}\n</ul>'


def _claim(claim: Claim) -> str:
    kind, words = {True: ("yes", "Holds"), False: ("no", "Does not hold"), None: ("open", "Cannot tell")}[claim.holds]
    return (
        f'<li class="{kind}"><span class="mark" aria-hidden="true">{claim.mark}</span><span>{prose(claim.sentence)}'
        f'<span class="seen"><b>{words} here:</b> {prose(claim.seen)}</span></span></li>'
    )


def _seeds(comparison: Comparison) -> int | list[int]:
    """Return what asks for the same seeds again: their number where they are counted from 0, or a list."""
    seeds = [run.seed for run in comparison.results[0].runs]
    return comparison.seeds if seeds == list(range(len(seeds))) else seeds


def _reproduce(comparison: Comparison) -> str:
    names = ", ".join(repr(result.recipe) for result in comparison.results)
    command = comparison.command or (
        f"glorot.compare(build, data, recipes=[{names}], seeds={_seeds(comparison)}, epochs={comparison.epochs})"
    )
    facts = [
        ("task", comparison.task),
        ("seeds", ", ".join(str(run.seed) for run in comparison.results[0].runs)),
        ("epochs", str(comparison.epochs)),
        ("took", f"{comparison.seconds:.0f} s"),
        ("versions", ", ".join(f"{name} {version}" for name, version in comparison.versions)),
    ]
    listing = "".join(f"<dt>{html_text(name)}</dt><dd>{html_text(value)}</dd>" for name, value in facts if value)
    plans = "\n".join(
        f"<details><summary>Plan of {html_text(result.recipe)}</summary><pre>{html_text(result.plan)}</pre></details>"
        for result in comparison.results
    )
    return f'<pre class="command">{html_text(command)}</pre>\n<dl>{listing}</dl>\n{plans}'
