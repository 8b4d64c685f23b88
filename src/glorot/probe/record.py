"""Recording: what becomes of every kernel, its signal and its gradient while a model is trained."""

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.adapters import opened
from glorot.errors import GlorotError
from glorot.files import write_whole
from glorot.graph import Folded
from glorot.graph.points import Point, points_of
from glorot.graph.readings import Observed
from glorot.markup import html_table, html_text
from glorot.preserving import LOCK
from glorot.probe.collector import kernels_at
from glorot.probe.file import RECORD, read_saved, to_json
from glorot.probe.singular import largest_in, matrices_of
from glorot.text import json_lines, number, quoted, table

Column = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]

HEADS = {
    "variance": "variance",
    "mean": "mean",
    "largest_singular_value": "σ max",
    "alignment": "alignment",
    "second_moment": "mean square",
    "gradient_std": "gradient",
    "update_ratio": "update",
}
"""The figures of a kernel, and what they are called in a table."""


@dataclass(frozen=True, eq=False)
class KernelRecord:
    """What became of one kernel: a column for each figure, with an element for each recorded step.

    A figure that is not known is NaN.

    Attributes:
        name: the name of its step in the graph, as `glorot.measure` has it: the path of its layer.
        kernel: the path of the parameter.
        variance: the variance of the weights.
        mean: their mean.
        largest_singular_value: σ_max of the weights, as a matrix of outputs by all that each of them sums; of several
            copies, as groups or experts, the largest.
        alignment: σ_max over what independent random weights of the same variance would have.
        second_moment: the mean square of what the kernel returned; NaN where one operator computes more than that, as
            a recurrent layer does.
        gradient_std: the root mean square of ∂loss/∂(what it returned).
        update_ratio: ‖ΔW‖/‖W‖, of the update that followed the step.
    """

    name: str
    kernel: str
    variance: Column
    mean: Column
    largest_singular_value: Column
    alignment: Column
    second_moment: Column
    gradient_std: Column
    update_ratio: Column


@dataclass(eq=False)
class Record:
    """What `glorot.probe.record` kept of a training loop; it grows while that runs.

    Attributes:
        every: how many training steps lie between two that are recorded.
        steps: the numbers of the recorded steps; the first training step is 0.
        layers: one for each kernel, in the order of execution.
        notes: what was not read, and why.
    """

    every: int
    steps: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    layers: tuple[KernelRecord, ...] = ()
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> KernelRecord:
        """Return what became of a kernel, by the name of its step.

        Raises:
            KeyError: if there is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        return "\n".join([self._title(), *([table(*self._rows())] if self.layers else []), *self.notes])

    def _repr_html_(self) -> str:
        shown = html_table(*self._rows()) if self.layers else ""
        return "".join([f"<p>{html_text(self._title())}</p>", shown, *(f"<p>{html_text(n)}</p>" for n in self.notes)])

    def _title(self) -> str:
        if not len(self.steps):
            return "no steps recorded"
        if len(self.steps) == 1:
            return f"1 step, number {self.steps[0]}"
        return f"{len(self.steps)} steps, number {self.steps[0]} to number {self.steps[-1]}: first → last"

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        rows = [[layer.name, *(_course(getattr(layer, name)) for name in HEADS)] for layer in self.layers]
        return ["layer", *HEADS.values()], rows

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain data, ready for JSON; NaN is null."""
        return to_json(self, RECORD)

    def save(self, path: str | Path) -> Path:
        """Write the record as a JSON file, whole or not at all.

        Args:
            path: the file to write.

        Returns:
            The path written.

        Raises:
            GlorotError: if the place cannot be written.
        """
        return write_whole(path, json_lines(self.to_json()))

    @classmethod
    def load(cls, path: str | Path) -> "Record":
        """Read a record that `save` wrote.

        Args:
            path: the file to read.

        Returns:
            The record.

        Raises:
            GlorotError: if the file cannot be read, is not a record, is of another version, or was damaged.
        """
        found: Record = read_saved(path, cls, RECORD)
        lengths = {len(getattr(layer, name)) for layer in found.layers for name in HEADS}
        if lengths - {len(found.steps)}:
            raise GlorotError(f"{path} is damaged: its columns have another length than its {len(found.steps)} steps")
        return found


def _course(column: Column) -> str:
    """Write the first and the last value of a column."""
    ends = [number(column[0])] if len(column) == 1 else [number(column[0]), number(column[-1])]
    return ends[0] if set(ends) == {ends[0]} else " → ".join(ends)


def record(model: object, every: int = 1) -> AbstractContextManager[Record]:
    """Return a block that records a training loop of yours inside it, and changes nothing of that.

    alignment = σ_max / (σ (√fan_in + √fan_out)): σ_max the largest singular value of a kernel, σ² its variance

    A step is a call of the model in training mode from whose result a backward pass goes back. Of every k-th step, the
    signal and the gradient are read while your own forward and backward pass run; nothing is run besides, but that at
    the first recorded step, and where the shape of the batch changes, the model is followed without computing anything.
    The weights after training are bit for bit what they are without the block. Between recorded steps two hooks count
    the steps; a recorded step copies every kernel to the CPU and finds its largest singular value there.

    A step enters the record when the weights have changed after it, or the block ends. Under gradient accumulation
    several steps share one update. Where the loss is scaled, as by a `GradScaler`, so is the gradient. Of a compiled
    model the weights alone are recorded, for compiled code computes past what could be read.

    Args:
        model: a `torch.nn.Module`, as your loop calls it.
        every: how many training steps lie between two that are recorded.

    Returns:
        A context manager; `as record` gives a table that grows while the loop runs: `record.steps`, and for each kernel
        `record[layer].alignment` and the other figures, as NumPy arrays, to print, save and draw.

    Raises:
        GlorotError: if `every` is no positive integer; if the model is not one of PyTorch's, is recorded already, lies
            on meta, is spread over processes, or was compiled in place. What the loop itself raises passes through.

    Example:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 10))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with glorot.probe.record(model, every=10) as record:
        ...     for _ in range(30):
        ...         optimizer.zero_grad()
        ...         torch.nn.functional.cross_entropy(model(torch.randn(8, 64)), torch.arange(8)).backward()
        ...         optimizer.step()
        >>> record.steps.tolist(), record["0"].alignment.shape
        ([0, 10, 20], (3,))

    References:
        Marchenko & Pastur (1967), for the σ_max of random weights; Bernstein (2025), "Deriving Muon", on the low
        stable rank of gradients.
    """
    if not isinstance(every, int) or isinstance(every, bool) or every < 1:
        raise GlorotError(
            f"every is how many training steps lie between two that are recorded, 1 or more, got {quoted(every)}"
        )
    adapter, found = opened(model)
    if not hasattr(adapter, "record"):
        raise GlorotError(
            f"the training loop of a {type(found).__name__} is not recorded: only models of PyTorch have hooks that "
            "see it; call glorot.measure(model, inputs, targets, histograms=True) every few steps instead, and keep "
            "what it returns"
        )
    return _recorded(adapter, found, every)


@contextmanager
def _recorded(adapter: Any, model: Any, every: int) -> Iterator[Record]:
    with LOCK:
        stock = adapter.layers(model)
    found = Record(every)
    with adapter.record(model, stock, every, _Keeper(found)):
        yield found


class _Keeper:
    """Adds what is read of each step to a record."""

    def __init__(self, found: Record) -> None:
        self.record = found

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.record.notes:
            self.record.notes = (*self.record.notes, text)

    def keep(self, step: int, observed: Observed, before: Arrays, after: Arrays) -> None:
        """Add a step."""
        found = self.record
        rows = {
            (point.name, path): {
                **_of_signal(observed, point),
                **_of_weights(observed.folded, path, before, after),
            }
            for point, path in _kernels(observed.folded)
        }
        known = {(layer.name, layer.kernel): layer for layer in found.layers}
        for name, path in (kernel for kernel in rows if kernel not in known):
            known[name, path] = KernelRecord(name, path, *[np.full(len(found), math.nan)] * len(HEADS))
        found.layers = tuple(_longer(layer, rows.get(kernel, {})) for kernel, layer in known.items())
        found.steps = np.append(found.steps, step)


def _longer(layer: KernelRecord, row: Mapping[str, float]) -> KernelRecord:
    """Return the columns of a kernel with one more element."""
    columns = [np.append(getattr(layer, name), row.get(name, math.nan)) for name in HEADS]
    return KernelRecord(layer.name, layer.kernel, *columns)


def _kernels(folded: Folded) -> list[tuple[Point, str]]:
    """Return each kernel's point, with the path of the largest of the parameters that it multiplies by."""
    points = [(point, kernels_at(folded, point)) for point in points_of(folded) if point.kind == "kernel"]
    return [
        (point, max(paths, key=lambda path: math.prod(folded.leaf(path).shape))) for point, paths in points if paths
    ]


def _of_signal(observed: Observed, point: Point) -> dict[str, float]:
    value, gradient = observed.values.get(point.value), observed.gradients.get(point.value)
    return {
        "second_moment": math.nan if value is None else value.second_moment,
        "gradient_std": math.nan if gradient is None else math.sqrt(gradient.second_moment),
    }


def _of_weights(folded: Folded, path: str, before: Arrays, after: Arrays) -> dict[str, float]:
    matrices = matrices_of(folded, path, before)
    if matrices is None:
        return {}
    weights = before[path].astype(np.float64)
    variance, largest = float(weights.var()), largest_in(matrices)
    random = math.sqrt(variance) * (math.sqrt(matrices.shape[1]) + math.sqrt(matrices.shape[2]))
    is_there = path in after and after[path].shape == weights.shape
    length, moved = np.linalg.norm(weights), np.linalg.norm(after[path] - weights) if is_there else math.nan
    return {
        "variance": variance,
        "mean": float(weights.mean()),
        "largest_singular_value": largest,
        "alignment": largest / random if random else math.nan,
        "update_ratio": float(moved / length) if length else math.nan,
    }
