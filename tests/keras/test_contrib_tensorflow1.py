"""Code of TensorFlow 1 tutorials, as it stands there, on today's TensorFlow: each in a process of its own."""

import re
import subprocess
import sys

import pytest

from glorot import GlorotError
from glorot import keras as ours

pytest.importorskip("tensorflow")

HEAD = """
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
import glorot.keras
tf.contrib = glorot.keras.contrib
"""
SCRIPTS = {
    "the factory is called, and what it returns with a shape": """
        from glorot.keras.contrib import layers
        w = layers.xavier_initializer()(([4, 4]))
        with tf.Session() as sess:
            print(sess.run(w).shape)
    """,
    "get_variable and a session": """
        W = tf.get_variable("W", shape=[784, 256], initializer=tf.contrib.layers.xavier_initializer())
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            w = sess.run(W)
        assert abs(w).max() <= (6 / (784 + 256)) ** 0.5
        print(w.shape, round(float(w.std()) ** 2 * (784 + 256), 1))
    """,
    "a variable made of a tensor": """
        initializer = tf.contrib.layers.xavier_initializer()
        W1 = tf.Variable(initializer([784, 256]), name="W1")
        sess = tf.Session()
        sess.run(tf.global_variables_initializer())
        print(sess.run(W1).shape)
    """,
    "the deep net of a course": """
        tf.set_random_seed(1)
        W1 = tf.get_variable("W1", [25, 12288], initializer=tf.contrib.layers.xavier_initializer(seed=1))
        b1 = tf.get_variable("b1", [25, 1], initializer=tf.zeros_initializer())
        X = tf.placeholder(tf.float32, [12288, None], name="X")
        A1 = tf.nn.relu(tf.add(tf.matmul(W1, X), b1))
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            import numpy as np
            print(sess.run(A1, feed_dict={X: np.ones((12288, 3))}).shape)
    """,
    "convolutions": """
        W = tf.get_variable("W", [3, 3, 64, 128], initializer=tf.contrib.layers.xavier_initializer_conv2d())
        V = tf.get_variable("V", [3, 3, 64, 128], initializer=tf.contrib.layers.variance_scaling_initializer())
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            print(sess.run(W).shape, round(float(sess.run(V).std()) ** 2 * 576, 1))
    """,
    "a layer with an initializer": """
        x = tf.placeholder(tf.float32, [None, 8])
        y = tf.keras.layers.Dense(4, kernel_initializer=tf.contrib.layers.xavier_initializer(uniform=False))(x)
        print(y.shape.as_list())
    """,
}
SHOWN = ["(4, 4)", "(784, 256) 2.0", "(784, 256)", "(25, 3)", "(3, 3, 64, 128) 2.0", "[None, 4]"]


QUICK = "get_variable and a session"


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        pytest.param(script, shown, id=name, marks=() if name == QUICK else pytest.mark.slow)
        for (name, script), shown in zip(SCRIPTS.items(), SHOWN, strict=True)
    ],
)
def test_a_tutorial_runs(script: str, shown: str) -> None:
    lines = "\n".join(line[8:] for line in script.splitlines())
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", HEAD + lines], check=False, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr[-800:]
    assert done.stdout.strip() == shown


@pytest.mark.parametrize("shape", [[4, 4], (4, 4)])
@pytest.mark.parametrize("name", ["xavier_initializer", "xavier_initializer_conv2d"])
def test_a_shape_handed_to_the_factory_is_told_where_it_goes(shape: object, name: str) -> None:
    told = (
        f"xavier_initializer: uniform must be True or False, got {shape!r}; if that is the shape, make the initializer "
        "first and call it with the shape: xavier_initializer()((4, 4))"
    )
    with pytest.raises(GlorotError, match=f"^{re.escape(told)}$"):
        getattr(ours.contrib.layers, name)(shape)


def test_a_shape_handed_to_the_other_factory_is_told_so_too() -> None:
    told = (
        "variance_scaling_initializer: factor must be a number, got [3, 4]; if that is the shape, make the initializer"
    )
    with pytest.raises(GlorotError, match=re.escape(told)):
        ours.variance_scaling_initializer([3, 4])


def test_a_shape_of_tensorflow_is_told_the_same() -> None:
    import tensorflow as tf

    with pytest.raises(GlorotError, match=re.escape("call it with the shape: xavier_initializer()(shape)")):
        ours.xavier_initializer(tf.TensorShape([4, 4]))


def test_the_rest_of_contrib_is_refused_by_name() -> None:
    with pytest.raises(AttributeError, match=r"^tf\.contrib\.layers\.fully_connected is not in glorot\.keras\.contrib"):
        _ = ours.contrib.layers.fully_connected
    with pytest.raises(
        AttributeError, match=r"^tf\.contrib\.rnn is not in glorot\.keras\.contrib, which holds what starts"
    ):
        _ = ours.contrib.rnn
    assert not hasattr(ours.contrib.layers, "__wrapped__")


def test_contrib_holds_the_functions_of_the_room_above() -> None:
    for name in ours.contrib.layers.__all__:
        assert getattr(ours.contrib.layers, name) is getattr(ours, name)
