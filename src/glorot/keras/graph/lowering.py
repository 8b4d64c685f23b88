"""From a Keras model to a graph: the model is called abstractly, and its backend shows what it computes."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import keras

from glorot.errors import GlorotError
from glorot.graph import Forward, Graph
from glorot.keras.graph.calls import Call, call_of, open_sizes, own_inputs
from glorot.keras.layers import constant_of
from glorot.keras.paths import every_layer, kinds, told
from glorot.keras.preserve import preserved

USUAL_SLOPE = 0.25
"""Where the slope of a PReLU starts whose layer does not say it."""


def lower(
    model: Any,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    paths: Mapping[int, str] | None = None,
    forward: Forward | None = None,
) -> Graph:
    """Return the graph of a model, which is left as it was found; nothing is computed if its backend can do without.

    Args:
        model: the model or layer, built.
        args: symbolic tensors to call it on, with anything else that it takes; None for its own inputs.
        kwargs: the same by name.
        paths: the path of each variable that holds weights, by its id; all others are state.
        forward: function (model, batch) that runs the model on its one argument; by default it is called.

    Returns:
        The graph.

    Raises:
        GlorotError: if the model refuses the tensors, or computes with numbers that only real ones have; or if it
            has no inputs and is given none.
    """
    asked = args is None and kwargs is None
    given = next(own_inputs(model), None) if asked else (tuple(args or ()), dict(kwargs or {}))
    if given is None:
        raise GlorotError(f"{told('', model)} has no inputs to be followed on; hand in a batch as inputs")
    sizes = open_sizes(given)
    with preserved(every_layer(model)):
        graph = _on_any(model, given, sizes, paths or {}, forward)
    graph.invented = len(sizes) > 1
    return graph


def _on_any(model: Any, given: Any, sizes: Sequence[int], paths: Mapping[int, str], forward: Forward | None) -> Graph:
    """Return the graph on the first size of what is left open that the model takes."""
    slopes = slopes_of(model)
    for size in sizes[:-1]:
        with suppress(GlorotError):
            return _graph_of(call_of(model, given, size, forward), paths, slopes)
    return _graph_of(call_of(model, given, sizes[-1], forward), paths, slopes)


def _graph_of(call: Call, paths: Mapping[int, str], slopes: Mapping[int, float]) -> Graph:
    backend = importlib.import_module(f"glorot.keras.graph.on_{keras.config.backend()}")
    graph: Graph = backend.graph_of(call, paths, slopes)
    return graph


def slopes_of(model: Any) -> dict[int, float]:
    """Return where each slope of a PReLU starts, by the id of its variable."""
    starts = {id(layer.alpha): constant_of(layer.alpha_initializer) for layer in _rectifiers(model)}
    return {alpha: USUAL_SLOPE if start is None else start for alpha, start in starts.items()}


def _rectifiers(model: Any) -> Iterator[Any]:
    return (layer for layer in every_layer(model) if "PReLU" in kinds(layer) and layer.built)
