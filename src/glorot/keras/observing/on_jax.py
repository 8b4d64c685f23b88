"""Watching a Keras model on JAX: its jaxpr is evaluated with taps."""

from typing import Any

from glorot.graph import Graph
from glorot.graph.readings import FirstStep, Observed
from glorot.graph.spectra import Found
from glorot.jax.jacobians import jacobians_of_run
from glorot.jax.models.running import refusals
from glorot.jax.observing import Run, observe_run
from glorot.keras.graph.calls import Pass, leaves_of


def observe(
    given: Pass,
    targets: Any,
    loss: Any,
    step: FirstStep | None = None,
) -> Observed:
    """Return what a pass shows.

    Args:
        given: the pass.
        targets: what the loss compares the outputs with, or None.
        loss: the loss, or None for the usual one.
        step: tries an optimiser's first step.
    """
    with refusals():
        return observe_run(_run_of(given), targets, loss, step)


def jacobians(given: Pass) -> Found:
    """Return the singular values of the Jacobians of a pass."""
    with refusals():
        return jacobians_of_run(_run_of(given))


def _run_of(given: Pass) -> Run:
    call, paths = given.call, given.paths
    trained = [n for n, variable in enumerate(call.variables) if id(variable) in paths]
    others = [n for n, variable in enumerate(call.variables) if id(variable) not in paths]

    def function(weights: list[Any], state: list[Any], arrays: list[Any]) -> Any:
        held = dict(zip([*trained, *others], [*weights, *state], strict=True))
        found = call.run([held[n] for n in range(len(held))], arrays)
        return found[0] if len(found) == 1 else tuple(found)

    def leaves(graph: Graph) -> list[int]:
        ids = leaves_of(call, graph, paths, given.slopes)
        return [ids[n] for n in (*trained, *others)] + ids[len(call.variables) :]

    weights = {paths[id(call.variables[n])]: call.variables[n].value for n in trained}
    state = {str(n): call.variables[n].value for n in others}
    return Run(function, None, weights, state, list(given.batch), leaves)
