"""From a JAX model to its inventory, and from assignments to a new model."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from glorot.arrays import widened
from glorot.errors import GlorotError
from glorot.inventory import Inventory, Parameter, Part
from glorot.inventory.fused import split
from glorot.inventory.holding import held
from glorot.inventory.seeing import observed
from glorot.jax.models import Described, kind_of
from glorot.jax.writing import written
from glorot.plans import Assignment
from glorot.preserving import LOCK
from glorot.reaching import reachable, remember


def matches(model: object) -> bool:
    """Tell whether a model belongs to this adapter."""
    return kind_of(model) is not None


def _kind_of(model: object) -> ModuleType:
    kind = kind_of(model)
    if kind is None:
        raise GlorotError(f"a {type(model).__name__} is no model of JAX that glorot knows")
    return kind


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
    kind = _kind_of(model)
    with LOCK:  # another thread's look may change the model for a while
        leaves = kind.leaves(model)
        with _rest_kept(model, leaves.values()):
            return _inventory(kind, model, leaves, inputs)


@contextmanager
def _rest_kept(model: Any, leaves: Iterable[Any]) -> Iterator[None]:
    """Give a model back what it holds besides its leaves: a copy that is run shares that with it, as it shares code."""
    apart = set(map(id, leaves))
    restore = remember(one for one in reachable([model], leave=("jax", "jaxlib")) if id(one) not in apart)
    try:
        yield
    finally:
        restore()


def _inventory(kind: ModuleType, model: Any, leaves: Mapping[str, Any], inputs: Any) -> Inventory:
    tied = kind.tied(model)
    described = kind.described(model, inputs)
    parameters = []
    for path, known in described.items():
        leaf, owner = leaves[path], tied.get(path)
        shape = tuple(leaf.shape)
        parts = () if owner is not None else _parts(path, known, by_name=inputs is None)
        parts = tuple(_with_held(part, leaf) for part in parts)
        parameters.append(Parameter(path, shape, str(leaf.dtype), parts, owner))
    stock = Inventory(kind.framework, tuple(parameters), buffers=kind.buffers(model, described))
    return _with_graph(stock, model, inputs, described)


def _with_graph(inventory: Inventory, model: Any, inputs: Any, described: Mapping[str, Described]) -> Inventory:
    """Add what the graph of a model shows, if there is a batch to run it on."""
    graph = None if inputs is None else _kind_of(model).graph(model, inputs, described)
    if graph is None:
        return inventory
    return observed(inventory, graph, {path: known.layer for path, known in described.items()})


def _parts(path: str, described: Described, by_name: bool) -> tuple[Part, ...]:
    parts = [p for part in described.parts for p in (split(described.layer, part) if by_name else (part,))]
    return tuple(replace(part, name=path + part.name) for part in parts)


def _with_held(part: Part, leaf: Any) -> Part:
    """Add what an array on this host holds where that is unusual; of what is abstract, traced or elsewhere, nothing."""
    is_here = isinstance(leaf, np.ndarray) or (
        isinstance(leaf, jax.Array)
        and not isinstance(leaf, jax.core.Tracer)
        and [device.platform for device in leaf.devices()] == ["cpu"]
    )
    whole = part.view is None or not part.view.is_piece
    part = replace(part, filled=isinstance(leaf, np.ndarray | jax.Array) and not isinstance(leaf, jax.core.Tracer))
    if not is_here or not whole or part.start is not None or not jnp.issubdtype(leaf.dtype, jnp.floating):
        return part
    return replace(part, held=held(part, np.asarray(leaf), lambda some: some.astype(np.float32)))


def write(model: Any, assignments: Sequence[Assignment]) -> Any:
    """Return a new model with every assigned part drawn; each device makes what lies on it.

    Args:
        model: the model; it is not changed.
        assignments: what its parts are written from.

    Raises:
        GlorotError: if a leaf cannot be written.
    """
    kind = _kind_of(model)
    return kind.rebuilt(model, written(kind.leaves(model), assignments))


def arrays(model: Any) -> dict[str, NDArray[Any]]:
    """Return the parameters and running statistics of a model as arrays; bfloat16, which NumPy lacks, as float32."""
    return widened({path: np.asarray(leaf) for path, leaf in _kind_of(model).leaves(model).items()})
