"""Forward: the state of every value of a graph, step by step, or the reason why there is none."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from glorot.graph.folding import Folded
from glorot.graph.graph import Step
from glorot.graph.operations import (
    Broadcast,
    Contract,
    Convolve,
    Flip,
    Join,
    Map,
    Normalise,
    Pad,
    Permute,
    Pool,
    Reduce,
    Reshape,
    Slice,
    Softmax,
    Take,
)
from glorot.graph.propagation import affine, attention, averages, combining, inputs, linear, meeting, norms
from glorot.graph.propagation.elements import Elements, Laws, Start
from glorot.graph.propagation.placing import (
    are_alike,
    check_pieces,
    cuts_features,
    grade_of_blocks,
    norm_groups,
    padding,
    scaled,
)  # fmt: skip
from glorot.graph.propagation.rows import Rows, compact, moved_rows, rows_of
from glorot.graph.propagation.state import State, UnknownError, approximate, worst

Kept = Any
"""What a step keeps for the way back."""


class Propagation:
    """What is known of the values of a graph before it runs.

    Attributes:
        folded: the graph.
        start: what its model starts from.
        states: the state of each value that is known; of scores before a softmax, those.
        why: for each other value, the reason.
        kept: for each step, by its result, what the way back needs.
        notes: what had to be assumed.
    """

    def __init__(self, folded: Folded, laws: Laws) -> None:
        self.folded = folded
        self.graph = folded.graph
        self.start = Start(folded.graph, laws, folded.number)
        self.states: dict[int, Any] = {}
        self.why: dict[int, str] = {}
        self.kept: dict[int, Kept] = {}
        self.notes: list[str] = []
        self._seen: dict[str, int] = {}
        self._looped = set(self.graph.settling)  # what the first turn of a loop enters
        for leaf in self.graph.values:
            if leaf.leaf == "input":
                self._begin(leaf.id)
        for step in self.graph.steps:
            if not self._looped.isdisjoint(step.operands):
                self._looped.add(step.result)
            if self._is_needed(step):
                self._try(step)

    def state(self, value: int) -> State:
        """Return the state of a value.

        Raises:
            UnknownError: if there is none.
        """
        if value not in self.states and value not in self.why and value in self.folded.source:
            self._try_curve(value)
        if value in self.states:
            found = self.states[value]
            if isinstance(found, State):
                return found
            raise UnknownError("scores of attention are used by more than a softmax")
        raise UnknownError(self.why.get(value, "it does not depend on the batch"))

    # ---- what is walked ----------------------------------------------------------------------------------------------

    def _begin(self, value: int) -> None:
        leaf = self.graph.values[value]
        rows = inputs.rows_of_input(self.folded, leaf)
        self.states[value] = inputs.state_of_input(leaf, rows)
        if leaf.elements is None and inputs.NOISE not in self.notes:
            self.notes.append(inputs.NOISE)

    def _is_needed(self, step: Step) -> bool:
        """Tell whether a step makes a source; what is a function of one follows when it is asked for."""
        return self.folded.source.get(step.result) == step.result

    def _try(self, step: Step) -> None:
        try:
            self.states[step.result] = self._made(step)
        except UnknownError as error:
            self.why[step.result] = str(error)

    def _try_curve(self, value: int) -> None:
        source = self.folded.source[value]
        try:
            curve = self.folded.curve(value, source)
            found = self.states.get(source)
            if found is None:
                raise UnknownError(self.why.get(source, "nothing is known of what it is made of"))
            if isinstance(found, attention.Scores):
                self.states[value] = scaled(found, curve)
            elif self.graph.values[source].leaf == "input" and self.graph.values[source].elements is not None:
                elements = np.asarray(self.graph.values[source].elements, float)
                self.states[value] = inputs.state_of_values(elements, source, found.rows, curve)
            else:
                self.states[value] = combining.curved(found, curve, value)
        except UnknownError as error:
            self.why[value] = str(error)

    def found(self, value: int) -> Any:
        """Return the state of a value, or the scores that it is."""
        try:
            return self.state(value)
        except UnknownError:
            if value in self.states:
                return self.states[value]
            raise

    # ---- what steps make ---------------------------------------------------------------------------------------------

    def _made(self, step: Step) -> Any:
        data = self.folded.data_of(step)
        match step.operation:
            case Contract() | Convolve():
                return self._multiply(step, data)
            case Take() if data and step.operands[0] in self.folded.parameters:
                return self._look_up(step)
            case Map(name):
                return self._map(step, name, data)
            case Reduce() | Pool():
                return self._reduce(step, data[0])
            case Normalise() as norm:
                return self._normalise(step, data[0], norm)
            case Softmax(axes):
                return meeting.softmax(self, step, data[0], axes)
            case Join() | Reshape() | Permute() | Broadcast() | Slice() | Flip() | Pad() | Take():
                return self._move(step)
        name = getattr(step.operation, "name", type(step.operation).__name__)
        raise UnknownError(f"{name} is not understood")

    def _shapes(self, step: Step) -> list[tuple[int, ...]]:
        return [self.graph.shape(value) for value in (*step.operands, step.result)]

    def _multiply(self, step: Step, data: list[int]) -> Any:
        kernels = [n for n, value in enumerate(step.operands) if value in self.folded.parameters]
        if not kernels and isinstance(step.operation, Contract):
            return meeting.interact(self, step)
        if len(kernels) != 1 or not data:
            raise UnknownError("a product of parameters is not followed")
        (kernel,) = kernels
        state = self.state(step.operands[1 - kernel])
        if isinstance(step.operation, Convolve):
            taps = linear.convolution(step, self._shapes(step), state)
        else:
            taps = linear.contraction(step, 1 - kernel, self._shapes(step), state)
        elements = self.start.of(step.operands[kernel])
        check_pieces(elements)
        self.kept[step.result] = (taps, elements)
        made = linear.forward(state, taps, elements)
        grade = worst(made.grade, self._again(step, kernel), grade_of_blocks(made.rows))
        return State(made.rows, made.mean, made.square, made.pairs, grade, True, step.result, step.result)

    def _again(self, step: Step, kernel: int) -> Any:
        """Return the grade of a kernel that the signal has met before, or that a loop comes before."""
        grades = [approximate("two turns of a loop stand for all")] if step.result in self._looped else []
        for path in self.folded.parameters[step.operands[kernel]]:
            before = self._seen.setdefault(path, step.result)
            if before != step.result:
                grades.append(approximate("the same weights come again"))
        return worst(*grades)

    def _look_up(self, step: Step) -> State:
        assert isinstance(step.operation, Take)
        table = self.start.of(step.operands[0])
        words = self.graph.values[self.folded.back(step.operands[1])]
        shape, axis = self.graph.shape(step.operands[1]), step.operation.axis
        before = self.found(step.operands[1]).rows if step.operands[1] in self.folded.source else rows_of(shape, ())
        labels = before.labels
        rank = len(self.graph.shape(step.result))
        spread = labels.reshape((1,) * axis + labels.shape + (1,) * (rank - axis - labels.ndim))
        rows = Rows(spread, before.example, before.single)
        mean, second = float(table.mean.mean()), float(table.second.mean())
        is_same = np.diag(rows.single)
        if words.elements is not None and words.shape == shape:
            _, first = np.unique(np.broadcast_to(labels, shape).reshape(-1), return_index=True)
            picked = np.asarray(words.elements).reshape(-1)[first]
            is_same = is_same | ((picked[:, None] == picked[None, :]) & rows.single[:, None] & rows.single[None, :])
        pairs = np.where(is_same, second, mean**2)
        size = len(rows)
        return State(
            rows,
            np.full(size, mean),
            np.full(size, second),
            pairs,
            grade_of_blocks(rows),
            True,
            step.result,
            step.result,
        )

    def _map(self, step: Step, name: str, data: list[int]) -> Any:
        kind, shape = self.folded.kind.get(step.result), self.graph.shape(step.result)
        if kind == "dropout":
            return self._drop(step, data)
        if kind in ("normalised", "softmax", "centred") and len(data) > 1:
            return self._written_norm(step, str(kind))
        if len(data) == 1:
            return self._beside(step, name, data[0])
        if len(data) == 2 and name in ("add", "sub", "mul"):
            first, second = (self.state(value) for value in step.operands[:2])
            if name == "mul":
                made, ia, ib = combining.multiplied(first, second, shape, step.result)
            else:
                made, ia, ib = combining.summed(first, second, shape, -1 if name == "sub" else 1, step.result)
            self.kept[step.result] = (ia, ib)
            return made
        raise UnknownError(f"{name} of {len(data)} signals is not followed")

    def _beside(self, step: Step, name: str, data: int) -> Any:
        state, shape = self.found(data), self.graph.shape(step.result)
        others = [value for value in step.operands if value != data]
        if isinstance(state, attention.Scores):
            return meeting.masked(self, step, name, state, others)
        if name == "where":
            return self._choose(step, state, data)
        if name not in ("add", "sub", "mul", "div") or len(others) != 1:
            raise UnknownError(f"{name} of a signal and parameters is not followed")
        if name in ("sub", "div") and step.operands[0] != data:
            raise UnknownError("a parameter less or over a signal is not followed")
        elements = self.start.of(others[0])
        found = affine.beside(state, elements, name, shape)  # type: ignore[arg-type]
        self.kept[step.result] = found
        return affine.forward(found)

    def _choose(self, step: Step, state: State, data: int) -> State:
        """Return a signal that constants or parameters stand for where a mask of constants says so."""
        mask, first, second = (None if value == data else self.start.of(value) for value in step.operands)
        other = second if first is None else first
        if mask is None or other is None or not mask.known:
            raise UnknownError("a choice by a mask that is not known is not followed")
        shown = mask if first is None else mask.mapped(lambda m: 1 - m)
        shape = self.graph.shape(step.result)
        kept = affine.beside(state, shown.mapped(lambda m: (m != 0).astype(float)), "mul", shape)
        if other.known and not np.any(other.samples):
            self.kept[step.result] = kept
            return affine.forward(kept)
        raise UnknownError("a mask lets something else in than zeros, which is not followed")

    def _drop(self, step: Step, data: list[int]) -> State:
        state = self.state(data[0])
        factor = 1.0
        if step.result in self.folded.passes and self.folded.passes[step.result] != data[0]:
            before = self.state(self.folded.passes[step.result])
            with np.errstate(all="ignore"):
                factor = math.sqrt(float(np.mean(state.square) / np.mean(before.square)))
            state = before
        single = np.diag(np.diag(state.pairs) * state.rows.single)
        pairs = state.pairs + (factor - 1) * single
        self.kept[step.result] = factor
        return State(state.rows, state.mean, factor * state.square, pairs, state.grade, False, state.root, state.kin)

    # ---- statistics --------------------------------------------------------------------------------------------------

    def _reduce(self, step: Step, data: int) -> State:
        state, shape, result = self.state(data), self.graph.shape(data), self.graph.shape(step.result)
        match step.operation:
            case Reduce("mean" | "sum" as statistic, axes, keeps):
                groups = averages.groups_of(state.rows, shape, axes, keeps)
                factor = math.prod(shape[axis] for axis in axes) if statistic == "sum" else 1
                self.kept[step.result] = (groups, float(factor))
                return averages.averaged(state, groups, factor)
            case Pool("mean" | "sum" as statistic, window):
                rows, patterns = averages.windows_of(state.rows, shape, result, window)
                groups = averages.pooled(patterns, rows, len(state.rows))
                factor = math.prod(window) if statistic == "sum" else 1
                self.kept[step.result] = (groups, float(factor))
                made = averages.averaged(state, groups, factor)
                why = approximate("a mean over windows with padding") if np.any(patterns < 0) else made.grade
                return replace(made, grade=worst(made.grade, why))
            case Pool("max", window):
                rows, patterns = averages.windows_of(state.rows, shape, result, window)
                return self._largest(step, data, patterns, rows)
            case Reduce("max", axes, keeps):
                groups = averages.groups_of(state.rows, shape, axes, keeps)
                if groups.features > 1:
                    raise UnknownError("the largest of several features is not followed")
                picks = [np.flatnonzero(count) for count in groups.counts]
                width = max(map(len, picks))
                patterns = np.stack([np.concatenate([p, np.full(width - len(p), -1, np.intp)]) for p in picks])
                return self._largest(step, data, patterns, groups.rows)
        raise UnknownError(f"{step.operation.statistic} of a signal is not followed")  # type: ignore[union-attr]

    def _largest(self, step: Step, data: int, patterns: Any, rows: Rows) -> State:
        source = self.folded.source[data]
        curve = self.folded.curve(data, source)
        largest = averages.Largest(self.state(source), curve, patterns, rows, self.state(data))
        self.kept[step.result] = (source, largest)
        return largest.state

    def _normalise(self, step: Step, data: int, norm: Normalise) -> State:
        state = self.state(data)
        if norm.running:
            return state
        made, self.kept[step.result] = norms.normalised(
            state, norm_groups(norm, state, self.graph.shape(data)), norm.centred
        )
        return made

    def _written_norm(self, step: Step, kind: str) -> Any:
        found = norms.written(self.folded, step.result)
        if found is None:
            raise UnknownError("a norm that is written out is not followed")
        signal, axes, is_centred = found
        if kind == "softmax":
            return meeting.softmax(self, step, signal, axes)
        state, shape = self.state(signal), self.graph.shape(signal)
        groups = averages.groups_of(state.rows, shape, list(axes), True)
        if kind == "centred":
            self.kept[step.result] = (signal, groups)
            return norms.centred(state, groups)
        made, norm = norms.normalised(state, groups, is_centred, self.folded.second.get(step.result, 1.0))
        self.kept[step.result] = (signal, norm)
        return made

    # ---- attention ---------------------------------------------------------------------------------------------------

    # ---- moves -------------------------------------------------------------------------------------------------------

    def _move(self, step: Step) -> Any:
        shape = self.graph.shape(step.result)
        if isinstance(step.operation, Take) and step.operation.index is None:
            raise UnknownError("positions are picked by an index that is not known")
        found = [self.found(value) if value in self.folded.source else None for value in step.operands]
        if any(isinstance(one, attention.Scores | attention.Shares) for one in found):
            return meeting.move_scores(self, step, found[0])
        states = [self._joined(step, n, found) for n in range(len(found))]
        taken = states if isinstance(step.operation, Join) else states[:1]
        pairs = [(state.rows, self.graph.shape(value)) for state, value in zip(taken, step.operands, strict=False)]
        labels = moved_rows(step.operation, pairs, shape)  # type: ignore[arg-type]
        if labels is None:
            raise UnknownError("it is too large, or moved in a way that is not known")
        if isinstance(step.operation, Join) and are_alike(taken):
            labels = moved_rows(step.operation, [(taken[0].rows, own) for _, own in pairs], shape)
            assert labels is not None
            labels = compact(labels % len(taken[0].rows))
            taken = taken[:1]
        if np.any(labels < 0):
            taken = [*taken, padding()]
            labels = np.where(labels < 0, sum(len(state.rows) for state in taken) - 1, labels)
        made, old = combining.stacked(taken, labels, step.result)
        self.kept[step.result] = ([len(state.rows) for state in taken], old)
        if isinstance(step.operation, Pad) and step.operation.copies:
            made = replace(made, grade=worst(made.grade, approximate("a border copies what lies elsewhere")))
        if isinstance(step.operation, Slice) and cuts_features(step, self.graph.shape(step.operands[0]), taken[0]):
            return replace(made, root=step.result)  # other features fluctuate by themselves
        return made

    def _joined(self, step: Step, n: int, found: list[Any]) -> State:
        if found[n] is not None:
            return found[n]  # type: ignore[no-any-return]
        elements: Elements = self.start.of(step.operands[n])
        first = next(one for one in found if one is not None)
        axis = step.operation.axis if isinstance(step.operation, Join) else -1
        return combining.constant_state(elements, first.rows, self.graph.shape(step.operands[n]), axis)
