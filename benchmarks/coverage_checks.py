"""What is doubtful in the plan of a model that stands there with memory."""

import re
from collections.abc import Sequence

from torch import Tensor, nn

from glorot import Plan
from glorot.distributions import Constant
from glorot.inventory import path_of
from glorot.plans.entry import PlanEntry
from glorot.torch.paths import structural

FUSED = re.compile(r"qkv|query_key_value|c_attn|in_proj(\.weight|_weight)$|gate_up|gate_and_up|kv_proj|kv_b_proj|fused")


def suspicious(plan: Plan, twin: nn.Module) -> list[str]:
    """Return what is doubtful: fans that no layer has, constants that its model starts otherwise, whole projections."""
    tensors = {structural(path): tensor.detach() for path, tensor in twin.named_parameters()}
    modules = {structural(path): module for path, module in twin.named_modules()}
    parts: dict[str, list[PlanEntry]] = {}
    for entry in plan.entries:
        parts.setdefault(path_of(entry.name), []).append(entry)
    found = []
    for path, entries in parts.items():
        module = modules.get(path.rpartition(".")[0])
        if path in tensors and module is not None:
            doubts = (_fans(entries, module, tensors[path]), _constant(entries, tensors[path]), _whole(path, entries))
            found += [f"{path}: {doubt}" for doubt in doubts if doubt]
    return found


def _fans(entries: list[PlanEntry], module: nn.Module, tensor: Tensor) -> str:
    for entry in entries:
        if entry.role == "kernel" and entry.fans is not None:
            given = (entry.fans.fan_in, entry.fans.fan_out)
            if given != _expected(entry, module, tensor, given):
                return f"fans {given[0]:g} → {given[1]:g} of {tuple(tensor.shape)} in {type(module).__name__}"
    return ""


def _expected(
    entry: PlanEntry, module: nn.Module, tensor: Tensor, given: tuple[float, float]
) -> tuple[float, float] | None:
    """Return the fans that a layer must have by its class, and of any other some that can be."""
    if isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D":
        inputs = tensor.shape[1] if isinstance(module, nn.Linear) else tensor.shape[0]
        return inputs, dict(zip(entry.axes, entry.shape, strict=False)).get("o", 1)
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):  # padding lessens what a kernel connects
        return min(given[0], tensor[0].numel()), given[1]
    if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        return given
    return given if {*given} <= _products(entry.shape) else None


def _products(shape: Sequence[int]) -> set[float]:
    """Return the sizes of all runs of axes."""
    found: set[float] = set()
    for start in range(len(shape)):
        size = 1
        for length in shape[start:]:
            size *= length
            found.add(size)
    return found


def _constant(entries: list[PlanEntry], tensor: Tensor) -> str:
    if len(entries) != 1 or not tensor.numel() or entries[0].role == "kernel":
        return ""
    law, own = entries[0].distribution, tensor.float()
    is_one = bool((own == own.flatten()[0]).all())
    if isinstance(law, Constant) and is_one and abs(law.value - float(own.flatten()[0])) > 1e-6:
        return f"{entries[0].role} is planned {law.value:g}, its model starts it at {float(own.flatten()[0]):g}"
    if isinstance(law, Constant) and not is_one:
        return f"{entries[0].role} is planned {law.value:g}, its model starts it with std {float(own.std()):.2g}"
    return ""


def _whole(path: str, entries: list[PlanEntry]) -> str:
    is_fused = FUSED.search(path) and entries[0].role == "kernel" and entries[0].seen
    return f"one part of {entries[0].shape}" if is_fused and len(entries) == 1 else ""
