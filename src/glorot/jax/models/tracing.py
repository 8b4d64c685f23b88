"""Running a model to its graph without computing anything, and placing its layers where no batch shows them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from glorot.graph import Graph
from glorot.inventory import Inventory, Part
from glorot.inventory.leaves import add_leaf
from glorot.inventory.registration import Trace
from glorot.jax.graph import lower
from glorot.jax.models.describing import Described
from glorot.jax.models.running import refusals


def graph_of(
    run: Callable[..., Any],
    stock: Inventory,
    weights: Mapping[str, Any],
    others: Mapping[str, Any],
    batch: Sequence[Any],
) -> Graph:
    """Return the graph of a forward pass.

    Args:
        run: function (weights, others, batch) → outputs; each of the three is a list of arrays.
        stock: what is known of the parameters by their layers.
        weights: the parameters by their path.
        others: what the model holds besides, by its path.
        batch: the arrays of the batch.

    Raises:
        GlorotError: if the model refuses the batch.
    """
    with refusals():
        jaxpr = jax.make_jaxpr(run)(list(weights.values()), list(others.values()), list(batch))

    def leaves(graph: Graph) -> list[int]:
        held = [add_leaf(graph, stock, path, np.shape(array)) for path, array in {**weights, **others}.items()]
        return held + [graph.input(np.shape(array)) for array in batch]

    return lower(jaxpr, leaves)


def placed(described: Mapping[str, Described], trace: Trace) -> dict[str, Described]:
    """Put the parts of every layer where a trace has it."""
    depths = {path: depth for depth, path in enumerate(trace.order, start=1)}

    def told(part: Part, known: Described) -> Part:
        fed_by = trace.fed_by.get(known.place, "identity") if part.fed_by == "identity" else part.fed_by
        followed_by = trace.followed_by.get(known.place, "identity")
        depth = depths.get(known.place, depths.get(known.layer, 0))
        return replace(part, fed_by=fed_by, followed_by=followed_by, depth=depth)

    return {
        path: known._replace(parts=tuple(told(part, known) for part in known.parts))
        for path, known in described.items()
    }
