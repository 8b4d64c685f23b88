"""The laws of the drop-in are those of jax.nn.initializers: the same function, a million draws each."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax._src.nn.initializers import _compute_fans  # private, but it is the definition
from scipy import stats

from effort import slow_after
from glorot import stream
from glorot.distributions import Normal, TruncatedNormal, Uniform
from glorot.jax import initializers
from glorot.stream import Key
from samples import SMALLEST_P, differences

THEIRS = jax.nn.initializers
MATRIX, STACK = (400, 2500), (10, 400, 250)  # few shapes: what costs time is to compile
SMALL = (40, 30)

LAWS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("uniform", MATRIX, {"scale": -3}),
    ("truncated_normal", MATRIX, {"stddev": 2.0, "lower": 0.25, "upper": 4}),
    ("xavier_uniform", MATRIX, {}),
    ("he_normal", STACK, {"batch_axis": 0}),
    ("variance_scaling", MATRIX, {"scale": 0.3, "mode": "fan_geo_avg", "distribution": "normal"}),
    ("uniform", MATRIX, {}),
    ("normal", MATRIX, {"stddev": 0.5}),
    ("truncated_normal", MATRIX, {}),
    ("xavier_normal", MATRIX, {}),
    ("he_uniform", MATRIX, {"in_axis": -1, "out_axis": -2}),
    ("lecun_uniform", MATRIX, {"in_axis": (0,)}),
    ("lecun_normal", MATRIX, {}),
]
IDS = [f"{name}-{len(shape)}d-{options}" for name, shape, options in LAWS]


def both(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> tuple[Any, Any]:
    ours, theirs = (
        np.asarray(getattr(module, name)(**options)(jax.random.key(7), shape)).ravel()
        for module in (initializers, THEIRS)
    )
    assert len(ours) == 1_000_000
    return ours, theirs


@pytest.mark.parametrize(("name", "shape", "options"), slow_after(5, LAWS), ids=IDS)
def test_the_law_is_that_of_jax(name, shape, options):
    assert differences(*both(name, shape, options)) == []


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda x: 1.01 * x, ["std"]),
        (lambda x: x + 0.01, ["mean", "shape"]),
        (lambda x: np.clip(x, -1.98, 1.98), ["std", "shape"]),
    ],
)
def test_a_law_one_percent_off_would_be_seen(change: Callable[[Any], Any], seen: list[str]):
    ours, theirs = both("truncated_normal", MATRIX, {"stddev": 1, "lower": -2.5, "upper": 2.5})
    assert differences(change(ours), theirs) == seen


def test_a_normal_law_without_a_cut_is_normal():
    """From that of JAX comes now and then the most negative float32."""
    uncut = initializers.truncated_normal(2, lower=-math.inf, upper=math.inf)(jax.random.key(7), MATRIX)
    assert np.array_equal(uncut, initializers.normal(2)(jax.random.key(7), MATRIX))
    assert float(abs(uncut).max()) < 12
    theirs = THEIRS.truncated_normal(2, lower=-math.inf, upper=math.inf)(jax.random.key(7), MATRIX)
    assert float(abs(theirs).max()) > 1e38


# fans


@st.composite
def shapes_and_axes(draw: st.DrawFn) -> tuple[tuple[int, ...], list[Any]]:
    """A shape, and for inputs, outputs and batch one axis or several, counted from either end."""
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=2, max_size=5)))
    roles = draw(st.lists(st.sampled_from("iobk"), min_size=len(shape), max_size=len(shape)))
    named = []
    for role in "iob":
        axes = [axis - draw(st.sampled_from([0, len(shape)])) for axis, r in enumerate(roles) if r == role]
        named.append(axes[0] if len(axes) == 1 and draw(st.booleans()) else tuple(axes))
    return shape, named


@given(shapes_and_axes(), st.floats(0.1, 10), st.sampled_from(["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]))
def test_fans_are_those_of_jax(place, scale, mode):
    shape, axes = place
    fan_in, fan_out = _compute_fans(shape, *axes)
    n = {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "fan_avg": (fan_in + fan_out) / 2,
        "fan_geo_avg": (fan_in * fan_out) ** 0.5,
    }
    law = initializers.variance_scaling(scale, mode, "normal", *axes).law(shape)
    assert law.std == pytest.approx(math.sqrt(scale / n[mode]), rel=1e-12)


@pytest.mark.parametrize("axes", [np.array([0]), [0], range(1)])
def test_axes_come_in_any_sequence(axes):
    assert initializers.he_normal(in_axis=axes) == initializers.he_normal(in_axis=(0,))


# bounds and dtypes

HE_SIGMA = math.sqrt(2 / 400) / 0.87962566103423978  # the std of the standard normal cut at ±2
BOUNDED = [
    (lambda: initializers.uniform(0.3), 0.0, 0.3),
    (initializers.xavier_uniform, -math.sqrt(6 / 2900), math.sqrt(6 / 2900)),
    (initializers.he_uniform, -math.sqrt(6 / 400), math.sqrt(6 / 400)),
    (lambda: initializers.truncated_normal(0.02, lower=-1.5, upper=1), -0.03, 0.02),
    (initializers.he_normal, -2 * HE_SIGMA, 2 * HE_SIGMA),
]


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
@pytest.mark.parametrize(("build", "low", "high"), BOUNDED)
def test_bounds_are_kept_to_the_last_bit(build, low, high, dtype):
    values = np.asarray(build()(jax.random.key(1), MATRIX, dtype))
    found = float(values.min()), float(values.max())
    smallest, largest = (float(np.float32(bound).astype(dtype)) for bound in (low, high))
    assert smallest <= found[0] < smallest + 0.001 * (high - low)
    assert largest - 0.001 * (high - low) < found[1] <= largest


@pytest.mark.parametrize(
    ("build", "dtype"),
    [
        (initializers.uniform, jnp.float16),
        (initializers.uniform, jnp.bfloat16),
        (initializers.he_normal, jnp.bfloat16),
    ],
)
def test_every_dtype_holds_the_float32_value_rounded_once(build, dtype):
    wide, narrow = (np.asarray(build()(jax.random.key(3), SMALL, kind)) for kind in (jnp.float32, dtype))
    assert narrow.dtype == dtype
    assert np.array_equal(wide.astype(dtype), narrow)


def test_which_dtype_is_drawn():
    key = jax.random.key(0)
    assert initializers.normal()(key, SMALL).dtype == jnp.float32
    assert initializers.normal()(key, SMALL, float).dtype == jnp.float32
    assert initializers.normal(dtype=jnp.bfloat16)(key, SMALL).dtype == jnp.bfloat16
    assert initializers.normal(dtype=jnp.bfloat16)(key, SMALL, None).dtype == jnp.bfloat16
    assert initializers.normal(dtype=jnp.bfloat16)(key, SMALL, "float32").dtype == jnp.float32
    narrow = np.asarray(initializers.normal()(key, SMALL))
    with jax.enable_x64(True):
        wide = initializers.normal()(key, SMALL)
        assert wide.dtype == initializers.normal()(key, SMALL, float).dtype == jnp.float64
        assert initializers.normal()(key, SMALL, jnp.float32).dtype == jnp.float32
        assert np.array_equal(wide, narrow.astype(np.float64))


# keys

RANDOM = {
    "uniform": (initializers.uniform(0.3), Uniform(0, 0.3)),
    "normal": (initializers.normal(2), Normal(0, 2)),
    "truncated_normal": (initializers.truncated_normal(2, lower=-1), TruncatedNormal(0, 2, -2, 4)),
    "xavier_uniform": (initializers.xavier_uniform(), Uniform.symmetric(math.sqrt(6 / 70))),
}


@pytest.mark.parametrize(("initializer", "law"), RANDOM.values(), ids=list(RANDOM))
def test_the_numbers_are_those_of_the_stream(initializer, law):
    key = jax.random.key(5)
    expected = stream.draw(Key(*map(int, jax.random.key_data(key))), law, SMALL)
    for given_key in (key, jax.random.key_data(key), np.asarray(jax.random.key_data(key))):
        assert np.asarray(initializer(given_key, SMALL)).tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ["normal", "he_uniform"])
def test_a_key_decides_everything_however_it_comes(name):
    initializer = getattr(initializers, name)()
    keys = jax.random.split(jax.random.key(2), 3)
    one, again, other = (np.asarray(initializer(keys[i], SMALL)) for i in (0, 0, 1))
    assert np.array_equal(one, again)
    assert (one == other).mean() < 0.01
    assert np.array_equal(jax.jit(initializer, static_argnums=(1, 2))(keys[0], SMALL, jnp.float32), one)
    assert np.array_equal(jax.vmap(lambda key: initializer(key, SMALL))(keys)[1], other)


@pytest.mark.parametrize("build", [initializers.normal, initializers.lecun_normal, initializers.orthogonal])
def test_shapes_can_be_known_without_a_draw(build):
    shape = jax.eval_shape(lambda key: build(dtype=jnp.bfloat16)(key, (2**15, 2**15)), jax.random.key(0))
    assert (shape.shape, shape.dtype) == ((2**15, 2**15), jnp.bfloat16)


# orthogonal


def columns(w: Any, axis: int) -> np.ndarray:
    moved = np.moveaxis(np.asarray(w, np.float64), axis, -1)
    return moved.reshape(-1, moved.shape[-1])


def is_orthogonal(matrix: np.ndarray, scale: float, tolerance: float) -> bool:
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    return np.allclose(product, scale**2 * np.eye(len(product)), rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("module", "shape", "axis"),
    [
        (initializers, (3, 7), -1),
        (initializers, (7, 3), 1),
        (initializers, (2, 3, 2, 4), -2),
        (THEIRS, (2, 3, 2, 4), -2),
    ],
)
def test_orthogonal_has_the_orthogonal_columns_of_jax(module, shape, axis):
    w = module.orthogonal(3, axis)(jax.random.key(4), shape)
    assert w.shape == shape
    assert is_orthogonal(columns(w, axis), 3, 1e-5)
    if len(shape) > 2:  # the slices along another axis are not orthogonal: the test can fail
        assert not is_orthogonal(columns(w, 1), 3, 1e-5)


def test_orthogonal_is_haar_distributed():
    keys = jax.random.split(jax.random.key(0), 2000)
    matrices = np.asarray(jax.vmap(lambda key: initializers.orthogonal(-1)(key, (3, 3)))(keys))
    for row, column in [(0, 0), (1, 2), (2, 2)]:  # a coordinate of a point on the sphere is uniform (Archimedes)
        assert stats.kstest(matrices[:, row, column], stats.uniform(-1, 2).cdf).pvalue > SMALLEST_P
    assert abs(np.sign(np.linalg.det(matrices)).mean()) < 0.1


def test_delta_orthogonal_is_orthogonal_where_that_of_jax_is_and_zero_elsewhere():
    shape = (2, 3, 4, 3, 5)
    ours, theirs = (
        np.asarray(module.delta_orthogonal(0.5, 0)(jax.random.key(4), shape)) for module in (initializers, THEIRS)
    )
    filled = np.abs(theirs).sum((-2, -1)) > 0
    assert filled.sum() == 1
    for w in (ours, theirs):
        assert w.shape == shape
        assert not w[~filled].any()
        assert is_orthogonal(w[filled][0], 0.5, 1e-5)


def test_delta_orthogonal_holds_the_matrix_of_orthogonal_rounded_once():
    """That of JAX cannot make either in bfloat16."""
    kernel = initializers.delta_orthogonal(dtype=jnp.bfloat16)(jax.random.key(4), (3, 30, 40))
    matrix = np.asarray(initializers.orthogonal()(jax.random.key(4), (30, 40)))
    assert kernel.dtype == jnp.bfloat16
    assert np.array_equal(kernel[1], matrix.astype(jnp.bfloat16))
    with pytest.raises((NotImplementedError, TypeError), match="dtype bfloat16"):  # which one depends on the release
        THEIRS.orthogonal()(jax.random.key(4), (30, 40), jnp.bfloat16)


# what has no chance in it

DETERMINISTIC: list[tuple[str, tuple[int, ...], tuple[Any, ...]]] = [
    ("constant", (3, 4), (3,)),
    ("constant", (), (1,)),
    ("constant", (3, 4), (np.arange(4),)),
    ("normal", (3, 4), (0,)),
    ("uniform", (3, 4), (0,)),
    ("truncated_normal", (3, 4), (0,)),
    ("variance_scaling", (3, 4), (0, "fan_in", "uniform")),
    ("orthogonal", (3, 4), (0,)),
    ("delta_orthogonal", (1, 3, 4), (0,)),
    ("orthogonal", (0, 4), ()),
    ("normal", (0, 4), ()),
]


@pytest.mark.parametrize(("name", "shape", "numbers"), DETERMINISTIC)
def test_what_has_no_chance_in_it_equals_jax(name, shape, numbers):
    ours, theirs = (getattr(module, name)(*numbers)(jax.random.key(0), shape) for module in (initializers, THEIRS))
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", [None, jnp.int8, jnp.bool, jnp.complex64, jnp.float8_e4m3fn])
@pytest.mark.parametrize("build", [lambda m: m.zeros, lambda m: m.ones, lambda m: m.constant(2, dtype=jnp.float16)])
def test_constants_take_every_dtype_that_jax_takes(build, dtype):
    ours, theirs = (build(module)(None, (2, 3), dtype) for module in (initializers, THEIRS))
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (initializers.xavier_normal, (0, 4)),
        (initializers.he_uniform, (4, 0)),
        (initializers.delta_orthogonal, (0, 3, 4)),
    ],
)
def test_arrays_without_elements(build, shape):
    """JAX divides by zero here."""
    assert build()(jax.random.key(0), shape).shape == shape


def test_cuts_at_one_place_give_that_value():
    assert np.unique(initializers.truncated_normal(0.5, lower=1, upper=1)(jax.random.key(0), SMALL)).tolist() == [0.5]


def test_a_whole_number_is_a_shape():
    assert initializers.normal()(jax.random.key(0), 5).shape == THEIRS.normal()(jax.random.key(0), 5).shape == (5,)


@pytest.mark.parametrize("kind", [np.float32, np.float64, jnp.bfloat16, jnp.float32, lambda x: np.array([x]), np.array])
def test_numbers_of_every_kind_are_taken(kind):
    for build in (initializers.uniform, initializers.normal, initializers.truncated_normal, initializers.orthogonal):
        assert build(kind(0.5)) == build(0.5)
    assert initializers.variance_scaling(kind(0.5), "fan_in", "normal").scale == 0.5
