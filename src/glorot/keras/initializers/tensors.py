"""From numbers to a tensor of the framework that asks: eager, in a graph of TensorFlow 1, or spread over devices."""

import sys
from collections.abc import Callable
from typing import Any

import keras
import ml_dtypes  # noqa: F401  NumPy knows "bfloat16" by it
import numpy as np
from numpy.typing import NDArray

from glorot import stream
from glorot.distributions import Distribution
from glorot.errors import GlorotError
from glorot.keras.initializers.places import ORDER, Box, Place, Shape
from glorot.stream import Key
from glorot.stream.elements import EXPECTED, check_element

Maker = Callable[[Box], NDArray[Any]]


def dtype_name(dtype: Any, *, draws: bool = True) -> str:
    """Return the name of a dtype of any framework, once it is known to hold what is drawn, or any number.

    Args:
        dtype: the dtype; None is `keras.config.floatx()`.
        draws: whether the stream draws in it.
    """
    try:
        name = str(keras.backend.standardize_dtype(getattr(dtype, "base_dtype", dtype)))
    except ValueError:
        name = ""
    if name in ("", "string"):
        expected = EXPECTED if draws else "a number or bool"
        raise GlorotError(f"dtype must be {expected}, got {dtype!r}")
    if draws:
        check_element(name)
    return name


def drawn(key: Key, law: Distribution, whole: Shape, axes: str, dtype: str, box: Box) -> NDArray[Any]:
    """Return a box of a part as it lies in Keras, drawn in the order of the stream."""
    order = sorted(range(len(whole)), key=lambda axis: ORDER.index(axes[axis]))
    out = np.empty([stop - start for start, stop in box], dtype)
    stream.fill(
        out.transpose(order),
        key,
        law,
        [whole[axis] for axis in order],
        [box[axis] for axis in order],
        "".join(axes[axis] for axis in order),
    )
    return out


def of_tensorflow(dtype: Any) -> bool:
    """Tell whether a dtype is one of TensorFlow's own, as `tf.compat.v1.get_variable` passes."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(dtype, tensorflow.DType)


def to_tensor(make: Maker, place: Place, dtype: str, *, tensorflow: bool, layout: Any = None) -> Any:
    """Return what `make` gives for a box as a tensor.

    Args:
        make: draws a box.
        place: which box.
        dtype: the name of the dtype.
        tensorflow: whether TensorFlow asks, whatever the backend of Keras.
        layout: how JAX shall spread the tensor over devices, each of which then draws what it holds.
    """
    if layout is not None:
        return _spread(make, place, layout)
    if tensorflow or keras.config.backend() == "tensorflow":
        return _of_tensorflow(make, place, dtype)
    if dtype.startswith("float8"):  # which PyTorch does not take from NumPy
        return keras.ops.cast(make(place.box).astype(np.float32), dtype)
    return keras.ops.convert_to_tensor(make(place.box), dtype=dtype)


def in_graph(tf: Any) -> bool:
    """Tell whether a graph of TensorFlow 1 is being built."""
    return not (tf.executing_eagerly() or tf.compat.v1.get_default_graph().building_function)


def _of_tensorflow(make: Maker, place: Place, dtype: str) -> Any:
    tf = sys.modules["tensorflow"]
    if not in_graph(tf):
        return tf.convert_to_tensor(make(place.box))
    # The graph calls back for the values: as constants they would fill it, and it may hold 2 GB.
    tensor = tf.numpy_function(lambda: make(place.box), [], tf.as_dtype(dtype))
    tensor.set_shape(place.extents)
    return tensor


def _spread(make: Maker, place: Place, layout: Any) -> Any:
    if keras.config.backend() != "jax":
        raise GlorotError(f"layout is for the jax backend, and Keras runs on {keras.config.backend()}; leave it out")
    jax = sys.modules["jax"]
    layout = getattr(layout, "backend_layout", layout)
    mesh = layout.mesh if isinstance(layout.mesh, jax.sharding.Mesh) else jax.sharding.get_mesh()

    def shard(index: tuple[slice, ...]) -> NDArray[Any]:
        bounds = (cut.indices(extent)[:2] for cut, extent in zip(index, place.whole, strict=True))
        return make(tuple(bounds))

    return jax.make_array_from_callback(place.whole, jax.sharding.NamedSharding(mesh, layout.spec), shard)
