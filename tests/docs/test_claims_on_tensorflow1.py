"""What the pages say of `tf.contrib.layers`: its code lives on in tf-slim, which TensorFlow still runs."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from page_claims import assert_said

import glorot.keras as ours

pytestmark = pytest.mark.slow
slim = pytest.importorskip("tf_slim")
v1 = tf.compat.v1
PAGE = "docs/keras-initializers.md"


def drawn(make: Callable[[], Any], shape: tuple[int, ...] = (1000, 500), **settings: Any) -> list[np.ndarray[Any, Any]]:
    """Return two variables of one initializer, as a graph fills them."""
    with tf.Graph().as_default():
        draw = make()
        two = [v1.get_variable(name, shape, initializer=draw, **settings) for name in "ab"]
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            return [np.asarray(session.run(tf.convert_to_tensor(variable))) for variable in two]


def test_contrib_is_gone() -> None:
    assert_said(PAGE, "`tf.contrib.layers` is gone")
    assert not hasattr(tf, "contrib")
    assert not hasattr(v1, "contrib")


LAWS = [
    ("xavier_initializer", {}),
    ("xavier_initializer", {"uniform": False}),
    ("variance_scaling_initializer", {}),
    ("variance_scaling_initializer", {"factor": 0.5, "mode": "FAN_OUT", "uniform": True}),
    ("variance_scaling_initializer", {"mode": "FAN_AVG"}),
]


@pytest.mark.parametrize(("name", "options"), LAWS)
def test_the_laws_are_those_of_contrib(name: str, options: dict[str, Any]) -> None:
    assert_said(PAGE, "N(0, σ²) cut at 2σ with σ = √(1.3·2/(fan_in + fan_out))", "cut at 2σ with σ = √(1.3·factor/n)")
    factor, mode = options.get("factor", 2.0), options.get("mode", "FAN_IN")
    if name == "xavier_initializer":
        factor, mode = 1.0, "FAN_AVG"
    n = {"FAN_IN": 1000, "FAN_OUT": 500, "FAN_AVG": 750}[mode]
    uniform = options.get("uniform", name == "xavier_initializer")
    bound = math.sqrt(3 * factor / n) if uniform else 2 * math.sqrt(1.3 * factor / n)
    std = math.sqrt(factor / n) if uniform else 0.87962566 * math.sqrt(1.3 * factor / n)
    for module in (slim, ours):
        values, _ = drawn(lambda module=module: getattr(module, name)(**options))
        assert abs(values).max() == pytest.approx(bound, rel=1e-3)
        assert values.std() == pytest.approx(std, rel=5e-3)


def test_modes_are_upper_case() -> None:
    assert_said(PAGE, "`mode` is upper case here, as it was in `tf.contrib`")
    with pytest.raises(TypeError, match="Unknown mode fan_in"):
        slim.variance_scaling_initializer(mode="fan_in")


def test_a_seed_makes_twins_in_tensorflow() -> None:
    assert_said(PAGE, "in TensorFlow a seed makes twins of variables of one shape")
    for make in (slim.xavier_initializer, v1.glorot_uniform_initializer):
        one, other = drawn(lambda make=make: make(seed=3), (4, 4))
        assert (one == other).all()
        one, other = drawn(make, (4, 4))
        assert (one != other).all()
    one, other = drawn(lambda: ours.xavier_initializer(seed=3), (4, 4))
    assert (one != other).all()


def test_contrib_took_the_fans_of_each_shard() -> None:
    assert_said(PAGE, "`tf.contrib` took the fans of each shard, and so gave other laws to other numbers of shards.")
    four = {"partitioner": v1.fixed_size_partitioner(4)}
    theirs, _ = drawn(slim.xavier_initializer, (400, 200), **four)
    assert abs(theirs).max() == pytest.approx(math.sqrt(6 / (100 + 200)), rel=1e-2)
    whole, _ = drawn(ours.xavier_initializer, (400, 200), **four)
    assert abs(whole).max() == pytest.approx(math.sqrt(6 / (400 + 200)), rel=1e-2)


def test_constants_would_fill_a_graph() -> None:
    assert_said(PAGE, "In a graph, weights are not constants, which would fill it")

    def size(make: Callable[..., Any]) -> int:
        with tf.Graph().as_default() as graph:
            v1.get_variable("w", [300, 300], initializer=make)
            return len(graph.as_graph_def().SerializeToString())

    values = np.ones((300, 300), np.float32)
    values[0, 0] = 2
    assert size(lambda shape, dtype, partition_info=None: tf.constant(values)) > values.nbytes
    assert size(ours.xavier_initializer()) < 5000
