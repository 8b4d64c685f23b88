"""The digest that weights of a plan must have: drawn block by block, and never held together."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from glorot import stream
from glorot.distributions import Distribution
from glorot.errors import GlorotError
from glorot.inventory import path_of
from glorot.inventory.boxes import steps_in
from glorot.inventory.layouts import complete
from glorot.plans.entry import PlanEntry
from glorot.stream.checks import check_law
from glorot.stream.digest import Digest, digest_key, digest_of, digest_of_name, summed
from glorot.stream.elements import BFLOAT16, NATIVE
from glorot.stream.pieces import tiles

BLOCK = 2**22
"""Elements that are drawn together."""

OLDER = 3
"""The first version of the plan file that says how every tensor is stored."""


def counts_by_name(entry: PlanEntry) -> bool:
    """Tell whether a part counts by its name alone: its bits are not promised, or not stored as they are drawn."""
    return type(entry.distribution) in stream.MATRIX_LAWS or bool(entry.computed)


def by_name_of(entries: Sequence[PlanEntry]) -> frozenset[str]:
    """Return the paths of tensors of which a part counts by its name alone."""
    return frozenset(path_of(one.name) for one in entries if one.distribution is not None and counts_by_name(one))


def digest_of_plan(entries: Sequence[PlanEntry], version: int, seed: int, dtype: str, prefix: str) -> Digest:
    """Return the digest of what a plan writes.

    Args:
        entries: the parts of the plan.
        version: the version of the plan format that they were read from.
        seed: the seed of the stream.
        dtype: the type that all weights are stored in.
        prefix: put before every name in the stream.

    Raises:
        GlorotError: if the plan does not say how its tensors are stored, the seed is no seed, or the dtype can't hold
            the weights.
    """
    dtype = str(dtype).removeprefix("torch.")
    if dtype not in NATIVE:
        raise GlorotError(f"dtype must be one of {', '.join(NATIVE)}, got {dtype!r}")
    stream.key_of(seed, prefix)
    found: dict[str, list[int]] = defaultdict(list)
    for entry in entries:
        law = entry.distribution
        if law is None:
            continue
        if version < OLDER and entry.view is not None:
            raise GlorotError(
                f"this plan is of version {version}, which does not say how {path_of(entry.name)} is stored; plan the "
                "model again"
            )
        try:
            check_law(law, dtype)
        except GlorotError as error:
            raise GlorotError(f"{entry.name}: {error}") from None
        values = [digest_of_name(entry.name)] if counts_by_name(entry) else _drawn(entry, law, seed, dtype, prefix)
        found[path_of(entry.name)] += values
    return Digest({path: summed(values) for path, values in found.items()}, by_name_of(entries))


def _drawn(entry: PlanEntry, law: Distribution, seed: int, dtype: str, prefix: str) -> Iterator[int]:
    """Yield what each block of a part adds."""
    shape = entry.tensor_shape or entry.shape
    extents = complete(entry.view, shape).extents
    first, steps = steps_in(entry.view, shape)
    key, path_key = stream.key_of(seed, prefix + entry.name), digest_key(path_of(entry.name))
    element = BFLOAT16 if dtype == "bfloat16" else np.dtype(dtype)
    for tile in tiles(extents, BLOCK):
        values = np.empty([cut.stop - cut.start for cut in tile], element)
        stream.fill(values, key, law, extents, [(cut.start, cut.stop) for cut in tile])
        start = first + sum(cut.start * step for cut, step in zip(tile, steps, strict=True))
        yield digest_of(values.view(f"u{element.itemsize}"), path_key, start, steps)
