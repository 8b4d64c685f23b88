"""Watching a Keras model on JAX: its jaxpr is evaluated with taps."""

from collections.abc import Mapping, Sequence
from typing import Any

from glorot.graph import Graph
from glorot.graph.readings import FirstStep, Observed
from glorot.jax.models.running import refusals
from glorot.jax.observing import Run, observe_run
from glorot.keras.graph.calls import Call, leaves_of


def observe(
    call: Call,
    paths: Mapping[int, str],
    slopes: Mapping[int, float],
    batch: Sequence[Any],
    targets: Any,
    loss: Any,
    step: FirstStep | None = None,
) -> Observed:
    """Return what a call shows.

    Args:
        call: the call.
        paths: the paths of the variables that hold weights, by their ids.
        slopes: where the slopes of PReLUs start, by the ids of their variables.
        batch: its arrays.
        targets: what the loss compares the outputs with, or None.
        loss: the loss, or None for the usual one.
        step: tries an optimiser's first step.
    """
    trained = [n for n, variable in enumerate(call.variables) if id(variable) in paths]
    others = [n for n, variable in enumerate(call.variables) if id(variable) not in paths]

    def function(weights: list[Any], state: list[Any], arrays: list[Any]) -> Any:
        held = dict(zip([*trained, *others], [*weights, *state], strict=True))
        found = call.run([held[n] for n in range(len(held))], arrays)
        return found[0] if len(found) == 1 else tuple(found)

    def leaves(graph: Graph) -> list[int]:
        ids = leaves_of(call, graph, paths, slopes)
        return [ids[n] for n in (*trained, *others)] + ids[len(call.variables) :]

    weights = {paths[id(call.variables[n])]: call.variables[n].value for n in trained}
    state = {str(n): call.variables[n].value for n in others}
    with refusals():
        return observe_run(Run(function, None, weights, state, list(batch), leaves), targets, loss, step)
