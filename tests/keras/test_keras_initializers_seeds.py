"""What decides the numbers: seed, name and call; and who repeats whom."""

import copy
import json
import pickle
from typing import Any

import keras
import numpy as np
import pytest

from glorot import keras as ours
from glorot import stream
from glorot.distributions import Normal

numbers = keras.ops.convert_to_numpy
RANDOM = [
    ours.XavierUniform, ours.XavierNormal, ours.HeUniform, ours.HeNormal, ours.LecunUniform, ours.LecunNormal,
    ours.VarianceScaling, ours.RandomUniform, ours.RandomNormal, ours.TruncatedNormal, ours.Orthogonal,
]  # fmt: skip


def alike(first: Any, second: Any) -> bool:
    return np.array_equal(numbers(first), numbers(second))


def unlike(tensors: list[Any]) -> bool:
    """Tell whether no element of two tensors is the same."""
    values = [numbers(tensor).ravel() for tensor in tensors]
    return all((a != b).mean() > 0.9 for i, a in enumerate(values) for b in values[:i])


def generator() -> Any:
    return keras.random.SeedGenerator(5)


@pytest.mark.parametrize("kind", RANDOM)
@pytest.mark.parametrize("options", [{}, {"seed": 5}, {"seed": generator}, {"seed": 5, "name": "w"}, {"name": "w"}])
def test_one_instance_never_repeats(kind, options):
    seed = options.get("seed")
    draw = kind(**{**options, "seed": seed() if callable(seed) else seed})
    assert unlike([draw((4, 5)) for _ in range(3)])


@pytest.mark.parametrize("kind", RANDOM)
@pytest.mark.parametrize("name", [None, "w"])
def test_a_seed_decides_everything(kind, name):
    first, second = kind(seed=5, name=name), kind(seed=5, name=name)
    assert all(alike(first((4, 5)), second((4, 5))) for _ in range(3))
    assert unlike([kind(seed=5, name=name)((4, 5)), kind(seed=6, name=name)((4, 5))])


def test_a_seed_is_a_seed_generator_of_that_seed():
    number, state = ours.HeNormal(seed=5), generator()
    for _ in range(3):
        assert alike(number((4, 5)), ours.HeNormal(seed=state)((4, 5)))
    assert numbers(keras.ops.convert_to_tensor(state.state)).tolist() == [5, 3]


def test_initializers_that_share_a_generator_do_not_repeat_each_other():
    state = generator()
    assert unlike([ours.HeNormal(seed=state)((4, 5)), ours.HeNormal(seed=state)((4, 5))])


def test_further_calls_of_a_name_have_numbered_names():
    draw = ours.RandomNormal(stddev=1, seed=5, name="w")
    for name in ("w", "w#1", "w#2"):
        assert alike(draw((7,)), stream.draw(stream.key_of(5, name), Normal(), (7,)))


def test_without_a_seed_keras_decides():
    def drawn() -> list[Any]:
        keras.utils.set_random_seed(3)
        first, second = ours.XavierUniform(), ours.XavierUniform()
        return [first((4, 5)), first((4, 5)), second((4, 5)), ours.XavierUniform(name="w")((4, 5))]

    first, second = drawn(), drawn()
    assert all(alike(a, b) for a, b in zip(first, second, strict=True))
    assert unlike(first)


def test_the_seed_that_was_drawn_can_be_read_and_given_again():
    draw = ours.XavierUniform()
    again = ours.XavierUniform(seed=int(draw.seed))
    assert alike(draw((4, 5)), again((4, 5)))
    assert draw.get_config()["seed"] is None


def test_a_refused_call_does_not_count():
    draw = ours.XavierUniform(seed=5)
    for arguments in [((None, 3),), ((4, 5), "int32")]:
        with pytest.raises(ValueError, match="XavierUniform"):
            draw(*arguments)
    assert alike(draw((4, 5)), ours.XavierUniform(seed=5)((4, 5)))


# clones and copies


@pytest.mark.parametrize("kind", RANDOM)
def test_clones_repeat_if_they_have_a_seed(kind):
    for seed, name, repeats in [(5, None, True), (5, "w", True), (None, None, False), (None, "w", False)]:
        draw = kind(seed=seed, name=name)
        drawn = draw((4, 5))
        clone = kind.from_config(json.loads(json.dumps(draw.get_config())))
        assert alike(drawn, clone((4, 5))) == repeats
        assert clone.get_config() == draw.get_config()


def test_a_copy_goes_on_where_the_original_stood():
    draw = ours.XavierUniform(seed=5)
    draw((4, 5))
    copies = [copy.deepcopy(draw), pickle.loads(pickle.dumps(draw))]
    expected = draw((4, 5))
    assert all(alike(one((4, 5)), expected) for one in copies)


def test_keras_clones_initializers_so_seeded_projections_begin_alike():
    def kernels(draw: Any) -> list[Any]:
        layer = keras.layers.MultiHeadAttention(2, 8, kernel_initializer=draw)
        layer.build((2, 5, 16), (2, 5, 16))
        return [weight for weight in layer.weights if weight.path.endswith("kernel")][:3]

    query, key, value = kernels(ours.XavierUniform(seed=0))
    assert alike(query, key)
    assert alike(key, value)
    assert unlike(kernels(ours.XavierUniform()))


@pytest.mark.parametrize("seed", [None, 5])
def test_an_instance_shared_by_layers_that_copy_it_never_repeats(seed):
    """EinsumDense makes a copy of its own, with the seed of the original."""
    draw = ours.HeUniform(seed=seed)
    layers = [keras.layers.EinsumDense("ab,bc->ac", 6, kernel_initializer=draw) for _ in range(2)]
    layers.append(keras.layers.Dense(6, kernel_initializer=draw))
    for layer in layers:
        layer.build((None, 6))
    assert unlike([layer.kernel for layer in layers])


def test_attention_gets_the_fans_of_keras():
    def largest(draw: Any) -> list[float]:
        layer = keras.layers.MultiHeadAttention(4, 64, kernel_initializer=draw)
        layer.build((2, 5, 100), (2, 5, 100))
        return [float(abs(numbers(weight)).max()) for weight in layer.weights if weight.path.endswith("kernel")]

    assert largest(ours.XavierUniform()) == pytest.approx(largest(keras.initializers.GlorotUniform()), rel=2e-3)


# values that Keras throws away


class Lazy(keras.Model):
    """A model that makes its variables when it is called."""

    def __init__(self, draw: Any) -> None:
        super().__init__()
        self.first = keras.layers.Dense(4, kernel_initializer=draw)
        self.second = keras.layers.Dense(4, kernel_initializer=draw)

    def call(self, x: Any) -> Any:
        return self.second(self.first(x))


@pytest.mark.parametrize("batch", [lambda: keras.Input((4,)), lambda: np.ones((2, 4), np.float32)])
@pytest.mark.parametrize("seed", [lambda: 5, generator])
def test_a_model_that_is_traced_starts_from_the_first_numbers(seed, batch):
    model, draw = Lazy(ours.XavierUniform(seed=seed())), ours.XavierUniform(seed=seed())
    model(batch())
    kernels = [weight for weight in model.weights if weight.path.endswith("kernel")]
    assert len(kernels) == 2
    for kernel in kernels:
        assert alike(kernel, draw((4, 4)))


def test_a_call_for_a_placeholder_does_not_count():
    draw = ours.XavierUniform(seed=5)
    with keras.StatelessScope():
        placeholders = [draw((4, 5)), draw((4, 5))]
    real = draw((4, 5))
    assert alike(placeholders[0], real)
    assert alike(placeholders[1], real)
    assert unlike([real, draw((4, 5))])
