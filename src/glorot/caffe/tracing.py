"""Following the signal through a net: which layer comes when, what feeds it and what follows it."""

from dataclasses import dataclass, field, replace

from glorot.caffe.kinds import Signal, kind_of
from glorot.caffe.nets import Net, Node
from glorot.origins import INPUT, Origin, mixed

STATES = {"LSTM": "tanh", "RNN": "tanh"}
"""The activation that what a recurrent layer makes has passed."""


@dataclass
class Trace:
    """What the graph of a net shows.

    Attributes:
        order: the names of the layers that weigh the signal, in order.
        fed_by: for each of them the activation that feeds it.
        followed_by: for each of them the activation that follows it.
    """

    order: list[str] = field(default_factory=list)
    fed_by: dict[str, str] = field(default_factory=dict)
    followed_by: dict[str, str] = field(default_factory=dict)


def follow(net: Net) -> Trace:
    """Follow the signal from the inputs of a net to its outputs."""
    trace = Trace()
    origins = {name: Origin(layers=frozenset({INPUT})) for name in net.inputs}
    for node in net.nodes:
        layer = node.layer
        sources = [origins[name] for name in layer.bottoms]
        origin = _passed(node, sources, trace) if sources else Origin(layers=frozenset({INPUT}))
        origins.update(dict.fromkeys(layer.tops, origin))
    return trace


def _passed(node: Node, sources: list[Origin], trace: Trace) -> Origin:
    """Return the origin of what a layer makes of blobs of some origins."""
    kind, name, first = kind_of(node.layer), node.layer.name, sources[0]
    match kind.signal:
        case Signal.WEIGHED:
            trace.order.append(name)
            trace.fed_by[name] = first.activation
            state = STATES.get(node.layer.kind, "identity")
            return Origin(state, frozenset({name}), direct=state == "identity")
        case Signal.ACTIVATED:
            activation = kind.activation(node.layer)
            if first.direct and first.activation == "identity":
                (layer,) = first.layers
                trace.followed_by.setdefault(layer, activation)
            return replace(first, activation=activation)
        case Signal.NORMALIZED:
            return replace(first, activation="identity")
        case Signal.MOVED:
            return first
        case Signal.SCALED:
            return first if len(sources) == 1 else mixed(sources, joined=False)
        case _:
            return mixed(sources, joined=kind.signal is Signal.JOINED)
