"""Where in a stored tensor a part lies, and whether the two fit."""

import math

from torch import Tensor

from glorot.errors import GlorotError
from glorot.inventory import Part, View
from glorot.stream.checks import overlap
from glorot.text import shape_text


def place_of(part: Part, tensor: Tensor) -> Tensor:
    """Return the view of a stored tensor that a part lies in, before `flip`.

    Raises:
        GlorotError: if the tensor has another shape than the part belongs to, or elements that share memory.
    """
    shape, expected = shape_text(tensor.shape), shape_text(part.shape)
    if overlaps(tensor):
        raise GlorotError(
            f"{part.path}: its elements share memory: shape {shape} with strides {tensor.stride()}, expected "
            f"an element of memory for each; give the layer a copy, nn.Parameter(tensor.detach().clone("
            "memory_format=torch.contiguous_format)), or skip it by a rule"
        )
    try:
        place = place_in(tensor, part.view or View())
    except (RuntimeError, IndexError):
        place = tensor[:0] if tensor.dim() else tensor
    if place.numel() != math.prod(part.shape):
        raise GlorotError(
            f"{part.name}: its tensor has shape {shape}, which leaves {place.numel()} elements for the part, "
            f"expected {math.prod(part.shape)}, of shape {expected}; give the layer a parameter of the shape "
            "that it was built for, or build it anew"
        )
    return place


def place_in(tensor: Tensor, view: View) -> Tensor:
    """Return what a view finds in a tensor, before `flip`; PyTorch raises where they do not fit."""
    if view.box is not None:
        tensor = tensor[tuple(slice(start, stop) for start, stop in view.box)]
    if view.unfold is not None:
        tensor = tensor.view(view.unfold)
    if view.cut is not None:
        tensor = tensor[tuple(slice(start, stop) for start, stop in view.cut)]
    return tensor if view.order is None else tensor.permute(view.order)


def overlaps(tensor: Tensor) -> bool:
    """Tell whether elements of a tensor share memory."""
    return tensor.numel() > 0 and overlap(tensor.stride(), tensor.shape, 1)
