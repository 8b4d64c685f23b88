"""What the layers of Flax and Equinox are made of: every part of them, and PyTorch's own numbers with PyTorch's parts."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

from glorot import stream
from glorot.distributions import Normal
from glorot.fans import Fans
from glorot.inventory import ROLES, Part
from glorot.jax.models import Described, kind_of
from glorot.layouts import place_in
from glorot.torch import inventory

KEY = jax.random.key(0)
K, B, R, ONE = "kernel", "bias", "recurrent", Fans(1, 1)
Row = tuple[str, str, tuple[int, ...], str, Fans]


def rngs() -> nnx.Rngs:
    return nnx.Rngs(0)


def stacked(build: Callable[[], Any], count: int) -> Any:
    return nnx.vmap(build, in_axes=(), out_axes=0, axis_size=count)()


def linen(module: nn.Module, *inputs: Any) -> tuple[tuple[nn.Module, Any], Any]:
    return (module, jax.eval_shape(module.init, KEY, *inputs)), inputs


def described(model: Any, inputs: Any = None) -> dict[str, Described]:
    return kind_of(model).described(model, inputs)


def rows(found: dict[str, Described]) -> list[Row]:
    return sorted(
        (path + p.name, p.axes, p.shape, p.role, p.fans) for path, known in found.items() for p in known.parts
    )


def x(*shape: int) -> Any:
    return jnp.ones(shape)


HALF = np.stack([np.zeros((2, 4)), np.ones((2, 4))])


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
        [("scale", "o", (3,), "scale", ONE), ("bias", "o", (3,), "shift", ONE)],
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
        [("scale", "o", (3,), "scale", ONE), ("bias", "o", (3,), "shift", ONE)],
    ),
    "linen.PReLU": (lambda: linen(nn.PReLU(), x(1, 3)), [("negative_slope", "", (), "slope", ONE)]),
    "linen.WeightNorm": (
        lambda: linen(nn.WeightNorm(nn.Dense(4, use_bias=False)), x(1, 3)),
        [
            ("layer_instance/kernel/scale", "o", (4,), "scale", ONE),
            ("layer_instance.kernel", "oi", (4, 3), K, Fans(3, 4)),
        ],
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
        [("weight", "o", (4,), "scale", ONE), ("bias", "o", (4,), "shift", ONE)],
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


def filled(shape: tuple[int, ...], written: Iterable[tuple[Part, Any]]) -> np.ndarray[Any, Any]:
    """Return a stored tensor with values written to where its parts lie, NaN everywhere else."""
    stored = np.full(shape, np.nan, np.float32)
    for part, values in written:
        place = place_in(stored, part.view)
        place[...] = np.reshape(values, place.shape)
    return stored


# the same numbers in the same parts: the same function as PyTorch's


def in_torch(module: torch.nn.Module) -> dict[str, np.ndarray[Any, Any]]:
    """Fill a PyTorch module with the stream, and return the values of every part."""
    values = {
        part.name: stream.draw(stream.key_of(0, part.name), Normal(std=1), part.shape)
        for part in inventory(module).parts
    }
    for parameter in inventory(module).parameters:
        tensor = module.get_parameter(parameter.path)
        whole = filled(parameter.shape, [(part, values[part.name]) for part in parameter.parts])
        tensor.data = torch.from_numpy(whole)
    return values


def in_jax(model: Any, inputs: Any, values: dict[str, Any], names: dict[str, str]) -> Any:
    """Write those values to the parts of a JAX model, each to the part whose name is told."""
    kind, new = kind_of(model), {}
    for path, known in described(model, inputs).items():
        taken = [(part, values[names[path + part.name]]) for part in known.parts]
        assert all(part.shape == value.shape for part, value in taken)
        new[path] = jnp.asarray(filled(kind.leaves(model)[path].shape, taken))
    return kind.rebuilt(model, new)


def called(model: Any, *inputs: Any) -> Any:
    if isinstance(model, tuple):
        return jax.jit(model[0].apply)(model[1], *inputs)
    return nnx.jit(lambda model, inputs: model(*inputs))(model, inputs)


def image(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def last(array: Any) -> Any:
    """Put the channels of an image last."""
    return np.moveaxis(np.asarray(array), 1, -1)


def first(array: Any) -> Any:
    return np.moveaxis(np.asarray(array), -1, 1)


PLAIN = {"kernel": "weight", "bias": "bias", "weight": "weight"}
SAME_CONVOLUTIONS: dict[str, tuple[Callable[[], torch.nn.Module], Callable[[], Any]]] = {
    "nnx.Conv": (
        lambda: torch.nn.Conv2d(4, 6, (3, 2), (2, 1), groups=2),
        lambda: nnx.eval_shape(
            lambda: nnx.Conv(4, 6, (3, 2), (2, 1), feature_group_count=2, padding="VALID", rngs=rngs())
        ),
    ),
    "nnx.ConvTranspose": (
        lambda: torch.nn.ConvTranspose2d(4, 6, (3, 4), 2),
        lambda: nnx.eval_shape(lambda: nnx.ConvTranspose(4, 6, (3, 4), (2, 2), padding="VALID", rngs=rngs())),
    ),
    "nnx.ConvTranspose transposed": (
        lambda: torch.nn.ConvTranspose2d(4, 6, (3, 4), 2),
        lambda: nnx.eval_shape(
            lambda: nnx.ConvTranspose(4, 6, (3, 4), (2, 2), padding="VALID", transpose_kernel=True, rngs=rngs())
        ),
    ),
    "linen.ConvTranspose": (
        lambda: torch.nn.ConvTranspose2d(4, 6, (3, 4), 2),
        lambda: nn.ConvTranspose(6, (3, 4), (2, 2), padding="VALID"),
    ),
    "linen.ConvTranspose transposed": (
        lambda: torch.nn.ConvTranspose2d(4, 6, (3, 4), 2),
        lambda: nn.ConvTranspose(6, (3, 4), (2, 2), padding="VALID", transpose_kernel=True),
    ),
    "eqx.Conv2d": (
        lambda: torch.nn.Conv2d(4, 6, (3, 2), (2, 1), groups=2),
        lambda: eqx.filter_eval_shape(lambda: eqx.nn.Conv2d(4, 6, (3, 2), (2, 1), groups=2, key=KEY)),
    ),
    "eqx.ConvTranspose2d": (
        lambda: torch.nn.ConvTranspose2d(4, 6, (3, 4), 2, groups=2),
        lambda: eqx.filter_eval_shape(lambda: eqx.nn.ConvTranspose2d(4, 6, (3, 4), 2, groups=2, key=KEY)),
    ),
}


@pytest.mark.parametrize("kind", SAME_CONVOLUTIONS)
def test_convolutions_are_those_of_pytorch(kind: str) -> None:
    reference, model = SAME_CONVOLUTIONS[kind][0](), SAME_CONVOLUTIONS[kind][1]()
    batch, inputs = image(2, 4, 5, 6), None
    if kind.startswith("linen"):
        model, inputs = linen(model, last(batch))
    values = in_torch(reference)
    model = in_jax(model, inputs, values, PLAIN)
    ours = jax.jit(jax.vmap(model))(batch) if kind.startswith("eqx") else first(called(model, last(batch)))
    np.testing.assert_allclose(ours, reference(torch.from_numpy(batch)).detach(), atol=1e-4)


def test_an_lstm_of_nnx_is_that_of_pytorch() -> None:
    reference, batch = torch.nn.LSTMCell(3, 4), image(2, 3)
    names = {f"dense_i.kernel[{g}]": f"weight_ih[{g}]" for g in "ifgo"}
    names |= {f"dense_h.{a}[{g}]": f"{PLAIN[a]}_hh[{g}]" for g in "ifgo" for a in ("kernel", "bias")}
    values = in_torch(reference)
    reference.bias_ih.data.zero_()
    cell = in_jax(nnx.eval_shape(lambda: nnx.OptimizedLSTMCell(3, 4, rngs=rngs())), None, values, names)
    state = (image(2, 4), image(2, 4)[::-1])
    (_, ours), _ = called(cell, state, batch)
    theirs, _ = reference(torch.from_numpy(batch), (torch.from_numpy(state[1].copy()), torch.from_numpy(state[0])))
    np.testing.assert_allclose(ours, theirs.detach(), atol=1e-5)


def test_recurrent_cells_of_equinox_are_those_of_pytorch() -> None:
    lstm, gru, batch, state = torch.nn.LSTMCell(3, 4), torch.nn.GRUCell(3, 4), image(3), image(2, 4)
    names = {f"weight_{way}h[{g}]": f"weight_{way}h[{g}]" for way in "ih" for g in "ifgorzn"}
    names |= {f"bias[{g}]": f"bias_ih[{g}]" for g in "ifgorzn"} | {"bias_n": "bias_hh[n]"}
    ours = in_jax(eqx.filter_eval_shape(lambda: eqx.nn.LSTMCell(3, 4, key=KEY)), None, in_torch(lstm), names)
    ours = eqx.filter_jit(ours)(batch, tuple(state))
    lstm.bias_hh.data.zero_()
    theirs = lstm(torch.from_numpy(batch), tuple(map(torch.from_numpy, state)))
    np.testing.assert_allclose(ours, [t.detach() for t in theirs], atol=1e-5)
    cell = in_jax(eqx.filter_eval_shape(lambda: eqx.nn.GRUCell(3, 4, key=KEY)), None, in_torch(gru), names)
    gru.bias_hh.data[:8] = 0
    theirs = gru(torch.from_numpy(batch), torch.from_numpy(state[0]))
    np.testing.assert_allclose(eqx.filter_jit(cell)(batch, state[0]), theirs.detach(), atol=1e-5)


def test_a_gru_of_nnx_is_that_of_pytorch() -> None:
    reference, batch, state = torch.nn.GRUCell(3, 4), image(2, 3), image(2, 4)
    names = {f"dense_i.{a}[{g}]": f"{PLAIN[a]}_ih[{g}]" for g in "rzn" for a in ("kernel", "bias")}
    names |= {f"dense_h.kernel[{g}]": f"weight_hh[{g}]" for g in "rzn"}
    cell = in_jax(nnx.eval_shape(lambda: nnx.GRUCell(3, 4, rngs=rngs())), None, in_torch(reference), names)
    reference.bias_hh.data.zero_()
    theirs = reference(torch.from_numpy(batch), torch.from_numpy(state))
    np.testing.assert_allclose(called(cell, state, batch)[0], theirs.detach(), atol=1e-5)


@pytest.mark.parametrize("framework", ["nnx", "linen"])
def test_attention_is_that_of_pytorch(framework: str) -> None:
    reference, batch = torch.nn.MultiheadAttention(6, 2, batch_first=True), image(2, 5, 6)
    names = {
        f"{long}.{a}": f"in_proj_{PLAIN[a]}[{long[0]}]"
        for long in ("query", "key", "value")
        for a in ("kernel", "bias")
    }
    names |= {"out.kernel": "out_proj.weight", "out.bias": "out_proj.bias"}
    model: Any = nnx.eval_shape(lambda: nnx.MultiHeadAttention(2, 6, decode=False, rngs=rngs()))
    inputs = None
    if framework == "linen":
        model, inputs = linen(nn.MultiHeadDotProductAttention(2), batch)
    model = in_jax(model, inputs, in_torch(reference), names)
    ours = called(model, batch)
    theirs, _ = reference(*[torch.from_numpy(batch)] * 3)
    np.testing.assert_allclose(ours, theirs.detach(), atol=1e-4)
