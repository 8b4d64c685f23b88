"""Running a model to its graph without computing anything, and placing its layers where no batch shows them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

from glorot.graph import Graph
from glorot.inventory import Part
from glorot.jax.graph import lower
from glorot.jax.models.describing import Described
from glorot.jax.models.running import refusals

KERNELS = ("kernel", "recurrent")
SLOPE = 0.25
"""What a PReLU starts at."""


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

    def enter(self, layer: str, activation: str) -> None:
        """Record that a layer runs, if it is the first time."""
        if layer not in self.fed_by:
            self.order.append(layer)
            self.fed_by[layer] = activation


def graph_of(
    run: Callable[..., Any],
    found: Mapping[str, Described],
    weights: Mapping[str, Any],
    others: Mapping[str, Any],
    batch: Sequence[Any],
) -> Graph:
    """Return the graph of a forward pass.

    Args:
        run: function (weights, others, batch) → outputs; each of the three is a list of arrays.
        found: what is known of the parameters by their layers.
        weights: the parameters by their path.
        others: what the model holds besides, by its path.
        batch: the arrays of the batch.

    Raises:
        GlorotError: if the model refuses the batch.
    """
    with refusals():
        jaxpr = jax.make_jaxpr(run)(list(weights.values()), list(others.values()), list(batch))

    def leaves(graph: Graph) -> list[int]:
        known = [
            graph.parameter(path, array.shape, _slope(found.get(path)), is_kernel=_is(found.get(path), *KERNELS))
            for path, array in weights.items()
        ]
        known += [
            graph.statistic(path, np.shape(array))
            if _is(found.get(path), "running_variance")
            else graph.constant(np.shape(array))
            for path, array in others.items()
        ]
        return known + [graph.input(np.shape(array)) for array in batch]

    return lower(jaxpr, leaves)


def _slope(known: Described | None) -> float | None:
    """Return what the slope of a PReLU starts at; None for any other parameter."""
    slopes = [part for part in (() if known is None else known.parts) if part.role == "slope"]
    return (SLOPE if slopes[0].start is None else slopes[0].start) if slopes else None


def _is(known: Described | None, *roles: str) -> bool:
    return known is not None and any(part.role in roles for part in known.parts)


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
