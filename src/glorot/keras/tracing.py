"""What a model shows that is not run: which layer comes when, and which activation feeds it and follows it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import keras

from glorot.keras.layers import is_norm, state_activation
from glorot.keras.naming import activation_of_function, activation_of_operation
from glorot.keras.paths import children, kinds
from glorot.origins import INPUT, Origin, mixed

# what only moves values about: its result is still the output of the activation before it
MOVES = {"Flatten", "Reshape", "Permute", "RepeatVector", "Masking", "Rescaling", "ActivityRegularization"}
MOVES |= {"Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D"}
MOVES |= {"SpatialDropout3D", "BasePooling", "BaseGlobalPooling", "Resizing", "CenterCrop", "RandomCrop"}
MOVES |= {f"{kind}{rank}D" for kind in ("ZeroPadding", "Cropping", "UpSampling") for rank in (1, 2, 3)}
MOVES |= {f"{reach}{kind}Pooling{rank}D" for reach in ("", "Global", "Adaptive") for kind in ("Max", "Average")
          for rank in (1, 2, 3)}  # fmt: skip
# and among the operations of keras.ops
MOVES |= {"Transpose", "Squeeze", "ExpandDims", "Moveaxis", "Swapaxes", "Ravel", "Flip", "Roll", "Repeat", "Tile"}
MOVES |= {"BroadcastTo", "GetItem", "Slice", "Take", "TakeAlongAxis", "Split", "ArraySplit", "Unstack", "Pad", "Mean"}
MOVES |= {"MaxPool", "AveragePool", "AdaptiveMaxPool", "AdaptiveAveragePool", "Cast", "Copy", "StopGradient", "Resize"}
MOVES |= {"ConvertToTensor", "SaturateCast", "DepthToSpace", "SpaceToDepth"}

JOINS = {"Concatenate", "Stack", "Hstack", "Vstack", "Dstack", "Append"}
SCALINGS = {"Multiply", "Divide", "TrueDivide"}  # by a number, they pass an activation on
ATTENTIONS = {"MultiHeadAttention", "GroupedQueryAttention"}
CELLS = {"SimpleRNNCell", "LSTMCell", "GRUCell", "ConvLSTMCell"}

FROM_INPUT = Origin("identity", frozenset({INPUT}))


@dataclass
class Trace:
    """What the layers of a model showed.

    Attributes:
        order: paths of the layers, in the order in which they first come.
        fed_by: for each layer, the activation that feeds it.
        followed_by: for each layer, the activation applied to its output.
    """

    order: list[str] = field(default_factory=list)
    fed_by: dict[str, str] = field(default_factory=dict)
    followed_by: dict[str, str] = field(default_factory=dict)


def follow(model: Any, paths: Mapping[int, str]) -> Trace:
    """Follow a model that is not run: through the graphs that it holds, and else in the order of registration.

    Args:
        model: the model.
        paths: the paths of the layers whose weights are asked for, by the ids of the layers.

    Returns:
        The trace.
    """
    follower = _Follower(paths)
    follower.follow(model, _call_of(FROM_INPUT))
    return follower.trace


class _Call(NamedTuple):
    """A call of an operation: its arguments, and the origins of the tensors among them."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    origins: Mapping[int, Origin]

    @property
    def sources(self) -> list[Origin]:
        """The origins of its tensors, in their order; masks are none of them."""
        values = [value for name, value in self.kwargs.items() if "mask" not in name]
        leaves = keras.tree.flatten((self.args, values))
        return [self.origins[id(leaf)] for leaf in leaves if id(leaf) in self.origins]

    @property
    def source(self) -> Origin:
        """The origin of its first tensor."""
        return next(iter(self.sources), Origin())

    def argument(self, place: int, name: str) -> Any:
        """Return an argument by its place or its name."""
        return self.args[place] if len(self.args) > place else self.kwargs.get(name)

    def origin(self, place: int, name: str) -> Origin:
        """Return the origin of an argument, which is that of the first one if it is not given."""
        return self.origins.get(id(self.argument(place, name)), self.source)


def _call_of(origin: Origin) -> _Call:
    """Return the call of an operation on one tensor of which nothing but its origin is known."""
    token = object()
    return _Call((token,), {}, {id(token): origin})


class _Follower:
    """Follows tensors through the layers of a model."""

    def __init__(self, paths: Mapping[int, str]) -> None:
        self.trace = Trace()
        self._paths = paths
        self._open: set[int] = set()  # the layers that are being followed, for one may hold those that hold it

    def follow(self, operation: Any, call: _Call) -> list[Origin]:
        """Follow a call of a layer or an operation.

        Returns:
            The origin of each tensor that it returns; a single one stands for all of them.
        """
        kind = set(kinds(operation))
        if "RNN" in kind:
            return self.follow(operation.cell, _call_of(call.source))
        if "Bidirectional" in kind:
            ways = (operation.forward_layer, operation.backward_layer)
            return [mixed([self.follow(way, _call_of(call.source))[0] for way in ways], joined=True)]
        if kind & ATTENTIONS:
            return [self._attention(operation, call)]
        if "Functional" in kind or getattr(operation, "_functional", None) is not None:
            graph = operation if "Functional" in kind else operation._functional
            return self._graph(graph.outputs, graph.inputs, _spread(call.sources, len(graph.inputs)))
        if "Wrapper" in kind:
            return self.follow(operation.layer, _call_of(call.source))
        if id(operation) in self._paths:
            return [self._layer(operation, call.source)]
        activation = activation_of_operation(operation)
        if activation is not None:
            return [self._activated(call.source, activation)]
        if is_norm(operation):
            return [replace(call.source, activation="identity")]
        if kind & MOVES or (kind & SCALINGS and len(call.sources) == 1):
            return [call.source]
        if isinstance(operation, keras.layers.Layer) and operation._layers:
            return [self._inside(operation, call.source)]
        return [mixed(call.sources, joined=bool(kind & JOINS))]

    def _layer(self, layer: Any, source: Origin) -> Origin:
        path = self._paths[id(layer)]
        if path not in self.trace.fed_by:
            self.trace.order.append(path)
            self.trace.fed_by[path] = source.activation
        if CELLS & set(kinds(layer)):
            return Origin(state_activation(layer), frozenset({path}))
        activation = activation_of_function(getattr(layer, "activation", None))
        origin = Origin("identity", frozenset({path}), direct=activation is not None)
        return self._activated(origin, activation or "identity")

    def _activated(self, origin: Origin, activation: str) -> Origin:
        """Return the origin of what an activation returns, and note whom it follows."""
        if activation == "identity":
            return origin
        if origin.direct:
            (layer,) = origin.layers
            if origin.activation == "identity" and layer not in self.trace.followed_by:
                self.trace.followed_by[layer] = activation
        return replace(origin, activation=activation)

    def _attention(self, layer: Any, call: _Call) -> Origin:
        value = call.origin(1, "value")
        fed_by = {"query": call.origin(0, "query"), "key": call.origin(2, "key"), "value": value}
        fed_by["gate"] = fed_by["query"]
        if call.argument(2, "key") is None:
            fed_by["key"] = value
        output = Origin()
        for step, projection in children(layer):
            if id(projection) in self._paths:
                output = self._layer(projection, fed_by.get(step, Origin()))
        return output

    def _graph(self, outputs: Sequence[Any], inputs: Sequence[Any], sources: Sequence[Origin]) -> list[Origin]:
        """Follow the graph that leads from symbolic inputs to symbolic outputs."""
        origins = {id(tensor): source for tensor, source in zip(inputs, sources, strict=True)}
        for node in _nodes(outputs, set(origins)):
            call = _Call(node.arguments.args, node.arguments.kwargs, origins)
            found = self.follow(node.operation, call)
            for tensor, origin in zip(node.outputs, _spread(found, len(node.outputs)), strict=True):
                origins[id(tensor)] = origin
        return [origins.get(id(tensor), Origin()) for tensor in outputs]

    def _inside(self, layer: Any, source: Origin) -> Origin:
        """Follow the layers that a layer holds, one after another."""
        if id(layer) in self._open:
            return mixed([source], joined=False)
        self._open.add(id(layer))
        last = source
        for _, child in children(layer):
            last = self.follow(child, _call_of(last))[0]
        self._open.remove(id(layer))
        return last


def _nodes(outputs: Iterable[Any], known: set[int]) -> list[Any]:
    """Return the nodes that lead to symbolic tensors, each behind those it depends on; known tensors need none."""
    found: list[Any] = []
    seen: set[int] = set()
    waiting: list[tuple[Any, bool]] = [(node, False) for node in map(_maker(known), reversed(list(outputs))) if node]
    while waiting:  # a loop, for graphs are deeper than Python's stack
        node, is_ready = waiting.pop()
        if is_ready:
            found.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            waiting.append((node, True))
            makers = map(_maker(known), reversed(node.arguments.keras_tensors))
            waiting += [(maker, False) for maker in makers if maker is not None]
    return found


def _maker(known: set[int]) -> Callable[[Any], Any]:
    def maker(tensor: Any) -> Any:
        history = getattr(tensor, "_keras_history", None)
        if id(tensor) in known or history is None or history.operation is None:
            return None
        return history.operation._inbound_nodes[history.node_index]

    return maker


def _spread(origins: list[Origin], count: int) -> list[Origin]:
    """Return an origin for each of some tensors: theirs, or the one that stands for all."""
    return origins if len(origins) == count else [next(iter(origins), Origin())] * count
