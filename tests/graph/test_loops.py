"""Loops: a plan does not depend on how far a framework unrolls them, nor on the order in which terms are added."""

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from graph_builders import Builder
from one_net_everywhere import InTorch, Net
from passes_everywhere import TOKENS, WIDTH, kept_state

import glorot
from glorot.graph import Folded
from glorot.inventory.ways import ways_in

LAYERS = {**dict.fromkeys(("gate", "gate_state", "new", "new_state"), (WIDTH, WIDTH)), "head": (WIDTH, 4)}
Row = tuple[str, tuple[int, int] | None, str]


def unrolled(turns: int) -> dict[str, Row]:
    net = Net(lambda o, m, x: kept_state(o, m, x, turns), LAYERS, batch=TOKENS)
    plan = glorot.plan(InTorch(net), inputs=TOKENS)
    return {entry.name: (entry.fed_by, entry.way, entry.purpose) for entry in plan}


@pytest.mark.parametrize("turns", [2, 5])
def test_a_loop_written_out_has_one_plan_however_many_turns_it_takes(turns: int):
    assert unrolled(turns) == unrolled(3)
    assert unrolled(turns)["new_state.weight"][0] == "mean of tanh"


class Scanned(nnx.Module):
    def __init__(self, unroll: int) -> None:
        rngs = nnx.Rngs(0)
        self.cell, self.head, self.unroll = nnx.GRUCell(8, 16, rngs=rngs), nnx.Linear(16, 3, rngs=rngs), unroll

    def __call__(self, x: jax.Array) -> jax.Array:
        state = jnp.zeros((2, 16))
        if not self.unroll:
            return self.head(jax.lax.scan(lambda h, part: (self.cell(h, part)[0], None), state, x.swapaxes(0, 1))[0])
        for n in range(self.unroll):
            state = self.cell(state, x[:, n])[0]
        return self.head(state)


def test_a_scan_has_the_plan_of_its_loop_written_out():
    plans = [glorot.plan(Scanned(unroll), inputs=jnp.ones((2, 5, 8))) for unroll in (0, 3)]
    scanned, written = ({e.name: (e.fed_by, e.way, e.purpose) for e in plan} for plan in plans)
    assert scanned == written
    assert scanned["head.kernel"][0] == "mean of tanh"


def add(b: Builder, *terms: int) -> int:
    total = terms[0]
    for term in terms[1:]:
        total = b.map("add", total, term)
    return total


def test_the_order_of_terms_changes_no_way():
    found = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        b = Builder()
        x = b.graph.input((2, 8))
        terms = [b.dense("near", x, 8), b.dense("far", b.map("tanh", b.dense("first", x, 8)), 8)]
        terms.append(b.graph.parameter("bias", (2, 8)))
        b.dense("head", b.map("tanh", add(b, *(terms[n] for n in order))), 3)
        found.append(ways_in(Folded(b.graph)))
    assert found[0] == found[1] == found[2] == {
        "near": (1, 3), "first": (1, 4), "far": (2, 3), "bias": (3, 2), "head": (4, 1),
    }  # fmt: skip


def test_a_gate_that_blends_two_signals_is_no_state():
    def highway(o, m, x):
        x = m.stem(x)
        for gate, layer in ((m.gate1, m.layer1), (m.gate2, m.layer2)):
            share = o.sigmoid(gate(x))
            x = share * o.relu(layer(x)) + (1 - share) * x
        return m.head(x)

    names = ("stem", "gate1", "layer1", "gate2", "layer2", "head")
    plan = glorot.plan(InTorch(Net(highway, dict.fromkeys(names, (WIDTH, WIDTH)), batch=TOKENS)), inputs=TOKENS)
    assert plan["head.weight"].fed_by == "sum"
