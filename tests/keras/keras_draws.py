"""What the initializers draw under one of Keras's backends, as digests; keras_on_backend.py runs it."""

import hashlib
import sys
from typing import Any

import keras
import numpy as np

import glorot.keras as ours

numbers = keras.ops.convert_to_numpy


def digest(tensors: Any) -> str:
    values = [numbers(keras.ops.cast(tensor, "float32")) for tensor in tensors]
    return hashlib.sha256(b"".join(value.tobytes() for value in values)).hexdigest()


def draws() -> dict[str, str]:
    assert keras.config.backend() == "tensorflow" or "tensorflow" not in sys.modules
    keras.utils.set_random_seed(11)
    found = dict(of_every_kind())
    state = keras.random.SeedGenerator(2**31 - 1)
    found["generator"] = digest([ours.HeNormal(seed=state)((3, 4)) for _ in range(3)])
    found["model"] = digest(weights(a_model(state)))
    lazy = Lazy(state)
    lazy(keras.Input((5, 16)))
    found["lazy"] = digest(weights(lazy))
    if keras.config.backend() == "torch":
        check_devices_of_torch()
    return found


def of_every_kind() -> Any:
    for name in ours.__all__:
        kind = getattr(ours, name)
        if not isinstance(kind, type):
            continue
        draw = kind()
        for dtype in ("float32", "bfloat16"):
            x = draw((6, 5), dtype)
            assert keras.backend.standardize_dtype(x.dtype) == dtype
            assert keras.ops.is_tensor(x)
            if name == "Orthogonal":  # equal to 1e-5 alone
                product = numbers(keras.ops.matmul(keras.ops.transpose(x), x))
                assert np.allclose(product, np.eye(5), atol=0.05)
            else:
                yield name + dtype, digest([x])


def weights(model: Any) -> list[Any]:
    return [weight.value for weight in model.weights if "seed" not in weight.path]


def a_model(state: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, kernel_initializer=ours.HeNormal(seed=state), bias_initializer=ours.Constant(0.1)),
            layers.DepthwiseConv2D(3, depthwise_initializer=ours.HeUniform()),
            layers.Flatten(),
            layers.Dense(7, kernel_initializer=ours.XavierUniform(seed=1, name="head"), dtype="mixed_bfloat16"),
        ]
    )


class Lazy(keras.Model):
    """A model that is built by a call on symbolic tensors."""

    def __init__(self, state: Any) -> None:
        super().__init__()
        self.attention = keras.layers.MultiHeadAttention(2, 8, kernel_initializer=ours.XavierUniform(seed=state))

    def call(self, x: Any) -> Any:
        return self.attention(x, x)


def check_devices_of_torch() -> None:
    import torch

    with keras.device("meta"):
        layer = keras.layers.Dense(3, kernel_initializer=ours.XavierUniform(seed=1))
        layer.build((None, 4))
        assert layer.kernel.value.device.type == "meta"
    w = ours.XavierUniform(seed=1)((3, 4), torch.float16)
    assert w.dtype == torch.float16
    assert w.is_contiguous()
    assert ours.Zeros()((3, 4)).device.type == "cpu"
