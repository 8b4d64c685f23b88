"""What a Keras model holds, as bits."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from glorot.arrays import HeldBlock, block_of
from glorot.keras.model import values_of, variables_of


def held(model: Any) -> Iterator[HeldBlock]:
    """Yield what a model stores, tensor by tensor."""
    return (block_of(path, values_of(variable)) for path, variable in variables_of(model).items())


def summed_over_processes(model: Any, sums: Mapping[str, int], counted: Collection[str] | None) -> dict[str, int]:
    """Return the sums of tensors as they are: each process holds a Keras model by itself."""
    return dict(sums)
