"""Points: the values of a graph that are reported, each with a name that is the same in every framework."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from glorot.graph.curves import recognised
from glorot.graph.folding import Folded
from glorot.graph.graph import Step
from glorot.graph.operations import Map, Pool, Reduce

PointKind = Literal[
    "kernel", "embedding", "curve", "sum", "product", "normalised", "softmax", "mean", "extreme", "attention",
    "interaction",
]  # fmt: skip
"""What a point is: as the kinds of a folded graph, with the end of a curve, and attention among the interactions."""

NUMBERED = {"normalised": "norm", "mean": "mean", "extreme": "extreme"}
"""What unnamed points of a kind are called before their number, where that is not the kind itself."""


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a graph that is reported.

    Attributes:
        value: the value.
        name: its name, which no other point of the graph has.
        kind: what it is.
        layer: the path of the layer whose kernel, table or scale it was made with; "" for any other.
        of: for the end of a curve, the value of the point that it is a curve of; None for any other.
        is_output: whether the model returns it, as it is or moved.
    """

    value: int
    name: str
    kind: PointKind
    layer: str = ""
    of: int | None = None
    is_output: bool = False


def points_of(folded: Folded, names: Mapping[int, str] | None = None) -> tuple[Point, ...]:
    """Return the points of a graph in the order of execution.

    A kernel counts after its bias, a norm after its scale and shift. What only moves elements about, a part of a norm
    or of a curve, and a term of a longer sum are no points.

    Args:
        folded: the graph.
        names: names of sums by their value, as of the merges of a residual stream; all others are numbered.

    Returns:
        The points.

    Example:
        >>> from glorot.graph import Graph
        >>> from glorot.graph.operations import Contract
        >>> graph = Graph()
        >>> x, w = graph.input((8, 3)), graph.parameter("0.weight", (5, 3))
        >>> z = graph.step(Contract("bi,oi->bo"), [x, w], (8, 5))
        >>> graph.outputs = [graph.step(Map("tanh"), [z], (8, 5))]
        >>> [point.name for point in points_of(Folded(graph))]
        ['0', '0 → tanh']
    """
    return tuple(_Points(folded, names or {}).find())


def layer_of(path: str) -> str:
    """Return the path of the layer that owns a parameter: its path without the last word, if there are several.

    Example:
        >>> layer_of("blocks.0.up.weight"), layer_of("w1")
        ('blocks.0.up', 'w1')
    """
    return path.rpartition(".")[0] or path


class _Points:
    """Finds the points of one graph, and names them."""

    def __init__(self, folded: Folded, names: Mapping[int, str]) -> None:
        self.folded = folded
        self.names = names
        self.within = {step.result for value in folded.normed_from for step in self._inside(value)}
        self.outputs = {self._unmoved(value) for value in folded.graph.outputs if value in folded.source}
        self.needed = _needed(folded)
        self.counts: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.called: dict[int, str] = {}

    def find(self) -> Iterator[Point]:
        ends: dict[int, tuple[PointKind, int]] = {}
        for step in self.folded.graph.steps:
            value = step.result
            is_part = value in self.within or value not in self.needed or value not in self.folded.source
            kind = None if is_part else self._kind(step)
            if kind is not None:
                ends[self._end(kind, value)] = kind, value
        for end, (kind, value) in sorted(ends.items()):
            layer, of = self._layer(kind, value, end), None
            if kind == "curve":
                of = self._point_before(self.folded.source[value])
            name = self._unique(self._name(kind, value, layer, of))
            self.called[end] = name
            yield Point(end, name, kind, layer, of, end in self.outputs)

    # ---- what a value is -------------------------------------------------------------------------------------------

    def _kind(self, step: Step) -> PointKind | None:
        """Return the kind of the point that a step makes; None if it makes none."""
        value, folded = step.result, self.folded
        if folded.source[value] != value:
            return "curve" if self._ends_curve(value) else None
        kind = folded.kind[value]
        match kind:
            case "interaction":
                return "attention" if self._shares(step) else "interaction"
            case "affine":
                return "sum" if step.operation == Map("add") and self._adds_table(step) else None
            case "sum" if self._is_term(value):
                return None
            case "mean" | "extreme" if _count(folded, step) == 1 or folded.is_statistic(value):
                return None
        return kind if kind in get_args(PointKind) else None  # type: ignore[return-value]

    def _ends_curve(self, value: int) -> bool:
        """Tell whether a value is the end of a function of elements, other than a multiple of what it is one of."""
        folded = self.folded
        source, users = folded.source[value], self._users(value)
        is_dropped = any(folded.kind[passing] == "dropout" for passing in folded.passed.get(value, ()))
        goes_on = [folded.source.get(user.result) == source or self._drops_another(user, value) for user in users]
        if all(goes_on) and not is_dropped and value not in self.outputs:
            return False
        match = recognised(folded.curve(value, source))
        return match is None or match.activation.name != "identity"

    def _drops_another(self, user: Step, value: int) -> bool:
        """Tell whether a step is dropout of another value, of which this one is a multiple."""
        folded = self.folded
        return folded.kind.get(user.result) == "dropout" and folded.passes[user.result] != value

    def _shares(self, step: Step) -> bool:
        """Tell whether one of the signals that meet is a softmax."""
        folded = self.folded
        return any(folded.kind[folded.back(value)] == "softmax" for value in folded.data_of(step))

    def _adds_table(self, step: Step) -> bool:
        """Tell whether a step adds a parameter that is no vector, as a table of positions, to a signal."""
        return any(_is_table(self.folded, path) for v in step.operands for path in self.folded.parameters.get(v, ()))

    def _is_term(self, value: int) -> bool:
        """Tell whether a sum is only a term of a longer one."""
        users = self._users(value)
        is_sum = [self.folded.kind.get(user.result) == "sum" for user in users]
        return len(users) == 1 and is_sum[0] and users[0].operation == Map("add")

    # ---- where it ends and what it is called -----------------------------------------------------------------------

    def _end(self, kind: PointKind, value: int) -> int:
        """Return a kernel after its bias, a norm after its scale and shift, and any other value as it is."""
        known = {"kernel": (Map("add"),), "normalised": (Map("add"), Map("mul"))}.get(kind, ())
        end = at = value
        while known and len(users := self._users(at)) == 1:
            user, folded = users[0], self.folded
            kind_of = folded.kind.get(user.result)
            paths = self._own_paths(user)
            if kind_of == "affine" and user.operation in known and not any(_is_table(folded, path) for path in paths):
                if not paths:
                    break
                end = user.result
                known = () if kind == "kernel" else known
            elif kind_of != "move":
                break
            at = user.result
        return end

    def _layer(self, kind: PointKind, value: int, end: int) -> str:
        """Return the path of the layer that a value was made by; "" if it has no parameters."""
        if kind not in ("kernel", "embedding", "normalised"):
            return ""
        between = self.folded.makers.between(value, end, self.folded.parameters) or []
        step = self.folded.makers.of(value)
        steps = [*self._inside(value), *([] if step is None else [step]), *between]
        return next((layer_of(path) for one in steps for path in self._own_paths(one)), "")

    def _name(self, kind: PointKind, value: int, layer: str, of: int | None) -> str:
        folded = self.folded
        if kind == "curve":
            match = recognised(folded.curve(value, folded.source[value]))
            before = self.called[of] if of is not None else folded.kind[folded.back(value)]
            return f"{before} → {'a function' if match is None else match.text}"
        if layer or value in self.names:
            return layer or self.names[value]
        step = folded.makers.of(value)
        word = NUMBERED.get(kind, kind)
        if step is not None and isinstance(step.operation, Pool | Reduce):
            word = step.operation.statistic.replace("sum", "mean")
            word = f"{word}-pool" if isinstance(step.operation, Pool) else word
        self.counts[word] += 1
        return f"{word} {self.counts[word]}"

    def _unique(self, name: str) -> str:
        self.taken[name] += 1
        return name if self.taken[name] == 1 else f"{name} ({self.taken[name]})"

    # ---- the graph around a value ----------------------------------------------------------------------------------

    def _users(self, value: int) -> list[Step]:
        steps = self.folded.graph.steps
        return [steps[position] for position in dict.fromkeys(position for position, _ in self.folded.users[value])]

    def _inside(self, value: int) -> list[Step]:
        """Return the steps of a norm or a softmax that is written out, but for the last."""
        start = self.folded.normed_from.get(value)
        steps = None if start is None else self.folded.makers.between(start, value, self.folded.parameters)
        return [step for step in steps or () if step.result != value]

    def _own_paths(self, step: Step) -> list[str]:
        """Return the paths of the parameters that meet a signal in a step, or are folded into what does."""
        return [path for value in step.operands for path in self.folded.parameters.get(value, ())]

    def _point_before(self, value: int) -> int | None:
        """Return the last point that a value passes on; None if it comes from none."""
        while value not in self.called:
            if value not in self.folded.passes:
                return None
            value = self.folded.passes[value]
            value = value if value in self.called else self.folded.source[value]
        return value

    def _unmoved(self, value: int) -> int:
        """Return what a value is that was only moved."""
        while self.folded.kind.get(value) in ("move", "dropout"):
            value = self.folded.passes[value]
        return value


def _needed(folded: Folded) -> set[int]:
    """Return the values that the outputs of a model are made of; all, where it is not known what it returns."""
    outputs = folded.graph.outputs
    needed = set(outputs) or {value.id for value in folded.graph.values}
    for step in reversed(folded.graph.steps):
        if step.result in needed:
            needed.update(step.operands)
    return needed


def _is_table(folded: Folded, path: str) -> bool:
    return sum(size > 1 for size in folded.leaf(path).shape) > 1


def _count(folded: Folded, step: Step) -> int:
    """Return how many elements a statistic is taken over."""
    match step.operation:
        case Pool(_, window):
            return math.prod(window)
        case Reduce(_, axes):
            return math.prod(folded.graph.shape(step.operands[0])[axis] for axis in axes)
    return 0
