"""Batches that glorot makes itself: a model of JAX tells by the shapes of its kernels what it takes."""

import inspect
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from glorot.inventory import Inventory, Part

EXAMPLES, LENGTH = 2, 8
"""Examples of a batch, and places of a sequence."""

SIZES: dict[int, tuple[int, ...]] = {1: (64, 256), 2: (32, 28, 224, 64), 3: (16, 32)}
"""Sizes of maps by their number of axes: where layers follow that count positions, one of them may fit."""

Shape = tuple[int, ...]


def batches(model: Any, stock: Inventory, *, is_single: bool) -> Iterator[tuple[Any, bool]]:
    """Yield batches in shapes alone, and whether the sizes of their maps are made up.

    Args:
        model: the model.
        stock: what is known of it by the classes of its layers.
        is_single: whether it takes one example, its channels first, as Equinox has it.
    """
    count = _needed(model)
    tried: set[tuple[Shape, Any]] = set()
    for part in stock.parts if count else ():
        for shape, dtype, invented in _taken_by(part, is_single):
            if (shape, dtype) not in tried:
                tried.add((shape, dtype))
                yield (jax.ShapeDtypeStruct(shape, dtype),) * count, invented  # type: ignore[no-untyped-call]


def _needed(model: Any) -> int:
    """Return how many positional arguments a model needs; 0 where that is not known, or it needs others by name."""
    try:
        takes = inspect.signature(model).parameters.values()
    except (TypeError, ValueError):
        return 0
    needed = [one.kind for one in takes if one.default is one.empty and one.kind != one.VAR_KEYWORD]
    if inspect.Parameter.KEYWORD_ONLY in needed:
        return 0
    return len(needed)  # where any number is taken, that counts as one


def _taken_by(part: Part, is_single: bool) -> Iterator[tuple[Shape, Any, bool]]:
    """Yield the shapes of what the layer of a part takes, with their dtype, and whether their sizes are made up."""
    examples = () if is_single else (EXAMPLES,)
    if part.role == "embedding":
        yield (*examples, LENGTH), jnp.int32, False
    if part.role != "kernel" or "i" not in part.axes:
        return
    sizes = dict(zip(part.axes, part.shape, strict=True))
    rank, channels = part.axes.count("k"), (sizes["i"] * sizes.get("b", 1),)
    if not rank:
        yield (*examples, *channels), jnp.float32, False
        yield (*examples, LENGTH, *channels), jnp.float32, False
    for size in SIZES.get(rank, ()):
        extent = (size,) * rank
        yield (*examples, *((*channels, *extent) if is_single else (*extent, *channels))), jnp.float32, True
