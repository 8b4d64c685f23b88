"""Repeats: on meta, an operator makes of tensors that lie alike what it made before; PyTorch is asked once."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._ops import OpOverload

from glorot.torch.graph.call import tensors_in
from glorot.torch.writes import draws, storage_of

Key = tuple[Any, ...]
"""An operator, how its tensors lie in memory, and its other arguments with their types."""

PLAIN = (Tensor, torch.nn.Parameter)
SETTINGS = (bool, int, float, str, torch.dtype, torch.device, torch.layout, torch.memory_format)


class Layout(NamedTuple):
    """How a tensor lies in memory."""

    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype

    def filled(self) -> Tensor:
        """Return a new tensor on meta that lies so."""
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device="meta")


class Made(NamedTuple):
    """What an operator made: new tensors, or one."""

    layouts: tuple[Layout, ...]
    is_one: bool

    def again(self) -> Any:
        """Return new tensors that lie as those before."""
        return self.layouts[0].filled() if self.is_one else tuple(layout.filled() for layout in self.layouts)


def key_of(func: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> Key | None:
    """Return what tells what an operator makes on meta; None where more than that would tell it."""
    found: list[Any] = [func]
    is_told = _makes_new(func) and _describe(args, found) and _describe(kwargs.items(), found)
    return tuple(found) if is_told else None


def made_of(result: Any, arguments: Any) -> Made | None:
    """Return what an operator made; None if it returned anything but new tensors."""
    tensors = [result] if isinstance(result, Tensor) else list(result) if isinstance(result, tuple) else []
    before = {storage_of(tensor) for tensor in tensors_in(arguments)}
    if not tensors or not all(_lies_plainly(tensor) and storage_of(tensor) not in before for tensor in tensors):
        return None
    layouts = tuple(Layout(tensor.shape, tensor.stride(), tensor.dtype) for tensor in tensors)
    return Made(layouts, isinstance(result, Tensor))


@functools.cache
def _makes_new(func: OpOverload) -> bool:
    """Tell whether an operator says that it writes to nothing, draws nothing, and returns no view."""
    schema = func._schema
    return not draws(func) and not any(one.alias_info for one in (*schema.arguments, *schema.returns))


def _describe(values: Any, found: list[Any]) -> bool:
    """Add to a list how arguments lie, or what they are; tell whether that is all there is to them."""
    for value in values:
        if isinstance(value, Tensor):
            if not _lies_plainly(value):
                return False
            found.append(Layout(value.shape, value.stride(), value.dtype))
        elif isinstance(value, list | tuple):
            found.append(len(value))
            if not _describe(value, found):
                return False
        elif value is None or isinstance(value, SETTINGS):
            found += (type(value), value)  # for 1, 1.0 and True are equal
        else:
            return False
    return True


def _lies_plainly(tensor: Tensor) -> bool:
    return type(tensor) in PLAIN and tensor.is_meta and tensor.layout == torch.strided and not tensor.is_complex()
