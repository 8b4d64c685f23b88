"""Bugs of initialisation in models of JAX that checks name, each beside its healthy twin."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

import glorot
from glorot.adapters import take_inventory

NUMBERS = np.random.default_rng(0)
Pairs = list[tuple[str, tuple[str, ...]]]


def values(*shape: int) -> Any:
    return jnp.asarray(NUMBERS.normal(size=shape).astype("float32"))


def found(report: Any) -> Pairs:
    return [(one.code, one.paths) for one in report.findings]


class Two(nnx.Module):
    """Two layers, of which the second is called or not."""

    def __init__(self, name: str, seed: int, calls: bool) -> None:
        self.name, self.calls = name, calls
        self.q = nnx.Linear(8, 8, rngs=nnx.Rngs(0))
        setattr(self, name, nnx.Linear(8, 8, rngs=nnx.Rngs(seed)))

    def __call__(self, x: Any) -> Any:
        x = nnx.relu(self.q(x))
        return getattr(self, self.name)(x) if self.calls else x


@pytest.mark.parametrize(
    ("name", "seed", "calls", "is_named"),
    [("forgotten", 1, False, True), ("used", 1, True, False), ("q_target", 0, False, False), ("old", 1, False, True)],
)
def test_a_layer_that_nothing_calls_is_named(name: str, seed: int, calls: bool, is_named: bool) -> None:
    report = glorot.check(Two(name, seed, calls), values(16, 8), jnp.arange(16) % 8, select="GL107")
    assert found(report) == [("GL107", (f"{name}.bias", f"{name}.kernel"))] * is_named


def test_params_that_a_linen_module_has_no_place_for_are_named() -> None:
    module, x = linen.Sequential([linen.Dense(8), linen.relu, linen.Dense(4)]), values(16, 8)
    params = module.init(jax.random.key(0), x)["params"]
    targets = jnp.arange(16) % 4
    assert found(glorot.check((module, {"params": params}), x, targets, select="GL107")) == []
    params |= {"head": {"kernel": values(8, 4), "bias": jnp.zeros(4)}}
    report = glorot.check((module, {"params": params}), x, targets, select="GL107")
    assert found(report) == [("GL107", ("head.kernel", "head.bias"))]


def turns(wrong: str) -> tuple[Any, Any]:
    angles = jnp.outer(jnp.arange(32.0), 10000 ** (-jnp.arange(4) / 4))
    raw = {"raw": jnp.full((32, 4), 3e29), "zeros": jnp.zeros((32, 4))}.get(wrong)
    return (jnp.cos(angles), jnp.sin(angles)) if raw is None else (raw, raw)


def turned(x: Any, cos: Any, sin: Any) -> Any:
    first, second = jnp.split(x, 2, -1)
    return jnp.concatenate([first * cos - second * sin, first * sin + second * cos], -1)


class InNnx(nnx.Module):
    def __init__(self, wrong: str) -> None:
        self.dense, (cos, sin) = nnx.Linear(8, 8, rngs=nnx.Rngs(0)), turns(wrong)
        self.cos, self.sin = nnx.Variable(cos), nnx.Cache(sin)

    def __call__(self, x: Any) -> Any:
        return turned(self.dense(x), self.cos[: x.shape[1]], self.sin[: x.shape[1]])


class InLinen(linen.Module):
    wrong: str

    def turn(self, number: int) -> Any:
        return turns(self.wrong)[number]

    @linen.compact
    def __call__(self, x: Any) -> Any:
        cos, sin = (self.variable("tables", name, self.turn, n) for n, name in enumerate(("cos", "sin")))
        return turned(linen.Dense(8)(x), cos.value[: x.shape[1]], sin.value[: x.shape[1]])


def with_tables(framework: str, wrong: str, x: Any) -> tuple[Any, tuple[str, str]]:
    if framework == "nnx":
        return InNnx(wrong), ("cos", "sin")
    module = InLinen(wrong)
    return (module, module.init(jax.random.key(0), x)), ("tables.cos", "tables.sin")


@pytest.mark.parametrize("framework", ["nnx", "linen"])
@pytest.mark.parametrize(("wrong", "code"), [("raw", "GL102"), ("zeros", "GL104"), ("", "")])
def test_tables_beside_the_params_are_looked_at(framework: str, wrong: str, code: str) -> None:
    x = values(4, 6, 8)
    model, paths = with_tables(framework, wrong, x)
    assert found(glorot.check(model, x, select=["GL102", "GL104", "GL313"])) == ([(code, paths)] if code else [])
    if wrong == "zeros":  # which are why nothing has a gradient
        assert ("GL501", paths) in found(glorot.check(model, x))


@pytest.mark.parametrize("is_noise", [True, False])
def test_noise_in_a_table_of_positions_that_is_no_param(is_noise: bool) -> None:
    class Places(nnx.Module):
        def __init__(self) -> None:
            table = values(32, 8) if is_noise else jnp.concatenate(turns(""), 1)
            self.embed, self.pos_embedding = nnx.Embed(16, 8, rngs=nnx.Rngs(0)), nnx.Variable(table)

        def __call__(self, tokens: Any) -> Any:
            return self.embed(tokens) + self.pos_embedding[: tokens.shape[1]]

    report = glorot.check(Places(), jnp.ones((2, 6), jnp.int32), select="GL313")
    assert found(report) == [("GL313", ("pos_embedding",))] * is_noise


def test_keys_and_caches_are_no_findings() -> None:
    class Cached(nnx.Module):
        def __init__(self) -> None:
            rngs = nnx.Rngs(0)
            self.attend = nnx.MultiHeadAttention(2, 8, decode=False, dropout_rate=0.1, deterministic=True, rngs=rngs)
            self.cached_key, self.cache_index = nnx.Cache(jnp.zeros((2, 6, 8))), nnx.Cache(jnp.array(0))

        def __call__(self, x: Any) -> Any:
            return self.attend(x)

    assert glorot.check(Cached(), values(2, 6, 8)).findings == ()


@pytest.mark.parametrize("is_drawn", [True, False])
def test_the_second_kernel_of_an_adapter_that_flax_declares(is_drawn: bool) -> None:
    start = nnx.initializers.he_uniform() if is_drawn else nnx.initializers.zeros_init()
    layer = nnx.LoRALinear(32, 16, lora_rank=4, b_initializer=start, rngs=nnx.Rngs(0))
    named = [("GL311", ("lora.lora_b",))] * is_drawn
    assert found(glorot.check(layer, select="GL311")) == named
    assert found(glorot.check(layer, values(8, 32))) == named


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_outlier_is_named_by_where_it_is_stored(is_packed: bool) -> None:
    class Packed(nnx.Module):
        def __init__(self) -> None:
            self.qkv = nnx.Linear(32, 96 if is_packed else 32, use_bias=False, rngs=nnx.Rngs(0))

        def __call__(self, x: Any) -> Any:
            made = self.qkv(x)
            q, k, v = jnp.split(made, 3, -1) if is_packed else (made, made, made)
            return jax.nn.softmax(q @ k.swapaxes(1, 2)) @ v

    model = Packed()
    column = 64 + 5 if is_packed else 5
    model.qkv.kernel[...] = model.qkv.kernel[...].at[30, column].set(9.0)
    (only,) = glorot.check(model, values(2, 6, 32), select="GL306").findings
    assert only.paths == ("qkv.kernel[v]" if is_packed else "qkv.kernel",)
    assert only.why == f"has an element far outside the law of all others, at [30, {column}]"


class Block(linen.Module):
    """A residual branch, as a turn of a loop over layers or one of many in a row."""

    std: float

    @linen.compact
    def __call__(self, x: Any, _: Any = None) -> tuple[Any, None]:
        normal = linen.initializers.normal
        hidden = linen.gelu(linen.Dense(64, kernel_init=normal(0.02), name="up")(linen.LayerNorm()(x)))
        return x + linen.Dense(32, kernel_init=normal(self.std), name="down")(hidden), None


class Looped(linen.Module):
    std: float

    @linen.compact
    def __call__(self, x: Any) -> Any:
        apart: Any = {"params": 0}
        rngs: Any = {"params": True}
        return linen.scan(Block, variable_axes=apart, split_rngs=rngs, length=16)(self.std, name="blocks")(x, None)[0]


@pytest.mark.parametrize("is_scaled", [False, True])
def test_branches_in_a_loop_over_layers_are_counted_by_its_length(is_scaled: bool) -> None:
    x = values(8, 32)
    module = Looped(0.02 / 4 if is_scaled else 0.02)
    model = (module, module.init(jax.random.key(0), x))
    report = glorot.check(model, x, select="GL307")
    assert found(report) == ([] if is_scaled else [("GL307", ("blocks.down.kernel",))])
    assert all("end 16 residual branches" in one.why for one in report.findings)


class InARow(linen.Module):
    @linen.compact
    def __call__(self, x: Any) -> Any:
        for _ in range(16):
            x, _ = Block(0.02)(x)
        return x


def test_a_loop_over_layers_is_planned_as_the_same_layers_in_a_row() -> None:
    x, laws = values(8, 32), []
    for module in (Looped(0.02), InARow()):
        model = (module, module.init(jax.random.key(0), x))
        entries = {entry.name: entry.distribution for entry in glorot.plan(model, "auto", inputs=x).entries}
        first = "Block_0" if isinstance(module, InARow) else "blocks"
        laws.append((entries[f"{first}.up.kernel"], entries[f"{first}.down.kernel"]))
    assert laws[0] == laws[1]


class TwoStreams(linen.Module):
    """Turns over the places of a sequence, each with a separate branch."""

    @linen.compact
    def __call__(self, x: Any) -> Any:
        class Turn(linen.Module):
            @linen.compact
            def __call__(self, state: Any, x: Any) -> tuple[Any, Any]:
                made, _ = Block(0.1, name="block")(x)
                return linen.tanh(linen.Dense(32, name="back")(state) + made), made

        loop = linen.scan(Turn, variable_broadcast="params", split_rngs={"params": False}, in_axes=1, out_axes=1)
        return loop()(jnp.zeros((len(x), 32)), x)[1]


def test_places_of_a_sequence_are_no_branches_of_one_stream() -> None:
    x = values(4, 12, 32)
    module = TwoStreams()
    inventory = take_inventory((module, module.init(jax.random.key(0), x)), x)
    (end,) = [part.branch for part in inventory.parts if part.branch is not None and part.role == "kernel"]
    assert end.count == 1
