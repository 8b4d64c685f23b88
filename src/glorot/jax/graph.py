"""From the jaxpr of a JAX function to a graph."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from glorot.graph import Graph
from glorot.graph.moves import box
from glorot.graph.operations import (
    Broadcast,
    Choose,
    Contract,
    Convolve,
    Flip,
    Join,
    Map,
    Opaque,
    Operation,
    Pad,
    Permute,
    Pool,
    Random,
    Reduce,
    Reshape,
    Slice,
    Take,
)

MAPS = {
    "add": "add", "add_any": "add", "sub": "sub", "mul": "mul", "div": "div", "neg": "neg", "max": "maximum",
    "min": "minimum", "abs": "abs", "sign": "sign", "sqrt": "sqrt", "rsqrt": "rsqrt", "cbrt": "cbrt", "exp": "exp",
    "exp2": "exp2", "log": "log", "log1p": "log1p", "expm1": "expm1", "tanh": "tanh", "logistic": "sigmoid",
    "sin": "sin", "cos": "cos", "tan": "tan", "atan": "arctan", "sinh": "sinh", "cosh": "cosh", "erf": "erf",
    "erfc": "erfc", "pow": "pow", "square": "square", "floor": "floor", "ceil": "ceil", "round": "round",
    "gt": "greater", "ge": "greater_equal", "lt": "less", "le": "less_equal", "eq": "equal", "ne": "not_equal",
    "and": "and", "or": "or", "xor": "xor", "not": "not",
}  # fmt: skip
"""Primitives that are a function of each element, by their name in `glorot.graph.functions`."""

SAME = {"convert_element_type", "copy", "copy_p", "stop_gradient", "reduce_precision", "sharding_constraint", "name",
        "optimization_barrier", "pvary"}  # fmt: skip
"""Primitives that return what they are given."""

REDUCTIONS = {"reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "product",
              "reduce_and": "min", "reduce_or": "max"}  # fmt: skip
POOLS = {"reduce_window_sum": "sum", "reduce_window_max": "max"}
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
FEW = 4096
"""Elements up to which the numbers of a constant are looked at."""

Ids = list[int]


Place = tuple[tuple[int, ...], int]
"""Where an array is made: the position of its equation, after those of the calls around it, and among its results."""


def lower(jaxpr: ClosedJaxpr, leaves: Callable[[Graph], Ids], places: dict[int, Place] | None = None) -> Graph:
    """Return the graph of a jaxpr.

    Args:
        jaxpr: what `jax.make_jaxpr` returned.
        leaves: adds the arguments of the jaxpr to a graph, and returns their ids.
        places: is told where each value is made first.
    """
    kinds = {np.dtype(v.aval.dtype).itemsize for v in jaxpr.jaxpr.invars if _is_floating(v)}
    graph = Graph(tolerance=2e-2 if kinds and min(kinds) <= 2 else 1e-4)
    graph.outputs = _Lowering(graph, places).run(jaxpr, leaves(graph))
    return graph


def _is_floating(variable: Any) -> bool:
    return bool(jax.numpy.issubdtype(variable.aval.dtype, np.floating))


class _Lowering:
    """Adds the equations of a jaxpr to a graph, one by one."""

    def __init__(self, graph: Graph, places: dict[int, Place] | None) -> None:
        self.graph = graph
        self.places = {} if places is None else places
        self._path: tuple[int, ...] = ()

    def run(self, jaxpr: ClosedJaxpr | Jaxpr, operands: Sequence[int]) -> Ids:
        """Add all equations of a jaxpr, and return the ids of its results."""
        body, constants = (jaxpr.jaxpr, jaxpr.consts) if isinstance(jaxpr, ClosedJaxpr) else (jaxpr, [])
        known: dict[Any, int] = dict(zip(body.invars, operands, strict=True))
        known |= {variable: self._constant(value) for variable, value in zip(body.constvars, constants, strict=False)}

        def read(atom: Any) -> int:
            return self._constant(atom.val) if isinstance(atom, Literal) else known[atom]

        above = self._path
        for number, equation in enumerate(body.eqns):
            self._path = (*above, number)
            results = self._equation(equation, [read(atom) for atom in equation.invars])
            for n, result in enumerate(results):
                self.places.setdefault(result, (self._path, n))
            known.update(zip(equation.outvars, results, strict=True))
        self._path = above
        return [read(atom) for atom in body.outvars]

    def _constant(self, value: Any) -> int:
        if jax.numpy.issubdtype(getattr(value, "dtype", np.float32), jax.dtypes.prng_key):
            return self.graph.constant(value.shape)
        array = np.asarray(value)
        array = array.astype(np.float32) if array.dtype.name.startswith(("bfloat", "float8")) else array
        if array.dtype.kind not in "fiub" or not 0 < array.size <= FEW:
            return self.graph.constant(array.shape)
        first = float(array.flat[0])
        if np.all(array == first) or np.all(np.isnan(array)):
            return self.graph.constant(array.shape, number=first)
        return self.graph.constant(array.shape, integers=array.astype(np.int64) if array.dtype.kind in "iu" else None)

    # ---- control flow ------------------------------------------------------------------------------------------------

    def _equation(self, equation: Any, operands: Ids) -> Ids:
        name, params = equation.primitive.name, equation.params
        shapes = [tuple(getattr(variable.aval, "shape", ())) for variable in equation.outvars]
        if name == "scan":
            return self._scan(params, operands, shapes)
        if name == "while":
            return self.run(params["body_jaxpr"], operands[params["cond_nconsts"] :])
        if name == "cond":
            ways = zip(*(self.run(branch, operands[1:]) for branch in params["branches"]), strict=True)
            return [self._choose(way, shape) for way, shape in zip(ways, shapes, strict=True)]
        inner = inner_of(equation)
        if inner is not None:
            return self.run(inner, operands)
        if name in SAME:
            return operands[: len(shapes)]
        if name == "split":
            return self._split(operands[0], params, shapes)
        if name == "stack":
            return [self._stack(operands, params["axis"], shapes[0])]
        if name == "tile":
            return [self._tile(operands[0], params["reps"], shapes[0])]
        if name == "iota":
            return [self._count(shapes[0], params["dimension"])]
        operation = self._operation(name, params, operands, shapes[0])
        if isinstance(operation, int):
            return [operation]
        return [self.graph.step(operation, self._arranged(name, operands), shape) for shape in shapes]

    def _choose(self, ways: Sequence[int], shape: tuple[int, ...]) -> int:
        return ways[0] if len(set(ways)) == 1 else self.graph.step(Choose(), ways, shape)

    def _scan(self, params: dict[str, Any], operands: Ids, shapes: list[tuple[int, ...]]) -> Ids:
        """Add a loop in its steady state: its body twice, the second time fed by the first, for all later turns."""
        consts, carried = loop_counts(params)
        start = consts + carried
        body = params["jaxpr"]
        last = min(params["length"], 2) - 1
        carry = operands[consts:start]
        if last:
            with self.graph.first_turn():
                carry = self.run(body, [*operands[:start], *self._turn(operands[start:], 0)])[:carried]
        with self.graph.standing_for(max(params["length"] - 1, 1)):
            found = self.run(body, [*operands[:consts], *carry, *self._turn(operands[start:], max(last, 0))])
        stacked = [
            self.graph.step(Broadcast(tuple(range(1, len(shape)))), [value], shape)
            for value, shape in zip(found[carried:], shapes[carried:], strict=True)
        ]
        return [*found[:carried], *stacked]

    def _turn(self, values: Ids, turn: int) -> Ids:
        """Return what one turn of a loop takes of the values that it runs over."""
        shapes = [self.graph.shape(value) for value in values]
        return [
            self.graph.step(Slice((turn, *box(shape[1:]))), [value], shape[1:])
            for value, shape in zip(values, shapes, strict=True)
        ]

    def _split(self, value: int, params: dict[str, Any], shapes: list[tuple[int, ...]]) -> Ids:
        axis, shape = params["axis"], self.graph.shape(value)
        ends = list(itertools.accumulate(params["sizes"], initial=0))
        cuts = zip(ends[:-1], ends[1:], shapes, strict=True)
        return [self.graph.step(Slice(box(shape, axis, a, b)), [value], size) for a, b, size in cuts]

    def _stack(self, values: Ids, axis: int, shape: tuple[int, ...]) -> int:
        layer = (*shape[:axis], 1, *shape[axis + 1 :])
        return self.graph.step(Join(axis), [self.graph.step(Reshape(), [value], layer) for value in values], shape)

    def _tile(self, value: int, times: Sequence[int], shape: tuple[int, ...]) -> int:
        """Add copies side by side: a new axis before each one, which is then joined with it."""
        sizes = self.graph.shape(value)
        wide = tuple(n for pair in zip(times, sizes, strict=True) for n in pair)
        copies = self.graph.step(Broadcast(tuple(range(1, len(wide), 2))), [value], wide)
        return self.graph.step(Reshape(), [copies], shape)

    def _count(self, shape: tuple[int, ...], axis: int) -> int:
        """Add positions along an axis."""
        numbers = np.arange(shape[axis])
        positions = self.graph.constant(numbers.shape, integers=numbers if numbers.size <= FEW else None)
        return positions if len(shape) == 1 else self.graph.step(Broadcast((axis,)), [positions], shape)

    # ---- one equation -----------------------------------------------------------------------------------------------

    def _arranged(self, name: str, operands: Ids) -> Ids:
        """Return operands in the order of the graph."""
        if name == "select_n":
            return [operands[0], *operands[:0:-1]]
        if name == "clamp":
            return [operands[1], operands[0], operands[2]]
        return operands[:1] if name in ("pad", *POOLS) else operands

    def _operation(self, name: str, params: dict[str, Any], operands: Ids, shape: tuple[int, ...]) -> Operation | int:
        """Return the operation of a primitive, or its result where that takes several steps."""
        if name in MAPS:
            return Map(MAPS[name])
        if name in REDUCTIONS:
            return Reduce(REDUCTIONS[name], tuple(params["axes"]), False)  # type: ignore[arg-type]
        if name in POOLS:
            return Pool(POOLS[name], tuple(params["window_dimensions"]))  # type: ignore[arg-type]
        match name:
            case "integer_pow":
                power = params["y"]
                exponent = [] if power == 2 else [self.graph.number(power)]
                return self.graph.step(Map("pow" if exponent else "square"), [*operands, *exponent], shape)
            case "select_n":
                return Map("where") if len(operands) == 3 else Opaque(name)
            case "clamp":
                return Map("clip")
            case "dot_general":
                ranks = [len(self.graph.shape(value)) for value in operands]
                return Contract(contraction(params["dimension_numbers"], *ranks))
            case "conv_general_dilated":
                return _convolution(params, self.graph.shape(operands[1]))
            case _ if name.startswith("random") or name in ("threefry2x32", "rng_bit_generator"):
                return Random(name)
        return self._move(name, params, operands)

    def _move(self, name: str, params: dict[str, Any], operands: Ids) -> Operation:
        shape = self.graph.shape(operands[0]) if operands else ()
        match name:
            case "reshape" | "squeeze" | "expand_dims":
                return Reshape()
            case "transpose":
                return Permute(tuple(params["permutation"]))
            case "broadcast_in_dim":
                return Broadcast(tuple(params["broadcast_dimensions"]))
            case "slice":
                steps = params["strides"] or (1,) * len(shape)
                return Slice(tuple(zip(params["start_indices"], params["limit_indices"], steps, strict=True)))
            case "rev":
                return Flip(tuple(params["dimensions"]))
            case "pad" if all(low >= 0 and high >= 0 and not inner for low, high, inner in params["padding_config"]):
                return Pad(tuple((low, high) for low, high, _ in params["padding_config"]))
            case "concatenate":
                return Join(params["dimension"])
            case "gather" | "dynamic_slice":
                return Take(0)
            case "sort" if len(operands) == 1:
                return Take(params["dimension"])
        return Opaque(name)


def contraction(dimensions: Any, first: int, second: int) -> str:
    """Return the letters of a dot_general, given the ranks of its operands.

    Example:
        >>> contraction((((1,), (0,)), ((), ())), 2, 2)
        'ba,ac->bc'
    """
    (summed, other_summed), (batch, other_batch) = dimensions
    letters = iter(LETTERS)
    left: list[str] = [""] * first
    right: list[str] = [""] * second
    for a, b in [*zip(batch, other_batch, strict=True), *zip(summed, other_summed, strict=True)]:
        left[a] = right[b] = next(letters)
    left, right = ([letter or next(letters) for letter in side] for side in (left, right))
    free = [letter for n, letter in enumerate(left) if n not in (*batch, *summed)]
    free += [letter for n, letter in enumerate(right) if n not in (*other_batch, *other_summed)]
    return f"{''.join(left)},{''.join(right)}->{''.join([left[n] for n in batch] + free)}"


def _convolution(params: dict[str, Any], kernel: tuple[int, ...]) -> Convolve:
    order = params["dimension_numbers"]
    spread = tuple(params["lhs_dilation"])
    is_transposed = any(step > 1 for step in spread)
    window = tuple(kernel[axis] for axis in order.rhs_spec[2:])
    padding = tuple((int(low), int(high)) for low, high in params["padding"])
    if is_transposed:  # of the convolution that it reverses
        reach = [(size - 1) * step for size, step in zip(window, params["rhs_dilation"], strict=True)]
        padding = tuple((size - low, size - high) for size, (low, high) in zip(reach, padding, strict=True))
    return Convolve(
        window=window,
        stride=spread if is_transposed else tuple(params["window_strides"]),
        padding=padding,
        dilation=tuple(params["rhs_dilation"]),
        groups=params["feature_group_count"],
        transposed=is_transposed,
        channel=order.out_spec[1],
        kernel=tuple(order.rhs_spec),
    )


def loop_counts(params: dict[str, Any]) -> tuple[int, int]:
    """Return how many arguments of a scan are constants, and how many are carried from turn to turn."""
    if "ft_in" in params:  # from JAX 0.12 on at the latest
        consts, carried, _ = params["ft_in"].unpack()
        return len(consts), len(carried)
    return params["num_consts"], params["num_carry"]


def inner_of(equation: Any) -> ClosedJaxpr | Jaxpr | None:
    """Return the body of a function that is called with the operands of an equation, if there is one."""
    bodies = (equation.params.get(key) for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"))
    body = next((body for body in bodies if isinstance(body, ClosedJaxpr | Jaxpr)), None)
    inputs = body.jaxpr.invars if isinstance(body, ClosedJaxpr) else body.invars if body is not None else []
    return body if len(inputs) == len(equation.invars) else None
