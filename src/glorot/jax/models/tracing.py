"""Following a forward pass through its jaxpr: which layer runs when, and which activation feeds it and follows it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from glorot.inventory import Part
from glorot.jax.models.activating import POINTS, named
from glorot.jax.models.curves import Curve, stepped
from glorot.jax.models.describing import Described
from glorot.jax.models.running import refusals
from glorot.origins import INPUT

# what only moves values about: its result is still the output of the activation before it
MOVES = {"reshape", "transpose", "broadcast_in_dim", "squeeze", "expand_dims", "slice", "dynamic_slice", "rev", "pad"}
MOVES |= {"convert_element_type", "copy", "reduce_precision", "sharding_constraint", "optimization_barrier", "name"}
MOVES |= {"gather", "split", "stop_gradient"}

# what moves and sums up or chooses: its result is no function of the value before it
REDUCTIONS = {"reduce_sum", "reduce_max", "reduce_window_sum", "reduce_window_max", "cumsum", "sort"}

# what bends any value; of a value that was scaled or shifted before, it is still that activation
BENDS = {"tanh": "tanh", "logistic": "sigmoid", "erf": "erf", "sin": "sin"}

LAYERS = {"dot_general", "conv_general_dilated"}
LOOKUPS = {"gather", "dynamic_slice"}


@dataclass(frozen=True)
class Weight:
    """A value made of parameters alone.

    Attributes:
        layers: the layers that they belong to; none for state.
        is_table: whether rows of it may be looked up, as an embedding's are.
    """

    layers: tuple[str, ...]
    is_table: bool = False


@dataclass(frozen=True)
class Const:
    """A value that depends on nothing; the number that it holds, if it is one."""

    number: float | None = None


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a value comes from.

    Attributes:
        activation: the activation that it is the output of.
        layers: the layers before that, back to the last ones; INPUT among them if the batch itself is one.
        direct: whether nothing but moves, biases and norms lies between the layer and that activation.
        call: the run of a layer that it comes from, if it comes from one alone.
        source: the value that it is a function of, element by element, if it is not a source itself.
        curve: the values of that function at POINTS.
    """

    activation: str = "identity"
    layers: frozenset[str] = frozenset()
    direct: bool = False
    call: object = None
    source: "Origin | None" = None
    curve: Curve = field(default_factory=lambda: POINTS)


Mark = Weight | Const | Origin


@dataclass
class Trace:
    """What a forward pass showed.

    Attributes:
        order: paths of the layers, in the order in which they first ran.
        fed_by: for each layer, the activation that its input is the output of.
        followed_by: for each layer, the activation applied to its output.
    """

    order: list[str] = field(default_factory=list)
    fed_by: dict[str, str] = field(default_factory=dict)
    followed_by: dict[str, str] = field(default_factory=dict)

    def enter(self, layer: str, activation: str) -> None:
        """Take note that a layer runs, if it is the first time."""
        if layer not in self.fed_by:
            self.order.append(layer)
            self.fed_by[layer] = activation


def follow(jaxpr: ClosedJaxpr, marks: Sequence[Mark]) -> Trace:
    """Follow values through a jaxpr.

    Args:
        jaxpr: the forward pass.
        marks: what each of its arguments is.
    """
    trace = Trace()
    _Follower(trace).run(jaxpr, marks)
    return trace


class _Follower:
    """Marks every value of a forward pass with its origin."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.last: dict[str, Origin] = {}  # for each layer, the value whose activation follows it

    def run(self, jaxpr: Any, marks: Sequence[Mark]) -> list[Mark]:
        """Follow values through a jaxpr, and return the marks of its results."""
        closed = isinstance(jaxpr, ClosedJaxpr)
        body = jaxpr.jaxpr if closed else jaxpr
        env: dict[Any, Mark] = dict(zip(body.invars, marks, strict=True))
        env |= dict(zip(body.constvars, map(_constant, jaxpr.consts if closed else ()), strict=False))

        def read(atom: Any) -> Mark:
            return _constant(atom.val) if isinstance(atom, Literal) else env.get(atom, Const())

        for equation in body.eqns:
            results = self._step(equation, [read(atom) for atom in equation.invars])
            env.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in body.outvars]

    def _step(self, equation: Any, marks: list[Mark]) -> list[Mark]:
        name, count = equation.primitive.name, len(equation.outvars)
        if name == "scan":
            return self._scan(equation, marks)
        if name == "cond":
            branches = [self.run(branch, marks[1:]) for branch in equation.params["branches"]]
            return [_mixed(results, joined=True) for results in zip(*branches, strict=True)]
        if name == "while":
            start = equation.params["cond_nconsts"]
            return self.run(equation.params["body_jaxpr"], marks[start:])
        body = _inner(equation)
        if body is not None:
            return self.run(body, marks)
        return [self._result(name, equation, marks)] * count

    def _scan(self, equation: Any, marks: list[Mark]) -> list[Mark]:
        """Follow a loop in its steady state: what it is fed by is what the turn before it returned."""
        consts, carried = _loop_counts(equation.params)
        body = equation.params["jaxpr"]
        if equation.params["length"] > 1:
            first = _Follower(Trace()).run(body, marks)
            marks = [*marks[:consts], *first[:carried], *marks[consts + carried :]]
        return self.run(body, marks)

    def _result(self, name: str, equation: Any, marks: list[Mark]) -> Mark:
        weights = [mark for mark in marks if isinstance(mark, Weight)]
        origins = [mark for mark in marks if isinstance(mark, Origin)]
        own = [weight for weight in weights if weight.layers]
        kernels = [weight for weight in own if not weight.is_table] or own
        if name in LAYERS and kernels and (origins or len(kernels) == 1):
            return self._layer(kernels[0], origins)
        if name in LOOKUPS and isinstance(marks[0], Weight) and marks[0].is_table:
            return self._layer(marks[0], [])
        if not origins:
            named = [weight for weight in weights if not weight.is_table] or weights  # what scales a kernel is none
            layers = tuple(dict.fromkeys(layer for weight in named for layer in weight.layers))
            is_table = any(weight.is_table for weight in weights)
            return Weight(layers, is_table) if weights else _folded(name, equation.params, marks)
        if name in MOVES:
            return origins[0]
        if name in REDUCTIONS:
            return replace(origins[0], source=None, curve=POINTS)
        if name == "concatenate":
            return _mixed(marks, joined=True)
        if name == "select_n" and not isinstance(marks[0], Origin) and len(origins) == 1:
            return origins[0]  # dropout
        if weights:  # a bias, or the scale or shift of a norm
            one = len(origins) == 1 and name in ("add", "sub", "mul", "div")
            return replace(origins[0], activation="identity", source=None, curve=POINTS) if one else _mixed(marks)
        return self._function(name, equation, marks, origins) or _mixed(marks)

    def _layer(self, weight: Weight, origins: list[Origin]) -> Origin:
        for layer in weight.layers:
            self.trace.enter(layer, origins[0].activation if origins else "identity")
        return Origin("identity", frozenset(weight.layers), direct=len(weight.layers) == 1, call=object())

    def _function(self, name: str, equation: Any, marks: list[Mark], origins: list[Origin]) -> Origin | None:
        """Follow a function of one value, element by element; None if this is none."""
        source = origins[0].source or origins[0]
        operands = [mark.curve if isinstance(mark, Origin) else getattr(mark, "number", None) for mark in marks]
        is_one = all((origin.source or origin) is source for origin in origins)
        if not is_one or any(operand is None for operand in operands):
            return None
        curve = stepped(name, equation.params, [operand for operand in operands if operand is not None])
        if curve is None or curve.shape != POINTS.shape:
            return None
        is_number = curve.dtype != bool and bool(np.isfinite(curve).all())
        activation = named(curve, _tolerance(equation.outvars[0].aval.dtype)) if is_number else None
        if activation == "identity":
            return source
        if activation is not None:
            self._note(source, activation)
            return replace(source, activation=activation, source=source, curve=curve)
        bend = "relu" if name == "max" and any(isinstance(o, float) and o == 0 for o in operands) else BENDS.get(name)
        return replace(source, activation=bend or _passed_on(name, origins), direct=False, source=source, curve=curve)

    def _note(self, source: Origin, activation: str) -> None:
        """Take note of what follows a layer: of steps that are activations themselves, the last one."""
        if source.direct and source.activation == "identity":
            (layer,) = source.layers
            if self.last.setdefault(layer, source) is source:
                self.trace.followed_by[layer] = activation


def _folded(name: str, params: dict[str, Any], marks: list[Mark]) -> Const:
    """Return what a step makes of constants."""
    numbers = [mark.number for mark in marks if isinstance(mark, Const) and mark.number is not None]
    if name in MOVES or not numbers or len(numbers) < len(marks):
        return Const(numbers[0] if name in MOVES and len(numbers) == len(marks) == 1 else None)
    value = stepped(name, params, numbers)
    return Const(None if value is None else float(value))


def _tolerance(dtype: Any) -> float:
    """Return how far a function may be from an activation: its numbers are rounded to the dtype."""
    return 1e-4 if np.dtype(dtype).itemsize > 2 else 2e-2


def _passed_on(name: str, origins: list[Origin]) -> str:
    """Return the activation that a step leaves as it was: a product with a number does."""
    return origins[0].activation if name in ("mul", "div") and len(origins) == 1 else "identity"


def _loop_counts(params: dict[str, Any]) -> tuple[int, int]:
    """Return how many arguments of a scan are constants, and how many are carried from turn to turn."""
    if "ft_in" in params:  # from JAX 0.12 on at the latest
        consts, carried, _ = params["ft_in"].unpack()
        return len(consts), len(carried)
    return params["num_consts"], params["num_carry"]


def _inner(equation: Any) -> ClosedJaxpr | Jaxpr | None:
    """Return the body of a function that is called with the operands of an equation, if there is one."""
    bodies = (equation.params.get(key) for key in ("jaxpr", "call_jaxpr"))
    body = next((body for body in bodies if isinstance(body, ClosedJaxpr | Jaxpr)), None)
    inputs = body.jaxpr.invars if isinstance(body, ClosedJaxpr) else body.invars if body is not None else []
    return body if len(inputs) == len(equation.invars) else None


def _constant(value: Any) -> Const:
    is_number = np.ndim(value) == 0 and isinstance(value, int | float | np.generic | np.ndarray | jax.Array)
    try:
        return Const(float(value)) if is_number else Const()
    except TypeError:  # a key of jax.random
        return Const()


def _mixed(marks: Iterable[Mark], joined: bool = False) -> Mark:
    """Return the origin of what several values were mixed into: every layer that had a share.

    Side by side, outputs of one activation remain its outputs. What comes from one run of a layer alone, as
    x - mean(x) does, is still its output to the activation behind it.
    """
    origins = [mark for mark in marks if isinstance(mark, Origin)]
    if not origins:
        return next((mark for mark in marks if isinstance(mark, Weight)), Const())
    if joined and len({id(origin) for origin in origins}) == 1:
        return origins[0]
    layers = frozenset[str]().union(*(origin.layers for origin in origins))
    calls, activations = ({getattr(o, name) for o in origins} for name in ("call", "activation"))
    activation = activations.pop() if joined and len(activations) == 1 else "identity"
    if len(calls) > 1 or len(origins) == 1:
        return Origin(activation, layers)
    return Origin(activation, layers, direct=any(origin.direct for origin in origins), call=calls.pop())


def traced(
    run: Callable[..., Any], weights: Sequence[tuple[Mark, Any]], others: Sequence[Any], batch: Sequence[Any]
) -> Trace:
    """Trace a forward pass to its jaxpr and follow it.

    Args:
        run: function (weights, others, batch) → outputs; each of the three is a list of arrays.
        weights: (mark, array) of the parameters.
        others: what the model holds besides.
        batch: the arrays of the batch; those that are no floating-point numbers, such as keys, are none of its signal.

    Raises:
        GlorotError: if the model refuses the batch.
    """
    with refusals():
        jaxpr = jax.make_jaxpr(run)([array for _, array in weights], list(others), list(batch))
    marks = [mark for mark, _ in weights]
    marks += [Weight(()) for _ in others]
    signal = Origin("identity", frozenset({INPUT}))
    marks += [signal if jax.numpy.issubdtype(array.dtype, np.inexact) else Weight(()) for array in batch]
    return follow(jaxpr, marks)


def mark_of(known: Described) -> Mark:
    """Return the mark of a parameter: the slope of a PReLU is the number that it starts with."""
    roles = {part.role for part in known.parts}
    return Const(0.25) if "slope" in roles else Weight((known.place,), is_table=bool(roles & {"unknown", "embedding"}))


def placed(described: Mapping[str, Described], trace: Trace) -> dict[str, Described]:
    """Tell the parts of every layer where it stands in a trace."""
    depths = {path: depth for depth, path in enumerate(trace.order, start=1)}

    def told(part: Part, known: Described) -> Part:
        fed_by = trace.fed_by.get(known.place, "identity") if part.fed_by == "identity" else part.fed_by
        followed_by = trace.followed_by.get(known.place, "identity")
        depth = depths.get(known.place, depths.get(known.layer, 0))
        return replace(part, fed_by=fed_by, followed_by=followed_by, depth=depth)

    return {
        path: known._replace(parts=tuple(told(part, known) for part in known.parts))
        for path, known in described.items()
    }
