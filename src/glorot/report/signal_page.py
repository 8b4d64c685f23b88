"""The page of a signal: measured, predicted, or one beside the other."""

import math
from collections.abc import Callable, Sequence

from glorot.markup import html_table, html_text
from glorot.probe.predicted import graded, legend, marks
from glorot.probe.signal import Signal
from glorot.probe.steps import StepSignal
from glorot.report.document import document, prose, readout_script, section
from glorot.report.signal_chart import MEASURED, PREDICTED, histogram_svg, signal_figures
from glorot.text import number

FIGURES: dict[str, Callable[[StepSignal], float]] = {
    "mean square": lambda step: step.second_moment,
    "mean": lambda step: step.mean,
    "across": lambda step: step.std_across,
    "98th percentile": lambda step: step.percentile98,
    "correlation": lambda step: step.correlation,
    "of positions": lambda step: step.position_correlation,
    "gradient": lambda step: step.gradient_std,
    "∂weight": lambda step: step.weight_gradient_std,
    "update ratio": lambda step: step.update_ratio,
    "σ_max": lambda step: step.largest_singular_value,
}
SHARES: dict[str, Callable[[StepSignal], float]] = {
    "saturated": lambda step: step.saturated,
    "dead": lambda step: step.dead,
}
COMPARED = ("mean square", "correlation", "gradient")
"""The figures that a prediction stands beside."""


def signal_html(signal: Signal, predicted: Signal | None = None) -> str:
    """Return a signal as a page.

    Args:
        signal: what was measured, or what is predicted.
        predicted: the prediction beside what was measured; None (default) for a signal alone.

    Returns:
        HTML that needs no other file and no network; its one script only names the value under the pointer.
    """
    expected = signal if signal.is_predicted else predicted
    title = "Signal, measured beside predicted" if predicted else f"Signal, {'predicted' if expected else 'measured'}"
    notes = [*signal.notes, *(predicted.notes if predicted else ())]
    reasons = legend(expected.steps) if expected else []
    told = "".join(f'<p class="note">{prose(line)}</p>' for line in dict.fromkeys([*reasons, *notes]))
    body = (
        f'<h1>{html_text(title)}</h1>\n<p class="lead">{prose(_lead(signal, predicted))}</p>\n'
        f"{signal_figures(signal, predicted)}\n{section('Step by step', steps_table(signal, predicted), told)}\n"
        f"{_histograms(signal.steps)}"
    )
    return document("signal · glorot", body, readout_script())


def _lead(signal: Signal, predicted: Signal | None) -> str:
    """Say how many steps there are, how they end, and how far a prediction is off."""
    known = [step for step in signal.steps if step.second_moment > 0]
    parts = [f"{len(signal.steps) or len(signal.layers)} {'steps' if signal.steps else 'layers'}"]
    if known:
        first, last = known[0], known[-1]
        parts.append(
            f"mean square {number(first.second_moment)} after the first, {number(last.second_moment)} at the end"
        )
    if math.isfinite(signal.loss):
        parts.append(f"loss {number(signal.loss)}")
    expected = {step.name: step for step in predicted.steps} if predicted else {}
    off = {
        step.name: abs(math.sqrt(step.second_moment / other.second_moment) - 1)
        for step in known
        if (other := expected.get(step.name)) and other.second_moment > 0 and other.grade.kind == "exact"
    }
    if off:
        name = max(off, key=lambda each: off[each])
        parts.append(
            f"where the prediction is exact, the root mean square is off by {100 * off[name]:.1f} % at most ({name})"
        )
    return "; ".join(parts) + "."


def steps_table(signal: Signal, predicted: Signal | None = None) -> str:
    """Return a table of all figures that are known of some step."""
    if not signal.steps:
        return f'<div class="scroll">{signal._repr_html_()}</div>'
    steps = signal.steps
    known = {step.name: step for step in predicted.steps} if predicted else {}
    beside = [known.get(step.name, StepSignal(step.name, step.kind)) for step in steps]
    columns = {"step": [f"{n}. {step.name}" for n, step in enumerate(steps, 1)], "kind": [step.kind for step in steps]}
    for name, of in FIGURES.items():
        _add(columns, name, [of(step) for step in steps], number)
        if name in COMPARED:
            _add(columns, f"{name}, predicted", [of(step) for step in beside], number)
    for name, of in SHARES.items():
        _add(columns, name, [of(step) for step in steps], lambda share: f"{100 * share:.0f} %")
    if any(step.units for step in steps):
        columns["distinct"] = [f"{step.distinct} of {step.units}" if step.units else "–" for step in steps]
    if signal.is_predicted or predicted:
        graded_steps = steps if signal.is_predicted else beside
        numbers = marks(steps if predicted is None else predicted.steps)
        columns["grade"] = [graded(step, numbers) if _is_known(step, signal, known) else "–" for step in graded_steps]
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return f'<div class="scroll">{html_table(list(columns), rows, "plan signal")}</div>'


def _is_known(step: StepSignal, signal: Signal, known: dict[str, StepSignal]) -> bool:
    return signal.is_predicted or step.name in known


def _add(columns: dict[str, list[str]], name: str, values: Sequence[float], told: Callable[[float], str]) -> None:
    """Add a column if it holds anything."""
    if not all(math.isnan(value) for value in values):
        columns[name] = ["–" if math.isnan(value) else told(value) for value in values]


def _histograms(steps: Sequence[StepSignal]) -> str:
    cards = []
    for place, step in enumerate(steps, start=1):
        for found, what, hue in (
            (step.histogram, "values", MEASURED),
            (step.gradient_histogram, "gradient", PREDICTED),
        ):
            if found is not None:
                told, ends = f"{place}. {step.name}: {what}", f"{number(found.low)} to {number(found.high)}"
                cards.append(
                    f'<div class="map"><p class="name">{html_text(told)}</p>{histogram_svg(found, told, hue)}'
                    f'<p class="rows">{html_text(ends)}</p></div>'
                )
    maps = f'<div class="maps">{"".join(cards)}</div>' if cards else ""
    return section("Histograms", maps, folded=len(cards) > 24)
