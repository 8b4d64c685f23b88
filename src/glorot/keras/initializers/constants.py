"""What needs no random numbers: constants and the identity matrix."""

import sys
from numbers import Number
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from glorot.dropins.arguments import Argument, check_axes, name_errors
from glorot.keras.initializers.base import serializable
from glorot.keras.initializers.places import Box, checked_shape, placed
from glorot.keras.initializers.tensors import dtype_name, of_tensorflow, to_tensor
from glorot.stream.checks import check_constant


class EqualValues(keras.initializers.Initializer):  # type: ignore[misc]
    """An initializer with one value for every element."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return a tensor of that value.

        Args:
            shape: the shape of the tensor.
            dtype: any numeric or boolean dtype of any framework; None is `keras.config.floatx()`.
            partition_info: what `tf.compat.v1.get_variable` passes for a shard; it changes nothing.

        Returns:
            The tensor.

        Raises:
            GlorotError: if the shape is not known in full, or the dtype holds no numbers, or not this one.
        """
        with name_errors(type(self).__name__):
            extents, kind = checked_shape(shape), dtype_name(dtype, draws=False)
            check_constant(self._value, kind)
        value = np.asarray(self._value)  # TensorFlow takes a bare -0.0 for a 0.0 that it has seen
        if of_tensorflow(dtype):
            tf = sys.modules["tensorflow"]
            return tf.fill(extents, tf.cast(value, kind))
        return keras.ops.cast(value, kind) * keras.ops.ones(extents, dtype=kind)


@serializable
class Constant(EqualValues):
    """Every element the same value.

    W = value

    For biases and scales. Weights that are all equal get equal gradients and never part.

    Args:
        value: the value, 0 by default: one number, or a bool.

    Returns:
        The initializer.

    Raises:
        GlorotError: if the value is no single number.

    Example:
        >>> import keras
        >>> keras.ops.convert_to_numpy(Constant(0.5)((3,))).tolist()
        [0.5, 0.5, 0.5]

    References:
        `keras.initializers.Constant`. Jozefowicz et al. (2015), "An Empirical Exploration of Recurrent Network
        Architectures", ICML, for forget gates that start at 1.
    """

    def __init__(self, value: Any = 0.0) -> None:
        if not isinstance(value, Number):
            with name_errors("Constant"):
                value = Argument("value", value).number()
        elif isinstance(value, np.generic):
            value = value.item()
        self.value = value
        super().__init__(value)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"value": self.value}


@serializable
class Zeros(EqualValues):
    """Every element 0.

    W = 0

    Returns:
        The initializer.

    Raises:
        GlorotError: when it is called, if the shape is not known in full, or the dtype holds no numbers.

    Example:
        >>> import keras
        >>> keras.ops.convert_to_numpy(Zeros()((3,))).tolist()
        [0.0, 0.0, 0.0]

    References:
        `keras.initializers.Zeros`. Goodfellow, Bengio & Courville (2016), Deep Learning, section 8.4, on biases.
    """

    def __init__(self) -> None:
        super().__init__(0)


@serializable
class Ones(EqualValues):
    """Every element 1.

    W = 1

    Returns:
        The initializer.

    Raises:
        GlorotError: when it is called, if the shape is not known in full, or the dtype holds no numbers.

    Example:
        The scale of a normalisation starts by changing nothing:

        >>> import keras
        >>> keras.ops.convert_to_numpy(Ones()((3,))).tolist()
        [1.0, 1.0, 1.0]

    References:
        `keras.initializers.Ones`. Ioffe & Szegedy (2015), "Batch Normalization", ICML, algorithm 1.
    """

    def __init__(self) -> None:
        super().__init__(1)


@serializable
class Identity(keras.initializers.Initializer):  # type: ignore[misc]
    """The identity matrix: a layer starts by passing its inputs on.

    W[i, o] = gain where i = o, 0 elsewhere

    Args:
        gain: the value on the diagonal, 1 by default.

    Returns:
        The initializer.

    Raises:
        GlorotError: if the gain is no number; when it is called, if the shape has other than 2 axes.

    Example:
        >>> import keras
        >>> keras.ops.convert_to_numpy(Identity()((2, 3))).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]

    References:
        `keras.initializers.Identity`. Le, Jaitly & Hinton (2015), "A Simple Way to Initialize Recurrent Networks
        of Rectified Linear Units".
    """

    def __init__(self, gain: float = 1.0) -> None:
        with name_errors("Identity"):
            self.gain = Argument("gain", gain).number()

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return the matrix, or the part of it that a shard holds; arguments as for the other initializers."""
        with name_errors("Identity"):
            place, kind = placed(shape, partition_info), dtype_name(dtype, draws=False)
            check_constant(self.gain, kind)
            check_axes(len(place.whole) == 2, place.whole, "2 axes, (in, out)")

        def make(box: Box) -> NDArray[Any]:
            (top, bottom), (left, right) = box
            return (self.gain * np.eye(bottom - top, right - left, k=top - left)).astype(kind)

        return to_tensor(make, place, kind, tensorflow=partition_info is not None or of_tensorflow(dtype))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"gain": self.gain}
