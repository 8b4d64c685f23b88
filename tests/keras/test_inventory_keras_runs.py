"""What a model does besides computing while it is run on symbolic tensors: it collects, adds losses, holds itself."""

from collections import OrderedDict, deque
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras_zoo import traced

from glorot.adapters import take_inventory as inventory
from glorot.errors import GlorotError
from glorot.keras.preserve import preserved

BATCH = np.ones((2, 3), np.float32)


class Collector(keras.Model):
    """A model that keeps what it computes, in containers of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)
        self.bag = {layers.ReLU()}
        self.log, self.by_name, self.seen = ["kept"], {"first": "kept", "last": "kept"}, {"kept"}
        self.ordered, self.latest = OrderedDict(first=1, last=2), deque(["kept"], maxlen=1)
        self.deep = {"list": [{"kept"}, {}], "tuple": ([1],)}
        self.pair = (layers.ReLU(), [1])
        self.replaced: list[Any] = []

    def call(self, x: Any) -> Any:
        (act,) = self.bag
        x = act(self.dense(x))
        self.log.append(x)
        self.by_name["new"] = self.by_name["first"] = self.by_name.pop("last", x)
        self.seen.add("new")
        self.seen.discard("kept")
        self.ordered["new"] = x
        self.ordered.move_to_end("first")
        self.latest.append(x)
        self.deep["list"][0].add("new")
        self.deep["list"][1]["new"] = x
        self.deep["tuple"][0].append(x)
        self.pair[1].append(x)
        self.replaced.append(x)
        self.replaced = [*self.replaced, x]
        return x

    def contents(self) -> tuple[Any, ...]:
        held = (self.log, self.by_name, self.seen, self.ordered, self.latest, self.deep, self.replaced, self.pair[1])
        return str(held), [id(one) for one in held], [len(layer._inbound_nodes) for layer in self._layers]


@pytest.mark.parametrize("batch", [BATCH, np.ones((2, 7))], ids=["run", "refused"])
def test_what_a_model_collects_is_as_it_was(batch: Any) -> None:
    model = Collector()
    model.dense.build((None, 3))
    model.built = True
    before = model.contents()
    try:
        assert traced(model, batch) == {"dense": (1, "identity", "relu")}
    except GlorotError:
        assert batch.shape == (2, 7)
    assert model.contents() == before
    model(BATCH)
    assert all(now != then for now, then in zip(model.contents()[:2], before[:2], strict=True))


def test_layers_that_come_and_go_are_tracked_as_before() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3)])
    model.spare, model.more = [layers.Dense(2)], {"one": layers.Dense(2)}
    before = [id(layer) for layer in model._layers], {id(layer) for layer in model._flatten_layers()}
    with preserved([model]):
        model.spare.pop()
        model.spare.append(layers.Dense(4))
        model.more.clear()
        model.new = layers.Dense(5)
    assert ([id(layer) for layer in model._layers], {id(layer) for layer in model._flatten_layers()}) == before
    assert len(model.spare) == len(model.more) == 1
    assert all(model._tracker.is_in_store("layers", one) for one in (model.spare[0], model.more["one"]))


# losses


class Penalised(layers.Layer):
    """An activation that adds a loss."""

    def call(self, x: Any) -> Any:
        self.add_loss(ops.mean(x))
        return ops.relu(x)


class Losses(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.out, self.hidden, self.act = layers.Dense(2), layers.Dense(3), Penalised()

    def call(self, x: Any) -> Any:
        y = self.act(self.hidden(x))
        self.add_loss(ops.mean(y))
        return self.out(y)


def test_losses_are_no_hindrance() -> None:
    model = Losses()
    model(BATCH)
    losses = [id(loss) for loss in model.losses]
    assert traced(model, BATCH) == {"hidden": (1, "identity", "relu"), "out": (2, "relu", "identity")}
    assert [id(loss) for loss in model.losses] == losses
    assert len(losses) == 2
    assert "add_loss" not in {**vars(model), **vars(model.act)}
    model(BATCH)
    assert len(model.losses) == 2


# circles


class Child(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x: Any) -> Any:
        return ops.tanh(self.dense(x))


class Parent(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.child, self.out = Child(), layers.Dense(2)
        self.child.parent = self

    def call(self, x: Any) -> Any:
        return self.out(self.child(x))


def test_a_layer_may_hold_the_one_that_holds_it() -> None:
    model = Parent()
    for layer in (model.child.dense, model.out):
        layer.build((None, 3))
    model.child.built = model.built = True  # a call would do, but Keras often goes round in circles then
    assert {path: row[0] for path, row in traced(model).items()} == {"child.dense": 1, "out": 2}
    assert traced(model, BATCH) == {"child.dense": (1, "identity", "tanh"), "out": (2, "tanh", "identity")}
    assert inventory(model).parameters[0].path == "child.dense.kernel"


# messages


class ByKey(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x["tokens"])


def test_a_missing_key_is_told_in_plain_text() -> None:
    model = ByKey()
    model({"tokens": BATCH})
    with pytest.raises(GlorotError) as caught:
        inventory(model, {"other": BATCH})
    text = str(caught.value)
    assert text.startswith("the batch does not fit the model: Exception encountered when calling ByKey.call(). ")
    assert text.endswith("'tokens'")
    assert "\\" not in text
