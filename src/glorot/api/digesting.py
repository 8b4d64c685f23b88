"""Digests: whether weights are the same, to the bit, in a model, its shards or its files."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard, cast

import numpy as np

from glorot.adapters import Holding, opened, take_inventory
from glorot.arrays import HeldBlock, block_of
from glorot.errors import GlorotError
from glorot.forensics.reading import read
from glorot.inventory import Inventory, Part, path_of
from glorot.inventory.boxes import shares, steps_in
from glorot.inventory.layouts import complete, place_in
from glorot.plans import Plan, PlanEntry, assignments, shared_names
from glorot.plans.digests import by_name_of, counts_by_name
from glorot.stream.digest import Digest, digest_key, digest_of, digest_of_name, summed
from glorot.stream.pieces import row_major_steps


def digest(weights: object, plan: Plan | None = None, *, names: Mapping[str, str] | None = None) -> Digest:
    """Return the digest of weights: equal for the same bits at the same places of tensors of the same names.

    digest = Σ mix(path, index in the stored tensor, bits), over all elements, 128 bits

    Counted are the parameters and running statistics of a model, each that is tied once; of a file or a mapping, all
    tensors of floating numbers. A model whose parameters are DTensors, or arrays that several processes of JAX hold
    together, has one digest in all of them: each counts its own shards, and 16 bytes of each tensor are sent.

    Args:
        weights: a model; a mapping of tensors by path, such as a state dict; the path of a file of weights, of an
            index of shards, or of a folder of such.
        plan: the plan that they should follow. Then what it leaves alone is not counted, what its whole-matrix laws
            draw counts by name, as in `plan.digest`, and a model of another framework counts as it is stored in that
            of the plan.
        names: {path in this model: name in the plan}, as for `glorot.apply`.

    Returns:
        The digest. Those of the files of a folder, or of what each process holds, add up to that of the whole.

    Raises:
        GlorotError: if the weights are of another kind, cannot be read, hold nothing, or do not fit the plan.

    Example:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> plan = glorot.plan(model)
        >>> before = glorot.digest(glorot.apply(plan, model, seed=0))
        >>> before == plan.digest(seed=0), before == glorot.digest(model.state_dict())
        (True, True)
        >>> with torch.no_grad():
        ...     _ = model[2].weight[0, 0].mul_(1.001)
        >>> glorot.digest(model).differing(before)
        ['2.weight']

    References:
        Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators", OOPSLA, figure 16, for the mix.
    """
    if plan is not None and not isinstance(plan, Plan):
        raise GlorotError(f"plan must be a Plan, got {type(plan).__name__}; read one by Plan.load")
    if plan is None and names:
        raise GlorotError("names= says what a plan calls the tensors of a model; pass the plan too")
    if isinstance(weights, str | Path) and _is_file(weights):
        return _check_some(_counted(_in_file(weights, plan), plan), plan, names)
    if _is_mapping(weights):
        return _check_some(_of_mapping({str(path): one for path, one in weights.items()}, plan), plan, names)
    return _of_model(weights, plan, names)


def _check_some(found: Digest, plan: Plan | None, names: Mapping[str, str] | None) -> Digest:
    if names:
        raise GlorotError("names= is for models: the tensors of files and mappings have the names of the plan")
    if plan is not None and plan.entries and not found.tensors:
        raise GlorotError(
            f"none of the tensors of the plan is there, {path_of(plan.entries[0].name)} for one; pass weights of the "
            "model that was planned"
        )
    return found


def _of_model(model: Any, plan: Plan | None, names: Mapping[str, str] | None) -> Digest:
    adapter, model = opened(model)
    if not hasattr(adapter, "held"):
        raise GlorotError(f"a {type(model).__name__} holds no weights; pass what glorot.apply returns of it")
    holding, stock = cast("Holding", adapter), take_inventory(model, False)
    if plan is not None and plan.framework not in ("", stock.framework):
        return _as_planned(holding.held(model), model, stock, plan, names)
    counted = {one.path for one in stock.parameters if one.tied_to is None and "float" in one.dtype}
    called = {path: path for path in counted}
    if plan is not None:
        assignments(plan, stock, 0, names=names, only="*")  # raises where the two do not fit
        called = {part.path: path_of(name) for part, name in _named(stock, names) if part.path in counted}
        written = {path_of(entry.name) for entry in plan if entry.distribution is not None}
        called = {own: path for own, path in called.items() if path in written}
    blocks = (block._replace(path=called[block.path]) for block in holding.held(model) if block.path in called)
    found, own = _counted(blocks, plan), {path: one for one, path in called.items()}
    sums = {own[path]: value for path, value in found.tensors.items()}
    whole = holding.summed_over_processes(model, sums, called)
    return _digest_of({called[path]: value for path, value in whole.items()}, plan)


def _named(stock: Inventory, names: Mapping[str, str] | None) -> Iterator[tuple[Part, str]]:
    """Yield the parts of a model, and what a plan calls each."""
    named = shared_names(stock, names)
    return ((part, named[part.name]) for part in stock.parts)


def _is_mapping(weights: object) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether something is a mapping of tensors of PyTorch or NumPy; a pytree of JAX is a model.

    Raises:
        GlorotError: if it is one of PyTorch's, but for some values.
    """
    if not isinstance(weights, Mapping):
        return False
    others = {path: one for path, one in weights.items() if not isinstance(one, np.ndarray) and not _is_torch(one)}
    if others and any(map(_is_torch, weights.values())):
        path, one = next(iter(others.items()))
        raise GlorotError(
            f"{path!r} is a {type(one).__name__}; expected tensors by path, as in a state dict: pass its part that has "
            "them, or leave it out"
        )
    return not others


def _is_torch(value: object) -> bool:
    return hasattr(value, "detach")


def _is_file(path: str | Path) -> bool:
    return Path(path).is_dir() or not str(path).endswith(".prototxt")


def _in_file(path: str | Path, plan: Plan | None) -> Iterator[HeldBlock]:
    """Yield the tensors of files; a large one window by window, as a row of elements, where its parts are not asked."""
    in_parts = frozenset() if plan is None else by_name_of(plan.entries)
    for tensor in read(path):
        if tensor.format is None:
            continue
        bits = tensor.load()
        if tensor.name in in_parts or not tensor.is_windowed:
            yield HeldBlock(tensor.name, tensor.shape, tensor.dtype, _whole(tensor.shape), bits.reshape(tensor.shape))
            continue
        for first, window in tensor.windows(bits):
            yield HeldBlock(tensor.name, (tensor.size,), tensor.dtype, ((first, first + window.size),), window)


def _whole(shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((0, size) for size in shape)


def _of_mapping(tensors: Mapping[str, Any], plan: Plan | None) -> Digest:
    """Count the tensors of a mapping; shards of PyTorch over all processes that hold them."""
    of_torch = {path: one for path, one in tensors.items() if _is_torch(one)}
    others = [block_of(path, one) for path, one in tensors.items() if path not in of_torch]
    if not of_torch:
        return _counted(others, plan)
    from glorot.torch.holding import held, summed_over_processes

    written = None if plan is None else {path_of(one.name) for one in plan if one.distribution is not None}
    found = _counted(itertools.chain(held(of_torch), others), plan)
    return _digest_of(summed_over_processes(of_torch, found.tensors, written), plan)


def _counted(blocks: Iterable[HeldBlock], plan: Plan | None) -> Digest:
    """Add up blocks; with a plan, those of its parts."""
    entries: dict[str, list[PlanEntry]] = defaultdict(list)
    for entry in plan or ():
        if entry.distribution is not None:
            entries[path_of(entry.name)].append(entry)
    found: dict[str, list[int]] = defaultdict(list)
    for block in blocks:
        own = entries[block.path] if plan is not None and block.path in entries else []
        if any(map(counts_by_name, own)):
            found[block.path] += _sums_of_parts(block, own)
        elif "float" in block.dtype and (plan is None or own):
            steps = row_major_steps(block.shape)
            first = sum(start * step for (start, _), step in zip(block.box, steps, strict=True))
            found[block.path].append(digest_of(block.bits, digest_key(block.path), first, steps))
    return _digest_of({path: summed(sums) for path, sums in found.items()}, plan)


def _digest_of(sums: Mapping[str, int], plan: Plan | None) -> Digest:
    """Return a digest of some sums, which says what of a plan counts by name: the same in every process."""
    return Digest(sums, frozenset() if plan is None else by_name_of(plan.entries) & sums.keys())


def _sums_of_parts(block: HeldBlock, entries: list[PlanEntry]) -> Iterator[int]:
    """Yield what a block adds of each part of its tensor; of one that counts by name, where the tensor begins."""
    for entry in entries:
        if counts_by_name(entry):
            if not any(start for start, _ in block.box):
                yield digest_of_name(entry.name)
            continue
        begin, steps = steps_in(entry.view, block.shape)
        for view, box in shares(entry.view, block.shape, block.box):
            first = begin + sum(start * step for (start, _), step in zip(box, steps, strict=True))
            yield digest_of(place_in(block.bits, view), digest_key(block.path), first, steps)


def _as_planned(
    blocks: Iterable[HeldBlock], model: Any, stock: Inventory, plan: Plan, names: Mapping[str, str] | None
) -> Digest:
    """Count the weights of a model as they are stored in the framework of a plan."""
    bits = {}
    for block in blocks:
        if block.box != _whole(block.shape):
            raise GlorotError(
                f"{block.path} is held by several processes, and is counted as a plan of another framework stores it "
                "in one alone; hand in the model before it is sharded, or a plan with its own names and framework"
            )
        bits[block.path] = block.bits
    found: dict[str, list[int]] = defaultdict(list)
    for part, entry in _in_plan(model, stock, plan, names):
        path, shape = path_of(entry.name), entry.tensor_shape or entry.shape
        if counts_by_name(entry):
            found[path].append(digest_of_name(entry.name))
        else:
            values = place_in(bits[part.path], part.view).reshape(complete(entry.view, shape).extents)
            found[path].append(digest_of(values, digest_key(path), *steps_in(entry.view, shape)))
    return _digest_of({path: summed(sums) for path, sums in found.items()}, plan)


def _in_plan(
    model: Any, stock: Inventory, plan: Plan, names: Mapping[str, str] | None
) -> Iterator[tuple[Part, PlanEntry]]:
    """Yield the parts of a model that a plan writes, and what it says of each."""
    named = shared_names(stock, names)
    try:
        plan.check_fits([replace(part, name=named[part.name]) for part in stock.parts])
    except GlorotError:  # it may be cut as only what the model computes shows
        stock = take_inventory(model)
        named = shared_names(stock, names)
        plan.check_fits([replace(part, name=named[part.name]) for part in stock.parts])
    for part in stock.parts:
        if named[part.name] in plan and plan[named[part.name]].distribution is not None:
            yield part, plan[named[part.name]]
