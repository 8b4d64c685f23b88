"""The graph of a Keras model: the order of its layers, and the activations that feed and follow them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from keras.src.backend.common import global_state
from keras_zoo import traced, values_of

from glorot.adapters import take_inventory as inventory
from glorot.errors import GlorotError

# whole models


def conv_net(**given: Any) -> list[Any]:
    return [
        *(
            layers.Conv2D(4, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPool2D(2),
            layers.Dropout(0.1),
        ),
        *(layers.Conv2D(6, 3, activation="relu"), layers.BatchNormalization(), layers.GlobalAveragePooling2D()),
        *(layers.Dense(5), layers.Activation("tanh"), layers.Dense(2, activation="softmax")),
    ]


CONV_NET = {
    "layers.0": (1, "identity", "relu"),
    "layers.5": (2, "relu", "relu"),
    "layers.8": (3, "mean of identity", "tanh"),
    "layers.10": (4, "tanh", "identity"),
}


def test_a_chain() -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), *conv_net()])
    assert traced(model) == traced(model, np.ones((2, 8, 8, 3))) == CONV_NET


def test_a_graph_with_a_branch_and_a_sum() -> None:
    x = keras.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    z = layers.Conv2D(4, 3, padding="same", activation="relu")(y)
    z = layers.Conv2D(4, 3, padding="same")(z)
    z = layers.ReLU()(layers.Add()([y, z]))
    model = keras.Model(x, [layers.Dense(2)(layers.Flatten()(z)), layers.Dense(3)(layers.GlobalMaxPool2D()(y))])
    found = traced(model)
    kernels = [found[path] for path in sorted(found, key=lambda path: found[path])]
    assert kernels == [
        (1, "identity", "relu"),
        (2, "relu", "relu"),
        (3, "relu", "identity"),
        (4, "relu", "identity"),
        (5, "relu", "identity"),
    ]


def test_models_within_models_and_recurrent_layers() -> None:
    inner = keras.Sequential([keras.Input((6, 4)), layers.Dense(4), layers.ReLU()])
    x = keras.Input((6, 3))
    y = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(inner(layers.Dense(4, activation="tanh")(x)))
    y = layers.RNN([layers.SimpleRNNCell(4, activation="relu"), layers.GRUCell(3)])(y)
    model = keras.Model(
        x, layers.Dense(2)(layers.TimeDistributed(layers.Dense(5, activation="gelu"))(layers.RepeatVector(2)(y)))
    )
    fed = {part.path: part.fed_by for part in inventory(model).parts if "kernel" in part.path}
    assert fed == {
        "layers.0.kernel": "identity",
        "layers.1.layers.0.kernel": "tanh",
        **{f"layers.2.{way}.kernel": "relu" for way in ("forward", "backward")},
        **{f"layers.2.{way}.recurrent_kernel": "sigmoid × tanh" for way in ("forward", "backward")},
        "layers.3.cells.0.kernel": "sigmoid × tanh",
        "layers.3.cells.0.recurrent_kernel": "relu",
        "layers.3.cells.1.kernel": "relu",
        "layers.3.cells.1.recurrent_kernel": "mean of tanh",  # of the state and what is new
        "layers.5.layer.kernel": "mean of tanh",
        "layers.6.kernel": "gelu",
    }


def test_attention_is_fed_by_each_of_its_arguments() -> None:
    x, memory = keras.Input((6, 8)), keras.Input((5, 8))
    y = layers.MultiHeadAttention(2, 4)(layers.ReLU()(x), key=ops.tanh(memory), value=ops.sigmoid(memory))
    model = keras.Model([x, memory], layers.Dense(3)(y))
    found = {path.rpartition(".")[2]: row for path, row in traced(model).items() if "." in path}
    assert {step: found[step][:2] for step in ("query", "key", "value", "output")} == {
        "query": (1, "relu"),
        "key": (2, "tanh"),
        "value": (3, "sigmoid"),
        "output": (4, "identity"),
    }


def test_a_mask_feeds_nothing() -> None:
    x, mask = keras.Input((6,)), keras.Input((6,), dtype="bool")
    y = layers.ReLU()(layers.Embedding(7, 4)(x))
    model = keras.Model([x, mask], layers.Dense(2)(layers.LSTM(3)(mask=mask, sequences=y)))
    assert traced(model) == {
        "layers.0.embeddings": (1, "identity", "relu"),
        "layers.2": (2, "relu", "identity"),
        "layers.3": (3, "sigmoid × tanh", "identity"),
    }


def test_parts_of_a_separable_convolution() -> None:
    model = keras.Sequential([keras.Input((9, 3)), layers.ReLU(), layers.SeparableConv1D(4, 3, activation="tanh")])
    rows = {part.path.rpartition(".")[2]: (part.fed_by, part.followed_by) for part in inventory(model).parts}
    assert rows == {
        "depthwise_kernel": ("relu", "identity"),
        "pointwise_kernel": ("identity", "tanh"),
        "bias": ("identity", "tanh"),
    }


def test_a_deep_graph_needs_no_deep_stack() -> None:
    x = y = keras.Input((2,))
    for _ in range(700):
        y = ops.relu(y)
    assert traced(keras.Model(x, layers.Dense(2)(y))) == {"layers.0": (1, "relu", "identity")}


# models that compute in Python


class Net(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.last = layers.Dense(2)
        self.blocks = [Residual(), Residual()]
        self.first = layers.Dense(4, activation="relu")

    def call(self, x: Any) -> Any:
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.last(ops.gelu(x))


class Residual(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.norm = layers.LayerNormalization()
        self.wide, self.narrow = layers.Dense(8), layers.Dense(4)
        self.noise = layers.Dropout(0.5, seed=1)

    def build(self, shape: Any) -> None:
        self.norm.build(shape)
        self.wide.build(shape)
        self.narrow.build((*shape[:-1], 8))

    def call(self, x: Any) -> Any:
        return x + self.narrow(self.noise(ops.silu(self.wide(self.norm(x)))))


def net() -> Any:
    model = Net()
    model(np.ones((2, 3)))
    return model


REGISTERED = {
    "last": (1, "identity", "identity"),
    "blocks.0.wide": (2, "identity", "identity"),
    "blocks.0.narrow": (3, "identity", "identity"),
    "blocks.1.wide": (4, "identity", "identity"),
    "blocks.1.narrow": (5, "identity", "identity"),
    "first": (6, "identity", "relu"),
}
RUN = {
    "first": (1, "identity", "relu"),
    "blocks.0.wide": (2, "identity", "silu"),
    "blocks.0.narrow": (3, "silu", "identity"),
    "blocks.1.wide": (4, "identity", "silu"),
    "blocks.1.narrow": (5, "silu", "identity"),
    "last": (6, "gelu_tanh", "identity"),
}


def test_registration_is_the_order_without_inputs() -> None:
    assert traced(net(), False) == REGISTERED


@pytest.mark.parametrize("inputs", [np.ones((2, 3)), (np.ones((2, 3), np.float32),), {"x": tf.ones((2, 3))}])
def test_inputs_show_what_runs(inputs: Any) -> None:
    assert traced(net(), inputs) == RUN


def test_a_block_within_a_graph_is_seen_on_the_inputs_of_the_graph() -> None:
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(2)(Residual()(x)))
    assert traced(model) == traced(model, np.ones((2, 4)))
    assert traced(model)["layers.0.narrow"] == (2, "silu", "identity")


class TwoInputs(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.out = layers.Dense(3), layers.Dense(4), layers.Dense(2)

    def call(self, a: Any, b: Any = None, scale: float = 1.0) -> Any:
        return self.out(ops.concatenate([ops.tanh(self.left(a)), ops.tanh(self.right(b))], axis=-1) * scale)


class Rectified(layers.Layer):
    """A layer without weights that computes an activation."""

    def call(self, x: Any) -> Any:
        return ops.relu(x)


class Foreign(layers.Layer):
    """A layer without weights that computes past Keras."""

    def call(self, x: Any) -> Any:
        return tf.nn.relu(x)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (Rectified(), "relu"),
        (layers.Lambda(lambda x: ops.tanh(x), output_shape=(4,)), "tanh"),  # noqa: PLW0108
        (Foreign(), "relu"),
    ],
)
def test_activations_that_users_write_are_seen(layer: Any, name: str) -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layer, layers.Dense(2)])
    assert traced(model)["layers.2"] == traced(model, np.ones((2, 3)))["layers.2"] == (2, name, "identity")


def test_inputs_by_position_and_by_name() -> None:
    model, one, other = TwoInputs(), np.ones((2, 3)), np.ones((2, 5))
    model(one, other)
    sides = {"left": (1, "identity", "tanh"), "right": (2, "identity", "tanh")}
    assert traced(model, (one, other)) == {**sides, "out": (3, "tanh", "identity")}
    assert traced(model, {"b": other, "a": one, "scale": 2.0}) == {**sides, "out": (3, "2·tanh", "identity")}


def test_a_graph_of_several_inputs_takes_them_in_its_own_structure() -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((5,), name="b")
    y = layers.Concatenate()([ops.tanh(layers.Dense(3)(a)), ops.tanh(layers.Dense(4)(b))])
    model = keras.Model({"a": a, "b": b}, layers.Dense(2)(y))
    inputs = {"a": np.ones((2, 3)), "b": np.ones((2, 5))}
    assert traced(model, inputs) == traced(model)
    assert list(traced(model).values())[2] == (3, "tanh", "identity")


class Raw(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.out = RawBlock(), layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.out(self.inner(x))


class RawBlock(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def build(self, shape: Any) -> None:
        self.dense.build(shape)

    def call(self, x: Any) -> Any:
        return tf.nn.relu(self.dense(x))


def test_what_leaves_keras_is_seen_too() -> None:
    model = Raw()
    model(np.ones((2, 3)))
    assert traced(model, False) == {"inner.dense": (1, "identity", "identity"), "out": (2, "identity", "identity")}
    seen = traced(model, np.ones((2, 3)))
    assert seen == {"inner.dense": (1, "identity", "relu"), "out": (2, "relu", "identity")}


# refusals


@pytest.mark.parametrize("build", [net, lambda: keras.Sequential([keras.Input((3,)), layers.Dense(2)])])
def test_a_batch_that_does_not_fit_is_refused(build: Any) -> None:
    with pytest.raises(GlorotError, match=r"^the batch does not fit the model: .*(shape|axis)"):
        inventory(build(), np.ones((2, 7)))


def test_a_batch_without_arrays_is_refused() -> None:
    with pytest.raises(GlorotError) as caught:
        inventory(net(), [1.0, 2.0])
    assert str(caught.value) == (
        "the batch holds no array or tensor: expected one, or a tuple or dict of them, got a list"
    )


# nothing stays changed


def everything(model: Any) -> dict[str, Any]:
    """Return all that an inspection could change."""
    held = list(model._flatten_layers())
    counts = dict(global_state.get_global_attribute("object_name_uids"))
    return {
        "names": counts,
        "weights": {path: values.tolist() for path, values in values_of(model).items()},
        "state": [keras.ops.convert_to_numpy(v).tolist() for v in model.non_trainable_variables],
        "nodes": [(len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in held],
        "attributes": [{name: id(value) for name, value in vars(layer).items()} for layer in held],
        "losses": [list(layer._losses) for layer in held],
        "flags": [(layer.built, layer.trainable) for layer in held],
    }


class Busy(Net):
    """A network that draws, counts and remembers while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.noise = layers.GaussianNoise(0.1, seed=3)
        self.steps = self.add_weight(shape=(), trainable=False, initializer="zeros")

    def call(self, x: Any) -> Any:
        self.calls += 1
        self.cache = x
        self.steps.assign_add(1.0)
        x = x + keras.random.normal(ops.shape(x), seed=self.noise.seed_generator)
        return super().call(self.noise(x, training=True))


def busy() -> Any:
    model = Busy()
    model(np.ones((2, 3)))
    return model


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    before = everything(model)
    yield
    after = everything(model)
    for what, value in before.items():
        assert after[what] == value, what


MODELS = {
    "subclassed": net,
    "busy": busy,
    "sequential": lambda: keras.Sequential(
        [keras.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)]
    ),
    "functional": lambda: keras.Model(
        x := keras.Input((3,)), layers.Dense(2)(ops.relu(Residual()(layers.Dense(4)(x))))
    ),
}


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("inputs", [None, np.ones((2, 3)), np.ones((2, 7))], ids=["unseen", "run", "refused"])
def test_inspection_changes_nothing(kind: str, inputs: Any) -> None:
    model = MODELS[kind]()
    with unchanged(model):
        try:
            inventory(model, inputs)
        except GlorotError:
            assert inputs.shape == (2, 7)


def test_a_change_would_be_seen() -> None:
    model = busy()
    with pytest.raises(AssertionError), unchanged(model):
        model(np.ones((2, 3)))
    with pytest.raises(AssertionError), unchanged(model):
        layers.Dense(3)
    with pytest.raises(AssertionError, match="nodes"), unchanged(model):
        call_quietly(model.first)


def call_quietly(layer: Any) -> None:
    """Call a layer on a symbolic tensor, and leave Keras's count of names as it was."""
    counts = global_state.get_global_attribute("object_name_uids")
    before = dict(counts)
    layer(keras.KerasTensor((2, 3), name="x"))
    counts.clear()
    counts.update(before)
