"""What the initializers alone refuse, and in which words."""

import re
from typing import Any

import keras
import pytest

from glorot import GlorotError
from glorot import keras as ours

SEED = "seed must be None, a whole number with 0 <= seed < 2**32, or a keras.random.SeedGenerator"
DTYPES = "float32, bfloat16, float16, float64 or a float8 that has a sign and a zero"
HOLDS = "holds no weights that are drawn"
SHAPE = "shape must be a sequence of sizes from 0 upwards, such as (300, 100), got"

CONSTRUCTORS: list[tuple[Any, str]] = [
    (lambda: ours.XavierUniform(0.5), f"XavierUniform: {SEED}, got 0.5 (float); a factor on the variance is the `scale` of VarianceScaling"),
    (lambda: ours.HeNormal("relu"), f"HeNormal: {SEED}, got 'relu' (str)"),
    (lambda: ours.HeNormal(True), f"HeNormal: {SEED}, got True (bool)"),
    (lambda: ours.HeNormal(-1), f"HeNormal: {SEED}, got -1; to fold any integer into that range use seed % 2**32"),
    (lambda: ours.RandomNormal(seed=2**32), f"{SEED}, got 4294967296; to fold any integer into that range use seed % 2**32"),
    (lambda: ours.RandomNormal(seed=2**64, name="w"), "a whole number with 0 <= seed < 2**64"),
    (lambda: ours.Orthogonal(seed=0, name=3), "Orthogonal: name must be a text such as 'layers.0.weight', or None, got 3"),
    (lambda: ours.LecunNormal(keras.random.SeedGenerator(0), name="w"), "LecunNormal: a name goes with a whole number as seed, got a SeedGenerator"),
    (lambda: ours.HeUniform(input_axes=[0]), "HeUniform: input_axes and output_axes go together, got input_axes=[0], output_axes=None; give both"),
]  # fmt: skip

CALLS: list[tuple[Any, tuple[Any, ...], str]] = [
    (ours.XavierUniform(), ((None, 3),), f"XavierUniform: {SHAPE} (None, 3); every size must be known when weights are drawn"),
    (ours.XavierUniform(), ((-1, 3),), f"XavierUniform: {SHAPE} (-1, 3)"),
    (ours.XavierUniform(), (5,), f"XavierUniform: {SHAPE} 5"),
    (ours.XavierUniform(), ("ab",), f"XavierUniform: {SHAPE} 'ab'"),
    (ours.Zeros(), ((None,),), f"Zeros: {SHAPE} (None,)"),
    (ours.Identity(), ((2.0, 3),), f"Identity: {SHAPE} (2.0, 3)"),
    (ours.HeNormal(), ((2, 3), "int32"), f"HeNormal: dtype int32 {HOLDS}; expected {DTYPES}"),
    (ours.HeNormal(), ((2, 3), "string"), f"HeNormal: dtype must be {DTYPES}, got 'string'"),
    (ours.HeNormal(), ((2, 3), "complex64"), f"HeNormal: dtype complex64 {HOLDS}, for the stream has real numbers alone; expected {DTYPES}"),
    (ours.HeNormal(), ((2, 3), bool), f"HeNormal: dtype bool {HOLDS}; expected {DTYPES}"),
    (ours.Ones(), ((2, 3), "string"), "Ones: dtype must be a number or bool, got 'string'"),
    (ours.Ones(), ((2, 3), "flaot32"), "Ones: dtype must be a number or bool, got 'flaot32'"),
    (ours.RandomNormal(stddev=1e5), ((2, 3), "float16"), "reaches 650000, but float16 holds at most 65504; choose a smaller scale or a wider dtype"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "words"), CONSTRUCTORS, ids=[words for _, words in CONSTRUCTORS])
def test_constructors_refuse(make, words):
    with pytest.raises(GlorotError, match=re.escape(words)):
        make()


@pytest.mark.parametrize(("draw", "arguments", "words"), CALLS, ids=[words for _, _, words in CALLS])
def test_calls_refuse(draw, arguments, words):
    with pytest.raises(GlorotError, match=re.escape(words)):
        draw(*arguments)


@pytest.mark.skipif(keras.config.backend() == "jax", reason="it takes layouts")
def test_a_layout_is_for_jax():
    words = f"layout is for the jax backend, and Keras runs on {keras.config.backend()}; leave it out"
    with pytest.raises(GlorotError, match=words):
        ours.HeNormal()((2, 3), layout=object())
