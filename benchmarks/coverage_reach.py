"""What a batch reaches of a model, as autograd tells."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from glorot.torch.parametrized import computed_in, paths_of
from glorot.torch.paths import structural


def reached(model: nn.Module, batch: Any) -> set[str]:
    """Return the parameters that what a model returns depends on; a batch is a dict or a tuple of arguments."""
    named = {path: tensor for path, tensor in model.named_parameters() if tensor.is_floating_point()}
    frozen = [tensor for tensor in named.values() if not tensor.requires_grad]
    for tensor in frozen:
        tensor.requires_grad_()
    try:
        with torch.enable_grad():
            made = model(**batch) if isinstance(batch, dict) else model(*batch)
            results = [leaf for leaf in tree_leaves(_plain(made)) if isinstance(leaf, Tensor) and leaf.requires_grad]
            total = torch.stack([leaf.abs().sum().float() for leaf in results]).sum()
            found = torch.autograd.grad(total, [*named.values()], allow_unused=True)
    finally:
        for tensor in frozen:
            tensor.requires_grad_(False)
    used = {
        original: path for path, one in computed_in(model).items() for original in paths_of(path, one)
    }  # a computed weight has one path
    paths = (structural(path) for path, gradient in zip(named, found, strict=True) if gradient is not None)
    return {used.get(path, path) for path in paths}


def _plain(result: Any) -> Any:
    return [*result.values()] if isinstance(result, Mapping) else result
