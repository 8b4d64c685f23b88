"""From a JAX model to its inventory, and from assignments to a new model."""

import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from glorot.arrays import widened
from glorot.errors import GlorotError
from glorot.graph import Forward, Graph
from glorot.inventory import Inventory, Parameter, Part
from glorot.inventory.holding import held
from glorot.jax.batches import batches
from glorot.jax.models import eqx, kind_of, nnx
from glorot.jax.writing import norms_of, written
from glorot.plans import Assignment
from glorot.reaching import reachable, remember


def matches(model: object) -> bool:
    """Tell whether a model belongs to this adapter."""
    return kind_of(model) is not None


def _kind_of(model: object) -> ModuleType:
    kind = kind_of(model)
    if kind is None:
        raise GlorotError(f"a {type(model).__name__} is no model of JAX that glorot knows")
    return kind


def layers(model: Any, inputs: Any = None) -> Inventory:
    """Take stock of a JAX model by the classes of its layers.

    Args:
        model: a Flax NNX module, a pair (Linen module, params), an Equinox module or a pytree of arrays, abstract
            or not; it is left as it was found.
        inputs: a batch, which a Linen module may need to make its layers.

    Returns:
        The inventory.

    Raises:
        GlorotError: if the model is not built, or refuses the batch.
    """
    kind = _kind_of(model)
    leaves = kind.leaves(model)
    with _rest_kept(model, leaves.values()):
        tied, described = kind.tied(model), kind.described(model, inputs)
        parameters = []
        for path, known in described.items():
            leaf, owner = leaves[path], tied.get(path)
            named = (replace(part, name=path + part.name) for part in known.parts)
            parts = () if owner is not None else tuple(_with_held(part, leaf) for part in named)
            parameters.append(Parameter(path, tuple(leaf.shape), str(leaf.dtype), parts, owner, layer=known.layer))
        norms = {part.stored.scale for known in described.values() for part in known.parts if part.stored is not None}
        return Inventory(kind.framework, tuple(parameters), buffers=tuple(kind.buffers(model, {*described, *norms})))


def modules(model: Any, inputs: Any = None) -> dict[str, Any]:
    """Return the layers of a JAX model by their paths, itself at ""; a Linen module may need a batch to make them."""
    kind = _kind_of(model)
    with _rest_kept(model, kind.leaves(model).values()):
        found: dict[str, Any] = kind.modules(model, inputs)
        return found


def graph(model: Any, stock: Inventory, inputs: Any = None, forward: Forward | None = None) -> Graph | None:
    """Return what a JAX model computes of a batch, without computing anything.

    Args:
        model: the model; it is left as it was found.
        stock: what is known of it by the classes of its layers.
        inputs: the batch, or its shapes; without it, one is made for a model that tells what it takes.
        forward: function (model, batch) that runs the model; by default it is called, and a pytree computes nothing.

    Raises:
        GlorotError: if the model refuses the batch.
    """
    kind = _kind_of(model)
    if inputs is None:
        return _graph_of_own_batch(kind, model, stock)
    with _rest_kept(model, kind.leaves(model).values()):
        found: Graph | None = kind.graph(model, stock, inputs, forward)
        return found


MOST_TRIES = 12
"""Batches that are tried on a model."""


def _graph_of_own_batch(kind: ModuleType, model: Any, stock: Inventory) -> Graph | None:
    """Return what a model computes of a batch that is made for it; None if it takes none of those tried.

    Nobody asked for this pass: whatever it raises means None.
    """
    if kind not in (eqx, nnx):
        return None
    with _rest_kept(model, kind.leaves(model).values()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for inputs, invented in itertools.islice(batches(model, stock, is_single=kind is eqx), MOST_TRIES):
            with suppress(Exception):
                graph: Graph = kind.graph(model, stock, inputs)
                graph.invented = invented
                return graph
    return None


@contextmanager
def _rest_kept(model: Any, leaves: Iterable[Any]) -> Iterator[None]:
    """Give a model back what it holds besides its leaves: a copy that is run shares that with it, as it shares code."""
    apart = set(map(id, leaves))
    restore = remember(one for one in reachable([model], leave=("jax", "jaxlib")) if id(one) not in apart)
    try:
        yield
    finally:
        restore()


@contextmanager
def whole_model_kept(model: Any) -> Iterator[None]:
    """Give a model back all that it holds besides its leaves, whatever a run changes."""
    with _rest_kept(model, _kind_of(model).leaves(model).values()):
        yield


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


def write(model: Any, assignments: Sequence[Assignment], device: Any = None) -> Any:
    """Return a new model with every assigned part drawn; each device makes what lies on it.

    Args:
        model: the model; it is not changed.
        assignments: what its parts are written from.
        device: None; a leaf stays where it lies.

    Raises:
        GlorotError: if a leaf cannot be written.
    """
    kind = _kind_of(model)
    leaves = kind.leaves(model)
    values = written(leaves, assignments)
    return kind.rebuilt(model, values | norms_of(values, assignments, leaves))


def leaves_of(model: Any) -> dict[str, Any]:
    """Return the arrays that a model stores, by their paths."""
    leaves: dict[str, Any] = _kind_of(model).leaves(model)
    return leaves


def arrays(model: Any) -> dict[str, NDArray[Any]]:
    """Return the parameters and running statistics of a model as arrays; bfloat16, which NumPy lacks, as float32."""
    return widened({path: np.asarray(leaf) for path, leaf in leaves_of(model).items()})


def buffers(model: Any) -> dict[str, NDArray[Any]]:
    """Return what a model holds besides, by path: of the arrays that lie here, all but keys of random numbers."""
    kind = _kind_of(model)
    held = kind.buffers(model, kind.leaves(model))
    return widened({path: np.asarray(leaf) for path, leaf in held.items() if _is_here(leaf)})


def _is_here(leaf: Any) -> bool:
    if not isinstance(leaf, jax.Array) or isinstance(leaf, jax.core.Tracer):
        return isinstance(leaf, np.ndarray)
    return leaf.is_fully_addressable and not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
