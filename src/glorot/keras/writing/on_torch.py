"""Writing variables whose backend is PyTorch: in place."""

from collections.abc import Sequence
from typing import Any

from torch.autograd.graph import increment_version

from glorot.arrays import fill_parts
from glorot.plans import Assignment
from glorot.torch.filling import array_of


def write(variable: Any, assignments: Sequence[Assignment], dtype: str) -> bool:
    """Write the memory of a variable, unless it lies on a GPU or is no plain tensor."""
    tensor = variable.value.detach()
    if not tensor.is_cpu or not tensor.is_contiguous() or tensor.is_inference():
        return False
    fill_parts(array_of(tensor), assignments)
    increment_version(tensor)  # for what autograd has saved
    return True


def tensor_of(variable: Any) -> Any:
    """Return the tensor that a variable holds."""
    return variable.value.detach()
