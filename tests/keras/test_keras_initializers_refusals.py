"""What the initializers refuse, and in which words."""

import re
from typing import Any

import keras
import numpy as np
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
    (lambda: ours.VarianceScaling(0), "VarianceScaling: scale must be above 0, got 0; for all zeros use Zeros"),
    (lambda: ours.VarianceScaling(-2.0), "VarianceScaling: scale must be above 0, got -2"),
    (lambda: ours.VarianceScaling(float("nan")), "VarianceScaling: scale must be above 0, got nan"),
    (lambda: ours.VarianceScaling("2"), "VarianceScaling: scale must be a number, got '2' (str)"),
    (lambda: ours.VarianceScaling(mode="fan_geo"), "VarianceScaling: mode must be one of fan_in, fan_out, fan_avg, got 'fan_geo'"),
    (lambda: ours.VarianceScaling(distribution="cauchy"), "distribution must be one of truncated_normal, untruncated_normal, uniform, normal, got 'cauchy'"),
    (lambda: ours.VarianceScaling(distribution=None), "VarianceScaling: distribution must be one of"),
    (lambda: ours.HeUniform(input_axes=[0]), "HeUniform: input_axes and output_axes go together, got input_axes=[0], output_axes=None; give both"),
    (lambda: ours.HeUniform(input_axes=0, output_axes=[1]), "HeUniform: input_axes must be a sequence of axes such as [0, 1], got 0"),
    (lambda: ours.RandomUniform(0.1, -0.1), "RandomUniform: minval must not be above maxval, got minval=0.1, maxval=-0.1"),
    (lambda: ours.RandomUniform(None), "RandomUniform: minval must be a number, got None (NoneType)"),
    (lambda: ours.RandomNormal(stddev=-1), "RandomNormal: stddev must not be negative, got -1"),
    (lambda: ours.RandomNormal(stddev=1e-30), "Normal: std must lie between 2^-64 and 2^64, got 1e-30"),
    (lambda: ours.RandomNormal(float("inf")), "mean must be a finite number, got inf"),
    (lambda: ours.TruncatedNormal(stddev=-1), "TruncatedNormal: stddev must not be negative, got -1"),
    (lambda: ours.TruncatedNormal(stddev=np.ones(2)), "TruncatedNormal: stddev must be a number, got array([1., 1.]) (ndarray)"),
    (lambda: ours.Orthogonal("2"), "Orthogonal: gain must be a number, got '2' (str)"),
    (lambda: ours.Orthogonal(1e-30), "Orthogonal: gain must lie between 2^-64 and 2^64, got 1e-30"),
    (lambda: ours.Constant("a"), "Constant: value must be a number, got 'a' (str)"),
    (lambda: ours.Constant([1, 2]), "Constant: value must be a number, got [1, 2] (list)"),
    (lambda: ours.Identity(None), "Identity: gain must be a number, got None (NoneType)"),
]  # fmt: skip

CALLS: list[tuple[Any, tuple[Any, ...], str]] = [
    (ours.XavierUniform(), ((None, 3),), f"XavierUniform: {SHAPE} (None, 3); every size must be known when weights are drawn"),
    (ours.XavierUniform(), ((-1, 3),), f"XavierUniform: {SHAPE} (-1, 3)"),
    (ours.XavierUniform(), (5,), f"XavierUniform: {SHAPE} 5"),
    (ours.XavierUniform(), ("ab",), f"XavierUniform: {SHAPE} 'ab'"),
    (ours.Zeros(), ((None,),), f"Zeros: {SHAPE} (None,)"),
    (ours.Identity(), ((2.0, 3),), f"Identity: {SHAPE} (2.0, 3)"),
    (ours.Identity(), ((2, 3, 4),), "Identity: a matrix has a shape of 2 axes, (in, out), got (2, 3, 4)"),
    (ours.Orthogonal(), ((3,),), "Orthogonal: a matrix needs a shape of at least 2 axes, (…, in, out), got (3,); for a bias use Zeros"),
    (ours.HeNormal(), ((2, 3), "int32"), f"HeNormal: dtype int32 {HOLDS}; expected {DTYPES}"),
    (ours.HeNormal(), ((2, 3), "string"), f"HeNormal: dtype must be {DTYPES}, got 'string'"),
    (ours.HeNormal(), ((2, 3), "complex64"), f"HeNormal: dtype complex64 {HOLDS}, for the stream has real numbers alone; expected {DTYPES}"),
    (ours.HeNormal(), ((2, 3), bool), f"HeNormal: dtype bool {HOLDS}; expected {DTYPES}"),
    (ours.Ones(), ((2, 3), "string"), "Ones: dtype must be a number or bool, got 'string'"),
    (ours.Ones(), ((2, 3), "flaot32"), "Ones: dtype must be a number or bool, got 'flaot32'"),
    (ours.RandomNormal(stddev=1e5), ((2, 3), "float16"), "reaches 650000, but float16 holds at most 65504; choose a smaller scale or a wider dtype"),
    (ours.HeUniform(input_axes=[0], output_axes=[2]), ((2, 3),), "HeUniform: input_axes=[0] and output_axes=[2] must name axes of the shape (2, 3), each at most once"),
    (ours.HeUniform(input_axes=[0], output_axes=[-2]), ((2, 3),), "each at most once"),
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
