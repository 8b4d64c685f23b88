"""Writing a plan's weights into a JAX model: a new model, whose leaves lie where the old ones lay."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import NamedSharding, PartitionSpec, Sharding

from glorot import arrays
from glorot.errors import GlorotError
from glorot.inventory import path_of
from glorot.jax.drawing import DTYPES
from glorot.jax.filling import filled
from glorot.planning import Assignment
from glorot.text import shape_text


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
    return {
        path: filled(leaves[path], parts, np.dtype(leaves[path].dtype), place_of(leaves[path]))
        for path, parts in grouped.items()
    }


def place_of(leaf: Any) -> Sharding | PartitionSpec | None:
    """Return where a leaf lies, as far as its successor has to be told.

    Inside `jit` that is for the `out_shardings` of the caller, unless the mesh is explicit and types say it.
    """
    if isinstance(leaf, jax.core.Tracer):
        sharding = jax.typeof(leaf).sharding
        return sharding.spec if sharding.mesh.explicit_axes else None
    sharding = getattr(leaf, "sharding", None)
    return sharding if isinstance(sharding, Sharding) else None


def _check_leaf(path: str, leaf: Any, assignments: list[Assignment]) -> None:
    dtype = np.dtype(leaf.dtype)
    if not jnp.issubdtype(dtype, jnp.floating) or dtype.name not in DTYPES:
        raise GlorotError(
            f"{path} has dtype {dtype.name}; glorot writes {', '.join(DTYPES)}: cast it, or skip it by a rule"
        )
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
    _check_sharding(path, leaf)


def _check_sharding(path: str, leaf: Any) -> None:
    sharding = place_of(leaf)
    if not isinstance(sharding, NamedSharding):
        return
    try:
        sharding.shard_shape(tuple(leaf.shape))
    except ValueError as error:
        raise GlorotError(
            f"{path} has shape {shape_text(leaf.shape)}, which its sharding {sharding.spec} over the mesh "
            f"{dict(sharding.mesh.shape)} does not divide into equal shards; choose another axis, or leave it whole"
        ) from error
