"""What the initializers for TensorFlow 1 refuse, and how they say it."""

import math
import re
import sys
from typing import Any

import keras
import numpy as np
import pytest

from glorot import GlorotError
from glorot import keras as ours

tf = pytest.importorskip("tensorflow")

SEED = "seed must be None, a whole number with 0 <= seed < 2**32, or a keras.random.SeedGenerator"
REFUSED: list[tuple[Any, str]] = [
    (lambda: ours.variance_scaling_initializer(mode="fan_in"), "variance_scaling_initializer: mode must be one of FAN_IN, FAN_OUT, FAN_AVG, got 'fan_in'"),
    (lambda: ours.variance_scaling_initializer(0), "variance_scaling_initializer: factor must be a finite number above 0, got 0"),
    (lambda: ours.variance_scaling_initializer(math.nan), "factor must be a finite number above 0, got nan"),
    (lambda: ours.variance_scaling_initializer("2"), "factor must be a number, got '2' (str)"),
    (lambda: ours.xavier_initializer(0), "xavier_initializer: uniform must be True or False, got 0; pass others by name, as in seed=0"),
    (lambda: ours.xavier_initializer(seed=-1), f"xavier_initializer: {SEED}, got -1"),
    (lambda: ours.xavier_initializer(seed=1.5), f"xavier_initializer: {SEED}, got 1.5 (float)"),
    (lambda: ours.xavier_initializer(dtype=tf.int32), "xavier_initializer: dtype int32 holds no weights that are drawn; expected float32"),
    (lambda: ours.xavier_initializer()([4, 4], tf.string), "xavier_initializer: dtype must be float32, bfloat16, float16, float64 or a float8 that has a sign and a zero, got tf.string"),
    (lambda: ours.XavierUniform()([4, 4], tf.int32), "XavierUniform: dtype int32 holds no weights that are drawn; expected float32"),
    (lambda: ours.Zeros()([4, 4], tf.string), "Zeros: dtype must be a number or bool, got tf.string"),
    (lambda: ours.xavier_initializer()(tf.TensorShape([None, 4])), "xavier_initializer: shape must be a sequence of sizes from 0 upwards, such as (300, 100), got TensorShape([None, 4])"),
    (lambda: ours.xavier_initializer()(tf.TensorShape(None)), "got TensorShape(None); every size must be known"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_refusals(call, words):
    with pytest.raises(GlorotError, match=re.escape(words)):
        call()


def test_shapes_of_tensorflow_are_taken():
    expected = ours.xavier_initializer(seed=3)([4, 5])
    assert np.array_equal(ours.xavier_initializer(seed=3)(tf.TensorShape([4, 5])), expected)
    assert np.array_equal(ours.xavier_initializer(seed=3)(tf.constant([4, 5])), expected)


def test_a_generator_inside_a_graph_is_refused():
    with tf.Graph().as_default(), pytest.raises(GlorotError, match="make it outside of graphs and compiled functions"):
        ours.HeNormal(seed=keras.random.SeedGenerator(3))((4, 5))


def test_a_shard_must_lie_in_its_tensor():
    class Info:
        full_shape, var_offset = [4, 4], [3, 0]

    with pytest.raises(
        GlorotError, match=re.escape("a shard of shape (2, 4) at (3, 0) does not lie in a tensor of shape (4, 4)")
    ):
        ours.xavier_initializer()([2, 4], partition_info=Info())


def test_a_missing_tensorflow_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(GlorotError, match="xavier_initializer: TensorFlow is not installed: pip"):
        ours.xavier_initializer()
