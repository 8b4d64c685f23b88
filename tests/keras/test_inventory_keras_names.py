"""Structural paths: where a layer stands in a model, never how many were made before it."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from glorot.adapters import take_inventory as inventory
from glorot.errors import GlorotError


def names(model: Any) -> list[str]:
    return [parameter.path for parameter in inventory(model).parameters]


def sequential() -> Any:
    inner = keras.Sequential([layers.Conv1D(3, 2), layers.ReLU()])
    return keras.Sequential([keras.Input((6, 3)), inner, layers.Flatten(), layers.Dense(4), layers.Dense(2)])


def functional() -> Any:
    x = inside = keras.Input((6, 3))
    inner = keras.Model(inside, layers.ReLU()(layers.Conv1D(3, 2)(inside)))
    y = layers.Dense(4)(layers.Flatten()(inner(x)))
    return keras.Model(x, layers.Dense(2)(y))


EXPECTED = [f"{path}.{name}" for path in ("layers.0.layers.0", "layers.2", "layers.3") for name in ("kernel", "bias")]


def test_a_sequential_and_a_functional_model_of_the_same_layers_agree() -> None:
    assert names(sequential()) == names(functional()) == EXPECTED
    assert inventory(sequential()) == inventory(functional())


def test_a_sequential_model_agrees_with_itself_however_it_was_built() -> None:
    model = keras.Sequential([layers.Dense(4), layers.Dense(2)])
    model.build((None, 3))
    with_input = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Dense(2)])
    assert inventory(model) == inventory(with_input)
    assert names(model)[0] == "layers.0.kernel"


def test_operations_between_layers_do_not_count() -> None:
    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(2)(keras.ops.relu(layers.Dense(4)(x)) * 2.0))
    assert names(model) == ["layers.0.kernel", "layers.0.bias", "layers.1.kernel", "layers.1.bias"]


def test_several_inputs_do_not_count() -> None:
    a, b = keras.Input((3,)), keras.Input((3,))
    left, right = layers.Dense(4)(a), layers.Dense(5)(b)
    model = keras.Model([a, b], layers.Dense(2)(layers.Concatenate()([left, right])))
    assert {p.path: p.shape for p in inventory(model).parameters if p.path.endswith("kernel")} == {
        "layers.0.kernel": (3, 4),
        "layers.1.kernel": (3, 5),
        "layers.3.kernel": (9, 2),
    }


class Encoder(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = layers.Conv1D(3, 2)
        self._hidden = layers.Dense(4)
        self.blocks = [layers.Dense(4), [layers.Dense(4), (layers.Dense(4),)]]
        self.by_name = {"left": layers.Dense(4), "right": {"deep": layers.Dense(4)}}
        self.again = self.conv1
        self.everything = [self._hidden, self.conv1]
        self.lstm = layers.LSTM(4)
        self.both = layers.Bidirectional(layers.GRU(4, use_bias=False))

    def build(self, shape: Any) -> None:
        self.own = self.add_weight(shape=(4,))
        self._kept = [self.add_weight(shape=(4,)), self.add_weight(shape=(4,))]
        self.add_weight(shape=(4,), name="given")
        self.add_weight(shape=(4,))
        super().build(shape)

    def call(self, x: Any) -> Any:
        y = self._hidden(self.conv1(x))
        for layer in (self.blocks[0], self.blocks[1][0], self.blocks[1][1][0], *self.by_name.values()):
            y = layer["deep"](y) if isinstance(layer, dict) else layer(y)
        return self.lstm(y) + self.both(y)[:, :4]


ENCODER = ["own", "kept.0", "kept.1", "given", "weights.4"]
ENCODER += [
    f"{path}.{name}"
    for path in ("conv1", "hidden", "blocks.0", "blocks.1.0", "blocks.1.1.0", "by_name.left", "by_name.right.deep")
    for name in ("kernel", "bias")
]
ENCODER += ["lstm.kernel", "lstm.recurrent_kernel", "lstm.bias"]
ENCODER += [f"both.{way}.{name}" for way in ("forward", "backward") for name in ("kernel", "recurrent_kernel")]


def test_attributes_lists_and_dicts_give_the_path() -> None:
    model = Encoder()
    model(np.ones((2, 6, 3)))
    assert names(model) == ENCODER


def test_names_do_not_depend_on_what_was_built_before() -> None:
    def both() -> list[Any]:
        encoder = Encoder()
        encoder(np.ones((2, 6, 3)))
        return [inventory(model) for model in (sequential(), functional(), encoder)]

    keras.utils.clear_session()
    first = both()
    for _ in range(3):
        functional()
    again = both()
    assert first == again
    assert sequential().layers[-1].name != "dense_1"  # the automatic names have moved on


class Clash(layers.Layer):
    def build(self, shape: Any) -> None:
        self._gain = self.add_weight(shape=(3,))
        self.gain = self.add_weight(shape=(3,))

    def call(self, x: Any) -> Any:
        return x * self._gain * self.gain


def test_an_underscore_stays_where_a_name_is_taken() -> None:
    layer = Clash()
    layer(np.ones((2, 3)))
    assert names(layer) == ["_gain", "gain"]


class Bag(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.bag = {layers.Dense(3)}

    def call(self, x: Any) -> Any:
        for layer in self.bag:
            x = layer(x)
        return x


def test_a_layer_in_a_set_has_no_name() -> None:
    model = Bag()
    model(np.ones((2, 3)))
    with pytest.raises(GlorotError) as caught:
        inventory(model)
    assert str(caught.value) == (
        "this Bag holds a Dense in a set or out of sight, where it has no name, or it was assigned over by another: "
        "hold it in an attribute, a list or a dict, and make it only once"
    )
    with pytest.raises(GlorotError, match=r"^layer 'layers\.0' \(Bag\) holds a Dense in a set"):
        inventory(keras.Sequential([keras.Input((3,)), model]))


class Base(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.noise, self.inner = layers.Dropout(0.5, seed=1), keras.Sequential([layers.Dense(3)])
        self.head = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.head(self.noise(x))


class Derived(Base):
    def __init__(self) -> None:
        super().__init__()
        self.noise, self.inner = layers.Dropout(0.1, seed=1), layers.ReLU()
        self.head = layers.Dense(7)


@pytest.mark.filterwarnings("ignore:`build\\(\\)` was called:UserWarning")  # Keras sees the first head, too
def test_a_layer_that_was_assigned_over_is_left_out() -> None:
    model = Derived()
    model(np.ones((2, 3)))
    assert [(p.path, p.shape) for p in inventory(model).parameters] == [("head.kernel", (3, 7)), ("head.bias", (7,))]
    model = Derived()
    model._layers[2].build((None, 3))  # the head of the base class
    model(np.ones((2, 3)))
    with pytest.raises(GlorotError, match="was assigned over by another: .* make it only once$"):
        inventory(model)


class Twins(layers.Layer):
    """Weights and layers whose names would be alike."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = {"a.b": layers.Dense(2), "a": {"b": layers.Dense(2)}}

    def build(self, shape: Any) -> None:
        self.held = self.add_weight(shape=(2,), name="w")
        self.own = self.add_weight(shape=(2,), name="own")
        for name in ("u", "u", "held", "alone"):
            self.add_weight(shape=(2,), name=name)
        for layer in (self.heads["a.b"], self.heads["a"]["b"]):
            layer.build(shape)


def test_no_two_weights_share_a_name() -> None:
    layer = Twins()
    layer.build((None, 2))
    own = ["held", "own", "weights.2", "weights.3", "weights.4", "alone"]
    heads = [f"heads.{path}.{name}" for path in ("a.b", "a.b_2") for name in ("kernel", "bias")]
    assert names(layer) == own + heads


class Underscored(layers.Layer):
    def build(self, shape: Any) -> None:
        self._gain = self.add_weight(shape=(3,))
        setattr(self, "__gain", self.add_weight(shape=(3,)))


def test_underscores_stay_where_names_would_be_alike() -> None:
    layer = Underscored()
    layer.build((None, 3))
    assert names(layer) == ["_gain", "__gain"]


def test_a_dict_may_hold_itself() -> None:
    model = functional()
    model.notes = {"extra": layers.Dense(2)}
    model.notes["again"] = model.notes
    model.notes["extra"].build((None, 2))
    assert names(model) == [*EXPECTED, "notes.extra.kernel", "notes.extra.bias"]


def test_a_functional_model_with_a_layer_beside_its_graph() -> None:
    model = functional()
    model.extra = layers.Dense(2)
    model.extra.build((None, 2))
    assert names(model) == [*EXPECTED, "extra.kernel", "extra.bias"]


def test_a_model_within_a_model_is_reached_by_its_attribute() -> None:
    class Twin(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.online, self.target = sequential(), sequential()

        def call(self, x: Any) -> Any:
            return self.online(x) - self.target(x)

    model = Twin()
    model(np.ones((2, 6, 3)))
    assert names(model) == [f"{way}.{path}" for way in ("online", "target") for path in EXPECTED]


def test_names_survive_a_copy_and_a_file(tmp_path: Path) -> None:
    for model in (sequential(), functional()):
        model.save(tmp_path / "model.keras")
        assert inventory(keras.models.load_model(tmp_path / "model.keras")) == inventory(model)
        assert inventory(keras.models.clone_model(model)) == inventory(model)


class Qkv(layers.Dense):
    """A layer whose automatic name, of the first one in a process, is that of a fused projection."""


class GateUpProj(layers.Dense):
    """Another."""


@pytest.mark.parametrize("kind", [Qkv, GateUpProj])
def test_an_automatic_name_tells_nothing(kind: type) -> None:
    keras.utils.clear_session()
    for name in ("first", "second"):
        layer = kind(12)
        layer.build((None, 4))
        assert [part.name for part in inventory(layer, False).parts] == ["kernel", "bias"], name
    given = kind(12, name="qkv_proj")
    given.build((None, 4))
    assert [part.name for part in inventory(given, False).parts][:3] == [f"kernel[{piece}]" for piece in "qkv"]


def test_a_name_cuts_nothing_that_a_graph_shows_whole() -> None:
    x = keras.Input((4,))
    q, k, v = keras.ops.split(layers.Dense(12)(x), 3, axis=-1)
    model = keras.Model(x, layers.Dense(12, name="qkv_proj")(keras.ops.softmax(q * k) * v))
    found = [part.name for part in inventory(model).parts if "kernel" in part.name]
    assert found == [*(f"layers.0.kernel[{n}]" for n in range(3)), "layers.1.kernel"]
