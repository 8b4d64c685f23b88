"""Paths: where the leaves of a pytree lie, dotted; and what counts as an array."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from jax.tree_util import DictKey, FlattenedIndexKey, GetAttrKey, SequenceKey

from glorot.errors import GlorotError

ARRAYS = (jax.Array, np.ndarray, jax.ShapeDtypeStruct)


def is_array(value: object) -> bool:
    """Tell whether a leaf is an array: of JAX or NumPy, traced, or abstract."""
    return isinstance(value, ARRAYS)


def dotted(keys: Iterable[Any]) -> str:
    """Return the path that the keys of a pytree, or plain ones, stand for.

    Example:
        >>> dotted((DictKey("layers"), SequenceKey(0), GetAttrKey("weight")))
        'layers.0.weight'
    """
    return ".".join(str(_plain(key)) for key in keys)


def _plain(key: Any) -> Any:
    if isinstance(key, GetAttrKey):
        return key.name
    if isinstance(key, SequenceKey):
        return key.idx
    return key.key if isinstance(key, DictKey | FlattenedIndexKey) else key


def by_path(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return items by their path.

    Raises:
        GlorotError: if two have one path, as the keys "a.b" and "a" with "b" inside do.
    """
    found: dict[str, Any] = {}
    for path, value in items:
        if path in found:
            raise GlorotError(f"two leaves of the model have one path, {path!r}; rename a key that holds a dot")
        found[path] = value
    return found


def shapes_of(leaves: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every leaf."""
    return {path: tuple(int(size) for size in leaf.shape) for path, leaf in leaves.items()}


def nodes(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> dict[str, Any]:
    """Return every inner node of a pytree by its path, the root under "", and every leaf that is a function."""
    found: dict[str, Any] = {}

    def walk(node: Any, keys: tuple[Any, ...]) -> None:
        if is_leaf is not None and is_leaf(node):
            return
        children = jax.tree_util.tree_flatten_with_path(node, is_leaf=lambda child: child is not node)[0]
        if not (len(children) == 1 and children[0][0] == ()):
            found[dotted(keys)] = node
            for key, child in children:
                walk(child, keys + key)
        elif callable(node):
            found[dotted(keys)] = node

    walk(tree, ())
    return found


def check_filled(state: dict[str, Any], what: str, way_out: str) -> None:
    """Raise if something of a model that glorot does not write is abstract.

    Raises:
        GlorotError: naming it and the way out.
    """
    abstract = [path for path, value in state.items() if isinstance(value, jax.ShapeDtypeStruct)]
    if abstract:
        more = f" and {len(abstract) - 1} more" if len(abstract) > 1 else ""
        raise GlorotError(f"{what} {abstract[0]!r}{more} has a shape but no values, and is no parameter: {way_out}")
