"""The order of registration: what a forward pass would probably show, where no batch shows it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class Layer(NamedTuple):
    """A layer with weights.

    Attributes:
        path: its path.
        state: the activation that what it returns has passed inside it, as the state of a recurrent layer has.
    """

    path: str
    state: str = "identity"


class Function(NamedTuple):
    """An activation; a norm is "identity" to what follows it."""

    name: str


class Break(NamedTuple):
    """The end of a row: what comes next is fed by nothing that is known."""


NORM = Function("identity")


@dataclass
class Trace:
    """The order of the layers of a model, as far as it can be guessed.

    Attributes:
        order: paths of the layers, in the order in which they probably run.
        fed_by: for each layer, the activation that its input is the output of.
        followed_by: for each layer, the activation applied to its output.
    """

    order: list[str] = field(default_factory=list)
    fed_by: dict[str, str] = field(default_factory=dict)
    followed_by: dict[str, str] = field(default_factory=dict)


def in_order(items: Iterable[Layer | Function | Break]) -> Trace:
    """Guess a trace from what a model holds, in the order of registration.

    Example:
        >>> trace = in_order([Layer("a"), Function("relu"), Layer("b")])
        >>> trace.followed_by, trace.fed_by
        ({'a': 'relu'}, {'a': 'identity', 'b': 'relu'})
    """
    trace, last, activation = Trace(), "", "identity"
    for item in items:
        match item:
            case Break():
                last, activation = "", "identity"
            case Layer(path, state):
                if path not in trace.fed_by:
                    trace.order.append(path)
                    trace.fed_by[path] = activation
                last, activation = "" if state != "identity" else path, state
            case Function(name):
                if last and activation == "identity" and name != "identity":
                    trace.followed_by.setdefault(last, name)
                activation = name
    return trace
