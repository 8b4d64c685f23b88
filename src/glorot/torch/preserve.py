"""Leaving a model, its batch and the process as they were found."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_map_only

from glorot.preserving import Switch, process_preserved
from glorot.reaching import STATES, State, reachable, remember
from glorot.torch.writes import Escapes, Journal, own_random_numbers, storage_of


def _set_autocast(before: list[tuple[str, bool, Any]]) -> None:
    for device, enabled, dtype in before:
        torch.set_autocast_enabled(device, enabled)
        torch.set_autocast_dtype(device, dtype)


def _autocast() -> list[tuple[str, bool, Any]]:
    return [(d, torch.is_autocast_enabled(d), torch.get_autocast_dtype(d)) for d in ("cpu", "cuda")]


def _flag(owner: Any, name: str) -> Switch:
    return Switch(lambda: getattr(owner, name), lambda before: setattr(owner, name, before))


def device_states() -> list[tuple[str, list[bytes]]]:
    """Return the state of every generator that accelerators have, of those kinds that are in use."""
    found = []
    for name in ("cuda", "xpu", "mps"):
        module = getattr(torch, name)
        if name == "mps" and torch.backends.mps.is_available():
            found.append((name, [module.get_rng_state()]))
        elif name != "mps" and module.is_initialized():
            found.append((name, module.get_rng_state_all()))
    return [(name, [state.numpy().tobytes() for state in states]) for name, states in found]


def set_device_states(before: list[tuple[str, list[bytes]]]) -> None:
    """Set the generators of accelerators as `device_states` has read them."""
    for name, states in before:
        tensors = [torch.frombuffer(bytearray(state), dtype=torch.uint8) for state in states]
        if name == "mps":
            torch.mps.set_rng_state(tensors[0])
        else:
            getattr(torch, name).set_rng_state_all(tensors)


def _default_device() -> Any:
    return getattr(getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None), "device", None)


SWITCHES = (
    Switch(device_states, set_device_states),
    Switch(torch.get_default_dtype, torch.set_default_dtype),
    Switch(_default_device, torch.set_default_device),
    Switch(torch.is_grad_enabled, torch._C._set_grad_enabled),
    Switch(_autocast, _set_autocast),
    Switch(torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled),
    Switch(torch.is_anomaly_enabled, torch.set_anomaly_enabled),
    Switch(torch.get_num_threads, torch.set_num_threads),
    Switch(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    Switch(torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    Switch(torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled),
    Switch(torch.backends.cuda.flash_sdp_enabled, torch.backends.cuda.enable_flash_sdp),
    Switch(torch.backends.cuda.mem_efficient_sdp_enabled, torch.backends.cuda.enable_mem_efficient_sdp),
    Switch(torch.backends.cuda.math_sdp_enabled, torch.backends.cuda.enable_math_sdp),
    *(_flag(torch.backends.cudnn, name) for name in ("enabled", "benchmark", "deterministic", "allow_tf32")),
)

TORCH_STATES = (*STATES, State(torch.Generator, torch.Generator.get_state, torch.Generator.set_state))


@contextmanager
def preserved(model: nn.Module) -> Iterator[None]:
    """Restore, whatever happens inside, all that a forward or backward pass may change.

    Memory that existed before is copied when an operator is about to write to it, and written back at the end. Numbers
    are drawn from a copy of the process's generator. Everything that the model holds or its code names, down to plain
    attributes, gets back what it held, and so do the switches of the process, which one thread at a time may touch.
    """
    with process_preserved(SWITCHES), ExitStack() as stack:
        objects = reachable([model])
        tensors = {id(one): one for one in objects if isinstance(one, Tensor)}
        tensors |= {id(one.grad): one.grad for one in tensors.values() if one.is_leaf and one.grad is not None}
        stack.callback(remember(objects, TORCH_STATES))
        stack.callback(_remember_tensors(tensors.values()))
        journal = Journal()
        stack.callback(journal.undo)
        stack.enter_context(own_random_numbers())
        stack.enter_context(journal)
        stack.enter_context(Escapes(journal))
        yield


HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")


def _remember_tensors(tensors: Iterable[Tensor]) -> Callable[[], None]:
    """Return a function that gives tensors back their memory, shape, gradient, flags and version."""
    saved: list[tuple[Tensor, Tensor, bool, Tensor | None, int | None, list[Any]]] = []
    for tensor in tensors:
        if not is_lazy(tensor):
            grad = tensor.grad if tensor.is_leaf else None
            version = None if tensor.is_inference() else tensor._version
            hooks = [getattr(tensor, name, None) for name in HOOKS]
            saved.append((tensor, tensor.detach(), tensor.requires_grad, grad, version, hooks))

    def restore() -> None:
        for tensor, alias, requires_grad, grad, version, hooks in saved:
            if _lies(tensor) != _lies(alias):
                tensor.data = alias
            if tensor.is_leaf and tensor.requires_grad != requires_grad:
                tensor.requires_grad_(requires_grad)
            if tensor.is_leaf and tensor.grad is not grad:
                tensor.grad = grad
            for name, before in zip(HOOKS, hooks, strict=True):
                if getattr(tensor, name, None) is not before:
                    setattr(tensor, name, before)
            if version is not None and tensor._version != version:
                torch._C._autograd._unsafe_set_version_counter((tensor,), (version,))

    return restore


def _lies(tensor: Tensor) -> Any:
    """Return where and how a tensor lies in memory."""
    if tensor.layout != torch.strided:
        return tensor.layout
    where = storage_of(tensor), tensor.storage_offset()
    return *where, tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor.device


def set_apart(values: Any) -> Any:
    """Return the arguments of a call with tensors that lie in the same memory, and containers of the same kind.

    An operation in place may then give the tensor a gradient, and a list may lose an item, without its owner noticing.
    """
    apart: dict[int, Tensor] = {}

    def set_one_apart(tensor: Tensor) -> Tensor:
        if id(tensor) not in apart:  # attention asks whether query, key and value are one tensor
            apart[id(tensor)] = tensor.data.requires_grad_(tensor.requires_grad)
        return apart[id(tensor)]

    return tree_map_only(Tensor, set_one_apart, values)
