"""Writing a plan's weights into a PyTorch model."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.graph import increment_version

from glorot.arrays import check
from glorot.errors import GlorotError
from glorot.plans import Assignment
from glorot.torch.deferring import check_completed, give_memory
from glorot.torch.filling import TensorFill, fill_all, name_of
from glorot.torch.memory import check_apart
from glorot.torch.paths import bare, structural
from glorot.torch.places import place_of

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
    paths = list(dict.fromkeys(assignment.part.path for assignment in assignments))
    tensors = _tensors(model)
    for assignment in assignments:
        _check_writable(assignment, tensors[assignment.part.path], model, device is not None)
    if device is not None:
        check_completed(bare(model), {*paths, *(path for path in tensors if _tied(tensors, path, paths))})
        give_memory(bare(model), device)
        tensors = _tensors(model)
    fills = []
    for part, law, key in assignments:
        tensor = tensors[part.path]
        flip = part.view.flip if part.view is not None else ()
        place = place_of(part, tensor.detach())
        fills.append(TensorFill(place, key, law, part.shape, part.axes or None, flip))
    check_apart((path, tensors[path]) for path in paths)
    try:
        fill_all(fills)
    except BaseException as interruption:
        interruption.add_note(
            f"glorot was writing {len(paths)} parameters, {paths[0]} to {paths[-1]}, and some of them hold their new "
            "values; the same call, repeated, writes all of them"
        )
        raise
    else:
        for path in paths:
            if path.endswith("running_mean") and path.replace("mean", "var") in tensors:
                counter = tensors.get(f"{path.removesuffix('running_mean')}num_batches_tracked")
                if counter is not None:
                    counter.zero_()
    finally:
        for path in paths:
            if not tensors[path].is_inference():
                increment_version(tensors[path])  # the kernel writes memory that autograd may have saved
    return model


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    stored = (bare(model).named_parameters(remove_duplicate=False), bare(model).named_buffers(remove_duplicate=False))
    return {structural(path): tensor for path, tensor in chain(*stored)}


def _tied(tensors: Mapping[str, Tensor], path: str, paths: Sequence[str]) -> bool:
    """Tell whether a parameter is one that is written under another path."""
    return any(tensors[other] is tensors[path] for other in paths)


def arrays(model: nn.Module) -> dict[str, NDArray[Any]]:
    """Return everything in a model's `state_dict` as arrays; bfloat16 and float8, which NumPy lacks, as float32."""
    state = {path: tensor.detach().cpu() for path, tensor in model.state_dict().items()}
    lacks = {path for path, t in state.items() if t.is_floating_point() and t.dtype not in NUMPY}
    return {path: (t.float() if path in lacks else t).numpy() for path, t in state.items()}


def _check_writable(assignment: Assignment, tensor: Tensor, model: nn.Module, gets_memory: bool) -> None:
    part = assignment.part
    if tensor.is_meta and not gets_memory:
        raise GlorotError(
            f"{part.path} is on the meta device and has no memory; glorot.apply(plan, model, seed=…, device=…) gives "
            f"it some{_garbage(model)}"
        )
    if hasattr(type(tensor), "__tensor_flatten__"):
        raise GlorotError(
            f"{part.path} is a {type(tensor).__name__}, which another library spreads over devices or packs; glorot "
            f"writes plain tensors: start the model before it is sharded or quantised, or leave it alone with "
            f"rules=[({part.path!r}, 'skip')]"
        )
    if tensor.layout != torch.strided:
        raise GlorotError(f"{part.path} has layout {tensor.layout}; glorot writes dense tensors: skip it by a rule")
    check(assignment, name_of(tensor.dtype))
    if tensor.numel() and not tensor.is_meta and not tensor.untyped_storage().nbytes():
        raise GlorotError(
            f"{part.path} has no memory: its storage was freed, as sharding libraries do between steps; gather the "
            "parameters first, or skip it by a rule"
        )
    if tensor.is_inference() and not torch.is_inference_mode_enabled():
        raise GlorotError(
            f"{part.path} was made under torch.inference_mode(), and nothing may be written to it outside; "
            "build the model outside it, or apply the plan inside"
        )


def _garbage(model: nn.Module) -> str:
    """Name the buffers of a model on the meta device that would hold nothing, and say how they are kept."""
    own = ("running_mean", "running_var", "num_batches_tracked")
    lost = [structural(path) for path, buffer in model.named_buffers() if buffer.is_meta and not path.endswith(own)]
    if not lost:
        return ""
    return (
        f". Its buffers {', '.join(lost)} would hold nothing, though: build the model under glorot.torch.deferred(), "
        "which makes them for real"
    )
