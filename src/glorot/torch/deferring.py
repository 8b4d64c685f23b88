"""Models whose parameters have no memory yet: building them, and giving them memory when they are written."""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import UninitializedParameter

from glorot.errors import GlorotError
from glorot.torch.paths import structural


@contextmanager
def deferred() -> Iterator[None]:
    """Build models whose parameters take no memory yet, while their buffers are made for real on the CPU.

    What `torch.device("meta")` loses, tables of positions and masks, is kept so: no state dict brings back a buffer
    that is not persistent. `glorot.apply(plan, model, seed=0, device="cuda")` gives the parameters memory and their
    weights. Only what this thread builds is meant.

    Example:
        >>> import glorot, torch
        >>> with glorot.torch.deferred():
        ...     model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.BatchNorm1d(8))
        >>> model[0].weight.device.type, model[1].running_var.device.type
        ('meta', 'cpu')
        >>> plan = glorot.plan(model)
        >>> glorot.apply(plan, model, seed=0, device="cpu")[0].weight.device.type
        'cpu'
    """
    thread = threading.get_ident()

    def without_memory(module: nn.Module, name: str, parameter: Any) -> Any:
        if threading.get_ident() != thread or isinstance(parameter, UninitializedParameter) or parameter.is_meta:
            return parameter  # what is on the meta device already may be tied
        return nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)

    handle = register_module_parameter_registration_hook(without_memory)
    try:
        yield
    finally:
        handle.remove()


def check_device(device: Any) -> None:
    """Check that a device is here, and can hold values.

    Raises:
        GlorotError: if not.

    Example:
        >>> check_device("meta")
        Traceback (most recent call last):
        glorot.errors.GlorotError: device 'meta' holds no values; give one that does, such as "cpu" or "cuda"
    """
    try:
        place = torch.empty(0, device=device).device
    except (RuntimeError, TypeError, AssertionError) as error:
        raise GlorotError(f"device {device!r} is not to be had here: {str(error).splitlines()[0]}") from error
    if place.type == "meta":
        raise GlorotError(f'device {str(device)!r} holds no values; give one that does, such as "cpu" or "cuda"')


def check_completed(model: nn.Module, written: Collection[str]) -> None:
    """Raise, naming them, if something of a model on the meta device would still hold nothing once it was written.

    Args:
        model: the model.
        written: the paths of what a plan writes.
    """
    lost = {
        kind: [
            structural(path)
            for path, tensor in tensors
            if tensor.is_meta and structural(path) not in written and not path.endswith("num_batches_tracked")
        ]
        for kind, tensors in (("parameters", model.named_parameters()), ("buffers", model.named_buffers()))
    }
    if lost["buffers"]:
        raise GlorotError(
            f"buffers on the meta device would hold nothing, for no recipe starts them: {', '.join(lost['buffers'])}; "
            "build the model under glorot.torch.deferred(), which makes them for real"
        )
    if lost["parameters"]:
        raise GlorotError(
            f"parameters on the meta device would hold nothing, for the plan leaves them alone: "
            f"{', '.join(lost['parameters'])}; load them first, or give their full paths in rules"
        )


def give_memory(model: nn.Module, device: Any) -> None:
    """Move a model to a device; what has no memory gets some, and what is tied stays tied."""
    made: dict[int, Any] = {}

    def with_memory(tensor: Tensor) -> Tensor:
        fresh = torch.empty_like(tensor, device=device)
        return nn.Parameter(fresh, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else fresh

    for module in model.modules():
        for stored in (module._parameters, module._buffers):
            for name, tensor in stored.items():
                if tensor is not None and tensor.is_meta:
                    if id(tensor) not in made:
                        made[id(tensor)] = tensor, with_memory(tensor)  # the old one lives on, or its id would be free
                    stored[name] = made[id(tensor)][1]
    model.to(device)
