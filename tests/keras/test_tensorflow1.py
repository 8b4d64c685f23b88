"""The initializers of tf.contrib, and all others, in code for TensorFlow 1 on today's TensorFlow."""

import inspect
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy import stats

from glorot import keras as ours
from glorot import stream
from glorot.distributions import Uniform
from glorot.stream import Key

tf = pytest.importorskip("tensorflow")
v1 = tf.compat.v1
numbers = keras.ops.convert_to_numpy
SMALLEST_P = 1e-4

WIDE, KERNEL, LONG = [400, 2500], [9, 9, 64, 200], [1_000_000]
FANS = {"FAN_IN": lambda i, o: i, "FAN_OUT": lambda i, o: o, "FAN_AVG": lambda i, o: (i + o) / 2}


def fans(shape: list[int]) -> tuple[int, int]:
    kernel = math.prod(shape[:-2])
    return (shape[-2] * kernel, shape[-1] * kernel) if len(shape) > 1 else (shape[0], shape[0])


# laws


@pytest.mark.parametrize(("shape", "factor"), [(WIDE, 1.0), (KERNEL, 2.0), (LONG, 0.3)])
@pytest.mark.parametrize("mode", FANS)
@pytest.mark.parametrize("uniform", [True, False])
def test_the_law_is_that_of_contrib(shape, factor, mode, uniform):
    values = numbers(ours.variance_scaling_initializer(factor, mode, uniform, 7)(shape)).ravel().astype(np.float64)
    n = FANS[mode](*fans(shape))
    if uniform:
        bound = math.sqrt(3 * factor / n)
        law = stats.uniform(-bound, 2 * bound)
    else:
        sigma = math.sqrt(1.3 * factor / n)
        bound = 2 * sigma
        law = stats.truncnorm(-2, 2, scale=sigma)
    assert values.size >= 1e6
    assert abs(values.std() / law.std() - 1) < 0.005
    assert abs(values.std() / math.sqrt(factor / n) - 1) < 0.01
    assert 0.999 * bound < abs(values).max() <= float(np.float32(bound))
    assert stats.kstest(values[:200_000], law.cdf).pvalue > SMALLEST_P


@pytest.mark.parametrize("uniform", [True, False])
def test_xavier_is_factor_1_and_the_mean_of_the_fans(uniform):
    xavier = ours.xavier_initializer(uniform, seed=3)([30, 50])
    assert np.array_equal(xavier, ours.variance_scaling_initializer(1.0, "FAN_AVG", uniform, seed=3)([30, 50]))
    assert ours.xavier_initializer_conv2d is ours.xavier_initializer


def test_the_numbers_are_those_of_the_stream():
    draw = ours.xavier_initializer(seed=3)
    for call in range(2):
        law = Uniform.symmetric(math.sqrt(6 / 80))
        assert np.array_equal(draw([30, 50]), stream.draw(Key(3, call), law, (50, 30)).T)


def test_the_signatures_are_those_of_contrib():
    def parameters(function: Any) -> list[tuple[str, Any]]:
        return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]

    common = [("seed", None), ("dtype", "float32")]
    assert parameters(ours.xavier_initializer) == [("uniform", True), *common]
    own = [("factor", 2.0), ("mode", "FAN_IN"), ("uniform", False)]
    assert parameters(ours.variance_scaling_initializer) == [*own, *common]


# as it was taught


def evaluated(*tensors: Any) -> Any:
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        return session.run(tensors)


@pytest.fixture(params=["resource", "reference"])
def graph(request: pytest.FixtureRequest) -> Any:
    """Build the graph of a test with the variables of TensorFlow 2, or those of TensorFlow 1."""
    with tf.Graph().as_default() as built, v1.variable_scope("", use_resource=request.param == "resource"):
        yield built


def test_eager():
    draw = ours.xavier_initializer()
    weights = [tf.Variable(draw([4, 4]), name="weights") for _ in range(2)]
    weights += [tf.Variable(ours.xavier_initializer()([4, 4])), v1.get_variable("w", [4, 4], initializer=draw)]
    values = [weight.numpy() for weight in weights]
    assert all(value.shape == (4, 4) and abs(value).max() <= math.sqrt(6 / 8) for value in values)
    assert all((a != b).all() for i, a in enumerate(values) for b in values[:i])


def test_in_a_graph_no_two_variables_are_alike(graph):
    draw = ours.xavier_initializer()
    weights = [v1.get_variable("a", shape=[4, 4], initializer=ours.xavier_initializer())]
    weights += [v1.get_variable(name, shape=[4, 4], initializer=draw) for name in "bc"]
    with v1.variable_scope("scope", initializer=draw):
        weights.append(v1.get_variable("d", shape=[4, 4]))
    with v1.variable_scope("scope", initializer=ours.XavierUniform()):
        weights += [v1.get_variable("e", shape=[4, 4]), v1.get_variable("f", [4, 4])]
    weights += [tf.Variable(draw([4, 4]), name="weights"), tf.Variable(draw([4, 4]), name="weights")]
    values = evaluated(*weights)
    assert all(value.shape == (4, 4) and 0.3 < abs(value).max() <= math.sqrt(6 / 8) for value in values)
    assert all((a != b).all() for i, a in enumerate(values) for b in values[:i])


def test_a_shared_variable_is_drawn_once(graph):
    draw = ours.xavier_initializer(seed=3)
    law = Uniform.symmetric(math.sqrt(6 / 8))
    with v1.variable_scope("layer", initializer=draw):
        first = v1.get_variable("w", [4, 4])
    with v1.variable_scope("layer", initializer=draw, reuse=True):
        assert v1.get_variable("w", [4, 4]) is first
    second = v1.get_variable("v", [4, 4], initializer=draw)
    for call, value in enumerate(evaluated(first, second)):
        assert np.array_equal(value, stream.draw(Key(3, call), law, (4, 4)).T)


def test_running_the_initializer_again_gives_the_same_weights(graph):
    w = v1.get_variable("w", [4, 4], initializer=ours.xavier_initializer())
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        before = session.run(w)
        session.run(w.assign_add(tf.ones([4, 4])))
        session.run(v1.global_variables_initializer())
        assert np.array_equal(before, session.run(w))


INITIALIZERS = [
    ours.XavierUniform, ours.XavierNormal, ours.HeUniform, ours.HeNormal, ours.LecunUniform, ours.LecunNormal,
    ours.VarianceScaling, ours.RandomUniform, ours.RandomNormal, ours.TruncatedNormal, ours.Orthogonal,
    ours.xavier_initializer, ours.variance_scaling_initializer,
]  # fmt: skip
FIXED = [ours.Zeros, ours.Ones, ours.Constant, ours.Identity]


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16, tf.float64])
@pytest.mark.parametrize("kind", [*INITIALIZERS, *FIXED])
def test_every_initializer_serves_get_variable(kind, dtype):
    options = {} if kind in FIXED else {"seed": 3}
    expected = numbers(kind(**options)([4, 4], dtype=dtype))
    eager = v1.get_variable("w", shape=[4, 4], dtype=dtype, initializer=kind(**options))
    assert eager.dtype == dtype
    found = [numbers(eager)]
    for resource in (True, False):
        with tf.Graph().as_default():
            w = v1.get_variable("w", [4, 4], dtype=dtype, initializer=kind(**options), use_resource=resource)
            assert w.shape.as_list() == [4, 4]
            found += evaluated(w)
    for value in found:
        assert value.dtype == dtype.as_numpy_dtype
        assert np.allclose(
            value.astype(float), expected.astype(float), rtol=0, atol=1e-5 if kind is ours.Orthogonal else 0
        )


OTHERS = [kind for kind in INITIALIZERS if kind not in (ours.xavier_initializer, ours.HeNormal, ours.Orthogonal)]
SHARDED = [ours.xavier_initializer, ours.HeNormal, ours.Orthogonal, ours.Identity, ours.Zeros, *OTHERS]


@pytest.mark.parametrize(
    "partitioner",
    [
        v1.fixed_size_partitioner(3),
        v1.fixed_size_partitioner(2, axis=1),
        v1.fixed_size_partitioner(1),
        v1.min_max_variable_partitioner(max_partitions=5, min_slice_size=1),
    ],
)
@pytest.mark.parametrize("resource", [True, False])
@pytest.mark.parametrize("kinds", [SHARDED[:4], pytest.param(SHARDED[4:], marks=pytest.mark.slow)], ids=["few", "rest"])
def test_shards_hold_what_the_whole_would(partitioner, resource, kinds):
    for kind in kinds:
        draw, whole = (kind(**({} if kind in FIXED else {"seed": 3})) for _ in range(2))
        expected = [numbers(whole([7, 10])) for _ in range(3)]
        with tf.Graph().as_default(), v1.variable_scope("", use_resource=resource):
            variables = [
                v1.get_variable("a", [7, 10], initializer=draw, partitioner=partitioner),
                v1.get_variable("b", [7, 10], initializer=draw, partitioner=partitioner),
                v1.get_variable("c", [7, 10], initializer=draw),
            ]
            found = evaluated(*[tf.convert_to_tensor(variable) for variable in variables])
        assert np.allclose(found, expected, rtol=0, atol=1e-5 if kind is ours.Orthogonal else 0)


def test_a_scope_may_have_the_partitioner():
    with tf.Graph().as_default(), v1.variable_scope("x", partitioner=v1.fixed_size_partitioner(4)):
        w = v1.get_variable("w", [400, 200], initializer=ours.xavier_initializer())
        assert len(list(w)) == 4
        (value,) = evaluated(w.as_tensor())
    assert 0.99 * math.sqrt(6 / 600) < abs(value).max() <= math.sqrt(6 / 600)  # the fans of the whole


# graphs are small, saved and restored


def size_of_graph(make: Any) -> int:
    with tf.Graph().as_default() as built:
        v1.get_variable("w", [300, 300], initializer=make)
        return len(built.as_graph_def().SerializeToString())


def test_the_values_are_not_written_into_the_graph():
    values = numbers(ours.xavier_initializer()([300, 300]))
    for draw in (ours.xavier_initializer(), ours.XavierUniform(), ours.Identity(), ours.Zeros()):
        assert size_of_graph(draw) < 5_000
    assert size_of_graph(lambda shape, dtype: tf.constant(values)) > 4 * 300 * 300


def test_a_graph_is_saved_and_restored(tmp_path: Path):
    with tf.Graph().as_default(), v1.Session() as session:
        v1.get_variable("W1", [8, 6], initializer=ours.xavier_initializer(), use_resource=False)
        v1.get_variable("W2", [6, 6], initializer=ours.XavierUniform(seed=3))
        session.run(v1.global_variables_initializer())
        values = {variable.op.name: session.run(variable).tolist() for variable in v1.trainable_variables()}
        v1.train.Saver().save(session, str(tmp_path / "model"))
    with tf.Graph().as_default(), v1.Session() as session:
        assert restored(session, tmp_path / "model") == values


def restored(session: Any, path: Path) -> dict[str, Any]:
    v1.train.import_meta_graph(f"{path}.meta").restore(session, str(path))
    return {variable.op.name: session.run(variable).tolist() for variable in v1.trainable_variables()}


TUTORIAL = """
import sys
import keras
import glorot.keras
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
tf.set_random_seed(777)
X = tf.placeholder(tf.float32, [None, 8])
W1 = tf.get_variable("W1", shape=[8, 6], initializer=glorot.keras.xavier_initializer())
W2 = tf.get_variable("W2", shape=[6, 6], initializer=glorot.keras.xavier_initializer())
W3 = tf.get_variable("W3", shape=[6, 6], initializer=glorot.keras.XavierUniform(seed=3))
b1 = tf.Variable(glorot.keras.xavier_initializer()([6]), name="b1")
logits = tf.matmul(tf.matmul(tf.nn.relu(tf.matmul(X, W1) + b1), W2), W3)
train = tf.train.AdamOptimizer(0.01).minimize(tf.reduce_mean(tf.square(logits)))
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print([sess.run(w).tolist() for w in (W1, W2, W3, b1)])
    tf.train.Saver().save(sess, sys.argv[1])
    sess.run(train, feed_dict={X: [[1.0] * 8]})
"""


@pytest.mark.slow
def test_a_program_of_2017_runs_and_another_process_restores_its_graph(tmp_path: Path):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", TUTORIAL, str(tmp_path / "model")]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    first, second, third, bias = json.loads(told.stdout)
    assert second != third
    with tf.Graph().as_default(), v1.Session() as session:
        found = restored(session, tmp_path / "model")
    assert found == {"W1": first, "W2": second, "W3": third, "b1": bias}


# seeds


@pytest.mark.parametrize("draw", [ours.xavier_initializer, ours.variance_scaling_initializer])
def test_the_seed_of_the_graph_decides(draw):
    def drawn(seed: int | None) -> list[Any]:
        with tf.Graph().as_default():
            if seed is not None:
                v1.set_random_seed(seed)
            shared = draw()
            variables = [
                v1.get_variable(name, [4, 4], initializer=one)
                for name, one in zip("abc", [shared, shared, draw()], strict=True)
            ]
            return list(evaluated(*variables))

    assert np.array_equal(drawn(5), drawn(5))
    assert not np.array_equal(drawn(5), drawn(6))
    assert not np.array_equal(drawn(None), drawn(None))
    first, second, third = drawn(5)
    assert (first != second).all()
    assert (first != third).all()
    assert (second != third).all()


def test_the_seed_of_tensorflow_decides_eagerly():
    def drawn() -> list[Any]:
        tf.random.set_seed(5)
        draw = ours.xavier_initializer()
        return [numbers(one([4, 4])) for one in (draw, draw, ours.xavier_initializer())]

    first, second = drawn(), drawn()
    assert np.array_equal(first, second)
    assert (first[0] != first[1]).all()
    assert (first[0] != first[2]).all()


def test_the_seed_of_keras_decides_where_tensorflow_has_none():
    def drawn() -> list[Any]:
        keras.utils.set_random_seed(5)
        with tf.Graph().as_default():
            draw = ours.xavier_initializer()
            return list(evaluated(*[v1.get_variable(name, [4, 4], initializer=draw) for name in "ab"]))

    first, second = drawn(), drawn()
    assert np.array_equal(first, second)
    assert (first[0] != first[1]).all()


# functions


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}])
def test_in_a_function_the_values_are_constants(options):
    state = keras.random.SeedGenerator(5)
    for seed in (5, state):

        def draw(seed: Any = seed) -> Any:
            return ours.HeNormal(seed=seed)((4, 5), tf.float32)

        values = tf.function(draw, autograph=False, **options)()
        assert np.array_equal(numbers(values), numbers(ours.HeNormal(seed=5)((4, 5))))


def test_a_seed_generator_of_keras_serves_in_a_graph():
    state = keras.random.SeedGenerator(5)
    with tf.Graph().as_default():
        names = [v1.get_variable(name, [4, 5], initializer=ours.HeNormal(seed=state)) for name in "ab"]
        values = evaluated(*names)
    number = ours.HeNormal(seed=5)
    for value in values:
        assert np.array_equal(value, numbers(number((4, 5))))
