"""Outside `jit` on CPUs: the native kernel writes what each device holds into memory that its array then keeps.

Nothing is compiled, and nothing copied: an array is made of memory that NumPy has given out.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import AbstractMesh, NamedSharding, PartitionSpec, Sharding
from numpy.typing import NDArray

from glorot import native, stream
from glorot.arrays import is_whole
from glorot.distributions import Distribution
from glorot.inventory import View
from glorot.inventory.boxes import shares
from glorot.inventory.layouts import complete, place_in
from glorot.jax import words
from glorot.jax.jobs import block_of
from glorot.jax.sharding import Place
from glorot.plans import Assignment
from glorot.stream.philox import Key
from glorot.stream.pieces import Box, Shape

ALIGNMENT = 64  # bytes, at which XLA takes memory as it is


class Blocks(NamedTuple):
    """An array that is about to be made of memory.

    Attributes:
        shape: its shape.
        place: where it lies; None leaves that open.
        memory: {the block that some device holds: its memory}.
        devices: which block each device of this process holds.
    """

    shape: Shape
    place: Sharding | None
    memory: dict[Box, NDArray[Any]]
    devices: list[tuple[jax.Device, Box]]

    def array(self) -> Array:
        """Return the array, once its memory is written."""
        if self.place is None:
            (whole,) = self.memory.values()
            return cast(Array, jax.device_put(whole, may_alias=True))
        held = [jax.device_put(self.memory[block], device, may_alias=True) for device, block in self.devices]
        return jax.make_array_from_single_device_arrays(self.shape, self.place, held)


def is_at_work() -> bool:
    """Tell whether arrays made now have values, and a native kernel makes them: not while a function is traced."""
    return native.chosen() != "numpy" and not isinstance(jnp.zeros(()), jax.core.Tracer)


def blocks_of(shape: Shape, dtype: np.dtype[Any], place: Place) -> Blocks | None:
    """Return memory for an array; None where it does not lie in the memory of this host alone, as NumPy has it.

    Args:
        shape: its shape.
        dtype: its dtype.
        place: where it shall lie, which its shape is known to fit.
    """
    whole = tuple((0, size) for size in shape)
    if place is None:
        is_here = jax.sharding.get_abstract_mesh().empty and _default_device().platform == "cpu"
        return Blocks(shape, None, {whole: _aligned(shape, dtype)}, []) if is_here else None
    if isinstance(place, PartitionSpec):
        place = NamedSharding(jax.sharding.get_mesh(), place)
    if not _is_plain(place):
        return None
    indices = place.addressable_devices_indices_map(shape)
    devices = [(device, block_of(index, shape)) for device, index in indices.items() if index is not None]
    memory = {block: _aligned(tuple(stop - start for start, stop in block), dtype) for _, block in devices}
    return Blocks(shape, place, memory, devices)


def _default_device() -> Any:
    chosen = getattr(jax.config, "jax_default_device", None)
    return jax.local_devices(backend=chosen)[0] if chosen is None or isinstance(chosen, str) else chosen


def _is_plain(place: Sharding) -> bool:
    """Tell whether all devices of a place are CPUs, which use their ordinary memory."""
    if isinstance(place, NamedSharding) and isinstance(place.mesh, AbstractMesh):
        return False
    devices: Any = place.device_set
    is_ordinary = all(place.memory_kind in (None, device.default_memory().kind) for device in devices)
    return is_ordinary and all(device.platform == "cpu" for device in devices)


def _aligned(extents: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
    size = int(np.prod(extents, dtype=np.int64)) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(extents)


def fills_of(blocks: Blocks, assignment: Assignment) -> Iterator[stream.Fill]:
    """Yield what is to be filled for a part; one whose law needs the whole matrix is written at once."""
    part, law, key = assignment
    extents = complete(part.view, blocks.shape).extents
    is_matrix = type(law) in stream.MATRIX_LAWS
    matrix = stream.draw(key, law, part.shape, part.axes).reshape(extents) if is_matrix else None
    for block, memory in blocks.memory.items():
        for view, box in shares(part.view, blocks.shape, block):
            out = place_in(memory, view)
            if matrix is None:
                is_whole_part = out.shape == extents
                yield stream.Fill(out, key, law, extents, None if is_whole_part else box)
            else:
                out[...] = matrix[tuple(slice(start, stop) for start, stop in box)]


def written(
    leaves: Mapping[str, Any], places: Mapping[str, Place], parts: Mapping[str, list[Assignment]]
) -> dict[str, Array]:
    """Return the new values of the leaves that this host can write; the others are left to XLA.

    Args:
        leaves: {path: an array, abstract or not}.
        places: {path: where its successor shall lie}.
        parts: {path: what the leaf is written from}.
    """
    if not is_at_work():
        return {}
    found, fills = dict[str, Blocks](), list[stream.Fill]()
    for path, assignments in parts.items():
        leaf = leaves[path]
        if isinstance(leaf, jax.core.Tracer) or not is_whole(leaf.shape, assignments):
            continue
        blocks = blocks_of(tuple(leaf.shape), np.dtype(leaf.dtype), places[path])
        if blocks is not None:
            found[path] = blocks
            fills += [fill for assignment in assignments for fill in fills_of(blocks, assignment)]
    stream.fill_all(fills)
    return {path: blocks.array() for path, blocks in found.items()}


def drawn(
    key: Any, distribution: Distribution, place: words.Place, axes: str | None, dtype: np.dtype[Any], where: Place
) -> Array | None:
    """Return a box of a part; None where it is left to XLA.

    Args:
        key: its words, in an array.
        distribution: its law.
        place: the box.
        axes: the axes of the part, for the laws that need the whole matrix.
        dtype: the dtype of the result.
        where: where the result shall lie.
    """
    if isinstance(key, jax.core.Tracer) or getattr(key, "committed", False) or not is_at_work():
        return None
    blocks = blocks_of(place.extents, dtype, where)
    if blocks is None:
        return None
    pair = Key(*(int(word) for word in np.asarray(key)[:2]))
    lies_in = View(order=tuple(place.order.index(axis) for axis in range(len(place.order))))
    fills = [
        stream.Fill(place_in(memory, view), pair, distribution, place.shape, _moved(box, place.box), axes)
        for block, memory in blocks.memory.items()
        for view, box in shares(lies_in, blocks.shape, block)
    ]
    stream.fill_all(fills)
    return blocks.array()


def _moved(box: Box, into: Box) -> Box:
    return tuple((start + lo, start + hi) for (lo, hi), (start, _) in zip(box, into, strict=True))
