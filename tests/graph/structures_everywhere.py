"""Blocks of models, each written once, with the branches and the purposes of their kernels as read from their text."""

import math
from typing import Any, NamedTuple

import numpy as np
from one_net_everywhere import Net
from passes_everywhere import TOKENS, WIDTH, attention, by_heads, together


class Structure(NamedTuple):
    """A net, and what is right of its parts: (stream, index, count) of those that end a branch, and purposes."""

    net: Net
    branches: dict[str, tuple[int, int, int]]
    purposes: dict[str, str]


def norm(o: Any, x: Any) -> Any:
    return x * o.rsqrt(o.mean(o.square(x), -1, True) + 1e-6)


def residual_mlp(o: Any, m: Any, x: Any) -> Any:
    x = m.stem(x)
    x = x + m.down1(o.relu(m.up1(norm(o, x))))
    x = x + m.down2(o.relu(m.up2(norm(o, x))))
    return m.head(norm(o, x))


def post_norm(o: Any, m: Any, x: Any) -> Any:
    x = m.stem(x)
    q, k, v = (by_heads(o, layer(x)) for layer in (m.q, m.k, m.v))
    x = norm(o, x + m.out(together(o, attention(o, q, k, v))))
    x = norm(o, x + m.down(o.gelu(m.up(x))))
    return o.softmax(m.head(x[:, 0]))


def parallel(o: Any, m: Any, x: Any) -> Any:
    x = m.stem(x)
    y = norm(o, x)
    q, k, v = (by_heads(o, layer(y)) for layer in (m.q, m.k, m.v))
    x = x + m.out(together(o, attention(o, q, k, v))) + m.down(o.silu(m.gate(y)) * m.up(y))
    return m.head(x)


def projected(o: Any, m: Any, x: Any) -> Any:
    x = o.relu(norm(o, m.stem(x)))
    x = o.relu(norm(o, m.second(o.relu(norm(o, m.first(x))))) + x)
    x = o.relu(norm(o, m.fourth(o.relu(norm(o, m.third(x))))) + norm(o, m.shortcut(x)))
    return m.head(o.mean(x, 1))


def low_rank(o: Any, m: Any, x: Any) -> Any:
    x = m.stem(x)
    y = m.base(x) + o.einsum("btr,ro->bto", o.einsum("bti,ir->btr", x, m.a), m.b) * 2.0
    return m.head(o.relu(y))


def mixture(o: Any, m: Any, x: Any) -> Any:
    x = m.stem(x)
    y = norm(o, x)
    shares = o.permute(o.softmax(m.router(y)), (2, 0, 1))
    each = o.to(o.reshape(y, (1, 10, WIDTH)), (3, 10, WIDTH))
    made = o.einsum("eno,eoi->eni", o.relu(o.einsum("eni,eio->eno", each, m.up)), m.down)
    mixed = o.sum(made * o.reshape(shares, (3, 10, 1)), 0)
    return m.head(x + o.reshape(mixed, (2, 5, WIDTH)))


def weighed_inputs(o: Any, m: Any, x: Any) -> Any:
    x = m.stem(x)
    y = norm(o, x)
    shares = o.permute(o.softmax(m.router(y)), (2, 0, 1))
    each = o.to(o.reshape(y, (1, 10, WIDTH)), (3, 10, WIDTH)) * o.reshape(shares, (3, 10, 1))
    made = o.einsum("eno,eoi->eni", o.relu(o.einsum("eni,eio->eno", each, m.up)), m.down)
    return m.head(x + o.reshape(o.sum(made, 0), (2, 5, WIDTH)))


def by_distance(o: Any, m: Any, x: Any) -> Any:
    x = m.stem(x)
    q, k, v = m.q(x), m.k(x), m.v(x)
    apart = np.broadcast_to(np.abs(np.arange(5)[None, :] - np.arange(5)[:, None]), (2, 5, 5))
    far = o.pick(o.einsum("bqd,brd->bqr", q, m.far(x)), apart)
    near = o.permute(o.pick(o.einsum("bkd,brd->bkr", k, m.near(x)), apart), (0, 2, 1))
    logits = o.einsum("bqd,bkd->bqk", q, k) + (far + near) / math.sqrt(WIDTH)
    return m.head(x + m.out(o.einsum("bqk,bkd->bqd", o.softmax(logits), v)))


def gate_beside_a_filter(o: Any, m: Any, x: Any) -> Any:
    x = m.stem(x)
    y = m.both(norm(o, x))
    made = o.tanh(m.filter(o.relu(y[..., :WIDTH])))
    turned = o.concat([made[:, 1:], made[:, :1]], 1)
    return m.head(x + m.out((made + 0.1 * turned) * o.silu(y[..., WIDTH:])))


def layer_scale(o: Any, m: Any, x: Any) -> Any:
    x = m.stem(x)
    x = x + m.small * m.down(o.relu(m.up(norm(o, x))))
    return m.head(x)


def two_streams(o: Any, m: Any, x: Any) -> Any:
    y = m.other(x)
    x = m.stem(x)
    x = x + m.down1(o.relu(m.up1(norm(o, x))))
    q, k, v = m.q(y), m.k(norm(o, x)), m.v(norm(o, x))
    logits = o.einsum("bqd,bkd->bqk", q, k) / math.sqrt(WIDTH)
    y = y + m.out(o.einsum("bqk,bkd->bqd", o.softmax(logits), v))
    y = y + m.down2(o.relu(m.up2(norm(o, y))))
    return m.head(y)


def no_merge(o: Any, m: Any, x: Any) -> Any:
    places = o.array(np.ones((5, WIDTH), np.float32))
    x = m.stem(x) + places
    y = m.a(o.tanh(m.b(x))) + m.c(o.tanh(m.d(x)))
    return m.head(o.concat([x, o.tanh(y)], -1))


def hidden_states(o: Any, m: Any, x: Any) -> Any:
    x = m.stem(x)
    x = x + m.down(o.relu(m.up(norm(o, x))))
    return norm(o, x) * m.scale


def layers(*names: str, **others: tuple[int, int]) -> dict[str, tuple[int, int]]:
    return {**dict.fromkeys(names, (WIDTH, WIDTH)), **others}


HEAD = {"head.weight": "head", "head.bias": "output bias"}
ATTENTION = {"q.weight": "q", "k.weight": "k", "v.weight": "v", "out.weight": "o"}
MLP = {"up.weight": "up", "down.weight": "down"}

STRUCTURES = {
    "residual_mlp": Structure(
        Net(residual_mlp, layers("stem", "up1", "down1", "up2", "down2", head=(WIDTH, 3)), batch=TOKENS),
        {"down1.weight": (1, 1, 2), "down2.weight": (1, 2, 2)},
        {"up1.weight": "up", "down1.weight": "down", "up2.weight": "up", "down2.weight": "down", **HEAD},
    ),
    "post_norm": Structure(
        Net(post_norm, layers("stem", "q", "k", "v", "out", "up", "down", head=(WIDTH, 3)), batch=TOKENS),
        {"out.weight": (1, 1, 2), "down.weight": (1, 2, 2)},
        {**ATTENTION, **MLP, **HEAD},
    ),
    "parallel": Structure(
        Net(parallel, layers("stem", "q", "k", "v", "out", "gate", "up", "down", head=(WIDTH, 3)), batch=TOKENS),
        {"out.weight": (1, 1, 1), "down.weight": (1, 1, 1)},
        {**ATTENTION, **MLP, "gate.weight": "gate", **HEAD},
    ),
    "projected": Structure(
        Net(
            projected,
            layers("stem", "first", "second", third=(WIDTH, 8), fourth=(8, 24), shortcut=(WIDTH, 24), head=(24, 3)),
            batch=TOKENS,
        ),
        {"second.weight": (1, 1, 2), "fourth.weight": (1, 2, 2)},
        {
            "first.weight": "up",
            "second.weight": "down",
            "third.weight": "up",
            "fourth.weight": "down",
            "shortcut.weight": "shortcut",
            **HEAD,
        },
    ),
    "low_rank": Structure(
        Net(low_rank, layers("stem", "base", head=(WIDTH, 3)), {"a": (WIDTH, 2), "b": (2, WIDTH)}, batch=TOKENS),
        {},
        {"a": "adapter A", "b": "adapter B", **HEAD},
    ),
    "mixture": Structure(
        Net(
            mixture,
            layers("stem", router=(WIDTH, 3), head=(WIDTH, 4)),
            {"up": (3, WIDTH, 32), "down": (3, 32, WIDTH)},
            batch=TOKENS,
        ),
        {"down": (1, 1, 1)},
        {"router.weight": "router", "up": "expert up", "down": "expert down", **HEAD},
    ),
    "weighed_inputs": Structure(
        Net(
            weighed_inputs,
            layers("stem", router=(WIDTH, 3), head=(WIDTH, 4)),
            {"up": (3, WIDTH, 32), "down": (3, 32, WIDTH)},
            batch=TOKENS,
        ),
        {"down": (1, 1, 1)},
        {"router.weight": "router", "up": "expert up", "down": "expert down", **HEAD},
    ),
    "by_distance": Structure(
        Net(by_distance, layers("stem", "q", "k", "v", "far", "near", "out", head=(WIDTH, 3)), batch=TOKENS),
        {"out.weight": (1, 1, 1)},
        {**ATTENTION, "far.weight": "k", "near.weight": "q", **HEAD},
    ),
    "gate_beside_a_filter": Structure(
        Net(
            gate_beside_a_filter,
            layers("stem", "filter", "out", both=(WIDTH, 2 * WIDTH), head=(WIDTH, 3)),
            batch=TOKENS,
        ),
        {"out.weight": (1, 1, 1)},
        {"both.weight[1]": "gate", "filter.weight": "up", "out.weight": "residual", **HEAD},
    ),
    "layer_scale": Structure(
        Net(layer_scale, layers("stem", "up", "down", head=(WIDTH, 3)), {"small": (WIDTH,)}, batch=TOKENS),
        {"down.weight": (1, 1, 1), "small": (1, 1, 1)},
        {**MLP, **HEAD},
    ),
    "two_streams": Structure(
        Net(
            two_streams,
            layers("other", "stem", "up1", "down1", "q", "k", "v", "out", "up2", "down2", head=(WIDTH, 3)),
            batch=TOKENS,
        ),
        {"down1.weight": (1, 1, 1), "out.weight": (2, 1, 2), "down2.weight": (2, 2, 2)},
        {**ATTENTION, "up1.weight": "up", "down1.weight": "down", "up2.weight": "up", "down2.weight": "down", **HEAD},
    ),
    "no_merge": Structure(
        Net(no_merge, layers("stem", "a", "b", "c", "d", head=(2 * WIDTH, 3)), batch=TOKENS),
        {},
        HEAD,
    ),
    "hidden_states": Structure(
        Net(hidden_states, layers("stem", "up", "down"), {"scale": (WIDTH,)}, batch=TOKENS),
        {"down.weight": (1, 1, 1)},
        MLP,
    ),
}
