"""What a probe saw, or a theory expects: the same object for both."""

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glorot.errors import GlorotError
from glorot.files import write_whole
from glorot.graph.propagation.state import Grade
from glorot.markup import html_table, html_text
from glorot.probe.file import read_signal, to_json
from glorot.probe.layers import (
    ALIKE_WITHIN,
    LARGEST,
    SAME_WITHIN,
    SATURATED_BELOW,
    Array,
    LayerSignal,
    Mask,
    distinct_units,
    histogram,
    share_at,
    where_flat,
)
from glorot.probe.predicted import legend, predicted_rows, predicted_table
from glorot.probe.steps import Histogram, StepSignal
from glorot.text import json_lines, number, table

__all__ = [
    "ALIKE_WITHIN", "LARGEST", "SAME_WITHIN", "SATURATED_BELOW", "Array", "Grade", "Histogram", "LayerSignal", "Mask",
    "Signal", "StepSignal", "distinct_units", "histogram", "share_at", "where_flat",
]  # fmt: skip


# Pages are drawn on a floor above this one, which nothing here may import: so these are found by name when needed.
FORMS = {".html": ("glorot.report.signal_page", "signal_html"), ".json": ("glorot.probe.signal", "json_text")}


@dataclass(frozen=True)
class Signal:
    """What signal and gradient do in a model, measured or predicted.

    Attributes:
        layers: one for each layer with weights, in the order of execution.
        loss: the loss of the batch.
        input_second_moments: mean square of each example that enters the first layer.
        chain: whether each layer is fed by functions of the elements of the one before it alone, as mean-field theory
            supposes.
        steps: one for each step of the graph that tells something, in the order of execution.
        notes: what was not seen, and why.
    """

    layers: tuple[LayerSignal, ...]
    loss: float
    input_second_moments: tuple[float, ...]
    chain: bool
    steps: tuple[StepSignal, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def unpredicted(self) -> str:
        """Why theory of a plain chain does not apply to the model; "" where it does."""
        if self.chain:
            return ""
        return "the layers are not a plain chain: one is fed by more than the one before it, or runs more than once"

    def __getitem__(self, name: str) -> Any:
        """Return the layer of a path where there is one, or else the step of a name."""
        for layer in self.layers:
            if layer.layer == name:
                return layer
        return self.step(name)

    def step(self, name: str) -> StepSignal:
        """Return the step of a name.

        Raises:
            KeyError: if there is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def __str__(self) -> str:
        if self.is_predicted:
            return "\n".join([predicted_table(self.steps), *self.notes])
        lines = [table(*_steps(self.steps)) if self.steps else table(*_layers(self.layers)), *self.notes]
        return "\n".join(lines)

    @property
    def is_predicted(self) -> bool:
        """Whether its steps are predicted, and not measured."""
        return any(step.grade.kind != "measured" for step in self.steps)

    def _repr_html_(self) -> str:
        if self.is_predicted:
            told = "".join(f"<p>{html_text(line)}</p>" for line in (*legend(self.steps), *self.notes))
            return f"{html_table(*predicted_rows(self.steps))}{told}"
        head, rows = _steps(self.steps) if self.steps else _layers(self.layers)
        return html_table(head, rows)

    def to_json(self) -> dict[str, Any]:
        """Return the signal as plain data, ready for JSON; NaN is null."""
        return to_json(self)

    def save(self, path: str | Path, beside: "Signal | None" = None) -> Path:
        """Write the signal as a JSON file, or as a page with charts, whole or not at all.

        Args:
            path: the file to write; it ends in .json for the figures, or in .html for the page.
            beside: on a page of what was measured, the prediction that is drawn beside it; None (default) for none.

        Returns:
            The path written.

        Raises:
            GlorotError: if the name ends otherwise, `beside` is no prediction, or the place cannot be written.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in FORMS:
            raise GlorotError(f"{path}: expected a file name that ends in .json for the figures, or .html for the page")
        if beside is None:
            return write_whole(path, found_function(*FORMS[suffix])(self))
        if suffix == ".json":
            raise GlorotError(f"{path}: a JSON file holds one signal; save the one of beside= to another file")
        if self.is_predicted or not beside.is_predicted:
            raise GlorotError(
                "beside= takes what glorot.predict returned, beside a signal that glorot.measure returned"
            )
        return write_whole(path, found_function(*FORMS[suffix])(self, beside))

    @classmethod
    def load(cls, path: str | Path) -> "Signal":
        """Read a signal that `save` wrote.

        Args:
            path: the file to read.

        Returns:
            The signal.

        Raises:
            GlorotError: if the file cannot be read, is not a signal, is of another version, or was damaged.
        """
        return read_signal(path, cls)

    def beside(self, predicted: "Signal") -> str:
        """Return a table of what was measured, with what was predicted beside it, step by step.

        Args:
            predicted: the signal that `glorot.predict` returned.

        Returns:
            The table, as text; a prediction with its grade, and the reason where there is none.
        """
        known = {step.name: step for step in predicted.steps}
        head = ["step", "mean square", "predicted", "grade", "gradient", "predicted", "grade"]
        rows = []
        for step in self.steps:
            other = known.get(step.name) or StepSignal(step.name, step.kind, grade=UNKNOWN, gradient_grade=UNKNOWN)
            values = (step.second_moment, other.second_moment, step.gradient_std, other.gradient_std)
            measured, expected, gradient, reached = (number(value) for value in values)
            grades = str(other.grade), str(other.gradient_grade)
            rows.append([step.name, measured, expected, grades[0], gradient, reached, grades[1]])
        return table(head, rows)


UNKNOWN = Grade("none", "not predicted")


def json_text(signal: Signal) -> str:
    """Return a signal as the text of a JSON file."""
    return json_lines(signal.to_json())


def found_function(module: str, name: str) -> Callable[..., str]:
    """Return what writes a form of a signal."""
    function: Callable[..., str] = getattr(importlib.import_module(module), name)
    return function


def _layers(layers: Sequence[LayerSignal]) -> tuple[list[str], list[list[str]]]:
    head = ["layer", "followed by", "mean", "std", "across", "saturated", "dead", "distinct", "gradient", "∂weight"]
    rows = [
        [
            layer.layer,
            layer.activation,
            *(number(figure) for figure in (layer.mean, layer.std, layer.std_across)),
            _share(layer.saturated),
            _share(layer.dead),
            f"{layer.distinct} of {layer.units}",
            number(layer.gradient_std),
            number(layer.weight_gradient_std),
        ]
        for layer in layers
    ]
    return head, rows


def _steps(steps: Sequence[StepSignal]) -> tuple[list[str], list[list[str]]]:
    head = ["step", "mean", "std", "across", "correlation", "saturated", "dead", "distinct", "gradient", "∂weight"]
    more = [name for name in ("update_ratio", "largest_singular_value") if any(getattr(s, name) > 0 for s in steps)]
    rows = [
        [
            step.name,
            *(number(figure) for figure in (step.mean, step.std, step.std_across, step.correlation)),
            _share(step.saturated),
            _share(step.dead),
            f"{step.distinct} of {step.units}" if step.units else "–",
            number(step.gradient_std),
            number(step.weight_gradient_std),
            *(number(getattr(step, name)) for name in more),
        ]
        for step in steps
    ]
    return [*head, *(HEADS[name] for name in more)], rows


HEADS = {"update_ratio": "update", "largest_singular_value": "σ max"}


def _share(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.0f} %"
