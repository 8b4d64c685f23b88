"""The graph of a Keras model on TensorFlow: that of the function which is traced from it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from glorot.graph import Graph
from glorot.graph.moves import box
from glorot.graph.operations import Broadcast, Choose, Map, Slice
from glorot.keras.graph.calls import Call, leaves_of, like, tolerance
from glorot.keras.graph.on_tensorflow import maps, moves, sums
from glorot.keras.graph.on_tensorflow.nodes import Ids, Node, Shape, Unknown

ROWS = {**maps.ROWS, **moves.ROWS, **sums.ROWS}
CALLS = {"PartitionedCall": "f", "StatefulPartitionedCall": "f"}
LOOPS = {"While", "StatelessWhile"}
BRANCHES = {"If", "StatelessIf", "Case", "StatelessCase"}
FEW = 4096
"""Elements up to which the numbers of a constant are looked at."""


def graph_of(call: Call, paths: Mapping[int, str], slopes: Mapping[int, float]) -> Graph:
    """Return the graph of a call.

    Args:
        call: the call.
        paths: the paths of the variables that hold weights, by their ids.
        slopes: where the slopes of PReLUs start, by the ids of their variables.
    """
    values = [tf.TensorSpec(*like(variable)) for variable in call.variables]
    batch = [tf.TensorSpec(*one) for one in call.batch]
    traced = tf.function(call.run, autograph=False).get_concrete_function(values, batch).graph
    return lower(call, traced, paths, slopes)


def lower(
    call: Call,
    traced: Any,
    paths: Mapping[int, str],
    slopes: Mapping[int, float],
    places: dict[int, Any] | None = None,
) -> Graph:
    """Return the graph of what was traced from a call, of its variables and its batch.

    Args:
        call: the call.
        traced: what TensorFlow traced.
        paths: as for `graph_of`.
        slopes: as for `graph_of`.
        places: is told which tensor is each value first, of those that are not inside another function.
    """
    graph = Graph(tolerance=tolerance(call))
    lowering = _Lowering(graph)
    held = {id(variable.handle): tuple(variable.shape) for variable in traced.variables}  # no weights of Keras's
    captured = [
        graph.constant(held[id(tensor)]) if id(tensor) in held else lowering.constant(tensor)
        for tensor, _ in traced.captures
    ]
    graph.outputs = lowering.run(traced, [*leaves_of(call, graph, paths, slopes), *captured], places)
    return graph


class _Lowering:
    """Adds the operations of a TensorFlow graph to a graph, one by one."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._turn = 0  # of the loop that is being added

    def run(self, traced: Any, operands: Sequence[int], places: dict[int, Any] | None = None) -> Ids:
        """Add all operations of a traced function, and return the ids of its results; tell where each is, if asked."""
        known = {id(tensor): value for tensor, value in zip(traced.inputs, operands, strict=True)}
        for operation in traced.get_operations():
            if operation.type != "Placeholder":
                results = self._operation(traced, operation, [known[id(tensor)] for tensor in operation.inputs])
                known.update((id(t), value) for t, value in zip(operation.outputs, results, strict=True))
                if places is not None:
                    for tensor, value in zip(operation.outputs, results, strict=True):
                        places.setdefault(value, tensor)
        return [known[id(tensor)] for tensor in traced.outputs]

    def constant(self, tensor: Any) -> int:
        """Add a tensor whose elements are known, or one that is no part of the model's weights."""
        value = tf.get_static_value(tensor) if tensor.dtype != tf.resource else None
        if value is None:
            return self.graph.constant(_shape(tensor))
        array = np.asarray(value)
        if array.dtype.kind == "V":  # bfloat16 and its like
            array = array.astype(np.float32)
        if array.dtype.kind not in "fiub" or not 0 < array.size <= FEW:
            return self.graph.constant(array.shape)
        first = float(array.flat[0])
        if np.all(array == first) or np.all(np.isnan(array)):
            return self.graph.constant(array.shape, number=first)
        return self.graph.constant(array.shape, integers=array.astype(np.int64) if array.dtype.kind in "iu" else None)

    def _operation(self, traced: Any, operation: Any, operands: Ids) -> Ids:
        name = operation.type
        if not operands or all(tf.get_static_value(tensor) is not None for tensor in operation.outputs):
            return [self.constant(tensor) for tensor in operation.outputs]
        node = Node(self.graph, operation, operands, [_shape(tensor) for tensor in operation.outputs])
        if name in CALLS:
            return self.run(_body(traced, node.attribute(CALLS[name])), operands)
        if name in LOOPS:
            return self._loop(_body(traced, node.attribute("body")), operands)
        if name in BRANCHES:
            return self._choose(traced, node)
        if name.startswith("TensorList"):
            return _list(node, self._turn)
        return _rows(node)

    def _loop(self, body: Any, operands: Ids) -> Ids:
        """Add a loop in its steady state: its body twice, the second time fed by the first."""
        outer = self._turn
        self._turn = 0
        with self.graph.first_turn():
            operands = self.run(body, operands)
        self._turn = 1
        operands = self.run(body, operands)
        self._turn = outer
        return operands

    def _choose(self, traced: Any, node: Node) -> Ids:
        """Add all branches, of which one will be taken."""
        names = ("then_branch", "else_branch") if node.name.endswith("If") else ("branches",)
        found = [node.attribute(name) for name in names]
        branches = found if len(found) > 1 else found[0]
        ways = zip(*(self.run(_body(traced, branch), node.operands[1:]) for branch in branches), strict=True)
        return [
            way[0] if len(set(way)) == 1 else node.step(Choose(), way, shape)
            for way, shape in zip(ways, node.shapes, strict=True)
        ]


def _rows(node: Node) -> Ids:
    """Add the steps of an operation, by the tables."""
    name = node.name
    if name in moves.SAME:
        return node.operands[: len(node.shapes)]
    if name in maps.MAPS:
        return [node.step(Map(maps.MAPS[name]))]
    if name.startswith(maps.RANDOM):
        return maps.random(node)
    try:
        return ROWS[name](node) if name in ROWS else node.opaque()
    except Unknown:
        return node.opaque()


def _list(node: Node, turn: int) -> Ids:
    """Add what a turn does with a list of tensors, which stands for the tensor it was cut from, or for one entry."""
    graph = node.graph
    match node.name:
        case "TensorListReserve":
            return [graph.constant(())]
        case "TensorListFromTensor":
            return node.operands[:1]
        case "TensorListGetItem":
            shape = node.shapes[0]
            if len(node.shape) == len(shape):
                return node.operands[:1]
            return [node.step(Slice((min(turn, node.shape[0] - 1), *box(shape))), node.operands[:1])]
        case "TensorListSetItem":
            return node.operands[2:3]
        case "TensorListStack":
            value, shape = node.operands[0], node.shapes[0]
            if len(graph.shape(value)) == len(shape):
                return [value]
            return [node.step(Broadcast(tuple(range(1, len(shape)))), [value])]
    return node.opaque()


def _body(traced: Any, function: Any) -> Any:
    return traced._get_function(function.name).graph  # TensorFlow has no public name for it


def _shape(tensor: Any) -> Shape:
    return () if tensor.shape.rank is None else tuple(size or 1 for size in tensor.shape)
