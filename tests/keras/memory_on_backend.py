"""Run under one of Keras's backends: prints, as JSON, what becomes of the memory of variables that are written there."""

import json
from typing import Any
from unittest import mock

import keras
import ml_dtypes
import numpy as np
from keras import layers

from glorot import arrays, native
from glorot.adapters import take_inventory
from glorot.api.planning import plan
from glorot.keras import writing
from glorot.keras.weights import write
from glorot.plans import assignments

DTYPES = ("float32", "bfloat16", "float16", "float64")


def numbers_of(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(variable, "float64")))


def written(dtype: str) -> dict[str, Any]:
    """Write a dense layer, and compare with what NumPy makes of the same plan."""
    layer = layers.Dense(700, dtype=dtype)
    layer.build((None, 6))
    chosen = assignments(plan(layer, "xavier_normal"), take_inventory(layer), 3)
    told: list[bool] = []
    real = writing.write_whole
    with mock.patch("glorot.keras.weights.write_whole", lambda *args: told.append(real(*args)) or told[-1]):
        write(layer, chosen)
    exact = arrays.filled((6, 700), [one for one in chosen if one.part.path == "kernel"])
    rounded = exact.astype(np.dtype(getattr(ml_dtypes, dtype, dtype)))
    seen = writing.seen(layer.kernel)
    return {
        "whole": told,
        "same": np.array_equal(numbers_of(layer.kernel), rounded.astype(np.float64)),
        "seen": None if seen is None else np.array_equal(seen.astype(np.float64), numbers_of(layer.kernel)),
        "shares": None if seen is None else shares(seen, layer.kernel),
    }


def shares(seen: np.ndarray, variable: Any) -> bool:
    again = writing.seen(variable)
    return again is not None and seen.ctypes.data == again.ctypes.data


def changed_after() -> bool:
    """Tell whether variables written from one plan are still apart once one of them is trained."""
    first, second = layers.Dense(700), layers.Dense(700)
    for layer in (first, second):
        layer.build((None, 6))
        write(layer, assignments(plan(layer, "xavier_normal"), take_inventory(layer), 3))
    before = numbers_of(second.kernel)
    first.kernel.assign_add(keras.ops.ones((6, 700)))
    moved = numbers_of(first.kernel) - before
    return bool(np.allclose(moved, 1, atol=1e-6) and np.array_equal(numbers_of(second.kernel), before))


if __name__ == "__main__":
    found = {dtype: written(dtype) for dtype in DTYPES}
    with native.using("numpy"):
        found["without a kernel"] = written("float32")
    print(json.dumps({"backend": keras.backend.backend(), "apart": changed_after(), **found}))
