"""What a kernel is for does not depend on the order in which factors, terms and branches are written."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from one_net_everywhere import InTorch, Net
from passes_everywhere import TOKENS, WIDTH
from structures_everywhere import norm

import glorot

Order = Callable[[Any, Any], Any]


def gate_first(o: Any, m: Any, x: Any) -> Any:
    gate, up = o.silu(m.gate(x)), m.up(x)
    return m.down(gate * up)


def up_first(o: Any, m: Any, x: Any) -> Any:
    up = m.up(x)
    return m.down(up * o.silu(m.gate(x)))


def one_mlp(o: Any, m: Any, x: Any) -> Any:
    return m.second(o.relu(m.first(x)))


def product(o: Any, m: Any, x: Any, n: int) -> Any:
    a, b, c = o.silu(m.gate(x)), m.up(x), m.first(x)
    return m.down(((a * b) * c, a * (b * c), (c * a) * b)[n])


PAIRS: dict[str, tuple[Callable[[Any, Any, Any], Any], ...]] = {
    "factors": (
        lambda o, m, x: x + gate_first(o, m, norm(o, x)),
        lambda o, m, x: x + up_first(o, m, norm(o, x)),
    ),
    "three factors": tuple(lambda o, m, x, n=n: x + product(o, m, norm(o, x), n) for n in range(3)),
    "branches side by side": (
        lambda o, m, x: x + gate_first(o, m, norm(o, x)) + one_mlp(o, m, norm(o, x)),
        lambda o, m, x: (one_mlp(o, m, norm(o, x)) + up_first(o, m, norm(o, x))) + x,
        lambda o, m, x: one_mlp(o, m, norm(o, x)) + (x + gate_first(o, m, norm(o, x))),
    ),
    "a deep and a shallow factor": (
        lambda o, m, x: x + m.down(o.silu(one_mlp(o, m, x)) * m.up(x)),
        lambda o, m, x: x + m.down(m.up(x) * o.silu(one_mlp(o, m, x))),
    ),
}


def read(written: Callable[[Any, Any, Any], Any]) -> dict[str, Any]:
    names = ("stem", "gate", "up", "down", "first", "second", "head")
    net = Net(lambda o, m, x: m.head(written(o, m, m.stem(x))), dict.fromkeys(names, (WIDTH, WIDTH)), batch=TOKENS)
    plan = glorot.plan(InTorch(net), inputs=torch.from_numpy(TOKENS))
    return {one.name: (one.purpose, one.branch, one.way) for one in plan if one.role == "kernel"}


@pytest.mark.parametrize("orders", PAIRS.values(), ids=PAIRS)
def test_the_order_of_writing_changes_nothing(orders: tuple[Callable[[Any, Any, Any], Any], ...]):
    found, *others = map(read, orders)
    assert all(other == found for other in others)
    assert found["down.weight"][0] == "down"
