"""Differing: what two plans, models or files of weights do not share, in law."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glorot.adapters import adapter_for, opened, take_inventory
from glorot.api.checking import as_arrays, check
from glorot.api.planning import plan as make_plan
from glorot.checks.differing import (
    Differences,
    Held,
    differences_of_plans,
    differences_of_tensors,
    differences_with_plan,
)
from glorot.checks.differing.naming import called, in_parts, renamed, renamed_plan
from glorot.checks.paths import path_text
from glorot.errors import GlorotError
from glorot.files import read_json, reading
from glorot.forensics.reading import KINDS, read
from glorot.forensics.stored import Stored
from glorot.plans import Plan, shared_names
from glorot.plans.names import as_names

FOLLOWING = ("GL701", "GL702")
"""The checks that say whether weights follow a plan."""


@dataclass(frozen=True)
class _Side:
    """One of the two that are compared: a plan, or what holds tensors.

    Attributes:
        name: what it is called.
        plan: the plan, if it is one.
        holder: what holds the tensors, where it is not a plan: a model, the path of a file, or a mapping.
    """

    name: str
    plan: Plan | None = None
    holder: Any = None


def diff(a: object, b: object, *, names: Mapping[str, str] | None = None) -> Differences:
    """Compare two models, plans or files of weights in law: which tensors differ, and how.

    Two samples of one law, as of one plan with two seeds, are no difference. Tensors differ in law where a test is
    significant at α = .001 over all tests together, and the effect matters: a std off by more than 5 %, distribution
    functions that are more than 0.05 apart, or ends of the tails more than 5 % apart.

    Args:
        a: a model of PyTorch, Keras or JAX; a mapping of tensors by path, as a state dict; a plan; or the path of a
            file of weights, of a saved plan or of a Caffe net, whose fillers are a plan. Files are told by their
            content.
        b: another one of these. If one of the two is a plan, the other should follow it.
        names: {path in B: path in A} where the two call their tensors differently, as two frameworks do: what
            `glorot.match` returns. Models are then compared part by part, with the axes of each part in one order, so
            that a kernel of Keras is compared with one of PyTorch. Paths that it lacks are called alike.

    Returns:
        The differences: false if there are none; print them for a line each, the worst first.

    Raises:
        GlorotError: if one is of another kind, a file cannot be read, both have no tensor in common, or `names` has a
            path that B lacks.

    Example:
        >>> import glorot, torch
        >>> one, other = (torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.Linear(256, 10)) for _ in range(2))
        >>> plan = glorot.plan(one, "xavier")
        >>> _ = glorot.apply(plan, one, seed=0), glorot.apply(plan, other, seed=1)
        >>> bool(glorot.diff(one, other)), bool(glorot.diff(one, plan))
        (False, False)
        >>> _ = other[0].weight.data.mul_(1.5)
        >>> print(glorot.diff(one, other).differences[0])
        0.weight: has 1.5 times the std in B (A: std 0.07878, uniform; B: std 0.1185, uniform)
        >>> from collections import OrderedDict
        >>> third = torch.nn.Sequential(OrderedDict(body=torch.nn.Linear(64, 256), head=torch.nn.Linear(256, 10)))
        >>> _ = glorot.initialize(third, "xavier", seed=2)
        >>> bool(glorot.diff(one, third, names=glorot.match(plan, third)))
        False

    References:
        Holm (1979), "A simple sequentially rejective multiple test procedure", for the error rate.
    """
    one, other = _side(a), _side(b)
    names = as_names(names)
    if other.plan is not None and names:
        called_so = renamed([entry.name for entry in other.plan], names)
        other = replace(other, plan=renamed_plan(other.plan, called_so))
    if one.plan is not None and other.plan is not None:
        return differences_of_plans(one.name, one.plan, other.name, other.plan)
    if one.plan is None and other.plan is None:
        return _differences_of_tensors(one, other, names)
    if one.plan is not None and names:
        one = replace(one, plan=_as_called_in(other, one.plan, names))
    plan, holder = (one.plan, other.holder) if one.plan is not None else (other.plan, one.holder)
    assert plan is not None
    if isinstance(holder, Mapping) and _are_tensors(holder):
        raise GlorotError("a plan is compared with a model or a file of weights; load the tensors into their model")
    report = check(holder, plan=plan, select=FOLLOWING)
    return differences_with_plan(one.name, other.name, plan, report, is_first=one.plan is not None)


def _differences_of_tensors(one: _Side, other: _Side, names: Mapping[str, str]) -> Differences:
    """Compare two that hold tensors; with names, part by part."""
    mine, theirs = _tensors(one), _tensors(other)
    if not names:
        return differences_of_tensors(one.name, mine, other.name, theirs)
    are_models = _is_model(one), _is_model(other)
    left: list[str] = []
    if all(are_models):  # of buffers, each framework has its own
        left = [path for side in (mine, theirs) for path, held in side.items() if not held.parts and not held.tied_to]
        mine, theirs = ({path: held for path, held in side.items() if path not in left} for side in (mine, theirs))
    mine = in_parts(mine, is_whole=not are_models[1]) if are_models[0] else mine
    theirs = in_parts(theirs, is_whole=not are_models[0]) if are_models[1] else theirs
    found = differences_of_tensors(one.name, mine, other.name, called(theirs, names))
    notes = (f"not compared, because no plan has them: {path_text(left)}",) if left else ()
    return replace(found, notes=(*found.notes, *notes))


def _as_called_in(other: _Side, plan: Plan, names: Mapping[str, str]) -> Plan:
    """Return a plan whose entries are called as the tensors of B are."""
    is_model = _is_model(other)
    known = shared_names(take_inventory(other.holder), names) if is_model else renamed(_tensors(other), names)
    return renamed_plan(plan, {shared: name for name, shared in known.items()})


def _is_model(side: _Side) -> bool:
    """Tell whether a side is a model, whose parts are known, and no file or mapping."""
    holder = side.holder
    return not isinstance(holder, str | Path) and not (isinstance(holder, Mapping) and _are_tensors(holder))


def _side(given: Any) -> _Side:
    """Return what was handed in, as a plan or as a holder of tensors."""
    if isinstance(given, Plan):
        return _Side(f"the plan {given.recipe}", given)
    if isinstance(given, str | Path):
        if str(given).endswith(".prototxt"):
            return _Side(str(given), make_plan(given))
        return _Side(str(given), Plan.load(given)) if _is_plan(given) else _Side(str(given), holder=given)
    if isinstance(given, Mapping) and _are_tensors(given):
        return _Side(f"the {type(given).__name__}", holder=given)
    try:
        adapter_for(given)
    except GlorotError as error:
        raise GlorotError(f"diff compares models, plans, mappings of tensors and paths of files: {error}") from None
    if type(given).__module__ == "glorot.caffe.nets":  # a module of one, as to_torch makes it, holds weights
        return _Side("the net", make_plan(given))
    return _Side(f"the {type(given).__name__}", holder=given)


def _is_plan(path: str | Path) -> bool:
    """Tell whether a path is that of a saved plan, by its content; an index of shards is JSON too.

    Raises:
        GlorotError: if it is that of another text.
    """
    if Path(path).is_dir():
        return False
    with reading(path, f"plan, {KINDS}") as file:
        head = file.read(256)
    if re.search(rb"[\x00-\x08\x0e-\x1f]", head) or not head:
        return False
    if head.lstrip()[:1] != b"{":
        raise GlorotError(
            f"{path} is neither a plan nor weights, but another text; expected a .json as plan.save writes it, {KINDS}"
        )
    data = read_json(path, "plan", "save one with `glorot plan -o`")
    return "weight_map" not in data


def _are_tensors(given: Mapping[Any, Any]) -> bool:
    """Tell whether a mapping is flat, as a state dict is, and no tree that is a model."""
    return bool(given) and all(isinstance(path, str) and hasattr(one, "shape") for path, one in given.items())


def _tensors(side: _Side) -> dict[str, Held]:
    """Return the tensors of a model, of a file or of a mapping, by path."""
    holder = side.holder
    if isinstance(holder, str | Path):
        return {one.name: Held(one, one.dtype) for one in read(holder)}
    try:
        return _of_model(holder) if _is_model(side) else _of_mapping(holder)
    except (NotImplementedError, RuntimeError, TypeError) as error:  # as of sparse tensors
        remedy = "give it dense tensors that have memory, or compare its plan"
        raise GlorotError(f"the values of {side.name} cannot be read ({error}); {remedy}") from error


def _of_mapping(tensors: Mapping[Any, Any]) -> dict[str, Held]:
    dtypes = {str(path): str(one.dtype).removeprefix("torch.") for path, one in tensors.items()}
    return {path: Held(Stored.of_array(path, one), dtypes[path]) for path, one in as_arrays(tensors, "it").items()}


def _of_model(given: Any) -> dict[str, Held]:
    adapter, model = opened(given)
    stock = take_inventory(model)
    found = {}
    for path, array in adapter.arrays(model).items():
        tensor, parameter = Stored.of_array(path, array), stock.parameter(path)
        if parameter is None:
            widened = tensor.dtype == "float32"  # as which buffers of coarser dtypes are handed out
            found[path] = Held(tensor, "" if widened else tensor.dtype)
        else:
            found[path] = Held(tensor, parameter.dtype, parameter.parts, parameter.tied_to)
    return found
