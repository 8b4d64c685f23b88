"""The bits of JAX are those of NumPy, however the function is compiled and whatever stands around it."""

import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effort import examples, slow_after
from glorot import stream
from glorot.distributions import Constant, Distribution, Normal, SparseNormal, TruncatedNormal, Uniform, from_json
from glorot.jax import draw, laws
from glorot.jax.words import Pair, philox
from glorot.stream import Key, key_of
from glorot.stream.spec import law_of

sys.path.append(str(Path(__file__).parents[1] / "stream"))
from test_stream_vectors import LENGTH, hexes, lines

pytestmark = pytest.mark.usefixtures("compiled_in_full")

KEY = key_of(0, "layers.0.weight")
TRACED = np.array(KEY, np.uint32)
SHAPE = (33, 7)
SPARSE = SparseNormal(0.1, 0.02, 0.3)
LAWS = [Uniform(-0.1, 0.3), Normal(0.1, 0.02), TruncatedNormal(0.1, 0.02, 0.06, 0.14)]
EXTREMES = [
    Uniform.symmetric(2.0**-64),
    Normal(3e38, 2.0**64),
    TruncatedNormal(0.0, 2.0**-64, -(2.0**-63), 2.0**-63),
    TruncatedNormal(1.0, 0.5, 4.0, 1e300),
    Uniform.symmetric(2.0**64),
    Uniform(-0.0, 1.0),
    Uniform(-1.0, -0.0),
    Normal(0.0, 2.0**-64),
    TruncatedNormal(0.0, 1.0, -7.0, 6.5),
]
each_law = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.law)
each_of_all = pytest.mark.parametrize("law", slow_after(2, [LAWS[-1], SPARSE, *LAWS[:-1]]), ids=lambda law: law.law)


def assert_same_bits(actual: object, expected: np.ndarray) -> None:
    found = np.asarray(actual)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert found.tobytes() == expected.tobytes()


def lanes_of_block(low: int, high: int, key: list[int]) -> list[int]:
    block = Pair(*(jnp.full(1, word, jnp.uint32) for word in (low, high)))
    return [int(word[0]) for word in philox(tuple(map(jnp.uint32, key)), block)]


def test_philox():
    """Of the published vectors, the one with a counter that the stream has too; the others go by its values."""
    counter, key, expected = (hexes(part) for part in lines("philox")[0].split("|"))
    assert counter[2:] == [0, 0]
    assert lanes_of_block(*counter[:2], key) == expected


@pytest.mark.parametrize("line", [*lines("values"), *lines("values2")])
def test_known_answers(line: str):
    key, first, law, expected = line.split("|")
    box = ((int(first), int(first) + LENGTH),)
    values = draw(Key(*hexes(key)), from_json(json.loads(law)), (2**40,), box=box)
    assert np.asarray(values).view(np.uint32).tolist() == hexes(expected)


def awkward_words() -> np.ndarray:
    """Words from everywhere, all around both tails of the normal law, and those with the least magnitude."""
    everywhere = np.arange(0, 2**32, 8191, dtype=np.uint64)
    around = [np.arange(-(2**17), 2**17) + centre for centre in (0, 2**31, int(2**31 * 0.9979), int(2**31 * 1.0021))]
    return np.concatenate([everywhere.astype(np.int64), *around]).astype(np.uint32)


WORDS = awkward_words()


def of_words(law: Distribution, *, fixed: bool) -> jax.Array:
    kind, numbers = law_of(law).kind, tuple(map(np.float32, law_of(law).numbers))
    if fixed:
        return jax.jit(lambda words: laws.LAWS[kind](words, *numbers))(WORDS)
    return jax.jit(lambda words, numbers: laws.LAWS[kind](words, *numbers))(WORDS, numbers)


@each_law
@pytest.mark.parametrize("fixed", [True, False])
def test_a_million_words(law: Distribution, fixed: bool):
    assert len(WORDS) > 1.5e6
    assert_same_bits(of_words(law, fixed=fixed), law_of(law)(WORDS))


@pytest.mark.parametrize("law", slow_after(4, EXTREMES), ids=repr)
def test_a_million_words_at_the_ends_of_what_is_allowed(law: Distribution):
    expected = law_of(law)(WORDS)
    assert_same_bits(of_words(law, fixed=False), expected)
    assert np.isfinite(expected).all()
    assert not ((expected != 0) & (np.abs(expected) < np.finfo(np.float32).tiny)).any()


@each_law
@pytest.mark.skipif(jax.default_backend() != "cpu", reason="XLA contracts all three laws on the CPU alone")
def test_without_the_guard_the_compiler_contracts(law: Distribution, monkeypatch: pytest.MonkeyPatch):
    """The tests above can fail."""
    monkeypatch.setattr(laws, "exact", lambda value: value)
    assert (np.asarray(of_words(law, fixed=True)) != law_of(law)(WORDS)).sum() > 1000


def summed(weights: jax.Array) -> jax.Array:
    return weights * 2 + 1


def tripled(weights: jax.Array) -> jax.Array:
    return weights * 3


def shifted(weights: jax.Array) -> jax.Array:
    return weights + 1


def op_by_op(law: Distribution) -> jax.Array:
    with jax.disable_jit():
        return draw(TRACED, law, SHAPE)


def under_x64(law: Distribution, dtype: type) -> jax.Array:
    with jax.enable_x64(True):
        return jax.jit(lambda key: draw(key, law, SHAPE, dtype=dtype))(TRACED)


SURROUNDINGS = {
    "op by op": op_by_op,
    "alone": lambda law: draw(TRACED, law, SHAPE),
    "traced key": lambda law: jax.jit(lambda key: draw(key, law, SHAPE))(TRACED),
    "constant key": lambda law: jax.jit(lambda: draw(KEY, law, SHAPE))(),
    "vmap": lambda law: jax.jit(jax.vmap(lambda key: draw(key, law, SHAPE)))(jnp.stack([TRACED + 1, TRACED]))[1],
    "scan": lambda law: jax.lax.scan(lambda key, _: (key, draw(key, law, SHAPE)), TRACED, length=2)[1][1],
    "grad": lambda law: jax.jit(jax.grad(lambda x: (x * draw(TRACED, law, SHAPE)).sum()))(jnp.ones(SHAPE)),
    "remat": lambda law: jax.jit(jax.checkpoint(lambda key: draw(key, law, SHAPE)))(TRACED),
    "x64": lambda law: under_x64(law, jnp.float32),
}


COMPILED = ("traced key", "constant key", "op by op")


@each_of_all
@pytest.mark.parametrize("how", slow_after(2, COMPILED))
def test_how_it_is_compiled_does_not_matter(law: Distribution, how: str):
    assert_same_bits(SURROUNDINGS[how](law), stream.draw(KEY, law, SHAPE))


@pytest.mark.parametrize("surroundings", sorted(SURROUNDINGS.keys() - COMPILED))
@pytest.mark.parametrize("law", slow_after(1, [LAWS[-1], SPARSE]), ids=lambda law: law.law)
def test_what_stands_around_it_does_not_matter(law: Distribution, surroundings: str):
    assert_same_bits(SURROUNDINGS[surroundings](law), stream.draw(KEY, law, SHAPE))


@each_of_all
@pytest.mark.parametrize("after", [summed, tripled, shifted])
def test_what_follows_in_the_same_function_does_not_reach_into_the_draw(law: Distribution, after):
    fused = jax.jit(lambda key: after(draw(key, law, (256, 256))))(TRACED)
    assert_same_bits(fused, np.asarray(jax.jit(after)(stream.draw(KEY, law, (256, 256)))))


@each_of_all
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_narrow_dtypes_are_rounded_once_and_stay_so(law: Distribution, dtype: type):
    """Also where the same function widens them again: a compiler may then leave the rounding out."""
    expected = stream.draw(KEY, law, (64, 64)).astype(dtype)
    narrow, wide = jax.jit(lambda key: ((w := draw(key, law, (64, 64), dtype=dtype)), w.astype(jnp.float32)))(TRACED)
    assert_same_bits(narrow, expected)
    assert_same_bits(wide, expected.astype(np.float32))


def test_subnormal_halves_are_kept():
    expected = stream.draw(KEY, Normal(std=1e-4), (64, 64), dtype=np.float16)
    assert (np.abs(expected) < np.finfo(np.float16).tiny).any()
    assert_same_bits(draw(KEY, Normal(std=1e-4), (64, 64), dtype=np.float16), expected)


def test_float64_is_widened():
    assert_same_bits(under_x64(Normal(), jnp.float64), stream.draw(KEY, Normal(), SHAPE, dtype=np.float64))


@st.composite
def places(draw_from: st.DrawFn) -> tuple[tuple[int, ...], list[tuple[int, int]], list[int]]:
    shape = tuple(draw_from(st.lists(st.sampled_from([0, 1, 4, 5, 1000]), max_size=3)))
    box = [tuple(sorted(draw_from(st.tuples(st.integers(0, n), st.integers(0, n))))) for n in shape]
    return shape, box, list(draw_from(st.permutations(range(len(shape)))))


def filled(law: Distribution, shape: tuple, box: list, order: list[int], key: Key = KEY, dtype: type = np.float32):
    out = np.empty([hi - lo for lo, hi in box], dtype)
    stream.fill(out, key, law, shape, box)
    return out.transpose(order)


@examples(20)
@given(
    st.sampled_from([Constant(0.3), *LAWS, SPARSE]),
    places(),
    st.sampled_from([jnp.float32, jnp.bfloat16]),
    st.booleans(),
    st.data(),
)
def test_any_place(law: Distribution, place, dtype: type, is_traced: bool, data: st.DataObject):
    shape, box, order = place
    key = Key(*data.draw(st.tuples(*[st.integers(0, 2**32 - 1)] * 2)))
    if is_traced:
        values = draw(np.array(key, np.uint32), law, shape, dtype=dtype, box=box, order=order)
    else:
        values = jax.jit(lambda: draw(key, law, shape, dtype=dtype, box=box, order=order))()
    assert_same_bits(values, filled(law, shape, box, order, key, dtype))


FAR = [
    ((2**33, 6), [(2**31 + 5, 2**31 + 9), (1, 6)], [1, 0]),
    ((2**20, 2**17), [(2**20 - 2, 2**20), (2**17 - 5, 2**17)], [0, 1]),
    ((5, 2**31, 3), [(3, 5), (2**31 - 3, 2**31), (0, 3)], [2, 0, 1]),
    ((2**64 - 1,), [(2**64 - 6, 2**64 - 1)], [0]),
    ((2**62,), [(2**34 - 3, 2**34 + 3)], [0]),
    ((2**62,), [(2**32 - 3, 2**32 + 3)], [0]),
    ((2**32,), [(2**32 - 6, 2**32)], [0]),
    ((2**16, 2**40), [(2**16 - 2, 2**16), (2**33, 2**33 + 4)], [0, 1]),
]


@pytest.mark.parametrize(("shape", "box", "order"), slow_after(4, FAR), ids=str)
def test_indices_beyond_32_bits(shape: tuple[int, ...], box: list[tuple[int, int]], order: list[int]):
    for law in (Uniform(-1, 1), SPARSE):
        assert_same_bits(draw(KEY, law, shape, box=box, order=order), filled(law, shape, box, order))


@pytest.mark.parametrize(("impl", "count"), [("threefry2x32", 2), ("rbg", 4), ("unsafe_rbg", 4)])
def test_keys_of_jax(impl: str, count: int):
    """Typed or raw, a key gives its first two words."""
    words = np.arange(2**32 - 4, 2**32, dtype=np.uint32)[:count]
    expected = stream.draw(Key(*map(int, words[:2])), Uniform(-1, 1), SHAPE)
    assert_same_bits(draw(words, Uniform(-1, 1), SHAPE), expected)
    assert_same_bits(draw(jax.random.wrap_key_data(words, impl=impl), Uniform(-1, 1), SHAPE), expected)


def test_several_keys():
    keys = jax.random.split(jax.random.key(0), 3)
    values = jax.vmap(lambda key: draw(key, Uniform(-1, 1), SHAPE))(keys)
    key = Key(*map(int, jax.random.key_data(keys[1])))
    assert_same_bits(values[1], stream.draw(key, Uniform(-1, 1), SHAPE))
