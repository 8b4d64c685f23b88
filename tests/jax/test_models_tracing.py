"""What a forward pass shows of JAX models: the order of their layers, and the activations around them."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax_models import KEY, rngs, seen

from glorot.adapters import take_inventory as inventory
from glorot.errors import GlorotError
from glorot.jax.models.activating import activation_of

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "silu": nnx.swish,
    "gelu_tanh": jax.nn.gelu,
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "elu": jax.nn.celu,
    "elu(alpha=0.5)": lambda z: jax.nn.elu(z, 0.5),
    "selu": jax.nn.selu,
    "softplus": jax.nn.softplus,
    "leaky_relu(negative_slope=0.2)": lambda z: jax.nn.leaky_relu(z, 0.2),
    "leaky_relu": jax.nn.leaky_relu,
    "hardtanh": jax.nn.hard_tanh,
    "hardsigmoid": jax.nn.hard_sigmoid,
    "hardswish": jax.nn.hard_silu,
    "logsigmoid": jax.nn.log_sigmoid,
    "softsign": jax.nn.soft_sign,
    "mish": jax.nn.mish,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "sin": jnp.sin,
    "erf": jax.lax.erf,
    "tanhshrink": lambda z: z - jnp.tanh(z),
    "softshrink(lambd=0.3)": lambda z: jnp.sign(z) * jnp.maximum(abs(z) - 0.3, 0),
    "relu_squared": lambda z: jnp.maximum(z, 0) ** 2,
}
BY_HAND: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "where": ("relu", lambda z: jnp.where(z > 0, z, 0)),
    "clip": ("relu6", lambda z: jnp.clip(z, 0, 6)),
    "z·sigmoid(z)": ("silu", lambda z: z * jax.nn.sigmoid(z)),
    "z/(1 + e^-z)": ("silu", lambda z: z / (1 + jnp.exp(-z))),
    "relu·relu": ("relu_squared", lambda z: jax.nn.relu(z) * jax.nn.relu(z)),
    "half of erf": ("gelu", lambda z: 0.5 * z * (1 + jax.lax.erf(z / np.sqrt(2)))),
}


class Two(nnx.Module):
    def __init__(self, between: Callable[[Any], Any], dtype: Any = jnp.float32) -> None:
        self.a = nnx.Linear(3, 4, param_dtype=dtype, rngs=rngs())
        self.b = nnx.Linear(4, 2, param_dtype=dtype, rngs=rngs())
        self.between = between

    def __call__(self, x: Any) -> Any:
        return self.b(self.between(self.a(x)))


def two(between: Callable[[Any], Any], dtype: Any = jnp.float32) -> list[tuple[str, str, str]]:
    return seen(nnx.eval_shape(lambda: Two(between, dtype)), jax.ShapeDtypeStruct((5, 3), dtype))


def between(name: str, followed: str | None = None) -> list[tuple[str, str, str]]:
    return [("a", "identity", name if followed is None else followed), ("b", name, "identity")]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_recognised_in_a_pass_and_by_themselves(name: str) -> None:
    assert two(ACTIVATIONS[name]) == between(name)
    assert activation_of(ACTIVATIONS[name]) == name


@pytest.mark.parametrize("name", ["relu", "silu", "gelu_tanh", "gelu", "elu(alpha=0.5)", "selu", "tanh"])
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_activations_are_recognised_in_half_precision(name: str, dtype: Any) -> None:
    assert two(ACTIVATIONS[name], dtype) == between(name)


@pytest.mark.parametrize("way", BY_HAND)
def test_activations_written_by_hand(way: str) -> None:
    name, function = BY_HAND[way]
    assert two(function) == between(name)


@pytest.mark.parametrize(
    ("function", "fed_by", "followed_by"),
    [
        (jax.nn.squareplus, "a function", "a function"),
        (lambda z: jax.nn.relu(z) / 0.9, "1.111·relu", "1.111·relu"),
        (lambda z: jnp.tanh(z / 2), "a function", "a function"),
        (lambda z: jax.nn.relu(z) + 1, "a function", "a function"),
        (lambda z: z + jax.nn.relu(z), "2·leaky_relu(negative_slope=0.5)", "2·leaky_relu(negative_slope=0.5)"),
        (lambda z: jax.nn.relu(z).reshape(-1, 4)[::-1], "relu", "relu"),
        (jax.nn.softmax, "identity", "identity"),
        (lambda z: z, "identity", "identity"),
        (lambda z: jnp.concatenate([jax.nn.relu(z[:, :2]), jax.nn.relu(z[:, 2:])], 1), "relu", "relu"),
        (jax.checkpoint(jax.nn.relu), "relu", "relu"),
        (lambda z: jax.lax.cond(True, jax.nn.relu, jnp.tanh, z), "identity", "tanh"),
        (lambda z: jax.lax.cond(True, jax.nn.relu, lambda z: jnp.maximum(z, 0) + 0, z), "relu", "relu"),
        (lambda z: jnp.sort(jax.nn.relu(z)), "relu", "relu"),
        (lambda z: z + jnp.sort(z), "sum", "identity"),
        (jax.vmap(jax.jit(jax.nn.relu)), "relu", "relu"),
    ],
)
def test_what_lies_between_two_layers(function: Callable[[Any], Any], fed_by: str, followed_by: str) -> None:
    assert two(function) == between(fed_by, followed_by)


class ConvNet(nnx.Module):
    """Layers registered in another order than they run in."""

    def __init__(self) -> None:
        self.head = nnx.Linear(4, 2, rngs=rngs())
        self.second = nnx.Conv(4, 4, (3, 3), rngs=rngs())
        self.norm = nnx.BatchNorm(4, rngs=rngs())
        self.drop = nnx.Dropout(0.5, rngs=rngs())
        self.first = nnx.Conv(3, 4, (3, 3), rngs=rngs())

    def __call__(self, x: Any) -> Any:
        x = nnx.relu(self.norm(self.first(x)))
        x = nnx.max_pool(self.drop(x), (2, 2))
        return self.head(jnp.tanh(self.second(x)).mean((1, 2)))


def test_norms_dropout_and_pools_pass_an_activation_on() -> None:
    expected = [("first", "identity", "relu"), ("second", "relu", "tanh"), ("head", "mean of tanh", "identity")]
    model = nnx.eval_shape(ConvNet)
    assert seen(model, np.ones((2, 8, 8, 3), np.float32)) == expected
    assert seen(model, {"x": jax.ShapeDtypeStruct((2, 8, 8, 3), jnp.float32)}) == expected


def test_nothing_that_is_traced_changes() -> None:
    model = nnx.Sequential(nnx.BatchNorm(2, rngs=rngs()), nnx.Dropout(0.5, rngs=rngs()), nnx.Linear(2, 2, rngs=rngs()))
    batch = jnp.arange(4.0).reshape(2, 2)

    def state() -> list[Any]:
        return [np.asarray(leaf) for leaf in jax.tree.leaves(nnx.state(model, nnx.Not(nnx.RngKey)))]

    before = state()
    seen(model, batch)
    assert all(map(np.array_equal, before, state()))
    model(batch)  # which does change it: the means of BatchNorm and the counter of Dropout
    assert not all(map(np.array_equal, before, state()))


class Block(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = True) -> Any:
        y = nn.LayerNorm()(x)
        x = x + nn.MultiHeadDotProductAttention(2, dropout_rate=0.1, deterministic=not train)(y)
        y = nn.gelu(nn.Dense(8)(nn.LayerNorm()(x)))
        return x + nn.Dense(4)(nn.Dropout(0.1, deterministic=not train)(y))


class Transformer(nn.Module):
    @nn.compact
    def __call__(self, tokens: Any) -> Any:
        x = nn.Embed(7, 4, name="embed")(tokens)
        x = nn.remat(Block)()(x)
        return nn.Dense(7, name="head")(nn.LayerNorm()(x))


def test_a_transformer_of_linen() -> None:
    tokens = jnp.zeros((2, 5), int)
    model = Transformer()
    block, plain = "CheckpointBlock_0", "identity"
    assert seen((model, jax.eval_shape(model.init, KEY, tokens)), tokens) == [
        ("embed", plain, plain),
        *(
            (f"{block}.MultiHeadDotProductAttention_0.{name}", plain, plain)
            for name in ("query", "key", "value", "out")
        ),
        (f"{block}.Dense_0", plain, "gelu_tanh"),
        (f"{block}.Dense_1", "gelu_tanh", plain),
        ("head", plain, plain),
    ]


class Repeated(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        x, _ = nn.scan(Layer, variable_axes={"params": 0}, split_rngs={"params": True}, length=3)(name="stack")(x, None)
        return nn.Dense(2, name="head")(x)


class Layer(nn.Module):
    @nn.compact
    def __call__(self, x: Any, _: Any) -> Any:
        return nn.tanh(nn.Dense(4, name="dense")(x)), None


def test_layers_that_are_scanned_feed_each_other() -> None:
    model, x = Repeated(), jnp.ones((1, 4))
    params = jax.eval_shape(model.init, KEY, x)["params"]
    assert seen((model, params), x) == [("stack.dense", "tanh", "tanh"), ("head", "tanh", "identity")]


def test_batch_norm_that_uses_its_means_needs_no_variables_but_params() -> None:
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Any, train: bool) -> Any:
            x = nn.BatchNorm(use_running_average=not train)(nn.Dense(4, name="in")(x))
            return nn.Dense(2, name="out")(nn.relu(x))

    model, x = Net(), jnp.ones((2, 3))
    variables = jax.eval_shape(lambda: model.init(KEY, x, True))
    for given in (variables, variables["params"]):
        for train in (True, False):
            expected = [("in", "identity", "relu"), ("out", "relu", "identity")]
            assert seen((model, given), (x, train)) == expected


class Recurrent(eqx.Module):
    cell: eqx.nn.GRUCell
    head: eqx.nn.Linear

    def __init__(self) -> None:
        self.head = eqx.nn.Linear(4, 2, key=KEY)
        self.cell = eqx.nn.GRUCell(3, 4, key=KEY)

    def __call__(self, xs: Any, key: Any) -> Any:
        state, _ = jax.lax.scan(lambda h, x: (self.cell(x, h), None), jnp.zeros(4), xs)
        return self.head(eqx.nn.Dropout(0.5)(jax.nn.relu(state), key=key))


def test_a_recurrent_network_of_equinox() -> None:
    model = eqx.filter_eval_shape(Recurrent)
    inputs = {"xs": jnp.ones((5, 3)), "key": KEY}
    assert seen(model, inputs) == [("cell", "identity", "identity"), ("head", "relu", "identity")]
    parts = [part for part in inventory(model, inputs).parts if part.path == "cell.weight_hh"]
    assert {(part.role, part.fed_by, part.depth) for part in parts} == {("recurrent", "mean of tanh", 1)}


class Loops(nnx.Module):
    """Layers that are stacked and scanned, a recurrent network, and a function with a gradient of its own."""

    def __init__(self) -> None:
        self.stack = nnx.vmap(lambda: nnx.Linear(4, 4, rngs=rngs()), in_axes=(), out_axes=0, axis_size=3)()
        self.rnn = nnx.Bidirectional(*(nnx.RNN(nnx.LSTMCell(4, 2, rngs=rngs())) for _ in range(2)), rngs=nnx.Rngs(0))
        self.head = nnx.Linear(4, 2, rngs=rngs())

    def __call__(self, x: Any) -> Any:
        @nnx.scan(in_axes=(0, nnx.Carry), out_axes=nnx.Carry)
        def turn(layer: nnx.Linear, x: Any) -> Any:
            return nnx.relu(layer(x))

        @jax.custom_vjp
        def sine(x: Any) -> Any:
            return jnp.sin(x)

        sine.defvjp(lambda x: (sine(x), x), lambda x, g: (g * jnp.cos(x),))
        return sine(self.head(self.rnn(turn(self.stack, x)).max(1)))


def test_loops_of_nnx() -> None:
    rows = seen(nnx.eval_shape(Loops), jnp.ones((2, 5, 4)))
    assert rows[0] == ("stack", "relu", "relu")
    assert rows[-1] == ("head", "sigmoid × tanh", "sin")
    ways = [f"rnn.{way}_rnn.cell.{name}" for way in ("forward", "backward") for name in ("ii", "if_", "ig", "io")]
    assert {row[0]: row[1] for row in rows[1:-1]} == dict.fromkeys(ways, "relu")


class Tables(eqx.Module):
    """Tokens looked up one by one, a table that no layer owns, and layers that are indexed by hand."""

    tokens: eqx.nn.Embedding
    places: jax.Array
    stack: eqx.nn.Linear
    latent: jax.Array
    last: eqx.nn.Linear

    def __init__(self) -> None:
        self.last = eqx.nn.Linear(4, 2, key=KEY)
        self.latent, self.places = jnp.ones(4), jnp.ones((9, 4))
        self.stack = eqx.filter_vmap(lambda key: eqx.nn.Linear(4, 4, key=key))(jax.random.split(KEY, 2))
        self.tokens = eqx.nn.Embedding(7, 4, key=KEY)

    def __call__(self, token: Any, place: Any) -> Any:
        x = self.tokens(token) + self.places[place]
        for n in jnp.arange(2):
            x = jnp.tanh(jax.tree.map(lambda leaf, n=n: leaf[n], self.stack)(x))
        return self.last(self.latent), x


def test_what_is_looked_up() -> None:
    model = eqx.filter_eval_shape(Tables)
    rows = [("tokens", "identity", "identity"), ("", "identity", "identity"), ("stack", "sum", "tanh"),
            ("last", "identity", "identity")]  # fmt: skip
    assert seen(model, (jnp.array(3), jnp.array(1))) == rows


class Slope(eqx.Module):
    layers: list[Any]

    def __init__(self) -> None:
        self.layers = [eqx.nn.Conv1d(3, 4, 3, key=KEY), eqx.nn.PReLU(), eqx.nn.Linear(12, 2, key=KEY)]

    def __call__(self, x: Any) -> Any:
        return self.layers[2](self.layers[1](self.layers[0](x)).ravel())


def test_a_convolution_of_equinox_with_prelu() -> None:
    model, slope = eqx.filter_eval_shape(Slope), "leaky_relu(negative_slope=0.25)"
    expected = [("layers.0", "identity", slope), ("layers.2", slope, "identity")]
    assert seen(model, jnp.ones((3, 5))) == seen(model) == expected


# without a batch: the order of registration


def test_a_batch_norm_that_misses_its_batch_is_told_the_way_out() -> None:
    model, state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(3, "batch", mode="batch")
    with pytest.raises(GlorotError, match="unbound axis name: batch.*pass eqx.nn.inference_mode.model.$"):
        seen(model, (jnp.ones(3), state))
    assert seen(eqx.nn.inference_mode(model), (jnp.ones(3), state)) == []


def test_a_batch_that_does_not_fit_is_told() -> None:
    with pytest.raises(GlorotError, match="the batch does not fit the model: TypeError: dot_general requires"):
        seen(Two(jax.nn.relu), jnp.ones((5, 7)))
    with pytest.raises(GlorotError, match="the batch does not fit the model: TypeError: .*unexpected keyword"):
        seen(Two(jax.nn.relu), {"y": jnp.ones((5, 3))})
    with pytest.raises(GlorotError, match="(?s)the batch does not fit the model: TypeError.*mostly one example$"):
        seen(eqx.nn.Linear(3, 4, key=KEY), jnp.ones((5, 7)))
    model = nn.Dense(4)
    with pytest.raises(GlorotError, match="the batch does not fit the model: TypeError: .*positional argument"):
        seen((model, model.init(KEY, jnp.ones((1, 3)))), (jnp.ones((1, 3)), 1))
