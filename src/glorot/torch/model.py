"""From a PyTorch model to its inventory."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from glorot.errors import GlorotError
from glorot.inventory import Inventory, Parameter, Part
from glorot.torch.layers import parts_of
from glorot.torch.preserve import preserved
from glorot.torch.tracing import Origin, Trace, follow, in_order_of_registration

WRAPPERS = ("_orig_mod", "_checkpoint_wrapped_module")
WEIGHTS = {"kernel", "recurrent", "embedding"}


def structural(path: str) -> str:
    """Return a path without what wrappers such as `torch.compile` insert."""
    return ".".join(step for step in path.split(".") if step not in WRAPPERS)


def weight_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return (path, module) of every layer that has weights of its own, in the order of registration."""
    return [
        (structural(path), module)
        for path, module in model.named_modules()
        if any(part.role in WEIGHTS for parts in parts_of(module).values() for part in parts)
    ]


def call(model: nn.Module, inputs: Any) -> Any:
    """Call a model on a batch: a tuple holds positional inputs, a dict named ones, the rest is one input."""
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    if isinstance(inputs, dict):
        return model(**{name: as_tensor(value, device) for name, value in inputs.items()})
    positional = inputs if isinstance(inputs, tuple) else (inputs,)
    return model(*(as_tensor(value, device) for value in positional))


def as_tensor(value: Any, device: torch.device) -> Any:
    """Return arrays and tensors as tensors on a device (float64 as float32), and anything else as it is."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value.astype(np.float32) if value.dtype == np.float64 else value.copy())
    if not isinstance(value, Tensor):
        return value
    if value.is_floating_point() and not bool(torch.isfinite(value).all()):
        raise GlorotError(f"the batch of shape {tuple(value.shape)} holds NaN or infinity; clean the data first")
    return value.to(device)


def inventory(model: nn.Module, inputs: Any = None) -> Inventory:
    """Take stock of a PyTorch model.

    Args:
        model: the model; it is left as it was found.
        inputs: a batch to run, which shows the order of execution and the activations; without it the
            order of registration is taken.

    Returns:
        The inventory.

    Raises:
        GlorotError: if the model has lazy parameters, or refuses the batch.
    """
    layers = weight_layers(model)
    if inputs is None:
        trace = in_order_of_registration(model, layers)
    else:
        with preserved(model), torch.no_grad():
            trace, _ = follow(model, lambda: call(model, inputs), layers)
    depths = {path: n for n, path in enumerate(trace.order, start=1)}
    modules = {structural(path): module for path, module in model.named_modules(remove_duplicate=False)}
    owners: dict[int, str] = {}
    parameters = []
    for stored_path, tensor in model.named_parameters(remove_duplicate=False):
        path = structural(stored_path)
        if isinstance(tensor, UninitializedParameter):
            raise GlorotError(f"{path} has no shape yet; run the model on one batch, then plan it")
        layer, _, name = path.rpartition(".")
        owner = owners.setdefault(id(tensor), path)
        parts = _parts(modules[layer], layer, name, tensor, trace, depths) if owner == path else ()
        dtype = str(tensor.dtype).removeprefix("torch.")
        parameters.append(Parameter(path, tuple(tensor.shape), dtype, parts, None if owner == path else owner))
    return Inventory("torch", tuple(parameters))


def _parts(
    module: nn.Module, layer: str, name: str, tensor: Tensor, trace: Trace, depths: dict[str, int]
) -> tuple[Part, ...]:
    path = f"{layer}.{name}".removeprefix(".")
    known = parts_of(module).get(name)
    if known is None:
        return (Part(path, "", tuple(tensor.shape), "unknown", type(module).__name__),)
    fed_by = trace.fed_by.get(layer, Origin()).activation
    return tuple(
        replace(
            part,
            name=path + part.name,
            fed_by=fed_by if part.fed_by == "identity" else part.fed_by,
            followed_by=trace.followed_by.get(layer, "identity"),
            depth=depths.get(layer, 0),
        )
        for part in known
    )
