"""Pictures of a model, a batch and the process, which differ as soon as anything in them does."""

import functools
import os
import pickle
import random
import types
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch._dynamo import eval_frame

import looking_models
import looking_state

OURS = {looking_models.__name__, looking_state.__name__}


def batch() -> torch.Tensor:
    return torch.linspace(-1, 1, 24).reshape(6, 4).clone()


def picture(value: Any, seen: set[int] | None = None) -> Any:
    """Return all that there is to see of an object, down to identities, as something that can be compared."""
    seen = set() if seen is None else seen
    if value is None or isinstance(value, str | int | float | bytes | torch.dtype):
        return value
    if id(value) in seen:
        return id(value)
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        return picture_of_tensor(value, seen)
    for kind, state in STATES.items():
        if isinstance(value, kind):
            return id(value), state(value)
    if isinstance(value, dict):
        return id(value), type(value), [(repr(key), picture(one, seen)) for key, one in value.items()]
    if isinstance(value, list | tuple | set | deque):
        return id(value), type(value), [picture(one, seen) for one in value]
    if hasattr(type(value), "__next__"):
        return id(value), goes_on(value)
    return id(value), type(value), [picture(one, seen) for one in inside(value)]


STATES: dict[type, Callable[[Any], Any]] = {
    torch.Generator: lambda one: bytes(one.get_state().numpy()),
    np.random.Generator: lambda one: str(one.bit_generator.state),
    np.random.RandomState: lambda one: pickle.dumps(one.get_state()),
    random.Random: random.Random.getstate,
    np.ndarray: np.ndarray.tolist,
}


def goes_on(value: Any) -> Any:
    """Return how an iterator will go on."""
    if hasattr(type(value), "__next__"):
        return goes_on(value.__reduce__())
    return [goes_on(one) for one in value] if isinstance(value, tuple) else repr(value)


def inside(value: Any) -> list[Any]:
    """Return what an object holds, but for classes."""
    if isinstance(value, types.MethodType):
        return [value.__self__]
    if isinstance(value, functools.partial):
        return [value.func, value.args]
    if isinstance(value, types.FunctionType) and value.__module__ in OURS:
        return [*contents(value), value.__defaults__, vars(value)]
    if isinstance(value, types.FunctionType | type):
        return []
    names = [name for one in type(value).__mro__ if one.__module__ in OURS for name in getattr(one, "__slots__", ())]
    slots = [getattr(value, name, None) for name in names]
    return [*slots, vars(value)] if hasattr(value, "__dict__") and type(value).__module__ != "types" else slots


def contents(function: types.FunctionType) -> list[Any]:
    """Return what a closure holds; of an empty cell a word."""
    held = []
    for cell in function.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:
            held.append("empty")
    return held


def picture_of_tensor(tensor: torch.Tensor, seen: set[int]) -> Any:
    lies = (tuple(tensor.shape), tensor.stride(), tensor.storage_offset(), tensor.dtype, tensor.device)
    storage = tensor.untyped_storage()
    values = bytes(storage) if storage.nbytes() < 10_000 else None
    hooks = [tensor._backward_hooks, getattr(tensor, "_post_accumulate_grad_hooks", None)]
    flags = (type(tensor), tensor.requires_grad, tensor.is_leaf, tensor._version, storage._cdata, storage.nbytes())
    grad = picture(tensor.grad, seen) if tensor.is_leaf else None
    return id(tensor), *lies, *flags, values, grad, picture(vars(tensor), seen), [picture(one, seen) for one in hooks]


def of_process() -> dict[str, Any]:
    """Return the state of everything that the process or this thread has one of."""
    cudnn, cuda = torch.backends.cudnn, torch.backends.cuda
    return {
        "random": (
            random.getstate(),
            bytes(torch.get_rng_state().numpy()),
            bytes(torch.default_generator.get_state().numpy()),
        ),
        "NumPy's random": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "random modules": [
            id(torch.random.default_generator),
            *map(id, (*vars(random).values(), *vars(np.random).values())),
        ],
        "default dtype": (torch.get_default_dtype(), torch.get_default_device()),
        "filters": list(warnings.filters),
        "errstate": (np.geterr(), np.geterrcall()),
        "environment": (dict(os.environ), os.putenv, os.unsetenv),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()),
        "autocast": [(d, torch.is_autocast_enabled(d), torch.get_autocast_dtype(d)) for d in ("cpu", "cuda")],
        "deterministic": (torch.are_deterministic_algorithms_enabled(), torch.get_deterministic_debug_mode()),
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "threads": torch.get_num_threads(),
        "precision": torch.get_float32_matmul_precision(),
        "cuDNN": (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
        "attention": (cuda.flash_sdp_enabled(), cuda.mem_efficient_sdp_enabled(), cuda.math_sdp_enabled()),
        "modes": (torch._C._len_torch_function_stack(), torch._C._len_torch_dispatch_stack()),
        "stance": eval_frame._stance.stance,
    }


def everything(model: nn.Module, *tensors: Any) -> dict[str, Any]:
    objects = [*model.modules(), getattr(model, "holder", None), looking_state.OWNED]
    classes = {one for holder in objects for one in type(holder).__mro__ if one.__module__ in OURS}
    written = {one: {n: picture(v) for n, v in vars(one).items()} for one in classes}
    return {
        "model": picture(model),
        "batch": [picture(tensor) for tensor in tensors],
        "classes": written,
        "globals": {name: picture(value) for name, value in vars(looking_state).items() if name.isupper()},
        **of_process(),
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name, value in before.items() if after[name] != value}
