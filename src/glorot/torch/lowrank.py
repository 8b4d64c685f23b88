"""Low-rank adapters: a product of two thin matrices beside a layer, the second of which starts at 0."""

import torch
from torch import Tensor, nn

from glorot.torch.paths import structural
from glorot.torch.shards import is_sharded

CALLED = frozenset({"lora_B", "lora_embedding_B", "lora_b"})
"""What libraries of adapters call the second matrix."""


def last_of_adapters(model: nn.Module) -> set[str]:
    """Return the paths of the matrices that must start at 0, so that their adapter starts as no change.

    They are recognised by the name that libraries give them, or by their zeros beside a first matrix without any.
    """
    found = {
        structural(path)
        for path, tensor in model.named_parameters()
        if tensor.dim() == 2 and CALLED & set(path.split("."))
    }
    for stored_path, module in model.named_modules():
        own = _matrices(module)
        for path, tensor in own.items():
            if not _is_zero(tensor):
                continue
            rank = tensor.shape[1]
            first = [one for one in own.values() if one is not tensor and one.shape[0] == rank < one.shape[1]]
            if rank < tensor.shape[0] and any(not _is_zero(one) for one in first):
                found.add(structural(f"{stored_path}.{path}".removeprefix(".")))
    return found


def _matrices(module: nn.Module) -> dict[str, Tensor]:
    """Return the matrices that a module owns itself, or whose layer it owns."""
    own = dict(module.named_parameters(recurse=False))
    for name, child in module.named_children():
        inner = dict(child.named_parameters(recurse=False))
        if set(inner) == {"weight"}:
            own[f"{name}.weight"] = inner["weight"]
    return {path: tensor for path, tensor in own.items() if tensor.dim() == 2}


def _is_zero(tensor: Tensor) -> bool:
    if is_sharded(tensor):  # reading it would take all processes
        return False
    if tensor.is_meta or tensor.layout != torch.strided or not tensor.is_floating_point() or not tensor.numel():
        return False
    if not tensor.untyped_storage().nbytes() or bool(tensor.detach()[:1].any()):  # one row mostly tells
        return False
    return not bool(tensor.detach().any())
