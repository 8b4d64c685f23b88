"""The native kernel under `jit` and outside: where it works and where it does not, and always the same bits."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from hlo import expensive
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from effort import slow_after
from glorot import native, stream
from glorot.distributions import Constant, Distribution, Normal, Orthogonal, SparseNormal, TruncatedNormal, Uniform
from glorot.jax import draw, host, kernel
from glorot.stream import key_of

pytestmark = [
    pytest.mark.usefixtures("compiled_in_full"),
    pytest.mark.skipif(native.chosen() == "numpy", reason="no native kernel is built here"),
]

KEY = key_of(0, "w")
TRACED = np.array(KEY, np.uint32)
LAW = Normal(0.1, 0.02)
LAWS = [LAW, Uniform(-0.1, 0.3), TruncatedNormal(0.1, 0.02, 0.06, 0.14), Constant(0.5)]


def meshed(*extents: int) -> jax.sharding.Mesh:
    return jax.make_mesh(extents, tuple("xyz"[: len(extents)]), (AxisType.Auto,) * len(extents))


def is_called(function: jax.stages.Wrapped, *arguments: object) -> bool:
    return f'custom_call_target="{kernel.TARGET}"' in function.lower(*arguments).compile().as_text()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.law)
@pytest.mark.parametrize("dtype", slow_after(2, [np.float32, ml_dtypes.bfloat16, np.float16]))
def test_it_is_called_under_jit(law: Distribution, dtype: type):
    function = jax.jit(lambda key: draw(key, law, (33, 7), dtype=dtype))
    assert is_called(function, TRACED)
    assert np.array_equal(function(TRACED), stream.draw(KEY, law, (33, 7), dtype=dtype))


@pytest.mark.parametrize("law", [SparseNormal(0.1, 0.3, 0.4), LAW], ids=lambda law: law.law)
def test_what_it_does_not_know_is_left_to_xla(law: Distribution):
    dtype = np.float32 if law is not LAW else ml_dtypes.float8_e4m3fn
    function = jax.jit(lambda key: draw(key, law, (33, 7), dtype=dtype))
    assert not is_called(function, TRACED)
    assert np.array_equal(function(TRACED), stream.draw(KEY, law, (33, 7), dtype=dtype))


@pytest.mark.parametrize("chosen", native.available())
def test_the_kernel_that_is_chosen_runs(chosen: str):
    function = jax.jit(lambda key: draw(key, LAW, (33, 7)))
    with native.using(chosen):
        assert is_called(function, TRACED) == (chosen != "numpy")
        assert np.array_equal(function(TRACED), stream.draw(KEY, LAW, (33, 7)))


def test_a_jaxlib_that_refuses_it_gets_the_operations_of_xla(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("the handler's API version is incompatible")

    kernel._is_registered.cache_clear()
    monkeypatch.setattr(jax.ffi, "register_ffi_target", refuse)
    try:
        function = jax.jit(lambda key: draw(key, LAW, (31, 5)))
        assert not is_called(function, TRACED)
        assert np.array_equal(function(TRACED), stream.draw(KEY, LAW, (31, 5)))
    finally:
        kernel._is_registered.cache_clear()


def test_many_elements_are_shared_among_threads():
    shape = (700, 1000)
    values = jax.jit(lambda key: draw(key, LAW, shape, box=((3, 690), (1, 1000)), order=(1, 0)))(TRACED)
    assert np.array_equal(values, stream.draw(KEY, LAW, shape)[3:690, 1:].T)


def test_a_batch_of_keys_on_one_device_and_on_several():
    keys = np.array([[key_of(n, f"{m}") for m in range(3)] for n in range(8)], np.uint32)
    expected = np.stack([[stream.draw(key_of(n, f"{m}"), LAW, (6, 5)) for m in range(3)] for n in range(8)])
    batched = jax.vmap(jax.vmap(lambda key: draw(key, LAW, (6, 5))))
    assert np.array_equal(jax.jit(batched)(keys), expected)
    for spec in (P("x"), P("y", None, None, None), P(None, None, "y"), P("x", None, "y")):
        function = jax.jit(batched, out_shardings=NamedSharding(meshed(4, 2), spec))
        assert is_called(function, keys)
        assert np.array_equal(function(keys), expected)
        assert expensive(function.lower(keys).compile(), expected.shape, scratch=2048) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda w: jnp.pad(w, ((0, 2), (0, 0))),
        lambda w: jnp.concatenate([w, jnp.ones((2, 32))]),
        lambda w: w.reshape(-1),
        lambda w: w.T,
    ],
    ids=["pad", "concatenate", "reshape", "transpose"],
)
def test_what_is_cut_unevenly_on_the_way(change):
    """Six rows on eight devices: some hold none, and XLA cuts other axes than ours."""
    expected = change(jnp.asarray(stream.draw(KEY, LAW, (6, 32))))
    sharding = NamedSharding(meshed(8), P("x"))
    function = jax.jit(lambda key: change(draw(key, LAW, (6, 32))), out_shardings=sharding)
    assert np.array_equal(function(TRACED), expected)


def test_an_export_runs_where_glorot_is_not_installed():
    exported = jax.export.export(jax.jit(lambda key: draw(key, LAW, (6, 32))), platforms=("cpu", "cuda"))(TRACED)
    assert f"@{kernel.TARGET}" not in exported.mlir_module()
    assert np.array_equal(exported.call(TRACED), stream.draw(KEY, LAW, (6, 32)))


def test_another_platform_has_the_operations_of_xla():
    lowered = jax.jit(lambda key: draw(key, LAW, (6, 32))).trace(TRACED).lower(lowering_platforms=("cuda",))
    assert f"@{kernel.TARGET}" not in lowered.as_text()


def test_inside_gradients_loops_and_part_of_a_mesh():
    expected = stream.draw(KEY, LAW, (6, 32))
    gradient = jax.jit(jax.grad(lambda scale: (scale * draw(TRACED, LAW, (6, 32))).sum()))(2.0)
    np.testing.assert_allclose(gradient, expected.sum(), rtol=1e-5)
    _, looped = jax.lax.scan(lambda carry, key: (carry, draw(key, LAW, (6, 32))), 0, np.stack([TRACED, TRACED]))
    assert np.array_equal(looped, [expected, expected])
    per_row = jax.shard_map(
        lambda keys: draw(keys[0], LAW, (6, 32))[None],
        mesh=meshed(2, 4),
        in_specs=P("x"),
        out_specs=P("x"),
        axis_names={"x"},
    )
    assert np.array_equal(jax.jit(per_row)(np.stack([TRACED, TRACED])), [expected, expected])


def test_outside_jit_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("glorot.jax.drawing._drawn", None)
    for law, axes in ((LAW, None), (Orthogonal(), "oi"), (SparseNormal(0, 1, 0.5), None)):
        values = draw(KEY, law, (6, 32), axes)
        assert np.array_equal(values, stream.draw(KEY, law, (6, 32), axes))
        assert not values.committed
    assert draw(KEY, LAW, ()).shape == ()


@pytest.mark.parametrize("spec", [P(), P("x"), P(("x", "y")), P("y", "x")], ids=str)
def test_outside_jit_every_device_gets_its_block(spec: P):
    sharding = NamedSharding(meshed(2, 4), spec)
    values = draw(KEY, LAW, (24, 40), box=((0, 16), (8, 40)), out_sharding=sharding)
    assert values.sharding == sharding
    assert values.committed
    assert np.array_equal(values, stream.draw(KEY, LAW, (24, 40))[:16, 8:])


def test_outside_jit_an_array_is_the_memory_that_was_written():
    """And it outlives its donation by another array of the same memory."""
    sharding = NamedSharding(meshed(8), P())
    blocks = host.blocks_of((16, 16), np.dtype(np.float32), sharding)
    assert blocks is not None
    (memory,) = blocks.memory.values()
    memory[...] = 1
    array = blocks.array()
    held = [shard.data for shard in array.addressable_shards]
    assert {one.unsafe_buffer_pointer() for one in held} == {memory.ctypes.data}
    added = jax.jit(lambda value: value + 1, donate_argnums=0)(held[0])
    assert added[0, 0] == 2
    assert np.array_equal(held[1], np.ones((16, 16)))


def test_a_key_that_lies_on_a_device_is_followed():
    key = jax.device_put(TRACED, jax.devices()[3])
    values = draw(key, LAW, (6, 32))
    assert values.devices() == {jax.devices()[3]}
    assert np.array_equal(values, stream.draw(KEY, LAW, (6, 32)))
    with jax.default_device(jax.devices()[5]):
        assert draw(KEY, LAW, (6, 32)).devices() == {jax.devices()[5]}
