"""The graph of a Keras model on JAX: that of its jaxpr."""

from collections.abc import Mapping
from typing import Any

import jax

from glorot.graph import Graph
from glorot.jax.graph import lower
from glorot.keras.graph.calls import Call, leaves_of, like


def graph_of(call: Call, paths: Mapping[int, str], slopes: Mapping[int, float]) -> Graph:
    """Return the graph of a call.

    Args:
        call: the call.
        paths: the paths of the variables that hold weights, by their ids.
        slopes: where the slopes of PReLUs start, by the ids of their variables.
    """
    abstract: Any = jax.ShapeDtypeStruct  # which has no types
    values = [abstract(*like(variable)) for variable in call.variables]
    jaxpr: Any = jax.make_jaxpr(call.run)(values, [abstract(*one) for one in call.batch])
    return lower(jaxpr, lambda graph: leaves_of(call, graph, paths, slopes))
