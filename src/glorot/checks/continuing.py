"""The tensors that a model should continue, by the names that the model has for them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from glorot.checks.alike.comparable import TABLE
from glorot.checks.evidence import Array, Evidence
from glorot.checks.plan.following import rounding_of
from glorot.checks.ranks.shards import bare


class Continued(NamedTuple):
    """A reference by the names of a model.

    Attributes:
        keys: the key of the reference for each path of the model that it has a tensor for.
        how: how those keys differ from the paths that are not the same, as "under the prefix 'module.'"; "" if none do.
    """

    keys: Mapping[str, str]
    how: str = ""

    @property
    def renamed(self) -> list[str]:
        """The paths whose keys are others than they."""
        return [path for path, key in self.keys.items() if path != key]


_KNOWN: WeakKeyDictionary[Evidence, Continued] = WeakKeyDictionary()


def continued(evidence: Evidence) -> Continued:
    """Return which key of the reference is which tensor of the model."""
    if evidence not in _KNOWN:
        paths = dict.fromkeys((*(one.path for one in evidence.inventory.parameters), *evidence.buffers))
        _KNOWN[evidence] = names_of(list(paths), list(evidence.reference or ()))
    return _KNOWN[evidence]


def names_of(paths: list[str], keys: list[str]) -> Continued:
    """Return which key is which path: the same, one with the steps of wrappers, or all with one prefix more or less.

    Example:
        >>> names_of(["a.weight", "b.weight"], ["module.a.weight", "module.b.weight"]).how
        "under the prefix 'module.'"
        >>> names_of(["a.weight", "b.weight"], ["a._orig_mod.weight", "b.weight"]).keys
        {'a.weight': 'a._orig_mod.weight', 'b.weight': 'b.weight'}
    """
    known = set(keys)
    same = {path: path for path in paths if path in known}
    if same:
        wrapped = {bare(key): key for key in keys if bare(key) != key}
        more = {path: wrapped[path] for path in paths if path not in known and path in wrapped}
        return Continued({path: (same | more)[path] for path in paths if path in same or path in more},
                         "under a name that a wrapper made" if more else "")  # fmt: skip
    candidates = [(_prefix(keys, paths), "under"), (_prefix(paths, keys), "without")]
    (prefix, count), word = max(candidates, key=lambda one: one[0][1])
    if 2 * count <= len(paths):
        return Continued({})
    pairs = [(path, f"{prefix}{path}" if word == "under" else path.removeprefix(prefix)) for path in paths]
    return Continued({path: key for path, key in pairs if key in known}, f"{word} the prefix {prefix!r}")


def _prefix(longer: Iterable[str], shorter: Iterable[str]) -> tuple[str, int]:
    """Return the prefix without which most of some names are among others, and of how many that is so."""
    wanted, counts = set(shorter), Counter[str]()
    for name in longer:
        ends = [n + 1 for n, letter in enumerate(name) if letter == "."]
        counts.update(name[:end] for end in ends if name[end:] in wanted)
    return max(counts.items(), key=lambda one: (one[1], -len(one[0])), default=("", 0))


def apart(values: Array, saved: Array, dtype: str) -> NDArray[np.bool_]:
    """Tell of each element whether it differs from what was saved, by more than the coarser of the two dtypes rounds.

    Args:
        values: what a model holds.
        saved: what it should continue, in the same shape.
        dtype: the name of the dtype in which the model stores it.
    """
    if values.dtype.kind not in "fc" or saved.dtype.kind not in "fc":
        return np.asarray(values != saved)
    rounding = rounding_of(dtype)
    exact = np.complex128 if "c" in (values.dtype.kind, saved.dtype.kind) else np.float64
    one, other = (array.astype(exact) for array in (values, saved))
    coarsest = max(rounding, rounding_of(saved.dtype.name)) if exact is np.float64 else rounding
    with np.errstate(invalid="ignore"):
        near = np.abs(one - other) <= coarsest * np.abs(other) + np.finfo(np.float16).tiny * (rounding > 2.0**-20)
    return np.asarray(~(near | (one == other) | (np.isnan(one) & np.isnan(other))))


def agree(values: Array, saved: Array, dtype: str) -> bool:
    """Tell whether a tensor is the one that was saved, up to rounding."""
    is_float = values.dtype.kind in "fc" and saved.dtype.kind in "fc"
    return bool(np.array_equal(values, saved, equal_nan=is_float)) or not apart(values, saved, dtype).any()


def grown_rows(evidence: Evidence) -> dict[str, int]:
    """Return the axis along which tensors have grown with the vocabulary, by their paths: tables of tokens, and heads.

    That a table of tokens has more rows than in the reference shows it; what grows as much elsewhere grows with it.
    """
    reference, keys = evidence.reference or {}, continued(evidence).keys
    found: dict[str, tuple[int, int, int]] = {}
    for one in evidence.inventory.parameters:
        if one.path in evidence.weights and one.path in keys:
            old, new = reference[keys[one.path]].shape, evidence.weights[one.path].shape
            axes = [n for n, sizes in enumerate(zip(old, new, strict=False)) if sizes[0] != sizes[1]]
            if len(old) == len(new) and len(axes) == 1 and old[axes[0]] < new[axes[0]]:
                found[one.path] = axes[0], old[axes[0]], new[axes[0]]
    tables = {one.path for one in evidence.inventory.parameters if any(part.role == "embedding" for part in one.parts)}
    sizes = {found[path][1:] for path in tables & set(found) if not TABLE.search(path)}
    return {path: axis for path, (axis, *size) in found.items() if tuple(size) in sizes and not TABLE.search(path)}


def share_apart(values: Array, saved: Array, axis: int, dtype: str) -> float:
    """Return which share of the rows that two tensors have in common along an axis differs."""
    count = saved.shape[axis]
    common = np.moveaxis(values, axis, 0)[:count].reshape(count, -1)
    return float(apart(common, np.moveaxis(saved, axis, 0).reshape(count, -1), dtype).any(axis=1).mean())
