"""glorot.draw: axes, layouts and refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glorot
from glorot import stream
from glorot.distributions import Normal
from glorot.errors import GlorotError


@given(st.permutations([0, 1, 2, 3]), st.integers(0, 2**64 - 1))
def test_every_layout_holds_the_same_weights(order, seed):
    sizes = (4, 3, 2, 5)  # out, in, kernel, kernel
    stored = glorot.draw("he_normal", sizes, seed=seed, name="conv", in_axis=1, out_axis=0)
    kernel_axes = [axis for axis in order if axis >= 2]
    if kernel_axes != sorted(kernel_axes):
        return  # swapping the two axes of a kernel is another kernel
    shape = tuple(sizes[axis] for axis in order)
    other = glorot.draw("he_normal", shape, seed=seed, name="conv", in_axis=order.index(1), out_axis=order.index(0))
    np.testing.assert_array_equal(other.transpose(np.argsort(order)), stored)


def test_names_and_seeds_give_other_numbers():
    drawn = [glorot.draw("normal(1.0)", (64,), seed=seed, name=name) for seed in (0, 1) for name in ("a", "b")]
    assert len({values.tobytes() for values in drawn}) == 4


def test_a_vector_is_drawn_as_it_lies():
    expected = stream.draw(stream.key_of(5, "bias"), Normal(0.0, 0.3), (7,))
    np.testing.assert_array_equal(glorot.draw("normal(0.3)", (7,), seed=5, name="bias"), expected)


def test_other_dtypes_are_the_float32_values_rounded_once():
    single = glorot.draw("xavier_normal", (40, 30), seed=2)
    np.testing.assert_array_equal(
        glorot.draw("xavier_normal", (40, 30), seed=2, dtype=np.float16), single.astype(np.float16)
    )
    np.testing.assert_array_equal(
        glorot.draw("xavier_normal", (40, 30), seed=2, dtype=np.float64), single.astype(np.float64)
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seed": -1}, r"seed must be a whole number with 0 <= seed < 2\*\*64, got -1"),
        ({"seed": 2**64}, "got 18446744073709551616"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": None}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"seed": 0, "in_axis": 2}, "in_axis=2 is no axis of a shape with 2 axes"),
        ({"seed": 0, "in_axis": 1, "out_axis": -1}, "in_axis=1 and out_axis=-1 name the same axis"),
        ({"seed": 0, "shape": (3, -1)}, r"shape must be a sequence of sizes such as \(300, 100\), got \(3, -1\)"),
        ({"seed": 0, "shape": (3.0, 2)}, "shape must be a sequence of sizes"),
        ({"seed": 0, "shape": 300}, r"shape must be a sequence of sizes such as \(300, 100\), got 300"),
        ({"seed": 0, "dtype": np.int32}, "int32"),
    ],
)
def test_refusals_say_what_was_given(settings, words):
    with pytest.raises(GlorotError, match=words):
        glorot.draw("xavier_uniform", settings.pop("shape", (3, 2)), **settings)


def test_a_missing_seed_is_a_missing_argument():
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'seed'"):
        glorot.draw("zeros", (3, 2))
