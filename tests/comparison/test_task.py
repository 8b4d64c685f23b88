"""Tasks: what may be trained, and what is refused before any training."""

import numpy as np
import pytest
from torch import nn

from glorot.comparison import Task
from glorot.comparison.digits import default_recipes, digits_task
from glorot.comparison.task import as_task
from glorot.errors import GlorotError

X, Y = np.zeros((6, 4), np.float32), np.array([0, 0, 0, 0, 1, 1])


def build() -> nn.Module:
    return nn.Linear(4, 2)


def test_the_digits_are_split_and_scaled_as_told():
    task = digits_task()
    assert task.train[0].shape == (1347, 64)
    assert task.test[0].shape == (450, 64)
    assert task.name == "handwritten digits, 5 hidden layers of 128 tanh units, sgd 0.02"
    whole = np.concatenate([task.train[0], task.test[0]])
    assert whole.mean() == pytest.approx(0, abs=1e-5)
    assert whole.std() == pytest.approx(1, abs=1e-5)
    counts = [np.bincount(labels) / len(labels) for labels in (task.train[1], task.test[1])]
    np.testing.assert_allclose(counts[0], counts[1], atol=2e-3)
    assert 0.1 <= task.chance <= 0.105


@pytest.mark.parametrize(
    "name", ["tanh", "leaky_relu(negative_slope=0.2)", "relu_squared", "gelu_tanh", "sin", "elu(0.5)"]
)
def test_the_net_computes_the_activation_of_the_catalogue(name):
    import torch

    from glorot.activations import activation

    module = digits_task(name, depth=1).build()[1]
    z = np.linspace(-4, 4, 41)
    np.testing.assert_allclose(module(torch.from_numpy(z)).numpy(), activation(name).function(z), atol=1e-6)


def test_a_sigmoid_gets_the_recipe_that_saves_it():
    assert "xavier_uniform(gain=4)" in default_recipes("sigmoid")
    assert len(default_recipes("tanh")) == 8


def test_data_may_come_as_four_or_as_two_pairs():
    assert as_task(build, (X, Y, X, Y)).train == as_task(build, ((X, Y), (X, Y))).train
    task = as_task(build, (X, Y, X, Y))
    assert task.classifies
    assert task.chance == pytest.approx(4 / 6)
    regression = as_task(build, (X, X, X, X))
    assert not regression.classifies
    assert np.isnan(regression.chance)


WITH_NAN = np.where(np.arange(24).reshape(6, 4) == 9, np.nan, X)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Task(build(), (X, Y), (X, Y)).build, None),  # a module is callable, and training says what it returned
        (lambda: Task(3, (X, Y), (X, Y)), "build must be a function that returns a fresh model, got int"),
        (lambda: as_task(build, (X, Y, X)), r"data must be \(train inputs, .*got tuple of length 3"),
        (lambda: as_task(build, 5), "data must be .*got int of length –"),
        (lambda: as_task(build, (X, Y[:5], X, Y)), r"train: inputs of shape \(6, 4\) and targets of shape \(5,\) must have the same"),
        (lambda: as_task(build, (X, Y, X[:0], Y[:0])), r"test: inputs of shape \(0, 4\)"),
        (lambda: as_task(build, (WITH_NAN, Y, X, Y)), "train inputs hold NaN or infinity, first in example 2; clean the data first"),
        (lambda: as_task(build, (X, X, X, WITH_NAN)), "test targets hold NaN or infinity, first in example 2"),
        (lambda: digits_task(depth=0), "depth must be a positive integer, got 0"),
        (lambda: digits_task(optimizer="lion"), "optimizer must be one of sgd, momentum, adam, got 'lion'"),
        (lambda: digits_task(learning_rate=-1), "the learning rate must be a positive number, got -1"),
        (lambda: digits_task("tahn"), "unknown activation 'tahn' .did you mean 'tanh'"),
    ],
)  # fmt: skip
def test_refusals(make, words):
    if words is None:
        assert callable(make())
        return
    with pytest.raises(GlorotError, match=words):
        make()
