"""From a JAX model to its inventory, and from assignments to a new model."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from glorot.errors import GlorotError
from glorot.fused import split
from glorot.inventory import Inventory, Parameter, Part
from glorot.jax.models import Described, kind_of
from glorot.jax.writing import written
from glorot.planning import Assignment


def matches(model: object) -> bool:
    """Tell whether a model belongs to this adapter."""
    return kind_of(model) is not None


def inventory(model: Any, inputs: Any = None) -> Inventory:
    """Take stock of a JAX model.

    Args:
        model: a Flax NNX module, a pair (Linen module, params), an Equinox module or a pytree of arrays, abstract
            or not; it is left as it was found.
        inputs: a batch to trace; it shows the activations, and the layers of a Linen module.

    Returns:
        The inventory.

    Raises:
        GlorotError: if the model is not built, or refuses the batch.
    """
    kind = kind_of(model)
    assert kind is not None
    described = kind.described(model, inputs)
    parameters = []
    for path, leaf in kind.leaves(model).items():
        parts = _parts(path, tuple(leaf.shape), described.get(path))
        parameters.append(Parameter(path, tuple(leaf.shape), str(leaf.dtype), parts))
    return Inventory(kind.FRAMEWORK, tuple(parameters))


def _parts(path: str, shape: tuple[int, ...], described: Described | None) -> tuple[Part, ...]:
    if described is None or not described.parts:
        kind = "the tree" if described is None else described.kind
        return (Part(path, "", shape, "unknown", kind),)
    return tuple(
        replace(part, name=path + part.name) for whole in described.parts for part in split(described.layer, whole)
    )


def write(model: Any, assignments: Sequence[Assignment]) -> Any:
    """Return a new model with every assigned part drawn; each device makes what lies on it.

    Args:
        model: the model; it is not changed.
        assignments: what its parts are written from.

    Raises:
        GlorotError: if a leaf cannot be written.
    """
    kind = kind_of(model)
    assert kind is not None
    return kind.rebuilt(model, written(kind.leaves(model), assignments))


def observe(model: Any, *_: Any) -> Any:
    """Refuse: signals are measured in PyTorch models alone."""
    raise GlorotError(f"the signal of a {type(model).__name__} cannot be measured; glorot probes torch.nn.Module models")
