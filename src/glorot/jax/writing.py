"""Writing a plan's weights into a JAX model: a new model, whose leaves lie where the old ones lay."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from glorot import arrays
from glorot.errors import GlorotError
from glorot.inventory import path_of
from glorot.jax import host
from glorot.jax.filling import filled
from glorot.jax.sharding import Place, check_place, place_of
from glorot.plans import Assignment


def written(leaves: Mapping[str, Any], assignments: Iterable[Assignment]) -> dict[str, Array]:
    """Return the new value of every leaf that something is assigned to.

    Args:
        leaves: {path: an array, abstract or not}.
        assignments: what the parts of the leaves are written from.

    Raises:
        GlorotError: if a leaf cannot be written; nothing has been computed then.
    """
    grouped: dict[str, list[Assignment]] = {}
    for assignment in assignments:
        grouped.setdefault(path_of(assignment.part.name), []).append(assignment)
    for path, parts in grouped.items():
        _check_leaf(path, leaves[path], parts)
    places = {path: place_of(leaves[path]) for path in grouped}
    on_host = host.written(leaves, places, grouped)
    return {
        path: on_host[path] if path in on_host else _filled(leaves[path], places[path], parts)
        for path, parts in grouped.items()
    }


def norms_of(
    values: Mapping[str, Array], assignments: Iterable[Assignment], leaves: Mapping[str, Any]
) -> dict[str, Array]:
    """Return the norms that stand beside the directions of weights, so that what is used is what was drawn.

    Args:
        values: the new values of the leaves.
        assignments: what they are written from.
        leaves: {path: an array, abstract or not}, of which a norm may be one.

    Raises:
        GlorotError: if a direction is zero, and would be divided by its norm.
    """
    stored = {one.part.path: one.part.stored for one in assignments if one.part.stored is not None}
    found = {}
    for path, how in stored.items():
        norm = jnp.sqrt(jnp.sum(jnp.square(values[path].astype(jnp.float32)), how.over))
        if how.divides and not isinstance(norm, jax.core.Tracer) and not bool(jnp.all(norm)):
            how.refuse_zeros(path)
        if how.scale:
            norm, leaf = norm.astype(values[path].dtype), leaves.get(how.scale)
            found[how.scale] = norm if leaf is None else norm.reshape(leaf.shape).astype(leaf.dtype)
    return found


def _filled(leaf: Any, place: Place, assignments: list[Assignment]) -> Array:
    drawn = filled(leaf, assignments, np.dtype(leaf.dtype), place)
    kind = getattr(place, "memory_kind", None)
    is_elsewhere = kind is not None and not isinstance(drawn, jax.core.Tracer) and drawn.sharding.memory_kind != kind
    return jax.device_put(drawn, place) if is_elsewhere else drawn  # as in pinned memory of the host


def _check_leaf(path: str, leaf: Any, assignments: list[Assignment]) -> None:
    dtype = np.dtype(leaf.dtype)
    if dtype == np.float64 and jnp.result_type(float) != dtype:
        raise GlorotError(
            f"{path} has dtype float64, which JAX has only under x64; cast it to float32, or call "
            "jax.config.update('jax_enable_x64', True)"
        )
    for assignment in assignments:
        arrays.check(assignment, dtype.name)
    if isinstance(leaf, jax.ShapeDtypeStruct) and not arrays.is_whole(leaf.shape, assignments):
        raise GlorotError(
            f"{path} is abstract, and the plan leaves a part of it alone, which would have no values; build the model, "
            "or give that part a law"
        )
    check_place(path, leaf.shape, place_of(leaf))
