"""The native kernel inside `jit` on a CPU: one call of XLA for an array, sharded as its users ask for it.

The call is a primitive. Lowered for a CPU it is a foreign function (native/ffi.cpp); for every other device, for an
export and where the kernel is not built it is the operations of `elementwise`, which make the same bits.
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.experimental.custom_partitioning import custom_partitioning
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from glorot import native
from glorot.jax.elementwise import cast_once, elementwise
from glorot.jax.jobs import Layout, on_devices, on_one_device, table_of
from glorot.jax.patches import Patch
from glorot.stream.elements import NATIVE
from glorot.stream.kernels import KIND_CODES
from glorot.stream.pieces import Shape

TARGET = "glorot_draw"
Patches = tuple[Patch, ...]


def drawn(settings: Any, *, patches: Patches, shape: Shape, dtype: np.dtype[Any], kernel: str) -> Array:
    """Return an array with the parts drawn whose laws draw element by element; elsewhere it means nothing.

    Args:
        settings: uint32 (patches, 10), the key and the numbers of each patch, traced or not.
        patches: its parts.
        shape: its shape.
        dtype: its dtype.
        kernel: the kernel for the CPU; "numpy" where none is built.
    """
    is_known = all(patch.law in KIND_CODES for patch in patches) and dtype.name in NATIVE
    if not (is_known and shape and kernel != "numpy" and _is_registered()):
        return cast_once(elementwise(jnp.asarray(settings), patches, shape), dtype)
    found: Array = draw_p.bind(jnp.asarray(settings), patches=patches, shape=shape, dtype=dtype, kernel=kernel)
    return found


@functools.cache
def _is_registered() -> bool:
    """Register the function, unless XLA refuses the version of its interface that it is written to."""
    try:
        jax.ffi.register_ffi_target(TARGET, native.draw_for_xla(), platform="cpu")
    except Exception:  # whatever a future jaxlib raises: the operations of XLA have the same bits
        return False
    return True


draw_p: Any = Primitive("glorot_draw")
Spec: Any = PartitionSpec
Struct: Any = jax.ShapeDtypeStruct


def _by_xla(settings: Array, *, patches: Patches, shape: Shape, dtype: np.dtype[Any], kernel: str) -> Array:
    """Draw by the operations of XLA, each of a batch of arrays."""

    def one(settings: Array) -> Array:
        return cast_once(elementwise(settings, patches, shape), dtype)

    for _ in range(settings.ndim - 2):
        one = jax.vmap(one)
    return one(settings)


def _abstract(settings: Any, *, patches: Patches, shape: Shape, dtype: np.dtype[Any], kernel: str) -> Any:
    extents = (*settings.shape[:-2], *shape)
    sharding = NamedSharding(settings.sharding.mesh, Spec(*[None] * len(extents)))
    return settings.update(shape=extents, dtype=dtype, sharding=sharding)


def _batched(arguments: Sequence[Array], axes: Sequence[int], **how: Any) -> tuple[Array, int]:
    return draw_p.bind(jnp.moveaxis(arguments[0], axes[0], 0), **how), 0


def _lowered_on_cpu(context: Any, settings: Any, **how: Any) -> Any:
    module, batch = context.module_context, context.avals_in[0].shape[:-2]
    devices = _devices_of(module.axis_context)
    if module.lowering_parameters.for_export or devices == 0:
        return _lowered_by_xla(context, settings, **how)
    if devices > 1:
        return mlir.lower_fun(_partitioned(batch, **how), multiple_results=False)(context, settings)
    others = _table(on_one_device(batch, how["shape"]), **how), np.uint32(0)
    avals = [*context.avals_in, *map(jax.typeof, others)]
    lowered = jax.ffi.ffi_lowering(TARGET)
    return lowered(context.replace(avals_in=avals), settings, *map(mlir.ir_constant, others))


def _devices_of(axes: Any) -> int:
    """Return how many devices share a result; 0 where JAX does not say which they are.

    Inside `shard_map` over all axes of a mesh it is one, and over some of them that is not asked.
    """
    if hasattr(axes, "manual_axes"):
        return int(set(axes.manual_axes) == set(axes.mesh.axis_names))
    devices = int(getattr(axes, "num_devices", 0))
    return 0 if devices > 1 and axes.device_assignment is None else devices


def _table(layout: Layout, *, patches: Patches, shape: Shape, dtype: np.dtype[Any], kernel: str) -> Any:
    return table_of(patches, layout, dtype.itemsize, kernel)


@functools.lru_cache(maxsize=256)
def _partitioned(batch: Shape, **how: Any) -> Callable[[Array], Array]:
    """Return a function of settings of which each device makes its own block."""

    def draw(settings: Array) -> Array:
        return _by_xla(settings, **how)

    def partition(mesh: Mesh, arguments: Any, result: Any) -> Any:
        place = result.sharding
        layout = on_devices(place, batch, how["shape"])
        table, tile = _table(layout, **how), Struct(layout.tile, how["dtype"])
        line = Mesh(np.array(layout.devices), ("devices",))

        def lower(settings: Array) -> Array:
            foreign: Any = jax.ffi.ffi_call(TARGET, tile)
            found: Array = foreign(settings, table, lax.axis_index("devices").astype(jnp.uint32))
            return found

        return line, lower, place, (NamedSharding(line, Spec()),)

    partitioned: Any = custom_partitioning
    made: Any = partitioned(draw)
    made.def_partition(partition, decode_shardings=False, sharding_rule=_rule)
    return cast(Callable[[Array], Array], made)


def _rule(mesh: Mesh, arguments: Sequence[Any], results: Sequence[Any]) -> tuple[str, dict[str, Any]]:
    """Return which axes may be cut: all of the result, and none of the settings, which every device has whole."""
    whole = tuple(f"s{n}" for n in range(len(arguments[0].shape)))
    axes = [f"a{n}" for n in range(len(results[0].shape))]
    return f"{' '.join(whole)} -> {' '.join(axes)}", {"need_replication_factors": whole}


with contextlib.suppress(ImportError):  # JAX has no public way to ask for devices; without them XLA's operations serve
    from jax._src.dispatch import prim_requires_devices_during_lowering

    prim_requires_devices_during_lowering.add(draw_p)
_lowered_by_xla = mlir.lower_fun(_by_xla, multiple_results=False)
draw_p.def_impl(_by_xla)
draw_p.def_abstract_eval(_abstract)
batching.primitive_batchers[draw_p] = _batched
mlir.register_lowering(draw_p, _lowered_by_xla)
mlir.register_lowering(draw_p, _lowered_on_cpu, platform="cpu")
