"""What this process holds of the arrays of a model, as bits; and sums over all processes that hold them together."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from glorot.arrays import HeldBlock
from glorot.jax.model import leaves_of
from glorot.stream.digest import LANE


def held(model: Any) -> Iterator[HeldBlock]:
    """Yield the blocks that this process holds of what a model stores, of replicas one alone.

    Args:
        model: a model.
    """
    for path, leaf in leaves_of(model).items():
        shards = leaf.addressable_shards if isinstance(leaf, jax.Array) else [None]
        for shard in shards:
            if shard is not None and shard.replica_id:
                continue
            values = np.asarray(leaf if shard is None else shard.data)
            index = (slice(None),) * values.ndim if shard is None else shard.index
            box = tuple(cut.indices(size)[:2] for cut, size in zip(index, leaf.shape, strict=True))
            bits = values.view(f"u{values.dtype.itemsize}")
            yield HeldBlock(path, tuple(leaf.shape), values.dtype.name, box, bits)


def summed_over_processes(model: Any, sums: Mapping[str, int], counted: Collection[str] | None) -> dict[str, int]:
    """Return the sums of tensors over all processes of JAX: 16 bytes of each are sent.

    Args:
        model: a model whose arrays processes hold together, or each for itself.
        sums: what this process's blocks of each tensor add up to, by path.
        counted: the paths of the tensors that are counted, the same in every process; None for all.
    """
    together = [
        path
        for path, leaf in leaves_of(model).items()
        if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable and (counted is None or path in counted)
    ]
    if not together:
        return dict(sums)
    from jax.experimental.multihost_utils import process_allgather

    lanes = [half for path in together for half in divmod(sums.get(path, 0), LANE)]
    words = np.array(lanes, np.uint64).view(np.uint32)  # JAX has no 64-bit integers unless it is asked for them
    every = np.asarray(process_allgather(words)).view(np.uint64)
    pairs = every.sum(axis=0, dtype=np.uint64).reshape(-1, 2).tolist()
    return dict(sums) | {path: a * LANE + b for path, (a, b) in zip(together, pairs, strict=True)}
