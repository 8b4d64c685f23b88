"""The assumptions of the proof of Xavier initialisation, tried on every kernel of a real model."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.adapters import opened
from glorot.files import write_whole
from glorot.graph import Folded, Forward
from glorot.graph.operations import Map, Permute, Reshape
from glorot.graph.points import Point
from glorot.graph.readings import Observed, Reading
from glorot.inventory.kernels import fans_of, follow_parameter, kernel_operand
from glorot.markup import html_table, html_text
from glorot.probe import figures
from glorot.probe.collector import observed
from glorot.probe.file import Format, read_saved, to_json
from glorot.text import json_lines, number, table


@dataclass(frozen=True)
class Sum:
    """The variance of a sum of products of a weight and an input, if the two are independent, and what was measured.

    Attributes:
        fan: how many products are summed.
        weights_and_inputs: fan·Var w·Var x.
        weight_mean: fan·E[w]²·Var x.
        input_mean: fan·E[x]²·Var w.
        bias: the variance of what is added.
        measured: the variance of the sum itself; NaN where it was not read.
        factor: its mean square over that of the inputs; NaN where one of the two was not read.
    """

    fan: float
    weights_and_inputs: float
    weight_mean: float
    input_mean: float
    bias: float = 0.0
    measured: float = math.nan
    factor: float = math.nan

    @property
    def expected(self) -> float:
        """What the variance is if weights and inputs are independent."""
        return self.weights_and_inputs + self.weight_mean + self.input_mean + self.bias

    @property
    def ratio(self) -> float:
        """What was measured over what is expected: 1 where the assumptions hold."""
        return self.measured / self.expected if self.expected > 0 else math.nan

    @property
    def shares(self) -> tuple[float, float, float, float]:
        """The four terms, each as a share of their sum."""
        terms = self.weights_and_inputs, self.weight_mean, self.input_mean, self.bias
        one, two, three, four = (term / self.expected if self.expected > 0 else math.nan for term in terms)
        return one, two, three, four


@dataclass(frozen=True)
class KernelAssumptions:
    """What the proof supposes of one kernel, and what holds.

    Attributes:
        name: its step.
        weight_variance: Var w, over all its elements.
        signal: its output, a sum over fan_in inputs.
        gradient: the gradient that it sends back, a sum over fan_out outputs.
    """

    name: str
    weight_variance: float
    signal: Sum
    gradient: Sum

    def factors(self, variance: float) -> tuple[float, float]:
        """Return by what weights of mean 0 and this variance multiply the mean squares of signal and gradient."""
        return self.signal.fan * variance, self.gradient.fan * variance


@dataclass(frozen=True)
class Assumptions:
    """The assumptions of the proof, kernel by kernel. Made by `glorot.probe.assumptions`.

    Attributes:
        kernels: one for each kernel, in the order of execution.
        notes: what was left out, and why.
    """

    kernels: tuple[KernelAssumptions, ...]
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> KernelAssumptions:
        for kernel in self.kernels:
            if kernel.name == name:
                return kernel
        raise KeyError(name)

    def _tables(self) -> list[tuple[list[str], list[list[str]]]]:
        return [
            (["signal", "fan_in", *SHARES], [_row(one.name, one.signal) for one in self.kernels]),
            (["gradient", "fan_out", *SHARES], [_row(one.name, one.gradient) for one in self.kernels]),
            (FACTORS, [_factors(one) for one in self.kernels]),
        ]

    def __str__(self) -> str:
        tables = [table(*each) for each in self._tables()] if self.kernels else []
        return "\n\n".join([*tables, *(["\n".join(self.notes)] if self.notes else [])])

    def _repr_html_(self) -> str:
        told = "".join(f"<p>{html_text(line)}</p>" for line in self.notes)
        return "".join(html_table(*each) for each in self._tables()) + told

    def to_json(self) -> dict[str, Any]:
        """Return the terms as plain data, ready for JSON; NaN is null.

        Returns:
            A dictionary of the format `glorot-assumptions/1`, with "kernels" and "notes".
        """
        return to_json(self, SAVED)

    def save(self, path: str | Path) -> Path:
        """Write the terms as a JSON file, whole or not at all.

        Args:
            path: the file to write.

        Returns:
            The path written.

        Raises:
            GlorotError: if the place cannot be written.
        """
        return write_whole(path, json_lines(self.to_json()))

    @classmethod
    def load(cls, path: str | Path) -> "Assumptions":
        """Read terms that `save` wrote.

        Args:
            path: the file to read.

        Returns:
            The terms of each kernel.

        Raises:
            GlorotError: if the file cannot be read, holds something else, is of another version, or was damaged.
        """
        found: Assumptions = read_saved(path, cls, SAVED)
        return found


SAVED = Format(
    "glorot-assumptions", "table of assumptions", 'save one with found.save("assumptions.json")', "try again"
)
SHARES = ["Var w·Var x", "E[w]²·Var x", "E[x]²·Var w", "bias", "sum", "measured", "ratio"]
FACTORS = [
    "kernel", "signal ×", "of 1/fan_in", "1/fan_out", "2/(sum)", "gradient ×", "of 1/fan_in", "1/fan_out", "2/(sum)",
]  # fmt: skip


def assumptions(
    model: object, inputs: Any, targets: Any = None, loss: Any = None, *, forward: Forward | None = None
) -> Assumptions:
    """Split the variance that each kernel makes into what the proof of Xavier initialisation keeps and leaves out.

    Var Σ w·x = fan_in·(Var w·Var x + E[w]²·Var x + E[x]²·Var w) for independent w and x, and from the end the same of
    gradients, with fan_out

    Var w and E w are taken over all elements of a kernel; Var x and E x over all examples, positions and inputs at
    once, and so is the variance that is measured of the output. The proof keeps the first term. The second needs
    inputs that are independent of each other, too. The third is what a mean of the inputs makes, as after a ReLU: it
    shifts a unit alike for all examples. The ratio tells whether weights and inputs are independent: at the start they
    are, after training they are not.

    Args:
        model: the model, of any framework that `glorot.measure` takes.
        inputs: a batch: an array or tensor, a tuple of positional inputs or a dict of named ones.
        targets: class numbers or values; without them the gradient starts from random numbers of standard deviation 1.
        loss: function (what the model returns, targets) → scalar; as for `glorot.measure` by default.
        forward: function (model, inputs) that runs the model on the batch; by default the model is called.

    Returns:
        The terms of each kernel, and by how much it multiplies signal and gradient beside what 1/fan_in, 1/fan_out and
        2/(fan_in + fan_out) would. Kernels whose input was not read are left out, with a note.

    Raises:
        GlorotError: if the batch does not fit the model, or holds NaN or infinity.

    Example:
        >>> import glorot, torch
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(400, 50), nn.Linear(50, 400))
        >>> found = glorot.probe.assumptions(glorot.initialize(net, "xavier", seed=0), torch.randn(256, 400))
        >>> [tuple(round(factor, 2) for factor in one.factors(2 / 450)) for one in found.kernels]
        [(1.78, 0.22), (0.22, 1.78)]

    References:
        Glorot & Bengio (2010), equations 5 and 6.
    """
    seen = observed(model, inputs, targets, loss, forward)
    adapter, opened_model = opened(model, inputs)
    arrays = adapter.arrays(opened_model)
    found, missing = [], []
    for point in seen.points:
        if point.kind == "kernel":
            one = _of(seen, point, arrays, inputs)
            found += [] if isinstance(one, str) else [one]
            missing += [f"{point.name} is left out: {one}"] if isinstance(one, str) else []
    return Assumptions(tuple(found), (*seen.notes, *missing))


def _of(seen: Observed, point: Point, arrays: Mapping[str, NDArray[Any]], inputs: Any) -> KernelAssumptions | str:
    """Return the terms of one kernel; the reason where they are not known."""
    folded, value, bias = seen.folded, point.value, 0.0
    while folded.kind.get(value) in ("affine", "move"):
        added = folded.makers.of(value)
        for path in (
            {path for operand in added.operands for path in folded.parameters.get(operand, ())} if added else ()
        ):
            bias += float(np.var(np.asarray(arrays[path], np.float64)))
        value = folded.passes[value]
    step = folded.makers.of(value)
    operand = None if step is None else kernel_operand(folded, step)
    if step is None or operand is None:
        return "its kernel is computed on the way"
    weights = _weights(folded, step.operands[operand], arrays)
    if weights is None:
        return "its kernel is computed from what is stored"
    entered = next(one for n, one in enumerate(step.operands) if n != operand)
    source = _unmoved(folded, entered)
    reading = seen.values.get(source) or _given(folded, source, inputs)
    if reading is None:
        return "what enters it was not read"
    output, below, above = seen.values[point.value], seen.gradients.get(source), seen.gradients.get(point.value)
    fans = fans_of(folded, step, operand)
    signal = _sum(fans.fan_in, weights, reading, output, bias)
    is_shared = len(folded.users[entered]) > 1 or (entered != source and len(folded.users[source]) > 1)
    gradient = _sum(fans.fan_out, weights, above, None if is_shared else below)
    return KernelAssumptions(point.name, float(weights.var()), signal, gradient)


def _weights(folded: Folded, value: int, arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float64] | None:
    """Return the kernel as it meets the signal; None where more happened to it than to be moved."""
    paths = folded.parameters.get(value, ())
    if len(paths) != 1 or paths[0] not in arrays:
        return None
    at, leaf = value, folded.leaf(paths[0]).id
    while at != leaf:
        step = folded.makers.of(at)
        if step is None or isinstance(step.operation, Map) or len(step.operands) != 1:
            return None
        (at,) = step.operands
    array = np.asarray(arrays[paths[0]], np.float64)
    return follow_parameter(folded, leaf, array, value) if array.shape == folded.graph.shape(leaf) else None


def _unmoved(folded: Folded, value: int) -> int:
    """Return what holds the same elements in another order."""
    while folded.kind.get(value) == "move" and folded.source[value] == value:
        step = folded.makers.of(value)
        if step is None or not isinstance(step.operation, Reshape | Permute):
            break
        value = folded.passes[value]
    return value


def _given(folded: Folded, value: int, inputs: Any) -> Reading | None:
    """Return the moments of a part of the batch; None for anything else, or where it is not known which part."""
    leaf, elements = folded.graph.values[value], folded.graph.values[value].elements
    if leaf.leaf == "input" and elements is None and getattr(inputs, "shape", None) == leaf.shape:
        elements = np.asarray(inputs)
    if leaf.leaf != "input" or elements is None:
        return None
    exact = np.asarray(elements, np.float64).reshape(len(elements), -1)
    sizes = (exact.shape[0], 1, exact.shape[1])
    return Reading(sizes, float(exact.mean()), float(np.mean(exact**2)), math.nan, exact[:, None].astype(np.float32))


def _sum(
    fan: float, weights: NDArray[np.float64], entered: Reading | None, left: Reading | None, bias: float = 0.0
) -> Sum:
    if entered is None:
        return Sum(fan, math.nan, math.nan, math.nan)
    mean, variance = float(weights.mean()), float(weights.var())
    own = figures.std_of(entered) ** 2
    measured = math.nan if left is None else figures.std_of(left) ** 2
    square = math.nan if left is None or not entered.second_moment > 0 else left.second_moment / entered.second_moment
    terms = fan * variance * own, fan * mean**2 * own, fan * entered.mean**2 * variance
    return Sum(fan, *terms, bias, measured, square)


def _row(name: str, one: Sum) -> list[str]:
    shares = ["–" if math.isnan(share) else f"{100 * share:.1f} %" for share in one.shares]
    return [name, number(one.fan), *shares, number(one.expected), number(one.measured), number(one.ratio)]


def _factors(one: KernelAssumptions) -> list[str]:
    fan_in, fan_out = one.signal.fan, one.gradient.fan
    laws = [one.factors(variance) for variance in (1 / fan_in, 1 / fan_out, 2 / (fan_in + fan_out))]
    signal, gradient = ([number(law[side]) for law in laws] for side in (0, 1))
    return [one.name, number(one.signal.factor), *signal, number(one.gradient.factor), *gradient]
