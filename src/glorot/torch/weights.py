"""Writing a plan's weights into a PyTorch model."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.graph import increment_version

from glorot.arrays import check_law
from glorot.errors import GlorotError
from glorot.plans import Assignment
from glorot.torch.filling import HELD, TensorFill, fill_all
from glorot.torch.memory import check_apart
from glorot.torch.paths import bare, structural
from glorot.torch.places import place_of


def write(model: nn.Module, assignments: Sequence[Assignment]) -> nn.Module:
    """Write every assigned part once.

    Args:
        model: the model.
        assignments: what its parts are written from.

    Returns:
        The model.

    Raises:
        GlorotError: if a parameter cannot be written; nothing is written then.
    """
    stored = (bare(model).named_parameters(remove_duplicate=False), bare(model).named_buffers(remove_duplicate=False))
    tensors: dict[str, Tensor] = {structural(path): tensor for path, tensor in chain(*stored)}
    fills = []
    for assignment in assignments:
        part, law, key = assignment
        tensor = tensors[part.path]
        _check_writable(assignment, tensor)
        flip = part.view.flip if part.view is not None else ()
        place = place_of(part, tensor.detach())
        fills.append(TensorFill(place, key, law, part.shape, part.axes or None, flip))
    paths = list(dict.fromkeys(assignment.part.path for assignment in assignments))
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


def arrays(model: nn.Module) -> dict[str, NDArray[Any]]:
    """Return everything in a model's `state_dict` as arrays; bfloat16, which NumPy lacks, as float32."""
    state = {path: tensor.detach().cpu() for path, tensor in model.state_dict().items()}
    return {path: (t.float() if t.dtype == torch.bfloat16 else t).numpy() for path, t in state.items()}


def _check_writable(assignment: Assignment, tensor: Tensor) -> None:
    part = assignment.part
    if tensor.is_meta:
        raise GlorotError(f"{part.path} is on the meta device and has no memory; call model.to_empty(device=…) first")
    if hasattr(type(tensor), "__tensor_flatten__"):
        raise GlorotError(
            f"{part.path} is a {type(tensor).__name__}, which another library spreads over devices or packs; glorot "
            f"writes plain tensors: start the model before it is sharded or quantised, or leave it alone with "
            f"rules=[({part.path!r}, 'skip')]"
        )
    if not tensor.is_floating_point():
        raise GlorotError(
            f"{part.path} has dtype {tensor.dtype}; glorot writes floating-point parameters: skip it by a rule"
        )
    if tensor.layout != torch.strided:
        raise GlorotError(f"{part.path} has layout {tensor.layout}; glorot writes dense tensors: skip it by a rule")
    if tensor.dtype not in HELD:
        raise GlorotError(
            f"{part.path} has dtype {tensor.dtype}, which holds no weights that are drawn; expected one of "
            f"{', '.join(sorted(str(dtype).removeprefix('torch.') for dtype in HELD))}: skip it by a rule"
        )
    if tensor.numel() and not tensor.untyped_storage().nbytes():
        raise GlorotError(
            f"{part.path} has no memory: its storage was freed, as sharding libraries do between steps; gather the "
            "parameters first, or skip it by a rule"
        )
    if tensor.is_inference() and not torch.is_inference_mode_enabled():
        raise GlorotError(
            f"{part.path} was made under torch.inference_mode(), and nothing may be written to it outside; "
            "build the model outside it, or apply the plan inside"
        )
    check_law(assignment, str(tensor.dtype), torch.finfo(tensor.dtype).max)
