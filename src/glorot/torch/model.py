"""From a PyTorch model to its inventory."""

import sys
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from glorot.errors import GlorotError
from glorot.fans import ELEMENTWISE
from glorot.inventory import Held, Inventory, Parameter, Part, runs
from glorot.inventory.holding import held
from glorot.inventory.layouts import stored_shape
from glorot.inventory.registration import Trace
from glorot.text import shape_text
from glorot.torch.layers import kind_of, parts_of
from glorot.torch.lowrank import last_of_adapters
from glorot.torch.memory import Rows, memory_of, padding_of, with_padding
from glorot.torch.parametrized import computed_in, describe_kind, stored_in, with_storage
from glorot.torch.paths import bare, structural
from glorot.torch.places import place_of
from glorot.torch.registration import in_order
from glorot.torch.spread import check_held

WEIGHTS = {"kernel", "recurrent", "embedding"}


def is_program(model: object) -> bool:
    """Tell whether a model is what `torch.export.export` returns."""
    export = sys.modules.get("torch.export")
    return export is not None and isinstance(model, export.ExportedProgram)


def refuse_program(model: object) -> None:
    """Raise if a model is an exported program, which is no module.

    Raises:
        GlorotError: if it is.
    """
    if is_program(model):
        raise GlorotError(
            "a torch.export.ExportedProgram is no module, so it is neither planned nor written; hand in "
            "program.module(), whose parameters are those of the program, or the model that it was exported from"
        )


def weight_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return (path, module) of every layer that has weights of its own, in the order of registration.

    Raises:
        GlorotError: if a layer has no shape yet.
    """
    for path, tensor in model.named_parameters():
        if isinstance(tensor, UninitializedParameter):
            raise GlorotError(f"{structural(path)} has no shape yet; run the model on one batch, then plan it")
    found = []
    for stored_path, module in model.named_modules():
        path = structural(stored_path)
        try:
            described = parts_of(module)
        except GlorotError as error:
            raise GlorotError(f"layer {path!r} ({type(module).__name__}): {error}") from error
        if any(part.role in WEIGHTS for parts in described.values() for part in parts):
            found.append((path, module))
    return found


def weights_of(module: nn.Module) -> list[Tensor]:
    """Return the parameters of a layer that are weights: no biases, no norms."""
    described = parts_of(module)
    return [
        tensor
        for name, tensor in module.named_parameters(recurse=False)
        if any(part.role in WEIGHTS for part in described.get(name, ()))
    ]


def layers(model: nn.Module, inputs: Any = None) -> Inventory:
    """Take stock of a PyTorch model by the classes of its layers, in the order of registration.

    Args:
        model: the model; it is left as it was found.
        inputs: not looked at; the layers exist without a batch.

    Returns:
        The inventory.

    Raises:
        GlorotError: if a layer has no shape yet, one without elements, or another than its parameters.
    """
    model = bare(model)
    check_held(model)
    described = weight_layers(model)
    trace = in_order(model, described)
    depths = {path: n for n, path in enumerate(trace.order, start=1)}
    modules = {structural(path): module for path, module in model.named_modules(remove_duplicate=False)}
    computed = computed_in(model)
    stored = stored_in(model, computed)
    owners: dict[Hashable, list[str]] = defaultdict(list)
    for path, tensor in stored:
        owners[memory_of(tensor)].append(path)
    unchanging, blank = last_of_adapters(model), _is_blank(tensor for _, tensor in stored)
    parameters = []
    for path, tensor in stored:
        layer = path.rpartition(".")[0]
        owner, *others = owners[memory_of(tensor)]
        parts = _parts(modules, path, tensor, trace, depths) if owner == path else ()
        if parts and others:
            parts = with_padding(parts, set().union(*(_padding(modules, other) for other in others)))
        dtype = str(tensor.dtype).removeprefix("torch.")
        tied_to = None if owner == path else owner
        own = any(part.declared is not None or runs(part.role) for part in parts)  # a net of Caffe's says how it starts
        frozen = not tensor.requires_grad and tensor.is_floating_point() and not own
        if path in unchanging:
            parts = tuple(replace(part, role="shift") for part in parts)
        filled = not tensor.is_meta
        is_asked = filled and not own and not blank and not hasattr(modules[layer], "glorot_parts")
        parts = tuple(
            replace(part, filled=filled, held=_held(part, tensor) if is_asked else part.held) for part in parts
        )
        parameters.append(Parameter(path, tuple(tensor.shape), dtype, parts, tied_to, frozen, layer))
    statistics = tuple(_statistics(model))
    gathered = {statistic.path for statistic in statistics}
    names = [structural(path) for path, _ in model.named_buffers() if not path.endswith("num_batches_tracked")]
    rest = tuple(path for path in names if path not in gathered)
    return with_storage(Inventory("torch", (*parameters, *statistics), _packed(model), rest), computed)


def _is_blank(tensors: Iterable[Tensor]) -> bool:
    """Tell whether several parameters hold zeros alone, as fresh memory often does: no start is meant by that."""
    readable = [tensor.detach() for tensor in tensors if _is_readable(tensor)]
    corners = [tensor[(slice(2),) * tensor.dim()] for tensor in readable]  # which tell at once of most models
    return len(readable) > 1 and not any(bool(tensor.any()) for tensor in (*corners, *readable))


def _is_readable(tensor: Tensor) -> bool:
    is_plain = type(tensor) in (Tensor, nn.Parameter) and tensor.layout == torch.strided and not tensor.is_meta
    return is_plain and tensor.is_floating_point() and bool(tensor.untyped_storage().nbytes())


def _held(part: Part, tensor: Tensor) -> Held | None:
    """Return what a part holds, if that is unusual, and can be read."""
    if not _is_readable(tensor):
        return None
    try:
        return held(part, place_of(part, tensor.detach()), _as_array)
    except GlorotError:
        return None


def _as_array(values: Tensor) -> NDArray[np.float32]:
    return values.to("cpu", torch.float32, copy=True).numpy()  # of the tensor itself, numpy() would fix the storage


def _statistics(model: nn.Module) -> Iterator[Parameter]:
    """Yield the running statistics of every norm that is not frozen: buffers, which are started like parameters."""
    for stored_path, module in model.named_modules():
        if not isinstance(module, nn.modules.batchnorm._NormBase):
            continue
        own = list(module.parameters(recurse=False))
        if own and not any(parameter.requires_grad for parameter in own):
            continue
        for name, role in (("running_mean", "running_mean"), ("running_var", "running_variance")):
            buffer = getattr(module, name)
            if buffer is not None:
                path = f"{structural(stored_path)}.{name}".removeprefix(".")
                shape = tuple(buffer.shape)
                part = Part(path, "o", shape, role, kind_of(module), ELEMENTWISE)
                dtype = str(buffer.dtype).removeprefix("torch.")
                yield Parameter(path, shape, dtype, (part,), layer=structural(stored_path))


def _packed(model: nn.Module) -> str:
    """Say which modules hold their weights in another form than parameters, if the model has none."""
    packed = [
        f"{path} ({type(module).__name__})"
        for path, module in model.named_modules()
        if hasattr(module, "_packed_params") and not path.endswith("_packed_params")
    ]
    found = f"; these are quantised, and hold packed integers: {', '.join(packed[:4])}" if packed else ""
    if isinstance(model, torch.jit.ScriptModule) and not packed:
        found = "; torch.jit.freeze has made them constants: plan the model before"
    return f"the model has no parameters{found}"


def _padding(modules: Mapping[str, nn.Module], path: str) -> Rows:
    layer, _, name = path.rpartition(".")
    return padding_of(parts_of(modules[layer]).get(name, ()))


def _parts(
    modules: Mapping[str, nn.Module],
    path: str,
    tensor: Tensor,
    trace: Trace,
    depths: dict[str, int],
) -> tuple[Part, ...]:
    layer, _, name = path.rpartition(".")
    module = modules[layer]
    known = parts_of(module).get(name)
    if known is None:
        return (Part(path, "", tuple(tensor.shape), "unknown", describe_kind(module)),)
    claimed = stored_shape(known, tuple(tensor.shape))
    if tensor.is_floating_point() and tuple(tensor.shape) != claimed:
        raise GlorotError(
            f"layer {layer!r} ({type(module).__name__}): its {name} has shape {shape_text(tensor.shape)}, but the "
            f"layer was built for {shape_text(claimed)}, {module.extra_repr()}; give it a parameter of that shape, or "
            "build the layer anew"
        )
    if any(part.depth for part in known):  # its place in the model is known already
        return tuple(replace(part, name=path + part.name) for part in known)
    fed_by = trace.fed_by.get(layer, "identity")
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
