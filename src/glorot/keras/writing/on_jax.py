"""Writing variables whose backend is JAX: as arrays of a JAX model."""

from collections.abc import Sequence
from typing import Any

from glorot.jax import host
from glorot.jax.sharding import place_of
from glorot.plans import Assignment


def write(variable: Any, assignments: Sequence[Assignment], dtype: str) -> bool:
    """Give a variable an array of new memory, on each device its own block."""
    value = variable.value
    made = host.written({"": value}, {"": place_of(value)}, {"": list(assignments)})
    if made:
        variable.assign(made[""])
    return bool(made)


def tensor_of(variable: Any) -> Any:
    """Return the array that a variable holds."""
    return variable.value
