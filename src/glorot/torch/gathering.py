"""Models that several processes hold together, made whole in each of them for a look."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from glorot.torch.paths import bare
from glorot.torch.shards import check_placements, is_left_out, is_sharded, refuse_left_out

P = ParamSpec("P")
R = TypeVar("R")

HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
"""Where a module keeps what runs before and after it."""

SPREADING = ("torch.distributed.", "transformers.distributed.")
"""The packages whose hooks gather, scatter and convert what a sharded model computes with."""


@contextmanager
def whole(model: nn.Module, *, on_meta: bool = False) -> Iterator[None]:
    """Let a model run as it did before it was sharded, in each process by itself.

    Plain tensors stand in the place of DTensors, and what `fully_shard`, `parallelize_module` and transformers have put
    around the calls of modules rests. A model without DTensors is left as it is.

    Args:
        model: the model; it has its shards and hooks back at the end.
        on_meta: whether tensors on meta stand there, for which nothing is sent; by default they hold the gathered
            values, for which every process must call this.
    """
    sharded = [
        (stored, name, tensor)
        for module in model.modules()
        for stored in (module._parameters, module._buffers)
        for name, tensor in stored.items()
        if is_sharded(tensor)
    ]
    if not sharded:
        yield
        return
    hooks = [getattr(module, kind) for module in model.modules() for kind in HOOKS]
    forwards = [(vars(one), vars(one)["forward"]) for one in model.modules() if _spreads(vars(one).get("forward"))]
    before = [dict(registered) for registered in hooks]
    made: dict[int, Tensor] = {}
    try:
        for stored, name, tensor in sharded:
            if id(tensor) not in made:  # one that is tied stays so
                made[id(tensor)] = _plain(name, tensor, on_meta)
            stored[name] = made[id(tensor)]  # type: ignore[assignment]
        for registered in hooks:
            for key in [key for key, hook in registered.items() if _spreads(hook)]:
                del registered[key]
        for attributes, _ in forwards:  # that of its class shows again
            attributes.pop("forward", None)
        yield
    finally:
        for stored, name, tensor in sharded:
            stored[name] = tensor  # type: ignore[assignment]
        for registered, hook in zip(hooks, before, strict=True):
            registered.clear()
            registered.update(hook)
        for attributes, forward in forwards:
            attributes["forward"] = forward


def whole_in_each(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function of a model see it whole, its values gathered, where several processes hold it together."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        model: Any = args[0]
        with whole(bare(model)):
            return function(*args, **kwargs)

    return call


def gathered(path: str, tensor: Tensor) -> Tensor:
    """Return all values of a tensor; for those of a DTensor every process must ask."""
    if not is_sharded(tensor):
        return tensor
    check_placements(path, tensor)
    if is_left_out(tensor):
        refuse_left_out(path, tensor)
    with torch.no_grad():
        return tensor.full_tensor()


def _plain(path: str, tensor: Tensor, on_meta: bool) -> Tensor:
    values = torch.empty(tensor.shape, dtype=tensor.dtype, device="meta") if on_meta else gathered(path, tensor)
    return nn.Parameter(values, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else values


def _spreads(hook: Any) -> bool:
    """Tell whether a hook belongs to a package that spreads models over processes."""
    while isinstance(hook, functools.partial):
        hook = hook.func
    return str(getattr(hook, "__module__", "")).startswith(SPREADING)
