"""Writing a plan's weights into a Keras model."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import keras
from numpy.typing import NDArray

from glorot.arrays import check, filled, is_whole, widened
from glorot.keras.model import values_of, variables_of
from glorot.keras.paths import state_of
from glorot.keras.writing import write_whole
from glorot.plans import Assignment


def write(model: Any, assignments: Sequence[Assignment], device: Any = None) -> Any:
    """Write every assigned part once.

    Args:
        model: the model.
        assignments: what its parts are written from.
        device: None; a variable stays where it lies.

    Returns:
        The model.

    Raises:
        GlorotError: if a variable cannot be written; nothing is written then.
    """
    variables = variables_of(model)
    by_path: dict[str, list[Assignment]] = defaultdict(list)
    for assignment in assignments:
        check(assignment, keras.backend.standardize_dtype(variables[assignment.part.path].dtype))
        by_path[assignment.part.path].append(assignment)
    for path, pieces in by_path.items():
        variable = variables[path]
        if write_whole(variable, pieces):
            continue
        shape = tuple(variable.shape)
        current = None if is_whole(shape, pieces) else values_of(variable)
        variable.assign(filled(shape, pieces, current))
    return model


def arrays(model: Any) -> dict[str, NDArray[Any]]:
    """Return the weights of a model as arrays; bfloat16, which NumPy lacks, as float32."""
    return widened({path: values_of(variable) for path, variable in variables_of(model).items()})


def buffers(model: Any) -> dict[str, NDArray[Any]]:
    """Return what the variables of a model hold that no recipe starts, by path; bfloat16 as float32."""
    return widened({path: values_of(variable) for path, variable in state_of(model).items()})
