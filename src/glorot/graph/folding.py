"""Folding: what each value of a graph is made of, and where its parameters meet the signal."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from glorot.graph import norms
from glorot.graph.curves import Application, Curve
from glorot.graph.damping import damped_by_surroundings
from glorot.graph.experts import picked_bias
from glorot.graph.functions import function
from glorot.graph.graph import Graph, Step, Value
from glorot.graph.moves import reads_out
from glorot.graph.operations import (
    Broadcast,
    Choose,
    Contract,
    Convolve,
    Flip,
    Join,
    Map,
    Normalise,
    Operation,
    Pad,
    Permute,
    Pool,
    Random,
    Reduce,
    Reshape,
    Slice,
    Softmax,
    Take,
)
from glorot.graph.running import Makers

Kind = Literal[
    "input", "kernel", "interaction", "embedding", "affine", "move", "dropout", "join", "product", "sum", "mean",
    "extreme", "normalised", "softmax", "centred", "mix", "opaque",
]  # fmt: skip
"""What a source is: the first value that is not a function of another one, element by element."""

Role = Literal["kernel", "embedding", "position", "token", "scale", "shift", "bias", "slope", "signal"]

AFFINE = {"add", "sub", "mul", "div", "where"}
"""Functions by which a parameter or a constant array scales, shifts or masks a signal, at its start without effect."""


@dataclass(frozen=True, slots=True)
class Use:
    """A place where a parameter meets the signal.

    Attributes:
        path: the path of the parameter.
        role: what it is there for.
        step: the position of the step.
        operand: which operand of the step is made of it.
    """

    path: str
    role: Role
    step: int
    operand: int


class Folded:
    """A graph whose values are understood.

    Attributes:
        graph: the graph.
        makers: the steps that make its values.
        source: for each value that depends on the batch, the value that it is a function of, element by element.
        kind: what each source is.
        passes: for a source that passes on what another value is, but for its place, scale and shift, that value.
        passed: for a value, the sources that pass it on.
        second: the mean square of a norm's result, where it was found.
        parameters: for each value that is made of parameters and constants alone, the paths of those parameters.
        uses: where each parameter meets the signal, by its path.
        users: the steps that take each value, with the position of the operand.
        normed_from: for each norm or softmax that was found by what it does, the value that it is one of.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.makers = Makers(graph)
        self.source: dict[int, int] = {}
        self.kind: dict[int, Kind] = {}
        self.passes: dict[int, int] = {}
        self.passed: dict[int, list[int]] = defaultdict(list)
        self.second: dict[int, float] = {}
        self.parameters: dict[int, tuple[str, ...]] = {}
        self.uses: dict[str, list[Use]] = defaultdict(list)
        self.users: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._random: set[int] = set()
        self._running: set[int] = set()  # the values that are made of a running variance
        self._root: dict[int, int] = {}  # the value that all of a value comes from, through statistics too
        self._statistics: set[int] = set()  # the values that a statistic enters
        self._taken: dict[int, set[int]] = {}  # for each of them, the values that its statistics are taken of
        self._leaves = {value.path: value for value in graph.values if value.path}
        self._positions = {step.result: position for position, step in enumerate(graph.steps)}
        self._kernels: set[int] = set()  # what layers say are kernels, as it is or moved
        self._rows: set[int] = set()  # rows of tables that numbers known beforehand look up
        self._after_kernel: set[int] = set()
        self._normed: set[int] = set()  # the roots that a norm or a softmax was found of
        self.normed_from: dict[int, int] = {}
        self._numbers: dict[int, float] = {}  # what constants fold to
        for value in graph.values:
            if value.leaf in ("parameter", "statistic"):
                self.parameters[value.id] = (value.path,)
                self._kernels |= {value.id} if value.is_kernel else set()
                self._running |= {value.id} if value.leaf == "statistic" else set()
            elif value.leaf == "input":
                self._start(value.id, "input")
        for position, step in enumerate(graph.steps):
            for operand, taken in enumerate(step.operands):
                self.users[taken].append((position, operand))
            self._visit(position, step)

    def number(self, value: int) -> float | None:
        """Return the number that a value holds everywhere, if it is known."""
        return self._numbers.get(value, self.graph.values[value].number)

    def is_statistic(self, value: int) -> bool:
        """Tell whether a value is, or is made of, a statistic of a signal that a norm divides by it."""
        return self._root.get(value) in self._normed and value in self._statistics

    def has_kernel(self, value: int) -> bool:
        """Tell whether a kernel, or a table that is looked up, lies on the way to a value."""
        return value in self._after_kernel

    def leaf(self, path: str) -> Value:
        """Return the parameter at a path, as it is stored."""
        return self._leaves[path]

    def signal_beside(self, use: Use) -> int | None:
        """Return the signal that a parameter meets; None if it meets another parameter."""
        operands = enumerate(self.graph.steps[use.step].operands)
        return next((value for n, value in operands if n != use.operand and value in self.source), None)

    def position(self, step: Step) -> int:
        """Return the position of a step."""
        return self._positions[step.result]

    def data_of(self, step: Step) -> list[int]:
        """Return the operands of a step that depend on the batch, each once."""
        return [value for value in dict.fromkeys(step.operands) if value in self.source]

    def back(self, value: int) -> int:
        """Return the source of a value, through all that passes it on."""
        source = self.source[value]
        while source in self.passes:
            source = self.source[self.passes[source]]
        return source

    def curve(self, value: int, source: int) -> Curve:
        """Return a value as a function of a source that it comes from, element by element."""
        found: dict[int, Application] = {}
        numbers: dict[int, float] = {}
        waiting = [value]
        while waiting:  # a loop, for graphs are deeper than Python's stack
            made = waiting.pop()
            number = self.number(made)
            if made == source or made in found or made in numbers:
                continue
            if number is not None:
                numbers[made] = number
            elif made in self.passes:
                found[made] = Application(made, "", (self.passes[made],))
            else:
                step = self.makers.of(made)
                if step is None or not isinstance(step.operation, Map):
                    raise ValueError(f"value {value} is not a function of value {source}")
                found[made] = Application(made, step.operation.function, step.operands)
            waiting.extend(found[made].operands if made in found else ())
        return Curve(source, value, tuple(found[made] for made in sorted(found)), numbers, self.graph.tolerance)

    # ---- one step --------------------------------------------------------------------------------------------------

    def _visit(self, position: int, step: Step) -> None:
        data = self.data_of(step)
        if isinstance(step.operation, Random):
            self._random.add(step.result)
        elif isinstance(step.operation, Take) and data and step.operands[0] in self.parameters:
            self._look_up(position, step)
        elif data or self._has_seed(step):
            for operand, value in enumerate(step.operands):
                if value in self.parameters:
                    is_seed = not data and value not in self._kernels
                    self._note(position, operand, "token" if is_seed else self._role(step, value), value)
            self._follow(step, data)
        else:
            self._fold(step)
        if self.kind.get(step.result) in ("kernel", "embedding") or not self._after_kernel.isdisjoint(step.operands):
            self._after_kernel.add(step.result)

    def _has_seed(self, step: Step) -> bool:
        """Tell whether a kernel is multiplied by another parameter, which is thereby a signal: a seed, a query.

        What is made of the kernel itself is none, as in steps towards its largest singular value.
        """
        if not isinstance(step.operation, Contract | Convolve):
            return False
        others = [value for value in step.operands if value not in self._kernels]
        own = {path for value in step.operands if value in self._kernels for path in self.parameters[value]}
        return len(others) == 1 and not own.issuperset(self.parameters.get(others[0], own))

    def _fold(self, step: Step) -> None:
        """Fold a step that no data enters."""
        made = [path for value in step.operands for path in self.parameters.get(value, ())]
        if made:
            self.parameters[step.result] = tuple(dict.fromkeys(made))
            is_move = isinstance(step.operation, Reshape | Permute | Slice | Flip | Broadcast | Take)
            is_kernel = (is_move and step.operands[0] in self._kernels) or reads_out(self.graph, step, self._kernels)
            self._kernels |= {step.result} if is_kernel else set()
            is_row = _looks_up(step.operation, self.graph.shape(step.operands[0])) or step.operands[0] in self._rows
            self._rows |= {step.result} if is_move and is_row else set()
        self._running |= set() if self._running.isdisjoint(step.operands) else {step.result}
        self._random |= set() if self._random.isdisjoint(step.operands) else {step.result}
        numbers = [self.number(value) for value in step.operands]
        known = [number for number in numbers if number is not None]
        if not known or len(known) < len(numbers):
            return
        match step.operation:
            case Map(name):
                with np.errstate(all="ignore"):
                    self._numbers[step.result] = float(function(name)(*map(np.float64, known)))
            case Reshape() | Permute() | Broadcast() | Slice():
                self._numbers[step.result] = known[0]

    def _look_up(self, position: int, step: Step) -> None:
        """Take rows that the batch tells: of an embedding, or of a stack of kernels, which stay parameters."""
        table = step.operands[0]
        if len(self.graph.shape(table)) > 2:
            self.parameters[step.result] = self.parameters[table]
        else:
            self._note(position, 0, "embedding", table)
            self._start(step.result, "embedding")

    def _note(self, position: int, operand: int, role: Role, value: int) -> None:
        for path in self.parameters[value]:
            self.uses[path].append(Use(path, role, position, operand))

    def _role(self, step: Step, value: int) -> Role:
        """Return what a parameter is for that meets the signal in a step."""
        match step.operation:
            case Contract() | Convolve():
                return "position" if self._is_row(value) and value not in self._kernels else "kernel"
            case Map(_) if self.number(value) is not None:
                return "slope"
            case Join() | Map("where"):
                return "token"
            case Map("add" | "sub"):
                return "position" if value in self._rows else "shift"
            case Map("mul" | "div"):
                return "scale"
        return "signal"

    # ---- what a step makes of data -----------------------------------------------------------------------------------

    def _follow(self, step: Step, data: list[int]) -> None:
        self._trace_root(step, data)
        match step.operation:
            case Contract() | Convolve():
                has_kernel = any(value in self.parameters for value in step.operands)
                self._start(step.result, "kernel" if has_kernel else "interaction")
            case Map(name):
                self._map(step, name, data)
            case Join() | Choose():
                self._start(step.result, "join")
            case Reduce(statistic) | Pool(statistic):
                self._start(step.result, "mean" if statistic in ("mean", "sum") else "extreme", is_apart=False)
                if statistic in ("max", "min"):
                    self.passes[step.result] = data[0]
                    self.passed[data[0]].append(step.result)
            case Normalise():
                self._start(step.result, "normalised")
            case Softmax():
                self._start(step.result, "softmax")
            case Reshape() | Permute() | Broadcast() | Slice() | Flip() | Pad() | Take():
                self._pass(step.result, "move", data[0])
            case _:
                self._start(step.result, "opaque")

    def _start(self, value: int, kind: Kind, is_apart: bool = True) -> None:
        """Make a value a source; one that stands apart is not a statistic of what came before."""
        self.source[value] = value
        self.kind[value] = kind
        if is_apart:
            self._root[value] = value
            self._statistics.discard(value)

    def _pass(self, value: int, kind: Kind, upstream: int) -> None:
        """Make a value a source that passes another one on; a statistic stays one of the same signal."""
        self._start(value, kind, is_apart=kind != "move" and value not in self._statistics)
        self.passes[value] = upstream
        self.passed[upstream].append(value)

    def _trace_root(self, step: Step, data: Sequence[int]) -> None:
        """Record the value that all of a result comes from, and whether a statistic enters."""
        roots = {self._root[value] for value in data}
        unknown = [v for v in step.operands if v not in self.source and self.number(v) is None]
        is_scaled = self._statistics.issuperset(data) and isinstance(step.operation, Map)  # by the scale of a norm
        follows = isinstance(step.operation, Map | Reduce | Reshape | Permute | Broadcast)
        if not follows or len(roots) != 1 or (unknown and not (is_scaled and self.parameters.keys() >= set(unknown))):
            self._root[step.result] = step.result
            return
        self._root[step.result] = roots.pop()
        if isinstance(step.operation, Reduce) or not self._statistics.isdisjoint(data):
            self._statistics.add(step.result)
            taken = [self._taken[value] for value in data if value in self._statistics]
            self._taken[step.result] = set().union(*taken) if taken else set(data)

    def _map(self, step: Step, name: str, data: list[int]) -> None:
        sources = {self.source[value] for value in data}
        unknown = [v for v in step.operands if v not in self.source and self.number(v) is None]
        if any(value in self._random for value in unknown) and len(data) == 1:
            self._pass(step.result, "dropout", self._without_factor(data[0]))
        elif len(sources) == 1 and not unknown:
            self.source[step.result] = sources.pop()
        elif len(data) == 1 and name in ("mul", "div") and not self._running.isdisjoint(unknown):
            self._start(step.result, "normalised")
        elif len(data) == 1 and name in AFFINE:
            self._pass(step.result, "affine", data[0])
        elif len(data) == 1:
            self._start(step.result, "mix")
        else:
            self._mix(step, name)

    def _is_row(self, value: int) -> bool:
        """Tell whether a value is rows that are looked up by place, and no kernels of a stack."""
        return value in self._rows and all(len(self.leaf(path).shape) == 2 for path in self.parameters[value])

    def _without_factor(self, value: int) -> int:
        """Return what dropout scales up, so that its mean stays: the value before its last product with a number."""
        step = self.makers.of(value)
        if step is not None and step.operation in (Map("mul"), Map("div")):
            data = self.data_of(step)
            if len(data) == 1 and all(self.number(v) is not None for v in step.operands if v not in data):
                return data[0]
        return value

    def _root_of_terms(self, step: Step, name: str) -> int | None:
        """Return the root of a norm that is multiplied out, as x·r − m·r is; None for anything else."""
        roots = set()
        for value in self.data_of(step):
            source = self.source[value]
            while self.kind[source] == "affine":
                source = self.source[self.passes[source]]
            roots.add(self.normed_from.get(source))
        return roots.pop() if name in ("add", "sub") and len(roots) == 1 else None

    def _statistic(self, step: Step, root: int) -> tuple[norms.Statistic | None, int]:
        """Return what a value is of the signal whose statistics enter, or of that signal's own source, and that one.

        The signal comes first, for a norm of tanh z looks otherwise as a function of z; but a softmax is one of z.
        """
        near = [v for v in self.data_of(step) if v not in self._statistics] or [*self._taken.get(step.result, set())]
        found = norms.recognised(self.graph, self.makers, self.parameters, root, step.result)
        if len({self.source[value] for value in near}) != 1 or (found is not None and found.kind == "softmax"):
            return found, root
        signal = min(near)  # x, of x and x²
        nearer = norms.recognised(self.graph, self.makers, self.parameters, signal, step.result)
        return (nearer, signal) if nearer is not None else (found, root)

    def _mix(self, step: Step, name: str) -> None:
        """Follow a function of several values: a norm, if one is a statistic of the other."""
        root = self._root[step.result] if step.result in self._statistics else self._root_of_terms(step, name)
        found, signal = (None, 0) if root is None else self._statistic(step, root)
        picked = picked_bias(self, step, name) if found is None else None
        if picked is not None:
            (path,) = self.parameters[picked.table]
            self.uses[path] = [use for use in self.uses[path] if self.graph.steps[use.step] is not picked.taken]
            self._note(self.position(step), picked.operand, "bias", picked.table)
            self._pass(step.result, "affine", picked.signal)
            return
        damped = damped_by_surroundings(self, step, name) if found is None else None
        if damped is not None:
            self._pass(step.result, "affine", damped)
            return
        if root is None or found is None:
            kinds: dict[str, Kind] = {
                "mul": "product", "div": "product", "add": "sum", "sub": "sum", "where": "join",
            }  # fmt: skip
            self._start(step.result, kinds.get(name, "mix"), is_apart=step.result not in self._statistics)
            return
        if found.kind != "centred":
            self._normed.add(root)
            self.normed_from[step.result] = signal
        self._start(step.result, found.kind, is_apart=found.kind != "centred")
        if found.kind == "normalised":
            self.second[step.result] = found.second


def _looks_up(operation: Operation, table: Sequence[int]) -> bool:
    """Tell whether a step takes rows of a table, and does not only put them into another order."""
    if not isinstance(operation, Take):
        return False
    return operation.index is None or sorted(operation.index) != list(range(table[operation.axis]))
