"""The layers of Flax and Equinox with PyTorch's numbers in PyTorch's parts: they compute what PyTorch's do."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax_models import KEY, described, filled, linen, rngs

from glorot import stream
from glorot.distributions import Normal
from glorot.jax.models import kind_of

torch = pytest.importorskip("torch", reason="the numbers are those of PyTorch's layers")

# the same numbers in the same parts: the same function as PyTorch's


def in_torch(module: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Fill a PyTorch module with the stream, and return the values of every part."""
    from glorot.adapters import take_inventory as inventory

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
