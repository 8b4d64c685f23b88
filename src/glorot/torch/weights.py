"""Writing a plan's weights into a PyTorch model."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.graph import increment_version

from glorot.arrays import check
from glorot.errors import GlorotError, NothingHeldError
from glorot.plans import Assignment
from glorot.torch.agreeing import check_agreed
from glorot.torch.deferring import check_completed, check_device, give_memory
from glorot.torch.filling import TensorFill, fill_all, fills_of_shards, name_of
from glorot.torch.gathering import gathered
from glorot.torch.memory import check_apart, memory_of
from glorot.torch.parametrized import computed_in, gathered_in, paths_of
from glorot.torch.paths import bare, structural
from glorot.torch.places import place_of
from glorot.torch.preserve import preserved
from glorot.torch.shards import check_placements, is_plain, locals_of
from glorot.torch.spread import check_held
from glorot.torch.storing import store_all

NUMPY = (torch.float16, torch.float32, torch.float64)
"""The floating-point dtypes that NumPy has too."""


def write(model: nn.Module, assignments: Sequence[Assignment], device: Any = None) -> nn.Module:
    """Write every assigned part once.

    Args:
        model: the model.
        assignments: what its parts are written from.
        device: where to move the model first, which gives memory to what is on the meta device; None leaves it.

    Returns:
        The model.

    Raises:
        GlorotError: if a parameter cannot be written; nothing is written then.
    """
    check_held(model)
    if device is not None:
        check_device(device)
    paths = list(dict.fromkeys(assignment.part.path for assignment in assignments))
    memory = _Memory(model)
    for assignment in assignments:
        for name, tensor in memory.of(assignment.part.path).items():
            check_placements(name, tensor)
            for local in locals_of(tensor):
                _check_writable(assignment, name, local, model, device is not None)
    check_agreed((one.part.name, memory.tensors.get(one.part.path), one.key, one.distribution) for one in assignments)
    if device is not None:
        memory = _with_memory(model, memory, paths, device)
    _check_apart(memory, paths)
    drafts = {path: memory.computed[path].written().detach().clone() for path in paths if path in memory.computed}
    plain = {path: memory.tensors[path] for path in paths if path not in drafts}
    drawn = [fill for one in assignments if one.part.path in drafts for fill in _fills(one, drafts)]
    fills = [fill for one in assignments if one.part.path in plain for fill in _fills(one, plain)]
    try:
        fill_all(drawn)
        store_all(memory.computed, drafts)
        fill_all(fills)
    except GlorotError:
        raise
    except BaseException as interruption:
        interruption.add_note(
            f"glorot was writing {len(paths)} parameters, {paths[0]} to {paths[-1]}, and some of them hold their new "
            "values; the same call, repeated, writes all of them"
        )
        raise
    else:
        _restart_counters(memory.tensors, paths)
    finally:
        for tensor in plain.values():
            if not tensor.is_inference():
                increment_version(tensor)  # the kernel writes memory that autograd may have saved
    return model


def _with_memory(model: nn.Module, memory: "_Memory", paths: Sequence[str], device: Any) -> "_Memory":
    """Move a model to a device, where what is on meta gets memory, and return what it stores there."""
    written = {name for path in paths for name in memory.of(path)}
    tied = {name for name, tensor in memory.tensors.items() if any(tensor is memory.tensors[one] for one in written)}
    check_completed(bare(model), {*written, *tied, *gathered_in(memory.computed)})
    give_memory(bare(model), device)
    return _Memory(model)


class _Memory:
    """What a model stores.

    Attributes:
        tensors: its parameters and buffers, by path.
        computed: its weights that are computed from others, by path.
    """

    def __init__(self, model: nn.Module) -> None:
        inner = bare(model)
        self.computed = computed_in(inner)
        stored = chain(inner.named_parameters(remove_duplicate=False), inner.named_buffers(remove_duplicate=False))
        self.tensors = {structural(path): tensor for path, tensor in stored}

    def of(self, path: str) -> dict[str, Tensor]:
        """Return the stored tensors that a weight is written into, by path."""
        return paths_of(path, self.computed[path]) if path in self.computed else {path: self.tensors[path]}


def _fills(assignment: Assignment, tensors: Mapping[str, Tensor]) -> Iterator[TensorFill]:
    """Yield what is to be written of a part into the memory of this process, which may hold a shard of it."""
    part, law, key = assignment
    tensor, axes = tensors[part.path].detach(), part.axes or None
    if not is_plain(tensor):
        place_of(part, torch.empty(tensor.shape, device="meta"))  # raises where the two do not fit
        yield from fills_of_shards(tensor, key, law, part.shape, axes, part.view)
    else:
        flip = part.view.flip if part.view is not None else ()
        yield TensorFill(place_of(part, tensor), key, law, part.shape, axes, flip)


def _check_apart(memory: _Memory, paths: Sequence[str]) -> None:
    """Raise, naming both, if two weights that are to be written lie in one memory, but are not tied."""
    owners: dict[Hashable, str] = {}
    for path in paths:
        for tensor in memory.of(path).values():
            other = owners.setdefault(memory_of(tensor), path)
            if other != path:
                raise GlorotError(
                    f"{path} is computed from what {other} holds too, so that writing one changes the other; give one "
                    f"a copy, or leave it alone with rules=[({path!r}, 'skip')]"
                )
    stored = ((name, tensor) for path in paths for name, tensor in memory.of(path).items())
    check_apart((name, local) for name, tensor in stored for local in locals_of(tensor))


def _restart_counters(tensors: Mapping[str, Tensor], paths: Sequence[str]) -> None:
    """Set the number of batches that running statistics have seen to 0, where they start again."""
    for path in paths:
        if path.endswith("running_mean") and path.replace("mean", "var") in tensors:
            counter = tensors.get(f"{path.removesuffix('running_mean')}num_batches_tracked")
            if counter is not None:
                counter.zero_()


def arrays(model: nn.Module) -> dict[str, NDArray[Any]]:
    """Return everything in a model's `state_dict` as arrays; bfloat16 and float8, which NumPy lacks, as float32.

    The paths are those of a plan: without what wrappers such as `torch.compile` insert. DTensors are gathered, for
    which every process must ask.

    Raises:
        GlorotError: if its parameters are not there one by one, or hold nothing.
    """
    check_held(model)
    state = {structural(path): tensor for path, tensor in bare(model).state_dict().items()}
    for path, tensor in state.items():
        if tensor.is_meta:
            raise NothingHeldError(
                f"{path} is on the meta device and holds nothing to read; give the model memory first, as "
                'glorot.initialize(model, "auto", seed=0, device="cpu") does'
            )
    return {path: _as_array(gathered(path, tensor)) for path, tensor in state.items()}


def computed(model: nn.Module) -> dict[str, NDArray[Any]]:
    """Return the weights that a model computes from stored ones, as they were written, by their paths in a plan."""
    model = bare(model)
    found = computed_in(model)
    with preserved(model) if found else nullcontext(), torch.no_grad():  # a parametrization may count when it is asked
        return {path: _as_array(one.written()) for path, one in found.items()}


def _as_array(tensor: Tensor) -> NDArray[Any]:
    values = tensor.detach().cpu()
    lacks = values.is_floating_point() and values.dtype not in NUMPY
    return (values.float() if lacks else values).numpy()


def _check_writable(assignment: Assignment, name: str, tensor: Tensor, model: nn.Module, gets_memory: bool) -> None:
    part = assignment.part
    if tensor.is_meta and not gets_memory:
        raise GlorotError(
            f"{name} is on the meta device and has no memory; glorot.apply(plan, model, seed=…, device=…) gives "
            f"it some{_garbage(model)}"
        )
    if hasattr(type(tensor), "__tensor_flatten__"):
        raise GlorotError(
            f"{name} is a {type(tensor).__name__}, which another library packs; glorot writes plain tensors and "
            f"DTensors: start the model before it is quantised, or leave it alone with rules=[({part.path!r}, 'skip')]"
        )
    if tensor.layout != torch.strided:
        raise GlorotError(f"{name} has layout {tensor.layout}; glorot writes dense tensors: skip it by a rule")
    check(assignment, name_of(tensor.dtype))
    if tensor.numel() and not tensor.is_meta and not tensor.untyped_storage().nbytes():
        raise GlorotError(
            f"{name} has no memory: its storage was freed, as sharding libraries do between steps; gather the "
            "parameters first, or skip it by a rule"
        )
    if tensor.is_inference() and not torch.is_inference_mode_enabled():
        raise GlorotError(
            f"{name} was made under torch.inference_mode(), and nothing may be written to it outside; "
            "build the model outside it, or apply the plan inside"
        )


def _garbage(model: nn.Module) -> str:
    """Name the buffers of a model on the meta device that would hold nothing, and say how they are kept."""
    own, gathered = ("running_mean", "running_var", "num_batches_tracked"), gathered_in(computed_in(bare(model)))
    buffers = [(structural(path), buffer) for path, buffer in model.named_buffers() if not path.endswith(own)]
    lost = [path for path, buffer in buffers if buffer.is_meta and path not in gathered]
    if not lost:
        return ""
    return (
        f". Its buffers {', '.join(lost)} would hold nothing, though: build the model under glorot.torch.deferred(), "
        "which makes them for real"
    )
