"""Where a result lies: what a sharding must be, and a function whose result lies as it is told."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import jax
from jax import Array, lax
from jax.sharding import AbstractMesh, Mesh, NamedSharding, PartitionSpec, Sharding

from glorot.errors import GlorotError
from glorot.text import shape_text

A = TypeVar("A")
Place = Sharding | PartitionSpec | None
"""Where a result shall lie; a bare PartitionSpec means the mesh that is set, None leaves it open."""


def place_of(leaf: Any) -> Place:
    """Return where a leaf lies, as far as its successor has to be told.

    An array that nobody has put anywhere stays free to follow what it is computed with. Inside `jit` the place is for
    the `out_shardings` of the caller, unless the mesh is explicit and types say it.
    """
    if isinstance(leaf, jax.core.Tracer):
        sharding = jax.typeof(leaf).sharding
        return cast(PartitionSpec, sharding.spec) if sharding.mesh.explicit_axes else None
    if isinstance(leaf, jax.Array) and not leaf.committed:
        return None
    sharding = getattr(leaf, "sharding", None)
    return sharding if isinstance(sharding, Sharding) else None


def check_place(what: str, shape: Sequence[int], place: object) -> None:
    """Raise unless a result of some shape can lie in a place.

    Args:
        what: what the place is given for, as messages begin with it.
        shape: the shape of the result.
        place: a sharding, a bare PartitionSpec or None.

    Raises:
        GlorotError: if it is none of these, its mesh is not at hand, or it does not cut the shape into equal shards.
    """
    if place is None:
        return
    if not isinstance(place, Sharding | PartitionSpec):
        raise GlorotError(
            f"{what}: a place is a jax.sharding.Sharding or a PartitionSpec, got {place!r} ({type(place).__name__})"
        )
    _check_mesh(what, place)
    try:
        sharding = NamedSharding(_mesh(place), place) if isinstance(place, PartitionSpec) else place
        sharding.shard_shape(tuple(shape))
    except Exception as error:  # an axis that is unknown or named twice, too many of them, or shards of unequal size
        reason = str(error).partition("implies that ")[2] or str(error)
        raise GlorotError(
            f"{what} has shape {shape_text(shape)}, which {_told(place)} does not divide into equal shards; choose "
            f"another axis, or leave it whole ({reason})"
        ) from error


def _check_mesh(what: str, place: Sharding | PartitionSpec) -> None:
    current = jax.sharding.get_abstract_mesh()
    if isinstance(place, PartitionSpec) and current.empty:
        raise GlorotError(f"{what}: {place} names axes of a mesh, and none is set; call under jax.set_mesh(mesh)")
    if isinstance(place, NamedSharding):
        if isinstance(place.mesh, AbstractMesh) and current.empty:
            raise GlorotError(
                f"{what}: {_told(place)} is one without devices; call under jax.set_mesh(mesh), with the mesh itself"
            )
        if not current.empty and place.mesh.abstract_mesh != current:
            raise GlorotError(
                f"{what}: {_told(place)} is not the mesh {dict(current.shape)} that jax.set_mesh has set; call outside "
                "of that, or move what lies elsewhere by jax.device_put"
            )
    elif isinstance(place, Sharding) and not current.empty and len(place.device_set) != current.size:
        raise GlorotError(
            f"{what} lies on {len(place.device_set)} device, and jax.set_mesh has set a mesh of {current.size}; call "
            "outside of that, or move it there by jax.device_put"
        )
    spec = getattr(place, "spec", place)
    if getattr(spec, "unreduced", None):
        raise GlorotError(f"{what}: {spec} is unreduced, a sum that is still to be taken; weights are none")


def _mesh(place: Sharding | PartitionSpec) -> Mesh | AbstractMesh:
    return place.mesh if isinstance(place, NamedSharding) else jax.sharding.get_abstract_mesh()


def _told(place: Sharding | PartitionSpec) -> str:
    mesh = _mesh(place)
    return f"its sharding {getattr(place, 'spec', place)} over the mesh {dict(mesh.shape)}"


def mesh_of(place: Place) -> contextlib.AbstractContextManager[Any]:
    """Return the context of an explicit mesh where a sharding brings one along and none is set."""
    is_explicit = isinstance(place, NamedSharding) and bool(place.mesh.explicit_axes)
    if not is_explicit or not jax.sharding.get_abstract_mesh().empty:
        return contextlib.nullcontext()
    try:
        return cast(contextlib.AbstractContextManager[Any], jax.set_mesh(cast(Any, place).mesh))
    except ValueError as error:  # inside a jit, where it is too late
        raise GlorotError(
            f"{_told(cast(NamedSharding, place))} is explicit; call your jitted function under jax.set_mesh(mesh)"
        ) from error


def sharded(function: Callable[[A], Array], argument: A, place: Place) -> Array:
    """Call a function of an argument for a result that lies as it is told."""
    if place is None:
        return function(argument)
    mesh = _mesh(place)
    if not isinstance(place, NamedSharding | PartitionSpec) or not mesh.explicit_axes:
        return _constrained(function(argument), place)
    spec = place.spec if isinstance(place, NamedSharding) else place
    if not mesh.auto_axes:
        return cast(Array, jax.sharding.auto_axes(function, axes=mesh.explicit_axes, out_sharding=place)(argument))

    def inside(argument: A) -> Array:
        return _constrained(function(argument), spec)

    outer = PartitionSpec(*(_only(mesh.explicit_axes, names) for names in spec))  # type: ignore[no-untyped-call]
    return cast(Array, jax.sharding.auto_axes(inside, axes=mesh.explicit_axes, out_sharding=outer)(argument))


def _constrained(values: Array, place: Sharding | PartitionSpec) -> Array:
    return cast(Array, lax.with_sharding_constraint(values, place))  # type: ignore[no-untyped-call]


def _only(axes: Sequence[str], names: Any) -> Any:
    """Return those of the names along one axis of a spec that are among the axes of a mesh."""
    kept = tuple(name for name in ((names,) if isinstance(names, str) else names or ()) if name in axes)
    return kept or None
