"""What `glorot.jax.draw` refuses, and in which words."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glorot import GlorotError
from glorot.distributions import Constant, Identity, Normal, Orthogonal, Uniform
from glorot.jax import draw
from glorot.stream import Key, key_of

REFUSED = {
    "negative shape": ({"shape": (-2, 3)}, r"whole numbers from 0 upwards, got \(-2, 3\)"),
    "huge shape": ({"shape": (2**40, 2**40)}, r"has 2\*\*64 elements or more, beyond the 64-bit index"),
    "huge array": (
        {"shape": (2, 2**31)},
        r"fewer than 2\*\*31 elements along an axis, but axis 1 would have 2147483648; give a smaller box, or a shape",
    ),
    "box outside": ({"box": ((0, 2), (1, 4))}, r"0 <= start <= stop <= extent .* shape \(2, 3\), got \(\(0, 2\)"),
    "box of floats": ({"box": ((0, 2.0), (0, 3))}, "box must give"),
    "short order": ({"order": (0,)}, r"order must name each axis of the shape \(2, 3\) once, from 0; got \(0,\)"),
    "doubled order": ({"order": (0, 0)}, r"got \(0, 0\)"),
    "negative order": ({"order": (-1, 0)}, r"got \(-1, 0\)"),
    "order of floats": ({"order": (1.0, 0)}, r"got \(1.0, 0\)"),
    "order of text": ({"order": "oi"}, "got 'oi'"),
    "order of no sequence": ({"order": 1}, "got 1"),
    "integer dtype": ({"dtype": jnp.int32}, "dtype int32 holds no weights that are drawn; expected float32"),
    "complex dtype": (
        {"dtype": np.dtype("complex64")},
        "dtype complex64 holds no weights that are drawn, for the stream has real",
    ),
    "no dtype": ({"dtype": "float33"}, "got 'float33'"),
    "float64 without x64": (
        {"dtype": jnp.float64},
        r"dtype float64 needs x64, as in jax.config.update\('jax_enable_x64', True\)",
    ),
    "key of three": ({"key": (1, 2, 3)}, r"key must be two whole numbers below 2\*\*32"),
    "key too large": ({"key": Key(2**32, 0)}, r"key must be two whole numbers below 2\*\*32, as key_of returns them"),
    "key of floats": ({"key": (0.5, 1)}, "key must be two whole numbers"),
    "seed for a key": ({"key": 0}, r"two uint32 words: from glorot.stream.key_of, in an array, .* got 0 \(int\)"),
    "signed key": ({"key": jnp.zeros(2, jnp.int32)}, r"or a key of jax.random; got int32\[2\]"),
    "long key": ({"key": jnp.zeros(3, jnp.uint32)}, r"got uint32\[3\]"),
    "several keys": ({"key": np.zeros((5, 2), np.uint32)}, r"got uint32\[5, 2\]; for several keys use jax.vmap"),
    "law": ({"distribution": "normal"}, "distribution must be one of glorot.distributions, got 'normal'"),
    "no axes": ({"distribution": Orthogonal()}, r"Orthogonal needs axes: one letter of b .* \(2, 3\).*got None"),
    "no in axis": (
        {"distribution": Identity(), "axes": "ok"},
        "Identity needs exactly one axis labelled 'i', got axes 'ok'",
    ),
    "beyond float16": (
        {"distribution": Uniform(0, 1e5), "dtype": jnp.float16},
        r"high=100000.0\) reaches 100000, but float16 holds at most 65504; choose a smaller",
    ),
    "beyond bfloat16": (
        {"distribution": Constant(3.4e38), "dtype": "bfloat16"},
        r"reaches 3.4e\+38, but bfloat16 holds at most 3.38953e.38",
    ),
    "beyond float32": ({"distribution": Constant(1e39)}, "reaches 1e.39, but float32 holds at most 3.40282e.38"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_compiled(case: str):
    given, message = REFUSED[case]
    call = {"key": key_of(0, "w"), "distribution": Normal(), "shape": (2, 3)} | given
    with pytest.raises(GlorotError, match=message):
        draw(**call)


def test_refused_under_jit_too():
    with pytest.raises(GlorotError, match=r"got float32\[2\]"):
        jax.jit(lambda key: draw(key, Normal(), (2, 3)))(jnp.zeros(2))
    keys = jax.random.split(jax.random.key(0), 5)
    with pytest.raises(GlorotError, match=r"got key<fry>\[5\]; for several keys use jax.vmap"):
        draw(keys, Normal(), (2, 3))
