"""Layers that vmap and scan stacked: where their copies lie, and what one of them is."""

from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from glorot.fans import Fans
from glorot.inventory import Part
from glorot.inventory.layouts import place_in
from glorot.jax.models import kind_of

KEY = jax.random.key(0)
SPLIT = {"split_rngs": {"params": True}}


class Layer(nn.Module):
    inner: Any

    @nn.compact
    def __call__(self, x: Any, _: Any = None) -> Any:
        return self.inner(x), None


def scanned(inner: nn.Module, axis: int, count: int = 5, **more: Any) -> nn.Module:
    return nn.scan(Layer, variable_axes={"params": axis}, length=count, **SPLIT, **more)(inner)


def copies(kind: Any, axis: int, count: int) -> Any:
    return nn.vmap(kind, variable_axes={"params": axis}, in_axes=None, axis_size=count, **SPLIT)


def parts_of(module: nn.Module, *inputs: Any) -> dict[str, tuple[Part, Any]]:
    """Return {name: (part, its stored shape)} of what is known."""
    given = (module, jax.eval_shape(module.init, KEY, *inputs))
    leaves = kind_of(given).leaves(given)
    found = kind_of(given).described(given, inputs)
    return {
        path + part.name: (part, leaves[path].shape)
        for path, known in found.items()
        for part in known.parts
        if not known.is_unknown
    }


def norms() -> nn.Module:
    return nn.Sequential([nn.Conv(8, (3,), feature_group_count=2), nn.LayerNorm(), nn.Dense(8)])


def attention() -> nn.Module:
    return nn.MultiHeadDotProductAttention(2)


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("inner", [lambda: nn.Dense(8), norms, attention], ids=["Dense", "norms", "attention"])
def test_a_stack_has_one_meaning_wherever_its_copies_lie(inner: Any, axis: int) -> None:
    x = jnp.ones((3, 8))
    front, elsewhere = parts_of(scanned(inner(), 0), x, None), parts_of(scanned(inner(), axis), x, None)
    assert set(front) == set(elsewhere)
    for name, (part, shape) in front.items():
        other, stored = elsewhere[name]
        assert (part.axes, part.shape, part.role, part.fans) == (other.axes, other.shape, other.role, other.fans)
        numbers = np.arange(np.prod(shape)).reshape(shape)
        moved = np.moveaxis(numbers, 0, axis)
        assert moved.shape == stored
        np.testing.assert_array_equal(
            place_in(moved, other.view).reshape(other.shape), place_in(numbers, part.view).reshape(part.shape)
        )


def rows(module: nn.Module, *inputs: Any) -> dict[str, Any]:
    return {name: (part.axes, part.shape, part.fans) for name, (part, _) in parts_of(module, *inputs).items()}


def test_copies_on_axis_1_have_the_fans_of_one() -> None:
    assert rows(scanned(nn.Dense(8), 1), jnp.ones((3, 8)), None) == {
        "inner.kernel": ("boi", (5, 8, 8), Fans(8, 8)),
        "inner.bias": ("bo", (5, 8), Fans(8, 8)),
    }
    assert rows(copies(nn.Dense, 1, 2)(4), jnp.ones((1, 3))) == {
        "kernel": ("boi", (2, 4, 3), Fans(3, 4)),
        "bias": ("bo", (2, 4), Fans(3, 4)),
    }


def test_gates_that_are_stacked_elsewhere() -> None:
    class Cell(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            cell = nn.ConvLSTMCell(4, (3,))
            return cell(cell.initialize_carry(KEY, x.shape), x)[1]

    found = rows(copies(Cell, 1, 5)(), jnp.ones((2, 5, 2)))
    assert found["ConvLSTMCell_0.ih.kernel[g]"] == ("boik", (5, 4, 2, 3), Fans(6, 12))
    assert found["ConvLSTMCell_0.hh.bias[o]"] == ("bo", (5, 4), Fans(12, 12))


class Nested(nn.Module):
    @nn.compact
    def __call__(self, x: Any, _: Any = None) -> Any:
        return copies(nn.Dense, -1, 2)(8, name="pair")(x).mean(0), None


def test_stacks_in_stacks() -> None:
    module = nn.scan(Nested, variable_axes={"params": 1}, length=5, **SPLIT)()
    expected = {"pair.kernel": ("bboi", (5, 2, 8, 8), Fans(8, 8)), "pair.bias": ("bbo", (5, 2, 8), Fans(8, 8))}
    assert rows(module, jnp.ones((3, 8)), None) == expected
    other = nn.scan(Nested, variable_axes={"params": -1}, length=5, **SPLIT)()
    assert rows(other, jnp.ones((3, 8)), None) == expected
    twice = copies(copies(nn.Dense, 0, 2), 1, 3)(4)
    assert rows(twice, jnp.ones((1, 7)))["kernel"] == ("bboi", (2, 3, 4, 7), Fans(7, 4))


def test_boxes_are_opened() -> None:
    init = nn.with_partitioning(nn.initializers.ones_init(), ("in", "out"))
    module = scanned(nn.Dense(8, kernel_init=init), 1, metadata_params={nn.PARTITION_NAME: "layers"})
    assert rows(module, jnp.ones((3, 8)), None)["inner.kernel"] == ("boi", (5, 8, 8), Fans(8, 8))


class Neighbours(nn.Module):
    @nn.compact
    def __call__(self, x: Any, _: Any = None) -> Any:
        x = nn.Dense(7, name="up")(nn.Dense(5, name="square")(x))
        return nn.Dense(5, name="down")(x), None


@pytest.mark.parametrize("axis", [0, 1])
def test_what_fits_in_two_ways_is_decided_by_its_neighbours(axis: int) -> None:
    module = nn.scan(Neighbours, variable_axes={"params": axis}, length=5, **SPLIT)()
    parts = parts_of(module, jnp.ones((3, 5)), None)
    for name, one in (("square.kernel", (5, 5)), ("up.kernel", (5, 7))):
        part, shape = parts[name]
        assert shape == (5, *one)  # on either axis
        stored = np.arange(np.prod(shape)).reshape(shape)
        expected = np.moveaxis(stored, axis, 0).transpose(0, 2, 1)
        np.testing.assert_array_equal(place_in(stored, part.view), expected)


def test_what_nothing_decides_is_unknown() -> None:
    for axis in (0, 1):
        assert rows(scanned(nn.Dense(8), axis, 8), jnp.ones((3, 8)), None) == {}


def unknown(model: Any) -> set[str]:
    return {path for path, known in kind_of(model).described(model).items() if known.is_unknown}


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: nnx.Linear(8, 8, rngs=nnx.Rngs(0)), {"kernel", "bias"}),
        # the bias shows that the kernel fits by chance; without one, nothing does
        (lambda: nnx.Linear(5, 8, rngs=nnx.Rngs(0)), {"kernel", "bias"}),
        (lambda: nnx.Linear(5, 8, use_bias=False, rngs=nnx.Rngs(0)), set()),
        (lambda: nnx.Conv(4, 6, (4,), rngs=nnx.Rngs(0)), {"kernel", "bias"}),
        (lambda: nnx.LayerNorm(4, rngs=nnx.Rngs(0)), {"scale", "bias"}),
        (lambda: nnx.LoRA(4, 5, 3, rngs=nnx.Rngs(0)), {"lora_a", "lora_b"}),
    ],
)
def test_stacks_of_nnx_that_do_not_fit_in_front_are_unknown(build: Any, expected: set[str]) -> None:
    assert unknown(nnx.eval_shape(nnx.vmap(build, in_axes=(), out_axes=1, axis_size=5))) == expected
    assert unknown(nnx.eval_shape(nnx.vmap(build, in_axes=(), out_axes=0, axis_size=5))) == set()


def test_stacks_of_equinox_that_do_not_fit_in_front_are_unknown() -> None:
    def build(axis: int) -> Any:
        make = eqx.filter_vmap(lambda key: eqx.nn.Linear(3, 4, key=key), out_axes=eqx.if_array(axis))
        return eqx.filter_eval_shape(lambda: make(jax.random.split(KEY, 5)))

    assert unknown(build(1)) == {"weight", "bias"}
    assert unknown(build(0)) == set()
