"""What the pages say of JAX, Flax and Equinox, of these themselves."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax
from page_claims import assert_said, table

pytestmark = pytest.mark.slow
THEIRS = jax.nn.initializers
KEY = jax.random.key(0)
README, INITIALIZERS, MODELS = "README.md", "docs/jax-initializers.md", "docs/jax-models.md"


def readme_cell(row: str) -> str:
    (found,) = (line for line in table(README, "`torch.nn.init`") if row in line[""])
    return found["JAX / Flax"]


# ---- Flax's layers and JAX's laws -----------------------------------------------------------------------------------


def test_dense_layers_start_as_the_readme_says() -> None:
    assert readme_cell("unasked") == "`lecun_normal`, biases 0 (Flax)"
    layer = nnx.Linear(300, 1000, rngs=nnx.Rngs(0))
    sigma = math.sqrt(1 / 300)
    assert float(layer.kernel.std()) == pytest.approx(sigma, rel=0.01)
    assert float(abs(layer.kernel[...]).max()) == pytest.approx(2 * sigma / 0.87962566, rel=1e-3)
    assert not layer.bias.any()


def test_xavier_normal_is_truncated_and_corrected() -> None:
    assert readme_cell("xavier/glorot normal") == "truncated at 2σ and corrected"
    values = THEIRS.xavier_normal()(KEY, (500, 500)) / math.sqrt(2 / 1000)
    assert float(abs(values).max()) == pytest.approx(2 / 0.87962566, rel=1e-3)
    assert float(values.std()) == pytest.approx(1, rel=0.01)


def test_two_layers_of_one_shape_differ_where_the_key_is_split() -> None:
    assert readme_cell("two layers") == "differ if you split the key"
    draw, (one, other) = THEIRS.normal(), jax.random.split(KEY)
    assert (draw(KEY, (3, 4)) == draw(KEY, (3, 4))).all()
    assert (draw(one, (3, 4)) != draw(other, (3, 4))).all()


def test_gelu_is_approximated_by_default() -> None:
    assert_said("docs/everywhere.md", "the exact `gelu` (approximated by default in JAX)")
    x = jnp.linspace(-3, 3, 100)
    assert (jax.nn.gelu(x) == jax.nn.gelu(x, approximate=True)).all()
    assert (jax.nn.gelu(x) != jax.nn.gelu(x, approximate=False)).any()


# ---- docs/jax-initializers.md ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "shape"), [("orthogonal", (8, 16)), ("delta_orthogonal", (3, 8, 16))])
def test_whole_matrices_of_jax_take_no_out_sharding(name: str, shape: tuple[int, ...]) -> None:
    assert_said(INITIALIZERS, "`orthogonal` and `delta_orthogonal` take `out_sharding` too, which JAX's refuse")
    mesh = jax.make_mesh((1,), ("x",), (jax.sharding.AxisType.Explicit,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    with jax.set_mesh(mesh), pytest.raises(NotImplementedError):
        getattr(THEIRS, name)()(KEY, shape, jnp.float32, out_sharding=sharding)


def test_jax_computes_in_the_dtype_itself() -> None:
    assert_said(
        INITIALIZERS, "JAX computes in the dtype itself: its standard deviation is rounded before it multiplies"
    )
    narrow = jax.random.normal(KEY, (100, 100), jnp.bfloat16) * jnp.bfloat16(0.3)
    assert (THEIRS.normal(0.3)(KEY, (100, 100), jnp.bfloat16) == narrow).all()


def test_a_dtype_of_none_that_is_passed_on_makes_float32() -> None:
    assert_said(
        INITIALIZERS, "In JAX it does so only where the argument is left out; a None that is passed on makes float32."
    )
    draw = THEIRS.normal(dtype=jnp.bfloat16)
    assert draw(KEY, (3,)).dtype == jnp.bfloat16
    assert draw(KEY, (3,), None).dtype == jnp.float32


def test_axes_that_are_not_there_or_named_twice() -> None:
    assert_said(
        INITIALIZERS,
        "an axis that the shape does not have, where JAX raises `IndexError`",
        "one that is named twice, where JAX divides by its extent twice and goes on",
    )
    with pytest.raises(IndexError):
        THEIRS.he_normal(in_axis=2)(KEY, (3, 4))
    values = THEIRS.variance_scaling(1.0, "fan_in", "uniform", in_axis=-1, out_axis=1)(KEY, (300, 400))
    fan_in = 400 * (300 * 400 / 400 / 400)  # where the input axis alone gives 400
    assert float(abs(values).max()) == pytest.approx(math.sqrt(3 / fan_in), rel=1e-3)


def test_scales_below_zero_make_nan_or_mirrored_numbers() -> None:
    assert_said(INITIALIZERS, "a negative scale or standard deviation, from which JAX makes NaN or mirrored numbers")
    assert jnp.isnan(THEIRS.variance_scaling(-1.0, "fan_in", "normal")(KEY, (3, 4))).all()
    for draw in (THEIRS.normal, THEIRS.truncated_normal):
        assert (draw(-1.0)(KEY, (3, 4)) == -draw(1.0)(KEY, (3, 4))).all()
    assert float(THEIRS.uniform(-2.0)(KEY, (1000,)).max()) <= 0


@pytest.mark.parametrize("name", ["normal", "uniform", "truncated_normal", "he_normal", "orthogonal"])
def test_integers_are_refused_by_jax_as_well(name: str) -> None:
    assert_said(INITIALIZERS, "integers JAX refuses as well")
    with pytest.raises(ValueError, match="must be a float"):
        getattr(THEIRS, name)()(KEY, (3, 4), jnp.int32)


def test_float64_without_x64_warns_and_makes_float32() -> None:
    assert_said(INITIALIZERS, "float64 without x64, for random laws, where JAX warns and makes float32.")
    with pytest.warns(UserWarning, match="float64 .*is not available"):
        assert THEIRS.normal()(KEY, (3,), jnp.float64).dtype == jnp.float32


def test_complex_numbers_and_those_without_a_sign_are_drawn_by_jax_alone() -> None:
    assert_said(INITIALIZERS, "complex dtypes and float8_e8m0fnu, which has no sign, for random laws")
    for dtype in (jnp.complex64, jnp.float8_e8m0fnu):
        assert THEIRS.normal()(KEY, (3,), dtype).dtype == dtype


@pytest.mark.parametrize(
    ("name", "shape"), [("xavier_normal", (0, 4)), ("he_uniform", (4, 0)), ("lecun_normal", (0, 0))]
)
def test_jax_divides_by_an_empty_shape(name: str, shape: tuple[int, ...]) -> None:
    assert_said(INITIALIZERS, "where the laws of JAX that count fans divide by zero")
    with pytest.raises(ZeroDivisionError):
        getattr(THEIRS, name)()(KEY, shape)
    assert THEIRS.normal()(KEY, shape).shape == shape


def test_the_matrix_of_delta_orthogonal_lies_at_half_of_size_minus_one() -> None:
    assert_said(INITIALIZERS, "`delta_orthogonal` puts its matrix at (size - 1) // 2")
    for size in (3, 4):
        kernel = THEIRS.delta_orthogonal()(KEY, (size, 2, 3))
        assert [at for at in range(size) if kernel[at].any()] == [(size - 1) // 2]


# ---- docs/jax.md and docs/stream.md: how XLA rounds -----------------------------------------------------------------

A, B, C = np.random.default_rng(0).normal(size=(3, 100_001)).astype(np.float32)
LARGEST = np.finfo(np.float32).max
ROUNDED_TWICE, ROUNDED_ONCE = A * B + C, (A.astype(np.float64) * B + C).astype(np.float32)


@pytest.mark.parametrize(
    ("multiply_add", "expected"),
    [
        (lambda a, b, c: a * b + c, ROUNDED_ONCE),
        (lambda a, b, c: lax.reduce_precision(a * b, 8, 23) + c, ROUNDED_ONCE),
        (lambda a, b, c: lax.optimization_barrier(a * b) + c, ROUNDED_ONCE),
        (lambda a, b, c: jnp.minimum(a * b, LARGEST) + c, ROUNDED_TWICE),
    ],
    ids=["plain", "reduce_precision", "optimization_barrier", "min"],
)
def test_xla_fuses_a_multiplication_and_a_sum(multiply_add: Callable[..., Any], expected: Any) -> None:
    assert_said("docs/jax.md", "neither `lax.reduce_precision` nor `lax.optimization_barrier` stops it on the CPU")
    assert_said("docs/stream.md", "XLA contracts through `optimization_barrier` and also adds constants together")
    assert (ROUNDED_ONCE != ROUNDED_TWICE).any()
    assert np.array_equal(jax.jit(multiply_add)(A, B, C), expected)


def test_xla_adds_and_multiplies_constants_first() -> None:
    assert_said("docs/jax.md", "`(a + c₁) + c₂` becomes `a + (c₁ + c₂)`, and likewise for products")
    one, two = np.float32(1e-3), np.float32(12345.0)
    assert np.array_equal(jax.jit(lambda a: (a + one) + two)(A), A + (one + two))
    assert (A + one + two != A + (one + two)).any()
    guarded = jax.jit(lambda a: jnp.minimum(a + one, LARGEST) + two)(A)
    assert np.array_equal(guarded, A + one + two)
    one, two = np.float32(1.1), np.float32(1.3)
    assert (jax.jit(lambda a: (a * one) * two)(A) != A * one * two).any()


def test_a_key_of_four_words_is_two_keys_of_two() -> None:
    assert_said("docs/jax.md", "`rbg` splits each half by itself")
    words = jnp.array([1, 2, 3, 4], jnp.uint32)
    whole = jax.random.key_data(jax.random.split(jax.random.wrap_key_data(words, impl="rbg"), 3))
    halves = [jax.random.split(jax.random.wrap_key_data(half), 3) for half in (words[:2], words[2:])]
    assert np.array_equal(whole, np.concatenate([jax.random.key_data(half) for half in halves], axis=1))


# ---- docs/jax-models.md ---------------------------------------------------------------------------------------------


class Unsorted(nnx.Module):
    def __init__(self) -> None:
        self.z, self.a = nnx.Param(jnp.ones(2)), nnx.Param(jnp.zeros(3))


def test_nnx_sorts_parameters_whenever_it_splits_a_model() -> None:
    assert_said(MODELS, "NNX sorts them so whenever it splits and merges a model")
    definition, state = nnx.split(Unsorted())
    assert [name for (name,), _ in nnx.to_flat_state(state)] == ["a", "z"]
    merged = [name for name in vars(nnx.merge(definition, state)) if name in "az"]
    assert merged == ["a", "z"]


def test_weight_norms() -> None:
    assert_said(
        MODELS,
        "The scales of NNX's `WeightNorm` are not an `nnx.Param`, and are not written.",
        "Equinox's `WeightNorm` takes its `g` from the weight that it was made with",
    )
    normed = nnx.WeightNorm(nnx.Linear(3, 4, rngs=nnx.Rngs(0)), rngs=nnx.Rngs(0))
    assert [path for path, _ in nnx.to_flat_state(nnx.state(normed, nnx.Param)) if "scales" in path] == []
    assert [path for path, _ in nnx.to_flat_state(nnx.state(normed)) if "scales" in path] != []
    linear = eqx.nn.Linear(3, 4, key=KEY)
    lengths = jnp.linalg.norm(linear.weight, axis=1, keepdims=True)
    np.testing.assert_allclose(eqx.nn.WeightNorm(linear).g, lengths, rtol=1e-6)


class Tied(eqx.Module):
    one: Any
    other: Any


def test_jax_parts_leaves_that_are_one_array() -> None:
    assert_said(
        MODELS, "JAX itself parts them under `jit` and in `eqx.filter_eval_shape`; `eqx.nn.Shared` keeps them together."
    )
    array, alike = jnp.ones(3), []

    def look(tied: Tied) -> None:
        alike.append(tied.one is tied.other)

    jax.jit(look)(Tied(array, array))
    look(eqx.filter_eval_shape(lambda x: Tied(x, x), array))
    shared = eqx.nn.Shared(Tied(array, array), where=lambda tied: tied.other, get=lambda tied: tied.one)
    eqx.filter_jit(lambda model: look(model()))(shared)
    assert alike == [False, False, True]


def test_copies_elsewhere_may_look_like_copies_in_front() -> None:
    assert_said(MODELS, "`nnx.vmap(out_axes=1)` are (5, 5, 8) either way")
    for axis in (0, 1):
        make = nnx.vmap(lambda rngs: nnx.Linear(5, 8, use_bias=False, rngs=rngs), in_axes=0, out_axes=axis)
        assert make(nnx.Rngs(0).split(5)).kernel.shape == (5, 5, 8)


def test_linen_makes_its_layers_while_it_runs() -> None:
    assert_said(MODELS, "Linen modules make their layers while they run, so both verbs need a batch, as `init` does.")

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.Dense(3)(x)

    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Net().init(KEY)
    assert set(Net().init(KEY, jnp.ones((1, 2)))["params"]) == {"Dense_0"}


def test_a_batch_norm_in_training_needs_a_named_axis() -> None:
    assert_said(MODELS, "A BatchNorm in training needs an axis that `inputs` alone does not have")
    norm, state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(3, "batch", mode="batch")
    with pytest.raises(NameError, match="batch"):
        norm(jnp.ones(3), state)


def test_an_lstm_of_flax_has_one_bias_for_each_gate() -> None:
    assert_said("docs/everywhere.md", "PyTorch's LSTM has two biases where Keras and Flax have one")
    cell = nnx.LSTMCell(3, 4, rngs=nnx.Rngs(0))
    assert [layer.bias is None for layer in (cell.ii, cell.hi)] == [True, False]
