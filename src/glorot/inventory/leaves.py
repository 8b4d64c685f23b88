"""Leaves: what a model stores, as values of its graph."""

from collections.abc import Sequence

from glorot.graph import Graph
from glorot.inventory.parts import Inventory, Part

SLOPE = 0.25
"""What a PReLU starts at, where its layer does not say it."""


def add_leaf(graph: Graph, stock: Inventory, path: str, shape: Sequence[int]) -> int:
    """Add a parameter or a running variance to a graph, as the classes of the layers know it.

    Args:
        graph: the graph.
        stock: what is known of the model by its classes.
        path: the path of the parameter; one that is not in stock is state, and counts as a constant.
        shape: its shape.

    Returns:
        The value that stands for it.
    """
    known = stock.parameter(path)
    if known is None:
        return graph.constant(tuple(shape), buffers=(path,))
    roles = {part.role for part in known.parts}
    if "running_variance" in roles:
        return graph.statistic(path, tuple(shape))
    if "running_mean" in roles:
        return graph.constant(tuple(shape))
    is_kernel = not roles.isdisjoint(("kernel", "recurrent")) or any(_ends_adapter(part) for part in known.parts)
    return graph.parameter(path, tuple(shape), _slope(known.parts), is_kernel=is_kernel)


def _ends_adapter(part: Part) -> bool:
    """Tell whether a shift is the second matrix of a low-rank update, which starts as no change."""
    return part.role == "shift" and "i" in part.axes


def _slope(parts: Sequence[Part]) -> float | None:
    """Return what the slope of a PReLU starts at; None for any other parameter."""
    starts = [part.start for part in parts if part.role == "slope"]
    return None if not starts else SLOPE if starts[0] is None else starts[0]
