"""What the layers of Flax and Equinox are made of: every part of them, written by hand."""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax_models import KEY, described, filled, linen, rngs, x

from glorot.fans import Fans
from glorot.inventory import ROLES
from glorot.jax.models import Described, kind_of

K, B, R, ONE = "kernel", "bias", "recurrent", Fans(1, 1)
Row = tuple[str, str, tuple[int, ...], str, Fans]


def stacked(build: Callable[[], Any], count: int) -> Any:
    return nnx.vmap(build, in_axes=(), out_axes=0, axis_size=count)()


def rows(found: dict[str, Described]) -> list[Row]:
    return sorted(
        (path + p.name, p.axes, p.shape, p.role, p.fans) for path, known in found.items() for p in known.parts
    )


HALF = np.stack([np.zeros((2, 4)), np.ones((2, 4))])


def statistics(size: int, mean: str, variance: str) -> list[Row]:
    return [(mean, "o", (size,), "running_mean", ONE), (variance, "o", (size,), "running_variance", ONE)]


def opened(gate: str) -> str:
    return "forget_bias" if gate == "f" else B


LSTM = [f"h{gate}" for gate in "ifgo"]
LAYERS: dict[str, tuple[Callable[[], Any], list[Row]]] = {
    "nnx.Linear": (
        lambda: nnx.Linear(3, 4, rngs=rngs()),
        [("kernel", "oi", (4, 3), K, Fans(3, 4)), ("bias", "o", (4,), B, Fans(3, 4))],
    ),
    "nnx.LinearGeneral with two axes and copies": (
        lambda: nnx.LinearGeneral((2, 3), (4, 5), axis=(1, 2), batch_axis={0: 7}, rngs=rngs()),
        [("kernel", "boi", (7, 20, 6), K, Fans(6, 20)), ("bias", "bo", (7, 20), B, Fans(6, 20))],
    ),
    "nnx.Einsum": (
        lambda: nnx.Einsum("bti,ehif->bethf", (5, 2, 3, 4), (5, 2, 4), rngs=rngs()),
        [("kernel", "oi", (40, 3), K, Fans(3, 40)), ("bias", "o", (40,), B, Fans(3, 40))],
    ),
    "nnx.Conv in groups": (
        lambda: nnx.Conv(4, 6, (3, 2), (1, 2), feature_group_count=2, rngs=rngs()),
        [("kernel", "boikk", (2, 3, 2, 3, 2), K, Fans(12, 9)), ("bias", "o", (6,), B, Fans(12, 9))],
    ),
    "nnx.Conv masked to a half": (
        lambda: nnx.Conv(2, 4, (2,), mask=HALF, rngs=rngs()),
        [("kernel", "oik", (4, 2, 2), K, Fans(2, 4)), ("bias", "o", (4,), B, Fans(2, 4))],
    ),
    "nnx.ConvTranspose": (
        lambda: nnx.ConvTranspose(4, 2, (3,), 2, rngs=rngs()),
        [("kernel", "oik", (2, 4, 3), K, Fans(6, 6)), ("bias", "o", (2,), B, Fans(6, 6))],
    ),
    "nnx.ConvTranspose transposed": (
        lambda: nnx.ConvTranspose(4, 2, (3,), 2, transpose_kernel=True, rngs=rngs()),
        [("kernel", "oik", (2, 4, 3), K, Fans(6, 6)), ("bias", "o", (2,), B, Fans(6, 6))],
    ),
    "nnx.Embed": (lambda: nnx.Embed(5, 3, rngs=rngs()), [("embedding", "bo", (5, 3), "embedding", Fans(1, 3))]),
    "nnx.LayerNorm": (
        lambda: nnx.LayerNorm(3, rngs=rngs()),
        [("scale", "o", (3,), "scale", ONE), ("bias", "o", (3,), "shift", ONE)],
    ),
    "nnx.BatchNorm": (
        lambda: nnx.BatchNorm(3, rngs=rngs()),
        [("scale", "o", (3,), "scale", ONE), ("bias", "o", (3,), "shift", ONE), *statistics(3, "mean", "var")],
    ),
    "nnx.RMSNorm": (lambda: nnx.RMSNorm(3, rngs=rngs()), [("scale", "o", (3,), "scale", ONE)]),
    "nnx.GroupNorm": (
        lambda: nnx.GroupNorm(4, 2, use_bias=False, rngs=rngs()),
        [("scale", "o", (4,), "scale", ONE)],
    ),
    "nnx.InstanceNorm": (
        lambda: nnx.InstanceNorm(4, use_bias=False, rngs=rngs()),
        [("scale", "o", (4,), "scale", ONE)],
    ),
    "nnx.PReLU": (nnx.PReLU, [("negative_slope", "", (), "slope", ONE)]),
    "nnx.LoRA": (
        lambda: nnx.LoRA(3, 2, 4, rngs=rngs()),
        [("lora_a", "oi", (2, 3), K, Fans(3, 2)), ("lora_b", "oi", (4, 2), "shift", Fans(2, 4))],
    ),
    "nnx.MultiHeadAttention": (
        lambda: nnx.MultiHeadAttention(2, 6, 4, num_kv_heads=1, rngs=rngs()),
        [
            ("query.kernel", "oi", (4, 6), K, Fans(6, 4)),
            ("query.bias", "o", (4,), B, Fans(6, 4)),
            ("key.kernel", "oi", (2, 6), K, Fans(6, 2)),
            ("key.bias", "o", (2,), B, Fans(6, 2)),
            ("value.kernel", "oi", (2, 6), K, Fans(6, 2)),
            ("value.bias", "o", (2,), B, Fans(6, 2)),
            ("out.kernel", "oi", (6, 4), K, Fans(4, 6)),
            ("out.bias", "o", (6,), B, Fans(4, 6)),
        ],
    ),
    "nnx.LSTMCell": (
        lambda: nnx.LSTMCell(3, 4, rngs=rngs()),
        [
            *((f"{name}.kernel", "oi", (4, 3), K, Fans(3, 4)) for name in ("ii", "if_", "ig", "io")),
            *((f"{name}.kernel", "oi", (4, 4), R, Fans(4, 4)) for name in LSTM),
            *((f"{name}.bias", "o", (4,), opened(name[1]), Fans(4, 4)) for name in LSTM),
        ],
    ),
    "nnx.OptimizedLSTMCell": (
        lambda: nnx.OptimizedLSTMCell(3, 4, rngs=rngs()),
        [
            *((f"dense_i.kernel[{gate}]", "oi", (4, 3), K, Fans(3, 4)) for gate in "ifgo"),
            *((f"dense_h.kernel[{gate}]", "oi", (4, 4), R, Fans(4, 4)) for gate in "ifgo"),
            *((f"dense_h.bias[{gate}]", "o", (4,), opened(gate), Fans(4, 4)) for gate in "ifgo"),
        ],
    ),
    "nnx.GRUCell in both directions": (
        lambda: nnx.Bidirectional(
            nnx.RNN(nnx.GRUCell(3, 4, rngs=rngs())), nnx.RNN(nnx.GRUCell(3, 4, rngs=rngs())), rngs=rngs()
        ),
        [
            (f"{way}_rnn.cell.{row[0]}", *row[1:])
            for way in ("forward", "backward")
            for gate in "rzn"
            for row in (
                (f"dense_i.kernel[{gate}]", "oi", (4, 3), K, Fans(3, 4)),
                (f"dense_i.bias[{gate}]", "o", (4,), B, Fans(3, 4)),
                (f"dense_h.kernel[{gate}]", "oi", (4, 4), R, Fans(4, 4)),
            )
        ],
    ),
    "nnx.SimpleCell": (
        lambda: nnx.SimpleCell(3, 4, rngs=rngs()),
        [
            ("dense_i.kernel", "oi", (4, 3), K, Fans(3, 4)),
            ("dense_i.bias", "o", (4,), B, Fans(3, 4)),
            ("dense_h.kernel", "oi", (4, 4), R, Fans(4, 4)),
        ],
    ),
    "nnx.Linear stacked twice": (
        lambda: stacked(lambda: stacked(lambda: nnx.Linear(3, 4, rngs=rngs()), 2), 5),
        [("kernel", "bboi", (5, 2, 4, 3), K, Fans(3, 4)), ("bias", "bbo", (5, 2, 4), B, Fans(3, 4))],
    ),
    "nnx.GRUCell stacked": (
        lambda: stacked(lambda: nnx.GRUCell(3, 4, rngs=rngs()), 5),
        [
            row
            for gate in "rzn"
            for row in (
                (f"dense_i.kernel[{gate}]", "boi", (5, 4, 3), K, Fans(3, 4)),
                (f"dense_i.bias[{gate}]", "bo", (5, 4), B, Fans(3, 4)),
                (f"dense_h.kernel[{gate}]", "boi", (5, 4, 4), R, Fans(4, 4)),
            )
        ],
    ),
    "nnx.Conv stacked in groups": (
        lambda: stacked(lambda: nnx.Conv(4, 6, (3,), feature_group_count=2, use_bias=False, rngs=rngs()), 5),
        [("kernel", "bboik", (5, 2, 3, 2, 3), K, Fans(6, 9))],
    ),
    "nnx.bridge to Linen's Dense": (
        lambda: nnx.bridge.lazy_init(nnx.bridge.ToNNX(nn.Dense(4), rngs=rngs()), x(1, 3)),
        [("kernel", "oi", (4, 3), K, Fans(3, 4)), ("bias", "o", (4,), B, Fans(3, 4))],
    ),
    "linen.Dense": (
        lambda: linen(nn.Dense(4), x(1, 3)),
        [("kernel", "oi", (4, 3), K, Fans(3, 4)), ("bias", "o", (4,), B, Fans(3, 4))],
    ),
    "linen.DenseGeneral with two axes and copies": (
        lambda: linen(nn.DenseGeneral((4, 5), axis=(1, 2), batch_dims=(0,)), x(7, 2, 3)),
        [("kernel", "boi", (7, 20, 6), K, Fans(6, 20)), ("bias", "bo", (7, 20), B, Fans(6, 20))],
    ),
    "linen.Einsum": (
        lambda: linen(nn.Einsum((3, 4), "...i,io->...o"), x(1, 3)),
        [("kernel", "oi", (4, 3), K, Fans(3, 4)), ("bias", "o", (4,), B, Fans(3, 4))],
    ),
    "linen.Conv of a dilated input": (
        lambda: linen(nn.Conv(6, (4,), 2, [(0, 0)], input_dilation=2), x(1, 8, 3)),
        [("kernel", "oik", (6, 3, 4), K, Fans(6, 12)), ("bias", "o", (6,), B, Fans(6, 12))],
    ),
    "linen.ConvLocal": (
        lambda: linen(nn.ConvLocal(6, (2,), padding="VALID"), x(1, 5, 3)),
        [("kernel", "boi", (4, 6, 6), K, Fans(6, 12)), ("bias", "bo", (4, 6), B, Fans(6, 12))],
    ),
    "linen.ConvTranspose": (
        lambda: linen(nn.ConvTranspose(2, (3,), (2,), use_bias=False), x(1, 5, 4)),
        [("kernel", "oik", (2, 4, 3), K, Fans(6, 6))],
    ),
    "linen.Embed": (
        lambda: linen(nn.Embed(5, 3), jnp.zeros(1, int)),
        [("embedding", "bo", (5, 3), "embedding", Fans(1, 3))],
    ),
    "linen.LayerNorm over two axes": (
        lambda: linen(nn.LayerNorm(reduction_axes=(-2, -1), feature_axes=(-2, -1)), x(1, 2, 3)),
        [("scale", "oo", (2, 3), "scale", ONE), ("bias", "oo", (2, 3), "shift", ONE)],
    ),
    "linen.BatchNorm": (
        lambda: linen(nn.BatchNorm(use_running_average=False), x(1, 3)),
        [("scale", "o", (3,), "scale", ONE), ("bias", "o", (3,), "shift", ONE), *statistics(3, "mean", "var")],
    ),
    "linen.PReLU": (lambda: linen(nn.PReLU(), x(1, 3)), [("negative_slope", "", (), "slope", ONE)]),
    "linen.WeightNorm": (
        lambda: linen(nn.WeightNorm(nn.Dense(4, use_bias=False)), x(1, 3)),
        [("layer_instance.kernel", "oi", (4, 3), K, Fans(3, 4))],
    ),
    "linen.LSTMCell": (
        lambda: linen(nn.RNN(nn.LSTMCell(4)), x(1, 2, 3)),
        [
            *((f"cell.i{gate}.kernel", "oi", (4, 3), K, Fans(3, 4)) for gate in "ifgo"),
            *((f"cell.h{gate}.kernel", "oi", (4, 4), R, Fans(4, 4)) for gate in "ifgo"),
            *((f"cell.h{gate}.bias", "o", (4,), opened(gate), Fans(4, 4)) for gate in "ifgo"),
        ],
    ),
    "linen.OptimizedLSTMCell": (
        lambda: linen(nn.RNN(nn.OptimizedLSTMCell(4)), x(1, 2, 3)),
        [
            *((f"cell.i{gate}.kernel", "oi", (4, 3), K, Fans(3, 4)) for gate in "ifgo"),
            *((f"cell.h{gate}.kernel", "oi", (4, 4), R, Fans(4, 4)) for gate in "ifgo"),
            *((f"cell.h{gate}.bias", "o", (4,), opened(gate), Fans(4, 4)) for gate in "ifgo"),
        ],
    ),
    "linen.MGUCell": (
        lambda: linen(nn.RNN(nn.MGUCell(4)), x(1, 2, 3)),
        [
            *((f"cell.i{gate}.kernel", "oi", (4, 3), K, Fans(3, 4)) for gate in "fn"),
            *((f"cell.i{gate}.bias", "o", (4,), B, Fans(3, 4)) for gate in "fn"),
            *((f"cell.h{gate}.kernel", "oi", (4, 4), R, Fans(4, 4)) for gate in "fn"),
            ("cell.hn.bias", "o", (4,), B, Fans(4, 4)),
        ],
    ),
    "linen.ConvLSTMCell": (
        lambda: linen(nn.RNN(nn.ConvLSTMCell(4, (3,))), x(1, 2, 5, 2)),
        [
            row
            for gate in "igfo"
            for row in (
                (f"cell.ih.kernel[{gate}]", "oik", (4, 2, 3), K, Fans(6, 12)),
                (f"cell.ih.bias[{gate}]", "o", (4,), B, Fans(6, 12)),
                (f"cell.hh.kernel[{gate}]", "oik", (4, 4, 3), R, Fans(12, 12)),
                (f"cell.hh.bias[{gate}]", "o", (4,), B, Fans(12, 12)),
            )
        ],
    ),
    "linen.Dense under vmap": (
        lambda: linen(
            nn.vmap(nn.Dense, variable_axes={"params": 0}, split_rngs={"params": True}, in_axes=None, axis_size=2)(4),
            x(1, 3),
        ),
        [("kernel", "boi", (2, 4, 3), K, Fans(3, 4)), ("bias", "bo", (2, 4), B, Fans(3, 4))],
    ),
    "eqx.Linear": (
        lambda: eqx.nn.Linear(3, 4, key=KEY),
        [("weight", "oi", (4, 3), K, Fans(3, 4)), ("bias", "o", (4,), B, Fans(3, 4))],
    ),
    "eqx.Linear between scalars": (
        lambda: eqx.nn.Linear("scalar", "scalar", key=KEY),
        [("weight", "oi", (1, 1), K, ONE), ("bias", "o", (1,), B, ONE)],
    ),
    "eqx.Conv2d in groups": (
        lambda: eqx.nn.Conv2d(4, 6, (3, 2), (1, 2), groups=2, key=KEY),
        [("weight", "boikk", (2, 3, 2, 3, 2), K, Fans(12, 9)), ("bias", "o", (6,), B, Fans(12, 9))],
    ),
    "eqx.ConvTranspose1d": (
        lambda: eqx.nn.ConvTranspose1d(4, 2, 3, 2, key=KEY),
        [("weight", "oik", (2, 4, 3), K, Fans(6, 6)), ("bias", "o", (2,), B, Fans(6, 6))],
    ),
    "eqx.Embedding": (
        lambda: eqx.nn.Embedding(5, 3, key=KEY),
        [("weight", "bo", (5, 3), "embedding", Fans(1, 3))],
    ),
    "eqx.LayerNorm over two axes": (
        lambda: eqx.nn.LayerNorm((2, 3)),
        [("weight", "oo", (2, 3), "scale", ONE), ("bias", "oo", (2, 3), "shift", ONE)],
    ),
    "eqx.RMSNorm": (lambda: eqx.nn.RMSNorm(3, use_bias=False), [("weight", "o", (3,), "scale", ONE)]),
    "eqx.GroupNorm": (
        lambda: eqx.nn.GroupNorm(2, 4),
        [("weight", "o", (4,), "scale", ONE), ("bias", "o", (4,), "shift", ONE)],
    ),
    "eqx.BatchNorm": (
        lambda: eqx.nn.BatchNorm(4, "batch", mode="ema"),
        [
            ("weight", "o", (4,), "scale", ONE),
            ("bias", "o", (4,), "shift", ONE),
            *statistics(4, "ema_state_index.init.0", "ema_state_index.init.1"),
        ],
    ),
    "eqx.PReLU": (eqx.nn.PReLU, [("negative_slope", "", (), "slope", ONE)]),
    "eqx.LSTMCell": (
        lambda: eqx.nn.LSTMCell(3, 4, key=KEY),
        [
            *((f"weight_ih[{gate}]", "oi", (4, 3), K, Fans(3, 4)) for gate in "ifgo"),
            *((f"weight_hh[{gate}]", "oi", (4, 4), R, Fans(4, 4)) for gate in "ifgo"),
            *((f"bias[{gate}]", "o", (4,), opened(gate), Fans(3, 4)) for gate in "ifgo"),
        ],
    ),
    "eqx.GRUCell": (
        lambda: eqx.nn.GRUCell(3, 4, key=KEY),
        [
            *((f"weight_ih[{gate}]", "oi", (4, 3), K, Fans(3, 4)) for gate in "rzn"),
            *((f"weight_hh[{gate}]", "oi", (4, 4), R, Fans(4, 4)) for gate in "rzn"),
            *((f"bias[{gate}]", "o", (4,), B, Fans(3, 4)) for gate in "rzn"),
            ("bias_n", "o", (4,), B, Fans(4, 4)),
        ],
    ),
    "eqx.MultiheadAttention": (
        lambda: eqx.nn.MultiheadAttention(2, 6, key_size=3, key=KEY),
        [
            ("query_proj.weight", "oi", (6, 6), K, Fans(6, 6)),
            ("key_proj.weight", "oi", (6, 3), K, Fans(3, 6)),
            ("value_proj.weight", "oi", (6, 6), K, Fans(6, 6)),
            ("output_proj.weight", "oi", (6, 6), K, Fans(6, 6)),
        ],
    ),
    "eqx.MLP": (
        lambda: eqx.nn.MLP(3, "scalar", 4, 1, use_bias=False, key=KEY),
        [
            ("layers.0.weight", "oi", (4, 3), K, Fans(3, 4)),
            ("layers.1.weight", "oi", (1, 4), K, Fans(4, 1)),
            ("layers.1.bias", "o", (1,), B, Fans(4, 1)),
        ],
    ),
    "eqx.Conv1d stacked": (
        lambda: eqx.filter_vmap(lambda key: eqx.nn.Conv1d(3, 4, 2, key=key))(jax.random.split(KEY, 5)),
        [("weight", "boik", (5, 4, 3, 2), K, Fans(6, 8)), ("bias", "bo", (5, 4), B, Fans(6, 8))],
    ),
}


@functools.cache
def built(kind: str) -> tuple[Any, Any]:
    """Return a model with shapes alone, and its inputs."""
    build = LAYERS[kind][0]
    if kind.startswith("linen"):
        return build()
    if "masked" in kind:  # in shapes alone it is not known what a mask keeps
        return build(), None
    return (nnx.eval_shape if "nnx" in kind else eqx.filter_eval_shape)(build), None


@pytest.mark.parametrize("kind", LAYERS)
def test_parts_by_hand(kind: str) -> None:
    assert rows(described(*built(kind))) == sorted(LAYERS[kind][1])


@pytest.mark.parametrize("kind", LAYERS)
def test_parts_cover_every_element_once(kind: str) -> None:
    model, inputs = built(kind)
    for path, known in described(model, inputs).items():
        shape = kind_of(model).leaves(model)[path].shape
        stored = filled(shape, [(part, np.full(part.shape, n)) for n, part in enumerate(known.parts)])
        assert not np.isnan(stored).any()
        assert [int((stored == n).sum()) for n in range(len(known.parts))] == [np.prod(p.shape) for p in known.parts]
        assert all(part.role in ROLES and len(part.axes) == len(part.shape) for part in known.parts)
