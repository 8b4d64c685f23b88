"""The laws of the initializers are those of Keras's own: the same class, a million draws each."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import keras
import ml_dtypes
import numpy as np
import pytest
from scipy import stats

import glorot
from effort import slow_after
from glorot import keras as ours
from glorot import stream
from glorot.distributions import Normal, TruncatedNormal, Uniform
from glorot.stream import Key
from samples import SMALLEST_P, differences

numbers = keras.ops.convert_to_numpy
SQUARE, WIDE, KERNEL, LONG = (1000, 1000), (400, 2500), (9, 9, 64, 200), (1_000_000,)
HAS_AXES = "input_axes" in inspect.signature(keras.initializers.VarianceScaling).parameters  # since 3.15
NAMES = [
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "LecunNormal", "LecunUniform",
    "Ones", "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros",
]  # fmt: skip

LAWS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("RandomUniform", SQUARE, {"minval": -0.3, "maxval": 0.1}),
    ("RandomNormal", LONG, {"mean": -3, "stddev": 0.5}),
    ("TruncatedNormal", LONG, {"mean": 0.5, "stddev": 2.0}),
    ("GlorotUniform", WIDE, {}),
    ("HeNormal", KERNEL, {}),
    ("LecunNormal", WIDE, {}),
    ("VarianceScaling", KERNEL, {"scale": 3.0, "mode": "fan_out", "distribution": "uniform"}),
    ("VarianceScaling", WIDE, {"scale": 0.1, "mode": "fan_avg", "distribution": "untruncated_normal"}),
    ("RandomUniform", SQUARE, {}),
    ("RandomNormal", SQUARE, {}),
    ("TruncatedNormal", SQUARE, {}),
    ("GlorotUniform", LONG, {}),
    ("GlorotNormal", KERNEL, {}),
    ("GlorotNormal", WIDE, {}),
    ("HeUniform", WIDE, {}),
    ("LecunUniform", KERNEL, {}),
    ("VarianceScaling", WIDE, {}),
    ("VarianceScaling", WIDE, {"mode": "fan_out", "distribution": "NORMAL"}),
]
if HAS_AXES:
    LAWS += [
        ("GlorotUniform", (500, 20, 100), {"input_axes": [0], "output_axes": [1, 2]}),
        ("HeNormal", (20, 100, 500), {"input_axes": [0, -2], "output_axes": [-1]}),
        ("VarianceScaling", (10, 250, 400), {"input_axes": [1], "output_axes": [2], "mode": "fan_out"}),
    ]
IDS = [f"{name}-{len(shape)}d-{options}" for name, shape, options in LAWS]


def both(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> tuple[Any, Any]:
    keras.utils.set_random_seed(7)
    drawn = (getattr(module, name)(**options)(shape) for module in (ours, keras.initializers))
    return tuple(numbers(values).astype(np.float64).ravel() for values in drawn)


@pytest.mark.parametrize(("name", "shape", "options"), slow_after(8, LAWS), ids=IDS)
def test_the_law_is_that_of_keras(name, shape, options):
    assert math.prod(shape) >= 1e6
    assert differences(*both(name, shape, options)) == []


@pytest.fixture(scope="module")
def equal_samples() -> tuple[Any, Any]:
    return both("TruncatedNormal", SQUARE, {})


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda x: x, []),
        (lambda x: 1.01 * x, ["std"]),
        (lambda x: x + 0.0005, ["mean", "shape"]),
        (lambda x: np.clip(x, -0.09, 0.09), ["std", "shape"]),
    ],
)
def test_a_law_one_percent_off_would_be_seen(change: Callable[[Any], Any], seen: list[str], equal_samples):
    mine, theirs = equal_samples
    assert differences(change(mine), theirs) == seen


def test_every_initializer_of_keras_with_a_law_is_there():
    theirs = {
        thing.__name__
        for thing in vars(keras.initializers).values()
        if inspect.isclass(thing) and issubclass(thing, keras.initializers.Initializer)
    }
    assert theirs - {"Initializer", "STFT"} == set(NAMES)
    assert {*NAMES, "XavierUniform", "XavierNormal"} <= set(ours.__all__)
    assert ours.GlorotUniform is ours.XavierUniform
    assert ours.GlorotNormal is ours.XavierNormal


@pytest.mark.parametrize("name", NAMES)
def test_the_signature_is_that_of_keras_and_a_name(name):
    theirs, mine = (
        {
            parameter.name: parameter.default
            for parameter in inspect.signature(getattr(module, name)).parameters.values()
        }
        for module in (keras.initializers, ours)
    )
    if "seed" in theirs:
        theirs |= {} if HAS_AXES or "input_axes" not in mine else {"input_axes": None, "output_axes": None}
        theirs["name"] = None
    assert list(mine.items()) == list(theirs.items())


def test_two_arguments_are_what_keras_takes_when_it_is_called():
    for name in NAMES:
        parameters = inspect.signature(getattr(ours, name).__call__).parameters
        assert list(parameters)[:3] == ["self", "shape", "dtype"]
        assert parameters["dtype"].default is None


# bounds and dtypes

SIGMA = math.sqrt(2 / 1000) / 0.87962566103423978
BOUNDED = [
    (ours.RandomUniform(-0.3, 0.1), -0.3, 0.1),
    (ours.XavierUniform(), -math.sqrt(6 / 2000), math.sqrt(6 / 2000)),
    (ours.HeUniform(), -math.sqrt(6 / 1000), math.sqrt(6 / 1000)),
    (ours.LecunUniform(), -math.sqrt(3 / 1000), math.sqrt(3 / 1000)),
    (ours.HeNormal(), -2 * SIGMA, 2 * SIGMA),
    (ours.TruncatedNormal(0.01, 0.02), -0.03, 0.05),
]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize(("draw", "low", "high"), BOUNDED)
def test_bounds_are_kept_to_the_last_bit(draw, low, high, dtype):
    smallest, largest = (float(np.array(np.float32(bound), dtype)) for bound in (low, high))
    values = numbers(draw(SQUARE, dtype)).astype(np.float64)
    near = 0.001 * (high - low) + float(ml_dtypes.finfo(dtype).eps) * high
    assert smallest <= values.min() < low + near
    assert high - near < values.max() <= largest


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(("name", "shape", "options"), slow_after(8, LAWS), ids=IDS)
def test_every_dtype_holds_the_float32_value_rounded_once(name, shape, options, dtype):
    small = [min(n, 40) for n in shape]
    single, half = (numbers(getattr(ours, name)(**options, seed=3)(small, kind)) for kind in ("float32", dtype))
    assert str(half.dtype) == dtype
    assert np.array_equal(single.astype(dtype).astype(np.float32), half.astype(np.float32))


def test_without_a_dtype_it_is_floatx():
    before = keras.config.floatx()
    try:
        keras.config.set_floatx("bfloat16")
        for draw in (ours.XavierUniform(), ours.Zeros(), ours.Identity(), ours.Constant(0.5)):
            assert keras.backend.standardize_dtype(draw((3, 4)).dtype) == "bfloat16"
    finally:
        keras.config.set_floatx(before)


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float32"), "float32", float])
def test_a_dtype_may_be_given_in_any_way_of_keras(dtype):
    assert np.array_equal(*(numbers(ours.HeNormal(0)((3, 4), kind)) for kind in (dtype, None)))


# the numbers are those of the stream

SCHEMES = [
    ("xavier_uniform", ours.XavierUniform, {}),
    ("variance_scaling(1.0, 'fan_avg')", ours.XavierNormal, {}),
    ("he_uniform", ours.HeUniform, {}),
    ("variance_scaling(2.0)", ours.HeNormal, {}),
    ("lecun_uniform", ours.LecunUniform, {}),
    ("variance_scaling(1.0)", ours.LecunNormal, {}),
    ("variance_scaling(0.7, 'fan_out', 'normal')", ours.VarianceScaling, {"scale": 0.7, "mode": "fan_out", "distribution": "untruncated_normal"}),
    ("variance_scaling(0.7, 'fan_avg', 'uniform')", ours.VarianceScaling, {"scale": 0.7, "mode": "fan_avg", "distribution": "uniform"}),
    ("normal(0.02)", ours.RandomNormal, {"stddev": 0.02}),
    ("uniform(-0.05, 0.05)", ours.RandomUniform, {}),
    ("orthogonal(2.0)", ours.Orthogonal, {"gain": 2.0}),
]  # fmt: skip


@pytest.mark.parametrize("shape", [(300, 100), (3, 5, 7, 11), (6, 8, 5)])
@pytest.mark.parametrize(("scheme", "kind", "options"), SCHEMES)
def test_a_name_gives_the_numbers_of_glorot_draw(scheme, kind, options, shape):
    mine = numbers(kind(**options, seed=2**40 + 3, name="blocks.0.weight")(shape))
    assert np.array_equal(mine, glorot.draw(scheme, shape, seed=2**40 + 3, name="blocks.0.weight"))


def test_without_a_name_the_key_is_seed_and_call():
    draw = ours.RandomNormal(seed=5)
    for call in range(3):
        assert np.array_equal(numbers(draw((3, 4))), stream.draw(Key(5, call), Normal(0, 0.05), (4, 3)).T)
    assert np.array_equal(
        numbers(ours.RandomUniform(-1, 2, seed=5)((7,))), stream.draw(Key(5, 0), Uniform(-1, 2), (7,))
    )
    assert numbers(ours.TruncatedNormal(seed=5)(())) == stream.draw(Key(5, 0), TruncatedNormal(0, 0.05, -0.1, 0.1), ())


def test_named_axes_decide_the_order_in_the_stream():
    """A projection (in, heads, size) holds what the matrix (heads·size, in) of the same key holds."""
    draw = ours.LecunUniform(0, input_axes=[0], output_axes=[1, 2])
    matrix = stream.draw(Key(0, 0), Uniform.symmetric(math.sqrt(3 / 12)), (15, 12))
    assert np.array_equal(numbers(draw((12, 3, 5))), matrix.T.reshape(12, 3, 5))


# orthogonal


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (2, 2, 3, 4), (2, 2, 3, 40), (1, 6), (6, 1), (1, 1)])
def test_orthogonal_is_semi_orthogonal_as_keras_has_it(shape, dtype):
    mine = numbers(ours.Orthogonal(gain=3)(shape, dtype)).astype(np.float64).reshape(-1, shape[-1])
    theirs = numbers(keras.initializers.Orthogonal(gain=3)(shape)).astype(np.float64).reshape(-1, shape[-1])
    tolerance = 40 * max(float(ml_dtypes.finfo(dtype).eps), 1e-7)
    for matrix in (mine, theirs):
        product = matrix @ matrix.T if len(matrix) <= shape[-1] else matrix.T @ matrix
        assert np.allclose(product, 9 * np.eye(len(product)), atol=tolerance)


def test_orthogonal_is_haar_distributed():
    draw = ours.Orthogonal(seed=0)
    matrices = np.stack([numbers(draw((3, 3))) for _ in range(2000)])
    for row, column in [(0, 0), (1, 2), (2, 2)]:  # a coordinate of a point on the sphere is uniform (Archimedes)
        assert stats.kstest(matrices[:, row, column], stats.uniform(-1, 2).cdf).pvalue > SMALLEST_P
    assert abs(np.sign(np.linalg.det(matrices)).mean()) < 0.1


# what has no chance in it

DETERMINISTIC: list[tuple[str, tuple[int, ...], tuple[Any, ...]]] = [
    ("Constant", (3, 4), (0.3,)),
    ("Constant", (1,), (math.inf,)),
    ("Constant", (3,), ()),
    ("Constant", (3,), (True,)),
    ("Zeros", (3, 4), ()),
    ("Ones", (2, 3, 4), ()),
    ("Identity", (3, 5), ()),
    ("Identity", (5, 3), (0.5,)),
    ("Identity", (0, 3), ()),
    ("RandomNormal", (3, 4), (0.25, 0)),
    ("RandomUniform", (3, 4), (0.25, 0.25)),
    ("TruncatedNormal", (3, 4), (0.25, 0.0)),
    ("Orthogonal", (3, 4), (0,)),
    ("GlorotUniform", (0, 4), ()),
]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(("name", "shape", "arguments"), DETERMINISTIC)
def test_what_has_no_chance_in_it_equals_keras(name, shape, arguments, dtype):
    if name == "Orthogonal" and dtype != "float32":
        pytest.skip("Keras has no QR in half precision")
    mine, theirs = (numbers(getattr(m, name)(*arguments)(shape, dtype)) for m in (ours, keras.initializers))
    assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
    assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "int64"])
@pytest.mark.parametrize(("name", "arguments"), [("Constant", (1,)), ("Zeros", ()), ("Ones", ()), ("Identity", ())])
def test_constants_take_integers_and_bools(name, arguments, dtype):
    if (dtype, keras.config.backend()) == ("int64", "jax"):
        pytest.skip("JAX has 32 bits")
    mine = numbers(getattr(ours, name)(*arguments)((2, 3), dtype))
    expected = {"Zeros": np.zeros((2, 3)), "Identity": np.eye(2, 3)}.get(name, np.ones((2, 3)))
    assert np.array_equal(mine, expected.astype(dtype))
    assert str(mine.dtype) == dtype


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.array, keras.ops.convert_to_tensor])
def test_numbers_of_every_kind_are_taken(kind):
    for draw in [
        lambda x: ours.RandomUniform(-0.5, x, seed=0),
        lambda x: ours.RandomNormal(x, x, seed=0),
        lambda x: ours.TruncatedNormal(x, x, seed=0),
        lambda x: ours.Orthogonal(x, seed=0),
        lambda x: ours.VarianceScaling(x, seed=0),
        ours.Constant,
        ours.Identity,
    ]:
        assert np.array_equal(numbers(draw(kind(0.5))((3, 4))), numbers(draw(0.5)((3, 4))))
