"""Writing variables whose backend is TensorFlow: it takes over memory that NumPy has given out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from glorot.arrays import fill_parts
from glorot.keras.writing import aligned
from glorot.plans import Assignment
from glorot.stream.elements import BFLOAT16


def write(variable: Any, assignments: Sequence[Assignment], dtype: str) -> bool:
    """Give a variable a tensor of new memory, unless it lies on a GPU or a graph is traced."""
    if not tf.executing_eagerly() or "CPU" not in tf.convert_to_tensor(variable.value).device:
        return False
    array = aligned(variable.shape, BFLOAT16 if dtype == "bfloat16" else np.dtype(dtype))
    fill_parts(array, assignments)
    variable.assign(_taken_over(array))
    return True


def _taken_over(array: Any) -> Any:
    """Return a tensor that lies where an array does; one of bfloat16, which DLPack of NumPy has not, by its bits."""
    if array.dtype != BFLOAT16:
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.bitcast(tf.experimental.dlpack.from_dlpack(array.view(np.uint16).__dlpack__()), tf.bfloat16)


def tensor_of(variable: Any) -> Any:
    """Return the tensor that a variable holds."""
    return tf.convert_to_tensor(variable.value)
