"""Run under one of Keras's backends: prints, as JSON, what the adapter finds and writes there.

Kinds of layers may be named; then it is these alone.
"""

import hashlib
import json
import sys
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops
from keras_draws import draws
from keras_zoo import assigned, built, traced, values_of

import glorot
from glorot.adapters import take_inventory as inventory
from glorot.keras.weights import write


def zeros(_: Any, shape: Any, dtype: Any = None, **__: Any) -> Any:
    return ops.zeros(shape, dtype)


class Pair(NamedTuple):
    left: Any
    right: Any


class Encoder(keras.Model):
    """Layers as attributes, in lists, tuples and dicts, and out of the order in which they run."""

    def __init__(self) -> None:
        super().__init__()
        self.last = layers.Dense(2)
        self._first = layers.Dense(8)
        self.stack = [layers.Dense(8), {"deep": layers.LayerNormalization()}]
        self.twice = [self._first]
        self.pair, self.named = (layers.Dense(8), [layers.Dense(8)]), Pair(layers.Dense(8), layers.Dense(8))
        self.qkv = layers.Dense(24, name="other")
        self.attend = layers.MultiHeadAttention(2, 4)
        self.noise = layers.Dropout(0.5, seed=1)

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(8,), name="gain")
        self.shifts = (self.add_weight(shape=(8,)), self.add_weight(shape=(8,)))
        super().build(shape)

    def call(self, x: Any) -> Any:
        x = ops.relu(self._first(x)) * self.scale
        x = self.stack[1]["deep"](ops.tanh(self.stack[0](x)))
        for layer in (self.pair[0], self.pair[1][0], *self.named):
            x = layer(x) + self.shifts[0] + self.shifts[1]
        q, k, v = ops.split(self.qkv(self.noise(x, training=True)), 3, axis=-1)
        return self.last(ops.silu(self.attend(q, v, k)))


def parts_of(model: Any, inputs: Any = None) -> list[str]:
    """Return all that is known of each part."""
    return [repr(part) for part in inventory(model, inputs).parts]


def digests(model: Any) -> dict[str, str]:
    return {
        path: hashlib.sha256(np.ascontiguousarray(values, np.float64).tobytes()).hexdigest()
        for path, values in values_of(model).items()
    }


KINDS = (
    *("Dense", "EinsumDense", "Conv2D in groups", "Conv1DTranspose", "DepthwiseConv1D", "SeparableConv2D", "Embedding"),
    *("LSTM", "GRU", "RNN of stacked cells", "ConvLSTM2D", "SpectralNormalization", "BatchNormalization"),
    *("LayerNormalization", "PReLU", "AdditiveAttention", "GroupQueryAttention"),
)
STOCK = (keras.initializers.VarianceScaling, keras.initializers.RandomUniform, keras.initializers.Orthogonal)


def layer_of(kind: str) -> list[Any]:
    """Return a layer's parts, and what two recipes write into it."""
    model = built(kind)
    drawn = []
    for recipe, rules in (("auto", ()), ("zeros", [("*", "normal(0.5)")])):
        write(model, assigned(model, recipe, 3, rules=rules))
        drawn.append(digests(model))
    return [parts_of(model), *drawn]


def main(*kinds: str) -> None:
    found: dict[str, Any] = {"backend": keras.backend.backend()}
    found |= {} if kinds else {"draws": draws()}
    for stock in STOCK:  # what Keras starts from does not matter here, and JAX compiles it again for each shape
        stock.__call__ = zeros
    found |= {kind: layer_of(kind) for kind in kinds or KINDS}
    if not kinds:
        found |= found_besides()
    json.dump(found, sys.stdout)


def found_besides() -> dict[str, Any]:
    """Return what becomes of narrow and wide dtypes, of a piece, and of a model in Python."""
    found: dict[str, Any] = {}
    for dtype in ("float16", "bfloat16", "float64", "mixed_bfloat16"):
        model = built("MultiHeadAttention", dtype)
        write(model, assigned(model, "xavier_normal", 3))
        found[dtype] = [values.dtype.name for values in values_of(model).values()], digests(model)
    piece = built("LSTM", "bfloat16")
    write(piece, assigned(piece, "random", 0))
    write(piece, assigned(piece, "current", 1, rules=[("kernel[g]", "normal(2)")]))
    found["a piece"] = digests(piece)
    encoder, batch = Encoder(), np.ones((2, 6, 3), np.float32)
    encoder(batch)
    seed = [keras.ops.convert_to_numpy(v).tolist() for v in encoder.non_trainable_variables]
    found["registered"], found["run"] = traced(encoder), traced(encoder, batch)
    assert seed == [keras.ops.convert_to_numpy(v).tolist() for v in encoder.non_trainable_variables]
    glorot.initialize(encoder, seed=7, inputs=batch, rules=[("scale", "ones"), ("shifts.*", "zeros")])
    found["encoder"] = parts_of(encoder, batch), digests(encoder)
    found["outputs"] = [round(float(v), 4) for v in keras.ops.convert_to_numpy(encoder.last(np.eye(8)))[:, 0]]
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
