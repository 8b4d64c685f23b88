"""A predicted signal as text: the figures of each step with their grades, and a small chart of signal and gradient."""

import math
from collections.abc import Sequence

from glorot.graph.propagation.state import Grade
from glorot.probe.bars import bar
from glorot.probe.steps import StepSignal
from glorot.text import number, table


def predicted_table(steps: Sequence[StepSignal]) -> str:
    """Return predicted steps as a table; bars show root mean squares on a logarithmic scale.

    Args:
        steps: the steps, in the order of execution.

    Returns:
        The table, and below it what makes figures approximate, or why there are none.
    """
    head, rows = predicted_rows(steps)
    told = legend(steps)
    return "\n".join([table(["" if name in BARS else name for name in head], rows), *([""] if told else []), *told])


BARS = ("signal as a bar", "gradient as a bar")


def predicted_rows(steps: Sequence[StepSignal]) -> tuple[list[str], list[list[str]]]:
    """Return the heads of a table of predicted steps, and its rows."""
    signals, gradients = [step.second_moment**0.5 for step in steps], [step.gradient_std for step in steps]
    has_positions = any(not math.isnan(step.position_correlation) for step in steps)
    numbers, positions = marks(steps), ["positions"] if has_positions else []
    head = ["step", "kind", "rms", BARS[0], "examples", *positions, "gradient", BARS[1], "grade"]
    rows = [
        [
            step.name,
            step.kind,
            number(signal),
            bar(signal, signals),
            number(step.correlation),
            *([number(step.position_correlation)] if has_positions else []),
            number(gradient),
            bar(gradient, gradients),
            graded(step, numbers),
        ]
        for step, signal, gradient in zip(steps, signals, gradients, strict=True)
    ]
    return head, rows


def legend(steps: Sequence[StepSignal]) -> list[str]:
    """Return a line for each reason why figures are approximate, or missing."""
    return [f"[{mark}] {grade}" for grade, mark in marks(steps).items()]


def marks(steps: Sequence[StepSignal]) -> dict[Grade, int]:
    """Number the grades that have a reason."""
    grades = dict.fromkeys(grade for step in steps for grade in (step.grade, step.gradient_grade) if grade.why)
    return {grade: n for n, grade in enumerate(grades, start=1)}


def graded(step: StepSignal, numbers: dict[Grade, int]) -> str:
    """Return how well a step is known: its signal, then its gradient if that is another grade."""
    grades = dict.fromkeys((step.grade, step.gradient_grade))
    return ", ".join(f"{grade.kind} [{numbers[grade]}]" if grade in numbers else grade.kind for grade in grades)
