"""Following the graph of a model: which layer runs when, and which activation feeds it and follows it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import keras

from glorot.errors import GlorotError
from glorot.keras.layers import is_norm, state_activation
from glorot.keras.naming import activation_of_function, activation_of_operation
from glorot.keras.paths import children, kinds, told
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
OWN = {"Layer", "Model", "Lambda"}  # what users write for themselves
CELLS = {"SimpleRNNCell", "LSTMCell", "GRUCell", "ConvLSTMCell"}

FROM_INPUT = Origin("identity", frozenset({INPUT}))


@dataclass
class Trace:
    """What a graph showed.

    Attributes:
        order: paths of the layers, in the order in which they first run.
        fed_by: for each layer, the activation that feeds it.
        followed_by: for each layer, the activation applied to its output.
    """

    order: list[str] = field(default_factory=list)
    fed_by: dict[str, str] = field(default_factory=dict)
    followed_by: dict[str, str] = field(default_factory=dict)


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


class Follower:
    """Follows tensors through the layers of a model.

    Args:
        paths: the path of every layer, by its id.
        weighted: the ids of the layers whose weights are asked for.
        runs: whether a layer that shows no graph may be run on symbolic tensors; its sublayers are otherwise taken
            in the order of registration.
    """

    def __init__(self, paths: Mapping[int, str], weighted: Iterable[int], runs: bool = False) -> None:
        self.trace = Trace()
        self._paths = paths
        self._weighted = frozenset(weighted)
        self._runs = runs
        self._open: set[int] = set()  # the layers that are being followed, for one may hold those that hold it
        self._sigmoids: dict[int, int] = {}  # from the sigmoid of a tensor to that tensor

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
        if id(operation) in self._weighted:
            return [self._layer(operation, call.source)]
        activation = self._recognise(operation, call)
        if activation is not None:
            return [self._activated(call.source, activation)]
        if is_norm(operation):
            return [replace(call.source, activation="identity")]
        if kind & MOVES or (kind & SCALINGS and len(call.sources) == 1):
            return [call.source]
        if isinstance(operation, keras.layers.Layer) and (operation._layers or kinds(operation)[0] in OWN):
            return self._inside(operation, call)
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
            before = self.trace.followed_by.get(layer)
            is_first = origin.activation == "identity" and before is None
            if is_first or (before, activation) in {("relu", "relu_squared"), ("sigmoid", "silu")}:
                self.trace.followed_by[layer] = activation
        return replace(origin, activation=activation)

    def _recognise(self, operation: Any, call: _Call) -> str | None:
        """Return the activation that an operation computes, also where it is written out."""
        kind = next(iter(kinds(operation)), "")
        first, second = call.argument(0, "x"), call.argument(1, "y")
        if kind == "Square" or (kind == "Power" and second == 2):
            return "relu_squared" if call.source.activation == "relu" else None
        if kind == "Maximum" and len(call.sources) == 1:
            return "relu" if _is_zero(second) or _is_zero(first) else None
        if kind == "Multiply" and self._sigmoids.get(id(second)) == id(first):
            return "silu"
        if kind == "Multiply" and self._sigmoids.get(id(first)) == id(second):
            return "silu"
        return activation_of_operation(operation)

    def _attention(self, layer: Any, call: _Call) -> Origin:
        value = call.origin(1, "value")
        fed_by = {"query": call.origin(0, "query"), "key": call.origin(2, "key"), "value": value}
        fed_by["gate"] = fed_by["query"]
        if call.argument(2, "key") is None:
            fed_by["key"] = value
        output = Origin()
        for step, projection in children(layer):
            if id(projection) in self._weighted:
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
            if activation_of_operation(node.operation) == "sigmoid":
                self._sigmoids[id(node.outputs[0])] = id(call.argument(0, "x"))
        return [origins.get(id(tensor), Origin()) for tensor in outputs]

    def _inside(self, layer: Any, call: _Call) -> list[Origin]:
        """Follow what a layer does with the layers that it holds."""
        if id(layer) in self._open:
            return [mixed(call.sources, joined=False)]
        self._open.add(id(layer))
        try:
            return self._opened(layer, call)
        finally:
            self._open.remove(id(layer))

    def _opened(self, layer: Any, call: _Call) -> list[Origin]:
        if self._runs and any(
            isinstance(leaf, keras.KerasTensor) for leaf in keras.tree.flatten((call.args, dict(call.kwargs)))
        ):
            return self._run(layer, call)
        if not layer._layers:
            return [mixed(call.sources, joined=False)]
        last = call.source
        for _, child in children(layer):
            last = self.follow(child, _call_of(last))[0]
        return [last]

    def _run(self, layer: Any, call: _Call) -> list[Origin]:
        """Run a layer on symbolic tensors of its own, and follow the graph that this leaves."""
        inputs: list[Any] = []
        sources: list[Origin] = []

        def anew(value: Any) -> Any:
            if not isinstance(value, keras.KerasTensor):
                return value
            inputs.append(keras.KerasTensor(value.shape, value.dtype))
            sources.append(call.origins.get(id(value), Origin()))
            return inputs[-1]

        args, kwargs = keras.tree.map_structure(anew, (call.args, dict(call.kwargs)))
        try:
            returned = layer.call(*args, **kwargs)
        except GlorotError:
            raise
        except Exception as error:
            if not layer._layers:  # no order is lost that matters
                return [mixed(call.sources, joined=False)]
            raise GlorotError(
                f"{told(self._paths.get(id(layer), ''), layer)} cannot be followed, for it computes with more than "
                f"layers and keras.ops: {_brief(error)}; leave inputs out, and its layers are taken in the order of "
                "registration"
            ) from error
        outputs = [leaf for leaf in keras.tree.flatten(returned) if isinstance(leaf, keras.KerasTensor)]
        return self._graph(outputs, inputs, sources)


def follow(
    model: Any, follower: Follower, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
) -> Trace:
    """Follow a model.

    Args:
        model: the model; `preserved` restores it if there are arguments.
        follower: who follows.
        args: symbolic tensors to call it on; none, and no layer is run.
        kwargs: the same by name.

    Returns:
        The trace.

    Raises:
        GlorotError: if the model refuses the tensors, or a layer cannot be followed.
    """
    if not args and not kwargs:
        follower.follow(model, _call_of(FROM_INPUT))
        return follower.trace
    try:
        model(*args, **(kwargs or {}))
    except Exception as error:
        raise GlorotError(f"the batch does not fit the model: {_brief(error)}") from error
    leaves = keras.tree.flatten((args, dict(kwargs or {})))
    origins = {id(leaf): FROM_INPUT for leaf in leaves if isinstance(leaf, keras.KerasTensor)}
    follower.follow(model, _Call(args, kwargs or {}, origins))
    return follower.trace


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


def _is_zero(value: Any) -> bool:
    return isinstance(value, int | float) and value == 0


def _brief(error: Exception) -> str:
    """Return what an error says, without the lists of arguments that Keras adds."""
    # a KeyError shows its text as repr does
    whole = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    text = re.sub(r"\x1b\[\d*m", "", whole.partition("\n\nArguments received by")[0])
    return " ".join(text.split()) or type(error).__name__
