"""What the drop-in for jax.nn.initializers alone refuses, and in which words."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from glorot import GlorotError
from glorot.jax import initializers

KEY = jax.random.key(0)
SHAPE = (3, 4)
VS = initializers.variance_scaling

BUILT: dict[str, tuple[Callable[[], Any], str]] = {
    "scale": (
        lambda: VS(-1, "fan_in", "normal"),
        r"^variance_scaling: scale must be a finite number from 0 upwards, got -1$",
    ),
    "traced": (
        lambda: jax.jit(lambda std: initializers.normal(std)(KEY, SHAPE))(1.0),
        r"^normal: stddev must be known when the function is compiled, got a traced value; "
        r"compute it with NumPy or math, not jax\.numpy, or pass 1 for it and multiply the array",
    ),
    "no axis": (lambda: initializers.he_normal(batch_axis=None), r"^he_normal: batch_axis must .* got None$"),
    "truncated: nan": (lambda: initializers.truncated_normal(1, lower=math.nan), r"got lower=nan, upper=2$"),
    "orthogonal: axis": (
        lambda: initializers.orthogonal(1, (0,)),
        r"^orthogonal: column_axis must be a whole number, got \(0,\)$",
    ),
}


@pytest.mark.parametrize(("build", "message"), BUILT.values(), ids=list(BUILT))
def test_refused_when_built(build, message):
    with pytest.raises(GlorotError, match=message):
        build()


def on_kernel_axes() -> NamedSharding:
    mesh = jax.make_mesh((2,), ("x",), (AxisType.Auto,), devices=jax.devices()[:2])
    return NamedSharding(mesh, PartitionSpec("x"))


CALLED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "vector": (
        initializers.xavier_uniform(),
        {"shape": (5,)},
        r"^xavier_uniform: in_axis=-2 is out of range for shape 5 with 1 axis$",
    ),
    "scalar": (
        initializers.lecun_normal(),
        {"shape": ()},
        r"^lecun_normal: in_axis=-2 is out of range for shape scalar with 0 axes$",
    ),
    "axis of both and batch": (
        initializers.lecun_uniform(batch_axis=0),
        {},
        r"^lecun_uniform: axis 0 of shape 3×4 is named twice, by in_axis and by batch_axis;",
    ),
    "axis twice": (
        VS(1, "fan_in", "normal", in_axis=(0, -2)),
        {},
        r"^variance_scaling: axis 0 of shape 3×4 is named twice, by in_axis and by in_axis;",
    ),
    "alias": (initializers.kaiming_normal(0, 0), {}, r"^he_normal: axis 0 of shape 3×4 is named twice"),
    "tiny": (
        VS(1e-40, "fan_in", "uniform"),
        {},
        r"^variance_scaling: Uniform: half of high - low must lie between 2\^-64 and 2\^64, got 1e-20;",
    ),
    "complex": (
        initializers.normal(),
        {"dtype": jnp.complex64},
        "^normal: dtype complex64 holds no weights that are drawn, for the stream has real numbers alone; expected float32",
    ),
    "integer": (
        initializers.uniform(),
        {"dtype": jnp.int32},
        "^uniform: dtype int32 holds no weights that are drawn; expected float32, bfloat16, float16, float64 or a float8",
    ),
    "bool of the factory": (
        initializers.he_normal(dtype=bool),
        {},
        "^he_normal: dtype bool holds no weights that are drawn; expected",
    ),
    "8 bits without a sign": (
        initializers.he_normal(),
        {"dtype": jnp.float8_e8m0fnu},
        "^he_normal: dtype float8_e8m0fnu holds no weights that are drawn, for it has neither sign nor zero; expected",
    ),
    "4 bits": (
        initializers.normal(),
        {"dtype": jnp.float4_e2m1fn},
        "^normal: dtype float4_e2m1fn holds no weights that are drawn; expected",
    ),
    "float64": (
        initializers.orthogonal(),
        {"dtype": np.float64},
        r"^orthogonal: dtype float64 needs x64, as in jax\.config\.update\('jax_enable_x64', True\)$",
    ),
    "no dtype": (
        initializers.normal(),
        {"dtype": "float33"},
        r"^normal: dtype must be float32, .* got 'float33'$",
    ),
    "reach": (
        initializers.normal(1e5),
        {"dtype": jnp.float16},
        r"^normal: Normal\(mean=0\.0, std=100000\.0\) reaches 650000, .* choose a smaller scale or a wider dtype$",
    ),
    "seed": (initializers.normal(), {"key": 0}, r"^normal: key must be two uint32 words.* got 0 \(int\)$"),
    "keys": (
        initializers.normal(),
        {"key": jax.random.split(KEY, 3)},
        r"^normal: key must be two uint32 words: .*\[3\]; for several keys use jax\.vmap$",
    ),
    "shape": (initializers.normal(), {"shape": (3.0,)}, r"^normal: shape must be a sequence of whole numbers from 0"),
    "negative shape": (initializers.he_normal(), {"shape": -3}, r"^he_normal: shape must be .* got \(-3,\)$"),
    "orthogonal axis": (
        initializers.orthogonal(column_axis=2),
        {},
        r"^orthogonal: column_axis=2 is out of range for shape 3×4 with 2 axes$",
    ),
    "delta narrows": (
        initializers.delta_orthogonal(),
        {"shape": (3, 4, 2)},
        r"^delta_orthogonal: 4 inputs do not fit into 2 outputs at their full length \(shape 3×4×2\); the last axis must be "
        r"as long as the one before, or longer$",
    ),
    "delta axis": (
        initializers.delta_orthogonal(column_axis=-3),
        {"shape": (3, 2, 4)},
        r"^delta_orthogonal: column_axis=-3 is out of range for shape 2×4 with 2 axes$",
    ),
    "delta split": (
        initializers.delta_orthogonal(),
        {"shape": (4, 2, 2), "out_sharding": on_kernel_axes()},
        r"^delta_orthogonal: out_sharding can split the inputs and the outputs, the last two axes, and not the kernel, got "
        r"P.*'x'.*; leave such a split to out_shardings of your own jit$",
    ),
}


@pytest.mark.parametrize(("initializer", "arguments", "message"), CALLED.values(), ids=list(CALLED))
def test_refused_when_called(initializer, arguments, message):
    with pytest.raises(GlorotError, match=message):
        initializer(**{"key": KEY, "shape": SHAPE, **arguments})


def test_the_same_calls_are_taken_once_put_right():
    """The tables above do not pass because everything is refused."""
    assert VS(1, "fan_in", "normal", in_axis=0, out_axis=())(KEY, (5,)).shape == (5,)
    assert initializers.normal(1e3)(KEY, SHAPE, jnp.float16).dtype == jnp.float16
    assert initializers.truncated_normal(0.02, lower=5.5, upper=7)(KEY, SHAPE).shape == SHAPE
