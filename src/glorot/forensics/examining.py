"""A whole file, tensor by tensor."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from glorot.errors import GlorotError
from glorot.forensics.judging import judge, settle
from glorot.forensics.origin import Origin, Origins
from glorot.forensics.reading import read
from glorot.forensics.stored import Stored

Progress = Callable[[str, int], None]
"""Receives the name of each tensor that was looked at, and how many bytes it has."""

MOST_WORKERS = 4
"""Threads that look at tensors: each takes a few MB."""

TOGETHER, MOST_TOGETHER = 2**25, 32
"""Bytes, or tensors, of which one thread tells together."""

Batch = list[tuple[Stored, tuple[int, ...]]]


def examine(weights: str | Path | Mapping[str, Any], progress: Progress | None = None) -> Origins:
    """Say of each tensor of a weights file where its values come from: nowhere, a constant, a law, or training.

    No model is needed, and nothing in the file is run. A tensor is drawn if a law of independent elements fits it, in
    shape and in rows, columns and singular values; it is explained by the starts of frameworks whose standard
    deviation is within 3 standard errors of its own.

    Args:
        weights: the path of a `.safetensors`, `.pt`, `.npz`, `.npy` or `.caffemodel` file, told by its content; or
            arrays by name. A folder of shards, or the index of one, is one file.
        progress: receives the name of each tensor that was looked at, and how many bytes it has.

    Returns:
        An origin for each tensor; print it for a table.

    Raises:
        GlorotError: if the file cannot be read, is cut off or of another kind, or holds pickled code; or if a value of
            a mapping is no array of numbers.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> origins = examine({"fc.weight": rng.normal(0, 0.02, (64, 64)), "fc.bias": np.zeros(64)})
        >>> [origin.verdict for origin in origins]
        ['drawn', 'constant']
        >>> print(origins["fc.weight"].explanations[0])
        N(0, 0.02), as GPT-2 and BERT in transformers
    """
    if isinstance(weights, Mapping):
        source, tensors = (
            "the mapping",
            [Stored.of_array(str(name), _array(name, one)) for name, one in weights.items()],
        )
    else:
        source, tensors = str(weights), read(weights)
    return examine_all(source, tensors, progress)


def examine_all(source: str, tensors: Sequence[Stored], progress: Progress | None = None) -> Origins:
    """Say of each of some tensors where its values come from.

    Args:
        source: the file that they are of.
        tensors: all of its tensors, for they tell of each other.
        progress: as for `examine`.

    Returns:
        An origin for each tensor, in order.
    """
    with ThreadPoolExecutor(min(MOST_WORKERS, os.cpu_count() or 1)) as pool:
        found = list[Origin]()
        batches = list(_batches(tensors))
        for batch, origins in zip(batches, pool.map(_judge_all, batches), strict=True):
            found += origins
            if progress is not None:
                for tensor, _ in batch:
                    progress(tensor.name, tensor.bytes)
        return Origins(source, settle(found))


def _judge_all(batch: Batch) -> list[Origin]:
    return [judge(tensor, beside) for tensor, beside in batch]


def _batches(tensors: Sequence[Stored]) -> Iterator[Batch]:
    """Yield tensors that follow each other, with the shape of the weight of each bias: enough to wake a thread for."""
    batch, size = Batch(), 0
    for one in zip(tensors, _weights_beside(tensors), strict=True):
        batch.append(one)
        size += one[0].bytes
        if len(batch) == MOST_TOGETHER or size >= TOGETHER:
            yield batch
            batch, size = Batch(), 0
    if batch:
        yield batch


def _array(name: Any, value: Any) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise GlorotError(
            f"{name}: {type(value).__name__} is not an array that NumPy can read ({error}); detach it, and pass float32"
        ) from None


def _weights_beside(tensors: Sequence[Stored]) -> list[tuple[int, ...]]:
    """Return for each bias the shape of the weight of the same layer, and nothing for other tensors."""
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    return [
        shapes.get(one.name.removesuffix("bias") + "weight", ()) if one.name.endswith("bias") else () for one in tensors
    ]
