"""What a PyTorch model keeps besides its parameters' laws: buffers, and the groups of its optimisers."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from glorot.errors import GlorotError
from glorot.torch.paths import bare, structural


def groups(model: nn.Module, optimizers: Sequence[Any]) -> Iterator[tuple[str, dict[str, Any], tuple[str, ...]]]:
    """Yield the groups of some optimisers: the class, the options, and the paths of a model's parameters.

    Raises:
        GlorotError: if one is no optimiser of PyTorch's, or trains none of the model's parameters.
    """
    paths = {id(one): structural(path) for path, one in bare(model).named_parameters()}
    for optimizer in optimizers:
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise GlorotError(
                f"optimizer must be a torch.optim.Optimizer or a list of them, got {type(optimizer).__name__}"
            )
        trained = [id(one) in paths for group in optimizer.param_groups for one in group["params"]]
        if not any(trained):
            raise GlorotError(
                f"the {type(optimizer).__name__} trains none of the model's parameters; make it from this model's own"
            )
        for group in optimizer.param_groups:
            names = tuple(paths[id(one)] for one in group["params"] if id(one) in paths)
            options = {name: value for name, value in group.items() if name != "params"}
            yield type(optimizer).__name__, options, names


def buffers(model: nn.Module) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield what the buffers of a model hold, by path; those of sub-single precision as float32."""
    for path, buffer in bare(model).named_buffers():
        if buffer.is_meta or buffer.layout != torch.strided:
            continue
        values = buffer.detach().cpu()
        narrow = values.is_floating_point() and values.element_size() < 4
        yield structural(path), (values.float() if narrow else values).numpy()
