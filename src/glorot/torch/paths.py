"""Paths of modules and parameters, without what wrappers insert."""

from typing import Any

from torch import nn
from torch.nn.parallel import DistributedDataParallel

WRAPPERS = ("_orig_mod", "_checkpoint_wrapped_module")


def structural(path: str) -> str:
    """Return a path without what wrappers such as `torch.compile` insert.

    Example:
        >>> structural("_orig_mod.layers.0._checkpoint_wrapped_module.weight")
        'layers.0.weight'
    """
    return ".".join(step for step in path.split(".") if step not in WRAPPERS)


def bare(model: nn.Module) -> nn.Module:
    """Return a model without the `DataParallel` or `DistributedDataParallel` around it.

    Example:
        >>> type(bare(nn.DataParallel(nn.Linear(3, 4)))).__name__
        'Linear'
    """
    inner = model
    while True:
        if isinstance(inner, nn.DataParallel | DistributedDataParallel):
            inner = model = inner.module
        elif "_orig_mod" in inner._modules:  # compiled around or inside it
            inner = inner.get_submodule("_orig_mod")
        else:
            return model


def modules(model: nn.Module, inputs: Any = None) -> dict[str, nn.Module]:
    """Return the modules of a model by their paths, itself at ""; no batch is needed."""
    return {structural(path): module for path, module in bare(model).named_modules(remove_duplicate=False)}
