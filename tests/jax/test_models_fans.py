"""Fans of the layers of Flax and Equinox, against counted tables and connections counted with ones-kernels."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from effort import examples
from glorot.fans import Fans
from glorot.jax.models import kind_of

LINES = (Path(__file__).parents[1] / "data" / "fans.csv").read_text(encoding="utf-8").splitlines()
TABLE = {row["layer"]: row for row in csv.DictReader(line for line in LINES if not line.startswith("#"))}
KEY = jax.random.key(0, impl="rbg")  # compiles in a tenth of the time; its numbers do not matter here


def rngs() -> nnx.Rngs:
    return nnx.Rngs(KEY)


def conv(**more: Any) -> Callable[[], Any]:
    return lambda: nnx.Conv(64, more.pop("outputs", 128), (3, 3), rngs=rngs(), **more)


def eqx_conv(kind: Any, **more: Any) -> Callable[[], Any]:
    return lambda: kind(64, more.pop("outputs", 128), 3, key=KEY, **more)


# (a layer of NNX, one of Equinox) for each row, with the name of its kernel
MODULES: dict[str, list[tuple[Callable[[], Any], str]]] = {
    "dense 300->100": [
        (lambda: nnx.Linear(300, 100, rngs=rngs()), "kernel"),
        (lambda: eqx.nn.Linear(300, 100, key=KEY), "weight"),
    ],
    "conv 64->128 3x3": [(conv(), "kernel"), (eqx_conv(eqx.nn.Conv2d), "weight")],
    "conv 64->128 3x3 groups=4": [
        (conv(feature_group_count=4), "kernel"),
        (eqx_conv(eqx.nn.Conv2d, groups=4), "weight"),
    ],
    "depthwise 64 3x3": [
        (conv(outputs=64, feature_group_count=64), "kernel"),
        (eqx_conv(eqx.nn.Conv2d, outputs=64, groups=64), "weight"),
    ],
    "conv transpose 64->128 3x3": [
        (lambda: nnx.ConvTranspose(64, 128, (3, 3), rngs=rngs()), "kernel"),
        (eqx_conv(eqx.nn.ConvTranspose2d), "weight"),
    ],
    "conv transpose 64->128 3x3 groups=4": [(eqx_conv(eqx.nn.ConvTranspose2d, groups=4), "weight")],
    "fused QKV 64->192 (each part)": [
        (lambda: nnx.MultiHeadAttention(4, 64, rngs=rngs()), "query.kernel"),
        (lambda: eqx.nn.MultiheadAttention(4, 64, key=KEY), "query_proj.weight"),
    ],
    "LSTM input weights 64->128 (each gate)": [
        (lambda: nnx.OptimizedLSTMCell(64, 128, rngs=rngs()), "dense_i.kernel"),
        (lambda: eqx.nn.LSTMCell(64, 128, key=KEY), "weight_ih"),
    ],
    "LSTM recurrent weights 128->128 (each gate)": [
        (lambda: nnx.OptimizedLSTMCell(64, 128, rngs=rngs()), "dense_h.kernel"),
        (lambda: eqx.nn.LSTMCell(64, 128, key=KEY), "weight_hh"),
    ],
}


def abstract(build: Callable[[], Any]) -> Any:
    try:
        return eqx.filter_eval_shape(build)
    except TypeError:  # variables of NNX are no pytrees of Equinox
        return nnx.eval_shape(build)


@pytest.mark.parametrize("row", TABLE)
def test_layers_give_the_counted_fans_to_every_part(row: str) -> None:
    expected = Fans(float(TABLE[row]["true_in"]), float(TABLE[row]["true_out"]))
    for build, name in MODULES[row]:
        model = abstract(build)
        parts = kind_of(model).described(model)[name].parts
        assert {part.fans for part in parts} == {expected}
        assert len(parts) == (4 if "LSTM" in row else 1)


# counting connections


def planned(model: Any, name: str, inputs: Any = None) -> Fans:
    (part,) = kind_of(model).described(model, inputs)[name].parts
    assert part.fans is not None
    return part.fans


def with_ones(model: Any) -> Any:
    """Return a model whose kernels are 1 and whose biases are 0."""
    kind = kind_of(model)
    leaves = kind.leaves(model)
    return kind.rebuilt(
        model, {path: np.full(leaf.shape, "bias" not in path, np.float32) for path, leaf in leaves.items()}
    )


def ratio(values: Any) -> float:
    """Return the mean of whole numbers, as one correctly rounded quotient."""
    return int(np.asarray(values, np.float64).sum()) / values.size


def count(run: Callable[[Any], Any], x: Any, in_window: Any = ..., out_window: Any = ...) -> Fans:
    """Count the connections of a linear map whose coefficients are all 1, over windows of interior units."""

    @jax.jit
    def both(x: Any) -> Any:
        y, back = jax.vjp(run, x)
        return y, back(jnp.ones_like(y))[0]

    y, gradient = both(x)
    return Fans(ratio(y[out_window]), ratio(gradient[in_window]))


class Drawn:
    """A convolution of any rank: its sizes, the extents of an input, and a window of interior units."""

    def __init__(self, draw: st.DrawFn, transposed: bool, grouped: bool) -> None:
        rank = draw(st.integers(1, 2))
        per_axis = st.lists(st.integers(1, 3), min_size=rank, max_size=rank).map(tuple)
        self.kernel, self.stride, self.dilation = draw(per_axis), draw(per_axis), draw(per_axis)
        self.groups = draw(st.integers(1, 3)) if grouped else 1
        self.inputs, self.outputs = (self.groups * draw(st.integers(1, 3)) for _ in range(2))
        reach = [(k - 1) * d for k, d in zip(self.kernel, self.dilation, strict=True)]
        self.extents = [r // s + 2 if transposed else 2 * r + s for r, s in zip(reach, self.stride, strict=True)]
        # a transposed convolution is interior from its reach on, wherever a framework lets it begin
        self.window = tuple(slice(r, r + s) for r, s in zip(reach, self.stride, strict=True))

    def last(self) -> Any:
        return jnp.ones((1, *self.extents, self.inputs))

    def first(self) -> Any:
        return jnp.ones((self.inputs, *self.extents))


@st.composite
def drawn(draw: st.DrawFn, transposed: bool, grouped: bool = True) -> Drawn:
    return Drawn(draw, transposed, grouped)


@examples(8)
@given(drawn(transposed=False))
def test_convolutions(d: Drawn) -> None:
    flax = {"kernel_dilation": d.dilation, "feature_group_count": d.groups, "padding": "VALID"}
    model = nnx.eval_shape(lambda: nnx.Conv(d.inputs, d.outputs, d.kernel, d.stride, **flax, rngs=rngs()))
    counted = count(with_ones(model), d.last(), in_window=(0, *d.window))
    linen = nn.Conv(d.outputs, d.kernel, d.stride, **flax)
    tree = eqx.filter_eval_shape(
        lambda: eqx.nn.Conv(
            len(d.kernel), d.inputs, d.outputs, d.kernel, d.stride, dilation=d.dilation, groups=d.groups, key=KEY
        )
    )
    assert planned(model, "kernel") == planned(model, "bias") == counted
    assert planned((linen, jax.eval_shape(linen.init, KEY, d.last())), "kernel", d.last()) == counted
    assert planned(tree, "weight") == count(with_ones(tree), d.first(), in_window=(..., *d.window)) == counted


@examples(8)
@given(drawn(transposed=True))
def test_transposed_convolutions_of_equinox(d: Drawn) -> None:
    model = eqx.filter_eval_shape(
        lambda: eqx.nn.ConvTranspose(
            len(d.kernel), d.inputs, d.outputs, d.kernel, d.stride, dilation=d.dilation, groups=d.groups, key=KEY
        )
    )
    assert planned(model, "weight") == count(with_ones(model), d.first(), out_window=(..., *d.window))


@examples(8)
@given(drawn(transposed=True, grouped=False), st.booleans())
def test_transposed_convolutions_of_flax(d: Drawn, transpose_kernel: bool) -> None:
    more = {"kernel_dilation": d.dilation, "padding": "VALID", "transpose_kernel": transpose_kernel}
    model = nnx.eval_shape(lambda: nnx.ConvTranspose(d.inputs, d.outputs, d.kernel, d.stride, **more, rngs=rngs()))
    counted = count(with_ones(model), d.last(), out_window=(0, *d.window))
    linen = nn.ConvTranspose(d.outputs, d.kernel, d.stride, **more)
    assert planned(model, "kernel") == counted
    assert planned((linen, jax.eval_shape(linen.init, KEY, d.last())), "kernel", d.last()) == counted


def test_a_dilated_input_is_seen_through_fewer_weights() -> None:
    model = nnx.eval_shape(lambda: nnx.Conv(2, 3, (4,), input_dilation=2, padding=[(0, 0)], rngs=rngs()))
    assert planned(model, "kernel") == count(with_ones(model), jnp.ones((1, 9, 2)), in_window=(0, slice(3, 5)))


def test_a_mask_takes_connections_away() -> None:
    mask = np.ones((3, 2, 4), np.float32)
    mask[0] = 0
    model = nnx.Conv(2, 4, (3,), mask=mask, padding="VALID", rngs=rngs())
    assert planned(model, "kernel") == count(with_ones(model), jnp.ones((1, 7, 2)), in_window=(0, slice(3, 4)))


def test_a_convolution_that_shares_no_weights() -> None:
    model, x = nn.ConvLocal(4, (3,), padding="VALID"), jnp.ones((1, 7, 2))
    pair = (model, jax.eval_shape(model.init, KEY, x))
    _, ones = with_ones(pair)
    counted = count(lambda x: model.apply(ones, x), x, in_window=(0, slice(3, 4)))
    assert planned(pair, "kernel", x) == planned(pair, "bias", x) == counted


sizes = st.lists(st.integers(1, 3), min_size=1, max_size=2).map(tuple)


@examples(8)
@given(sizes, sizes, st.booleans())
def test_dense_layers_with_several_axes(inputs: Any, outputs: Any, batched: bool) -> None:
    front = int(batched)
    axes, copies = tuple(range(front, front + len(inputs))), {0: 2} if batched else {}
    x = jnp.ones((*copies.values(), *inputs))
    model = nnx.eval_shape(lambda: nnx.LinearGeneral(inputs, outputs, axis=axes, batch_axis=copies, rngs=rngs()))
    linen = nn.DenseGeneral(outputs, axes, tuple(copies))
    assert planned(model, "kernel") == planned(model, "bias") == count(with_ones(model), x)
    assert planned((linen, jax.eval_shape(linen.init, KEY, x)), "kernel", x) == planned(model, "kernel")


@pytest.mark.parametrize(
    ("equation", "kernel", "inputs"),
    [
        ("bi,io->bo", (3, 4), (2, 3)),
        ("...hi,hio->...ho", (2, 3, 4), (5, 2, 3)),
        ("bij,jkil->blk", (3, 4, 2, 5), (1, 2, 3)),
    ],
)
def test_einsum(equation: str, kernel: Any, inputs: Any) -> None:
    model = nnx.eval_shape(lambda: nnx.Einsum(equation, kernel, rngs=rngs()))
    assert planned(model, "kernel") == count(with_ones(model), jnp.ones(inputs))


@pytest.mark.parametrize("equation", ["bti,io->bo", "...i,...o->...io", None])
def test_equations_that_say_too_little_are_unknown(equation: Any) -> None:
    model = nnx.eval_shape(lambda: nnx.Einsum("bi,io->bo", (3, 4), rngs=rngs()))
    model.einsum_str = equation
    found = kind_of(model).described(model)["kernel"]
    assert (found.kind, found.is_unknown) == ("Einsum", True)
