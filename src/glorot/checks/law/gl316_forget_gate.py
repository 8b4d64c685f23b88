"""GL316: constants in the wrong gate of an LSTM, and forget gates that start shut."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.inventory import Part, cells

GATES = "ifgo"
"""The gates of an LSTM: input, forget, cell and output."""

SHUT = -1.0
"""The bias of a forget gate below which more than 73 % of a state is lost in a step."""

LEAST = 0.5
"""The smallest constant that is meant to open a gate."""


class Gate(NamedTuple):
    """What is added before one gate.

    Attributes:
        names: the names of the parts: one, or one beside the input and one beside the state.
        values: what each holds.
        constant: what the layer adds when it runs.
    """

    names: tuple[str, ...]
    values: tuple[Array, ...]
    constant: float = 0.0

    @property
    def total(self) -> float:
        """The median of what all of them add."""
        return self.constant + float(np.median(np.sum([np.asarray(one, np.float64) for one in self.values], axis=0)))

    def constants(self) -> Iterator[tuple[str, float]]:
        """Yield the parts that hold a constant, with the constant."""
        for name, values in zip(self.names, self.values, strict=True):
            if values.size > 1 and values.min() == values.max():
                yield name, float(values.flat[0])


class ForgetGate(Check):
    """The forget gate of an LSTM starts shut, or the constant that should open it lies in another gate.

    What it does:
        Adds up the biases of each gate of an LSTM. Found are forget gates whose bias is below −1, and positive
        constants in another gate where the forget gate lacks them.

    Why it matters:
        A forget gate keeps the share sigmoid(b) of its state at each step: a half at 0, 0.73 at 1, and 0.05 at −3, of
        which nothing is left after two steps, nor of the gradient. A bias of 1 is written into a quarter of a vector,
        and libraries order the quarters differently: PyTorch and Keras as i, f, g, o, the first cells of TensorFlow as
        i, g, f, o. In the wrong quarter the constant saturates the cell's tanh, and the states are still forgotten.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> lstm = torch.nn.LSTM(32, 64)
        >>> for name, bias in lstm.named_parameters():
        ...     if "bias" in name:
        ...         _ = torch.nn.init.zeros_(bias)
        >>> _ = torch.nn.init.ones_(lstm.bias_ih_l0.data[128:192])
        >>> print(glorot.check(lstm, select="GL316").findings[0])
        GL316 warning: bias_ih_l0[g]: holds a constant that belongs in the forget gate, whose bias is 0 (1, expected it
        in bias_ih_l0[f])

    What to do:
        Set the forget gate's bias to 1, in its own quarter: `glorot.initialize(model, "auto", seed=0)` does. Where
        there are two biases, as in PyTorch, their sum counts.

    References:
        Jozefowicz et al. (2015), "An Empirical Exploration of Recurrent Network Architectures".
    """

    code = "GL316"
    name = "forget-gate"
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        for gates in all_gates(evidence):
            forget = gates.pop("f", None)
            if forget is None or not all(np.isfinite(one).all() for one in forget.values):
                continue
            if forget.total < SHUT:
                yield self.finding(
                    [name for name, values in zip(*forget[:2], strict=True) if values.any()],
                    "shuts the forget gate, so that states last a step",
                    figure=forget.total,
                    expected="0 or more, as a rule 1",
                    remedy="start the forget gate's bias at 1",
                )
            elif all(constant < LEAST for _, constant in forget.constants()):
                for other in gates.values():
                    yield from self._misplaced(other, forget)

    def _misplaced(self, other: Gate, forget: Gate) -> Iterator[Finding]:
        for path, constant in other.constants():
            if constant >= LEAST and forget.total < constant / 2:
                yield self.finding(
                    path,
                    f"holds a constant that belongs in the forget gate, whose bias is {forget.total:.2g}",
                    figure=constant,
                    expected=f"it in {forget.names[0]}",
                    remedy="write it into the forget gate's quarter: the order of the gates differs between libraries",
                )


def all_gates(evidence: Evidence) -> Iterator[dict[str, Gate]]:
    """Yield the gates of each LSTM by letter: of the layers of libraries, then of cells that a model writes itself."""
    biases = {part.name: (part, values) for part, values in evidence.parts() if len(part.shape) == 1}
    for part, _ in biases.values():
        if part.role == "forget_bias":
            yield gates_of(part, biases)
    if evidence.folded is None:
        return
    library = {part.path for part, _ in biases.values() if part.role == "forget_bias"}
    for cell in cells.cells_in(evidence.folded):
        own = cell["f"].shifts
        if own and library.isdisjoint(span.path for span in own) and all(span.path in evidence.weights for span in own):
            yield {letter: _gate_at(evidence, gate) for letter, gate in cell.items() if gate.shifts}


def _gate_at(evidence: Evidence, gate: cells.Gate) -> Gate:
    """Return what is added before a gate, each bias under the name of the part that lies there."""
    names = []
    for path, start, stop in gate.shifts:
        parameter = evidence.inventory.parameter(path)
        parts = () if parameter is None else parameter.parts
        exact = (one.name for one in parts if one.view is not None and one.view.box == ((start, stop),))
        names.append(next(exact, path))
    values = tuple(evidence.weights[path][start:stop] for path, start, stop in gate.shifts)
    return Gate(tuple(names), values, gate.constant)


def gates_of(forget: Part, biases: Mapping[str, tuple[Part, Array]]) -> dict[str, Gate]:
    """Return the gates of the LSTM that a forget bias belongs to, by letter, with all biases that are added there."""
    found = {}
    for gate in GATES:
        if forget.name.endswith("[f]"):
            first = f"{forget.path}[{gate}]"
        else:  # each gate is a layer by itself, hf.bias beside hi.bias
            layer, _, own = forget.path.rpartition(".")
            first = f"{layer.removesuffix('f')}{gate}.{own}"
        names = [name for name in dict.fromkeys((first, first.replace("bias_ih", "bias_hh"))) if name in biases]
        if names:
            found[gate] = Gate(tuple(names), tuple(biases[name][1] for name in names))
    return found
