"""The leaves of a tree: parts of any layout, several in one array, on any mesh of devices."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from hlo import expensive
from hypothesis import given
from hypothesis import strategies as st
from jax.sharding import AxisType, Mesh, NamedSharding, SingleDeviceSharding
from jax.sharding import PartitionSpec as P

from effort import examples, slow_after
from glorot import stream
from glorot.distributions import (
    Bilinear,
    Constant,
    Distribution,
    Identity,
    Normal,
    Orthogonal,
    PositiveUnitball,
    SparseNormal,
    TruncatedNormal,
    Uniform,
)
from glorot.errors import GlorotError
from glorot.inventory import Part
from glorot.inventory.layouts import blocks, comb, laid_out, place_in
from glorot.jax.filling import filled
from glorot.jax.words import Axis, Digit, Walk, inside, row_major
from glorot.jax.writing import written
from glorot.plans import Assignment

pytestmark = pytest.mark.usefixtures("compiled_in_full")

FLOAT32 = np.dtype(np.float32)
LAWS = [Normal(std=0.1), Uniform(-0.2, 0.3), TruncatedNormal(0, 0.1, -0.2, 0.2), Constant(0.5), Normal(0.1, std=0.3)]
LAWS += [SparseNormal(0.1, 0.3, 0.4), SparseNormal(0, 1, 0.9)]


def assigned(parts: Sequence[Part], laws: Sequence[Distribution], seed: int = 0) -> list[Assignment]:
    named = [replace(part, name="w" + part.name) for part in parts]
    return [Assignment(part, law, stream.key_of(seed, part.name)) for part, law in zip(named, laws, strict=True)]


def expected(shape: tuple[int, ...], assignments: Sequence[Assignment], dtype: Any = FLOAT32) -> np.ndarray[Any, Any]:
    """Return the array as NumPy fills it, part by part."""
    array = np.full(shape, np.nan, np.float32)
    for part, law, key in assignments:
        place = place_in(array, part.view)
        place[...] = stream.draw(key, law, part.shape, part.axes).reshape(place.shape)
    return array.astype(dtype)


def gates(shape: tuple[int, int] = (6, 8), names: str = "ifgo") -> tuple[Part, ...]:
    return blocks(laid_out("i o", shape, "kernel", "LSTM", None), shape, 1, names)


def interleaved() -> tuple[Part, ...]:
    """Return q, k and v of 8 heads, whose columns are (q, k, v) of 4 each, head by head."""
    whole = laid_out("i o", (16, 96), "kernel", "Attention", None)
    return tuple(replace(comb(whole, (16, 96), 1, 4 * n, 4, 12, 8), name=f"[{n}]") for n in range(3))


LAYOUTS = {  # pattern: number of groups → what the size of each axis is a multiple of, and the sizes in parentheses
    "i o": lambda b: ((1, 1), {}),
    "k k i (b o)": lambda b: ((1, 1, 1, b), {"b": b}),
    "(b i) o k": lambda b: ((b, 1, 1), {"b": b}),
    "k (b i) o": lambda b: ((1, 1, 1), {"i": 1}),
    "b i o": lambda b: ((1, 1, 1), {}),
    "i o o": lambda b: ((1, 1, 1), {}),
    "b o": lambda b: ((1, 1), {}),
    "o": lambda b: ((1,), {}),
}


@st.composite
def stored(draw: Any) -> tuple[tuple[int, ...], list[Assignment]]:
    """Draw a stored tensor of one part or of several blocks, in any layout."""
    pattern = draw(st.sampled_from(sorted(LAYOUTS)))
    groups = draw(st.integers(1, 3))
    multiples, sizes = LAYOUTS[pattern](groups)
    block = tuple(multiple * draw(st.integers(1, 4)) for multiple in multiples)
    part = laid_out(pattern, block, "kernel", "Layer", None, flip=draw(st.booleans()), **sizes)
    names = draw(st.sampled_from(["w", "qkv", "ifgo"]))
    axis = draw(st.integers(0, len(block) - 1))
    parts = blocks(part, block, axis, names)
    shape = (*block[:axis], block[axis] * len(names), *block[axis + 1 :])
    return shape, assigned(parts, [draw(st.sampled_from(LAWS)) for _ in parts], draw(st.integers(0, 99)))


@given(stored())
@examples(10)
def test_any_layout_is_filled_as_numpy_fills_it(case):
    shape, assignments = case
    drawn = filled(jax.ShapeDtypeStruct(shape, jnp.float32), assignments, FLOAT32, None)
    np.testing.assert_array_equal(drawn, expected(shape, assignments))


@pytest.mark.parametrize("law", [Orthogonal(2.0), Identity(0.5), PositiveUnitball(), PositiveUnitball("i")])
@pytest.mark.parametrize("pattern", slow_after(1, ["k i o", "k o i", "i o o"]))
def test_a_matrix_is_placed_beside_other_laws(law, pattern):
    block = (3, 4, 2)
    parts = blocks(laid_out(pattern, block, "kernel", "Layer", None), block, 1, "ab")
    assignments = assigned(parts, [Normal(), law])
    drawn = filled(jax.ShapeDtypeStruct((3, 8, 2), jnp.float32), assignments, FLOAT32, None)
    np.testing.assert_allclose(drawn, expected((3, 8, 2), assignments), atol=1e-5, rtol=0)
    np.testing.assert_array_equal(drawn[:, :4], expected((3, 8, 2), assignments)[:, :4])


def test_a_bilinear_kernel_is_placed_beside_other_laws():
    block = (4, 4, 3, 2)
    parts = blocks(laid_out("k k o i", block, "kernel", "Layer", None, flip=True), block, 2, "ab")
    assignments = assigned(parts, [Normal(), Bilinear(0.5)])
    drawn = filled(jax.ShapeDtypeStruct((4, 4, 6, 2), jnp.float32), assignments, FLOAT32, None)
    np.testing.assert_array_equal(drawn, expected((4, 4, 6, 2), assignments))


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
def test_values_are_rounded_once(dtype):
    assignments = assigned(gates(), LAWS[:4])
    drawn = filled(jax.ShapeDtypeStruct((6, 32), dtype), assignments, np.dtype(dtype), None)
    assert drawn.dtype == dtype
    np.testing.assert_array_equal(np.asarray(drawn), expected((6, 32), assignments, dtype))


def test_what_is_not_assigned_stays():
    assignments = assigned(gates(), LAWS[:4])
    old = jnp.arange(6 * 32, dtype=jnp.float32).reshape(6, 32)
    drawn = np.asarray(filled(old, assignments[1:3], FLOAT32, None))
    np.testing.assert_array_equal(drawn[:, 8:24], expected((6, 32), assignments)[:, 8:24])
    np.testing.assert_array_equal(drawn[:, :8], old[:, :8])
    np.testing.assert_array_equal(drawn[:, 24:], old[:, 24:])


MESHES = [(1,), (2,), (4,), (8,), (2, 2), (2, 4), (4, 2), (1, 8), (8, 1)]


@st.composite
def shardings(draw: Any, rank: int) -> tuple[Mesh, P]:
    extents = draw(st.sampled_from(MESHES))
    names = tuple("xy"[: len(extents)])
    devices = jax.devices()[: math.prod(extents)]
    mesh = jax.make_mesh(extents, names, (AxisType.Auto,) * len(extents), devices=devices)
    order = draw(st.permutations(names))
    spec: list[Any] = [None] * rank
    if draw(st.booleans()) or rank == 1:
        spec[draw(st.integers(0, rank - 1))] = tuple(order)
    else:
        for name, axis in zip(order, draw(st.permutations(range(rank))), strict=False):
            spec[axis] = name
    return mesh, P(*spec)


KERNELS = {
    "dense": ((16, 24), (laid_out("i o", (16, 24), "kernel", "Dense", None),)),
    "gates": ((16, 64), gates((16, 16))),
    "groups": ((8, 8, 8, 16), (laid_out("k k i (b o)", (8, 8, 8, 16), "kernel", "Conv", None, flip=True, b=4),)),
    "heads": ((16, 8, 24), (laid_out("i o o", (16, 8, 24), "kernel", "Attention", None),)),
    "interleaved": ((16, 96), interleaved()),
}


@given(st.data())
@examples(15)
def test_every_device_makes_its_own_part_on_any_mesh(data):
    name = data.draw(st.sampled_from(sorted(KERNELS)))
    shape, parts = KERNELS[name]
    mesh, spec = data.draw(shardings(len(shape)))
    assignments = assigned(parts, [data.draw(st.sampled_from(LAWS)) for _ in parts])
    leaf = jax.ShapeDtypeStruct(shape, jnp.float32)
    sharding = NamedSharding(mesh, spec)
    compiled = jax.jit(lambda: written({"w": leaf}, assignments)["w"], out_shardings=sharding).lower().compile()
    drawn = compiled()
    np.testing.assert_array_equal(drawn, expected(shape, assignments))
    assert drawn.sharding.is_equivalent_to(sharding, len(shape))
    cut = math.prod(mesh.shape[name] for part in spec for name in ([part] if isinstance(part, str) else part or ()))
    assert {shard.data.size for shard in drawn.addressable_shards} == {math.prod(shape) // cut}
    # XLA may compute what one law needs of a row before the next law, and two words of an interleaved row before all
    row = (12 if name == "interleaved" else 4) * shape[-1] + 64
    assert expensive(compiled, shape, scratch=row) == (["whole"] if cut == 1 else [])


def test_digits_with_a_start_of_their_own_are_counted_beyond_32_bits():
    outer, inner = Digit(4, 1, 3, 2**35), Digit(5, 2, 4, -3)
    walk = Walk((23,), 3, 2**36, (Axis(2, 22, (outer, inner)),))
    low, high = (np.asarray(half, np.uint64) for half in row_major(walk))
    steps = np.arange(2, 22)
    first, second = np.divmod(steps - 2, 5)
    belongs = (first >= 1) & (first < 3) & (second >= 2) & (second < 4)
    assert list(np.asarray(inside(walk)).nonzero()[0]) == list(steps[belongs])
    index = 3 + (first - 1) * 2**35 - 3 * (second - 2)
    assert list((high * 2**32 + low)[steps[belongs]]) == list(index[belongs])


def test_a_leaf_larger_than_any_device_is_compiled_in_parts():
    """Compiled, not run: four gates of 2**18 × 2**15, 16 GiB on each of eight devices, and not a byte besides."""
    size = (2**18, 2**15)
    mesh = jax.make_mesh((8,), ("x",), (AxisType.Auto,))
    leaf = jax.ShapeDtypeStruct((size[0], 4 * size[1]), jnp.float32)
    build = jax.jit(
        lambda: written({"w": leaf}, assigned(gates(size), LAWS[:4]))["w"], out_shardings=NamedSharding(mesh, P("x"))
    )
    compiled = build.lower().compile()
    assert compiled.memory_analysis().output_size_in_bytes == 2**34
    assert expensive(compiled, leaf.shape) == []


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
def test_a_leaf_stays_where_it_lay(kind):
    mesh = jax.make_mesh((2, 4), ("x", "y"), (kind,) * 2)
    sharding = NamedSharding(mesh, P("x", "y"))
    assignments = assigned(gates(), LAWS[:4])
    abstract = jax.ShapeDtypeStruct((6, 32), jnp.float32, sharding=sharding)
    concrete = jax.device_put(jnp.zeros((6, 32)), sharding)
    for leaf in (abstract, concrete):
        drawn = written({"w": leaf}, assignments)["w"]
        assert drawn.sharding == sharding
        np.testing.assert_array_equal(drawn, expected((6, 32), assignments))
    with jax.set_mesh(mesh):
        inside = jax.jit(lambda leaf: written({"w": leaf}, assignments)["w"], out_shardings=sharding)(concrete)
    assert inside.sharding == sharding
    np.testing.assert_array_equal(inside, expected((6, 32), assignments))


def test_a_leaf_on_another_device_stays_there():
    place = SingleDeviceSharding(jax.devices()[3])
    drawn = written({"w": jax.device_put(jnp.zeros((6, 32)), place)}, assigned(gates(), LAWS[:4]))["w"]
    assert drawn.sharding == place


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (
            jax.ShapeDtypeStruct((6, 32), jnp.int32),
            "w: dtype int32 holds no weights that are drawn; expected float32, bfloat16, float16, float64 or a float8 "
            "that has a sign and a zero; cast it, or skip it by a rule",
        ),
        (
            np.zeros((6, 32)),
            r"w has dtype float64, which JAX has only under x64; cast it to float32, or call "
            r"jax\.config\.update\('jax_enable_x64', True\)",
        ),
        (
            jax.ShapeDtypeStruct((6, 32), jnp.float32),
            "w is abstract, and the plan leaves a part of it alone, which would have no values; build the model, or "
            "give that part a law",
        ),
    ],
)
def test_a_leaf_that_cannot_be_written_is_refused(leaf, words):
    with pytest.raises(GlorotError, match=f"^{words}$"):
        written({"w": leaf}, assigned(gates(), LAWS[:4])[1:])


def test_a_sharding_that_does_not_fit_is_refused_by_name():
    mesh = jax.make_mesh((4,), ("x",), (AxisType.Auto,), devices=jax.devices()[:4])
    leaf = jax.ShapeDtypeStruct((6, 32), jnp.float32, sharding=NamedSharding(mesh, P("x")))
    words = (
        r"^w has shape 6×32, which its sharding P\('x',?\) over the mesh \{'x': 4\} does not divide into equal shards; "
        r"choose another axis, or leave it whole \(array axis 0 is partitioned 4 times, but the dimension size is 6"
    )
    with pytest.raises(GlorotError, match=words):
        written({"w": leaf}, assigned(gates(), LAWS[:4]))


def test_a_law_beyond_the_dtype_and_axes_without_outputs_are_refused():
    part = laid_out("b k", (2, 3), "unknown", "Layer", None)
    leaf = jax.ShapeDtypeStruct((2, 3), jnp.float16)
    with pytest.raises(GlorotError, match=r"^w: Constant\(value=100000\.0\) reaches 100000"):
        written({"w": leaf}, assigned([part], [Constant(1e5)]))
    with pytest.raises(GlorotError, match="^w: Orthogonal needs exactly one axis labelled 'o', got axes 'bk'$"):
        written({"w": leaf}, assigned([part], [Orthogonal(1.0)]))
