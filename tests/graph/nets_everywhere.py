"""Small nets, each written once, with what is right of their parameters: roles, pieces and counts.

What is right is counted by hand from the text of each net.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from functions_everywhere import Squares, gated, relu, silu, squares
from one_net_everywhere import Net

WIDTH, HEADS, SIZE = 16, 4, 4  # four heads of four features
TOKENS = np.random.default_rng(0).standard_normal((2, 5, WIDTH)).astype(np.float32)
WORDS = np.random.default_rng(1).integers(0, 10, (2, 5)).astype(np.int32)
IMAGES = np.random.default_rng(2).standard_normal((2, 6, WIDTH)).astype(np.float32)


class Right(NamedTuple):
    """What is right of one part.

    Attributes:
        role: what it is for.
        fans: its connections, where it connects.
        std: that of its law; None where it keeps the start of its model.
        fed_by: how a plan names what feeds it.
        value: where it starts, if it starts at one value.
    """

    role: str
    fans: tuple[float, float] | None = None
    std: float | None = None
    fed_by: str | None = None
    value: float | None = None


class Case(NamedTuple):
    """A net, and what is right of some of its parts, by their names in PyTorch."""

    net: Net
    right: dict[str, Right]


def kernel(inputs: int, outputs: int, fed_by: str | None = None, right: Squares = (1.0, 1.0)) -> Right:
    """Return what is right of a kernel that is fed by a signal of known E φ² and E φ′²."""
    std = math.sqrt(2 / (inputs * right[0] + outputs * right[1]))
    return Right("kernel", (float(inputs), float(outputs)), std, fed_by)


def attention(o: Any, q: Any, k: Any, v: Any) -> Any:
    """Attend: (batch, head, position, feature) each."""
    logits = o.einsum("bhqd,bhkd->bhqk", q, k) / math.sqrt(SIZE)
    return o.einsum("bhqk,bhkd->bhqd", o.softmax(logits), v)


def by_heads(o: Any, z: Any, heads: int = HEADS) -> Any:
    """Cut features into heads, and put the heads before the positions."""
    return o.permute(o.reshape(z, (2, 5, heads, SIZE)), (0, 2, 1, 3))


def together(o: Any, z: Any) -> Any:
    """Put the heads side by side again."""
    return o.reshape(o.permute(z, (0, 2, 1, 3)), (2, 5, WIDTH))


def interleaved(o: Any, m: Any, x: Any) -> Any:
    heads = o.permute(o.reshape(m.qkv(x), (2, 5, HEADS, 3, SIZE)), (3, 0, 2, 1, 4))
    return m.out(together(o, attention(o, heads[0], heads[1], heads[2])))


def in_blocks(o: Any, m: Any, x: Any) -> Any:
    y = m.qkv(x)
    q, k, v = (by_heads(o, y[..., n * WIDTH : (n + 1) * WIDTH]) for n in range(3))
    return m.out(together(o, attention(o, q, k, v)))


def one_key(o: Any, m: Any, x: Any) -> Any:
    y = m.qkv(x)
    q = by_heads(o, y[..., :WIDTH])
    k, v = (o.to(by_heads(o, y[..., n : n + SIZE], 1), (2, HEADS, 5, SIZE)) for n in (WIDTH, WIDTH + SIZE))
    return m.out(together(o, attention(o, q, k, v)))


def over_heads(o: Any, m: Any, x: Any) -> Any:
    y, made = m.qkv(x), []
    for head in range(HEADS):
        q, k, v = (y[..., n * WIDTH + head * SIZE : n * WIDTH + (head + 1) * SIZE] for n in range(3))
        made.append(o.einsum("bqk,bkd->bqd", o.softmax(o.einsum("bqd,bkd->bqk", q, k) / math.sqrt(SIZE)), v))
    return m.out(o.concat(made, -1))


def rotary(o: Any, m: Any, x: Any) -> Any:
    angles = np.arange(5)[:, None] * 0.5 ** np.arange(SIZE // 2)
    cos, sin = (np.concatenate([f(angles)] * 2, -1).astype(np.float32) for f in (np.cos, np.sin))

    def turned(z: Any) -> Any:
        half = SIZE // 2
        return z * o.array(cos) + o.concat([-z[..., half:], z[..., :half]], -1) * o.array(sin)

    y = m.qkv(x)
    q, k, v = (by_heads(o, y[..., n * WIDTH : (n + 1) * WIDTH]) for n in range(3))
    return m.out(together(o, attention(o, turned(q), turned(k), v)))


def gate_by_columns(o: Any, m: Any, x: Any) -> Any:
    y = m.up(x)
    return m.down(o.silu(y[..., :32]) * y[..., 32:])


def gate_interleaved(o: Any, m: Any, x: Any) -> Any:
    y = m.up(x)
    return m.down(o.silu(y[..., ::2]) * y[..., 1::2])


def experts(o: Any, m: Any, x: Any) -> Any:
    shares = o.permute(o.softmax(m.router(x)), (2, 0, 1))
    each = o.to(o.reshape(x, (1, 10, WIDTH)), (3, 10, WIDTH))
    made = o.einsum("eno,eoi->eni", o.relu(o.einsum("eni,eio->eno", each, m.up)), m.down)
    return m.head(o.sum(made * o.reshape(shares, (3, 10, 1)), 0))


def experts_out_in(o: Any, m: Any, x: Any) -> Any:
    each = o.to(o.reshape(x, (1, 10, WIDTH)), (3, 10, WIDTH))
    made = o.einsum("eno,eio->eni", o.relu(o.einsum("eni,eoi->eno", each, m.up)), m.down)
    return m.head(o.sum(made, 0))


def with_a_class_token(o: Any, m: Any, x: Any) -> Any:
    y = m.embed(x)
    y = o.concat([o.to(m.token, (2, 1, WIDTH)), y], 1) + m.table
    y = y + m.small * m.second(o.relu(m.first(y)))
    return m.head(y[:, 0])


def with_a_temperature(o: Any, m: Any, x: Any) -> Any:
    q, k, v = m.q(x), m.k(x), m.v(x)
    return m.out(o.einsum("bqk,bkd->bqd", o.softmax(o.einsum("bqd,bkd->bqk", q, k) * m.heat), v))


def tied(o: Any, m: Any, x: Any) -> Any:
    return o.einsum("btd,vd->btv", o.relu(m.a(m.words(x))), table_of(m))


def table_of(m: Any) -> Any:
    """Return the weight of the table `words`."""
    for name in ("weight", "embedding", "embeddings"):
        if hasattr(m.words, name):
            found = getattr(m.words, name)
            return found[...] if name == "embedding" else found
    raise AttributeError("words")


def seeds(o: Any, m: Any, x: Any) -> Any:
    q = m.q(o.to(m.seeds, (2, 3, WIDTH)))
    return m.out(o.einsum("bqk,bkd->bqd", o.softmax(o.einsum("bqd,bkd->bqk", q, m.k(x))), m.v(x)))


def one_plus(o: Any, m: Any, x: Any) -> Any:
    y = m.a(x)
    return m.b(y * o.rsqrt(o.mean(o.square(y), -1, True) + 1e-6) * (1 + m.scale))


def scale_and_shift(o: Any, m: Any, x: Any) -> Any:
    y = m.a(x)
    centred = y - o.mean(y, -1, True)
    return m.b(centred * o.rsqrt(o.mean(o.square(centred), -1, True) + 1e-6) * m.scale + m.shift)


def mean_over_positions(o: Any, m: Any, x: Any) -> Any:
    return m.b(o.mean(o.relu(m.a(x)), 1))


def residual(o: Any, m: Any, x: Any) -> Any:
    y = m.a(x)
    y = y + m.c(o.tanh(m.b(y)))
    return m.d(y)


def dropped(o: Any, m: Any, x: Any) -> Any:
    return m.c(o.tanh(m.b(m.drop(o.relu(m.a(x))))))


def softmax_by_hand(o: Any, m: Any, x: Any) -> Any:
    y = m.a(x)
    made = o.exp(y - o.max(y, -1))
    return m.b(made / o.sum(made, -1, True))


def standardized_kernel(o: Any, m: Any, x: Any) -> Any:
    centred = m.kernel - o.mean(m.kernel, 0, True)
    scaled = centred * o.rsqrt(o.mean(o.square(centred), 0, True) + 1e-5)
    return m.head(o.relu(o.einsum("bti,io->bto", x, scaled)))


def low_rank_beside(o: Any, m: Any, x: Any) -> Any:
    return m.head(o.relu(m.a(x) + o.einsum("btr,ro->bto", o.einsum("bti,ir->btr", x, m.down), m.up)))


def three_gates(o: Any, m: Any, x: Any) -> Any:
    y = m.up(x)
    return m.down(o.relu(y[..., :20]) * y[..., 20:40] * o.sigmoid(y[..., 40:]))


def biased_by_places(o: Any, m: Any, x: Any) -> Any:
    q, k, v = m.q(x), m.k(x), m.v(x)
    shares = o.softmax(o.einsum("bqd,bkd->bqk", q, k) / 4 + m.places)
    return m.out(o.einsum("bqk,bkd->bqd", shares, v))


def picked_experts(o: Any, m: Any, x: Any) -> Any:
    best = o.argmax(o.softmax(m.router(x)))
    made = o.einsum("bti,btio->bto", x, o.take(m.up, best)) + o.take(m.up_bias, best)
    return m.head(o.relu(made))


def keys_by_places(o: Any, m: Any, x: Any) -> Any:
    q, k, v = m.q(x), m.k(x), m.v(x)
    apart = np.arange(5)[None, :] - np.arange(5)[:, None]
    logits = o.einsum("bqd,bkd->bqk", q, k) + o.einsum("bqd,qkd->bqk", q, o.take(m.table, np.clip(apart, -2, 2) + 2))
    return m.out(o.einsum("bqk,bkd->bqd", o.softmax(logits), v))


def divided_by_one_number(o: Any, m: Any, x: Any) -> Any:
    y = m.up(x) * o.rsqrt(o.mean(o.square(x), -1, True) + 1e-6)
    return m.down(o.silu(y[..., :32]) * y[..., 32:])


def two_factors(o: Any, m: Any, x: Any) -> Any:
    y, halves = m.factors(x), o.reshape(x, (2, 5, 2, 8))
    first = o.reshape(o.sigmoid(y[..., :2]), (2, 5, 2, 1)) * halves
    second = o.reshape(2 * o.sigmoid(y[..., 2:]), (2, 5, 2, 1)) * o.tanh(halves)
    return m.head(o.sum(first, 2) + o.sum(second, 2))


def low_rank(o: Any, m: Any, x: Any) -> Any:
    return m.head(o.einsum("bti,io->bto", o.relu(m.a(x)), o.einsum("ir,ro->io", m.down, m.up)))


def low_rank_in_blocks(o: Any, m: Any, x: Any) -> Any:
    y = o.einsum("bti,io->bto", x, o.einsum("ir,ro->io", m.down, m.up))
    q, k, v = (by_heads(o, y[..., n : n + WIDTH]) for n in range(0, 3 * WIDTH, WIDTH))
    return m.out(together(o, attention(o, q, k, v)))


def low_rank_turned(o: Any, m: Any, x: Any) -> Any:
    return m.head(o.einsum("bti,oi->bto", o.relu(m.a(x)), o.einsum("or,ri->oi", m.up, m.down)))


def feed_forward_beside_attention(o: Any, m: Any, x: Any) -> Any:
    y = m.fused(x)
    q, k, v = (by_heads(o, y[..., n : n + WIDTH]) for n in range(0, 3 * WIDTH, WIDTH))
    return m.out(together(o, attention(o, q, k, v))) + m.down(o.relu(y[..., 3 * WIDTH :]))


def gate_beside_attention(o: Any, m: Any, x: Any) -> Any:
    y = m.fused(x)
    q, k, v = (by_heads(o, y[..., n : n + WIDTH]) for n in range(0, 3 * WIDTH, WIDTH))
    gate, up = y[..., 3 * WIDTH : 3 * WIDTH + 32], y[..., 3 * WIDTH + 32 :]
    return m.out(together(o, attention(o, q, k, v))) + m.down(o.silu(gate) * up)


QKV = {"qkv": (WIDTH, 3 * WIDTH), "out": (WIDTH, WIDTH)}
PIECES = {
    **{f"qkv.weight[{n}]": kernel(WIDTH, WIDTH) for n in "qkv"},
    **{f"qkv.bias[{n}]": Right("bias", value=0) for n in "qkv"},
    "out.weight": kernel(WIDTH, WIDTH),
}

NETS = {
    "interleaved": Case(Net(interleaved, QKV, batch=TOKENS), PIECES),
    "in_blocks": Case(Net(in_blocks, QKV, batch=TOKENS), PIECES),
    "over_heads": Case(Net(over_heads, QKV, batch=TOKENS), PIECES),
    "rotary": Case(Net(rotary, QKV, batch=TOKENS), PIECES),
    "one_key_for_all_heads": Case(
        Net(one_key, {"qkv": (WIDTH, WIDTH + 2 * SIZE), "out": (WIDTH, WIDTH)}, batch=TOKENS),
        {
            "qkv.weight[q]": kernel(WIDTH, WIDTH),
            "qkv.weight[k]": kernel(WIDTH, SIZE),
            "qkv.weight[v]": kernel(WIDTH, SIZE),
        },
    ),
    "gate_and_up_by_columns": Case(
        Net(gate_by_columns, {"up": (WIDTH, 64), "down": (32, WIDTH)}, batch=TOKENS),
        {
            "up.weight[gate]": kernel(WIDTH, 32),
            "up.weight[up]": kernel(WIDTH, 32),
            "down.weight": kernel(32, WIDTH, "silu × identity", gated(silu)),
        },
    ),
    "gate_and_up_interleaved": Case(
        Net(gate_interleaved, {"up": (WIDTH, 64), "down": (32, WIDTH)}, batch=TOKENS),
        {
            "up.weight[gate]": kernel(WIDTH, 32),
            "up.weight[up]": kernel(WIDTH, 32),
            "down.weight": kernel(32, WIDTH, "silu × identity", gated(silu)),
        },
    ),
    "experts": Case(
        Net(
            experts,
            {"router": (WIDTH, 3), "head": (WIDTH, 4)},
            {"up": (3, WIDTH, 32), "down": (3, 32, WIDTH)},
            batch=TOKENS,
        ),
        {"up": kernel(WIDTH, 32), "down": kernel(32, WIDTH, "relu", squares(relu)), "router.weight": kernel(WIDTH, 3)},
    ),
    "experts_out_in": Case(
        Net(experts_out_in, {"head": (WIDTH, 4)}, {"up": (3, 32, WIDTH), "down": (3, WIDTH, 32)}, batch=TOKENS),
        {"up": kernel(WIDTH, 32), "down": kernel(32, WIDTH, "relu", squares(relu))},
    ),
    "class_token_positions_layer_scale": Case(
        Net(
            with_a_class_token,
            {"embed": (WIDTH, WIDTH), "first": (WIDTH, 32), "second": (32, WIDTH), "head": (WIDTH, 3)},
            {"token": (1, 1, WIDTH), "table": (1, 7, WIDTH), "small": (WIDTH,)},
            batch=IMAGES,
        ),
        {
            "token": Right("token"),
            "table": Right("position"),
            "small": Right("layer_scale"),
            "head.weight": kernel(WIDTH, 3),
        },
    ),
    "temperature": Case(
        Net(with_a_temperature, dict.fromkeys(("q", "k", "v", "out"), (WIDTH, WIDTH)), {"heat": (1,)}, batch=TOKENS),
        {"heat": Right("temperature"), **{f"{n}.weight": kernel(WIDTH, WIDTH) for n in ("q", "k", "v", "out")}},
    ),
    "tied_table_and_head": Case(
        Net(tied, {"a": (WIDTH, WIDTH)}, tables={"words": (10, WIDTH)}, batch=WORDS),
        {"a.weight": kernel(WIDTH, WIDTH), "words.weight": Right("embedding", std=WIDTH**-0.5)},
    ),
    "seeds": Case(
        Net(seeds, dict.fromkeys(("q", "k", "v", "out"), (WIDTH, WIDTH)), {"seeds": (3, WIDTH)}, batch=TOKENS),
        {"seeds": Right("token"), **{f"{n}.weight": kernel(WIDTH, WIDTH) for n in ("q", "k", "v", "out")}},
    ),
    "one_plus_scale": Case(
        Net(one_plus, {"a": (WIDTH, WIDTH), "b": (WIDTH, 4)}, {"scale": (WIDTH,)}, batch=TOKENS),
        {"scale": Right("scale", value=0), "b.weight": kernel(WIDTH, 4)},
    ),
    "scale_and_shift": Case(
        Net(
            scale_and_shift,
            {"a": (WIDTH, WIDTH), "b": (WIDTH, 4)},
            {"scale": (WIDTH,), "shift": (WIDTH,)},
            batch=TOKENS,
        ),
        {"scale": Right("scale", value=1), "shift": Right("shift", value=0), "b.weight": kernel(WIDTH, 4)},
    ),
    "mean_over_positions": Case(
        Net(mean_over_positions, {"a": (WIDTH, WIDTH), "b": (WIDTH, 4)}, batch=TOKENS),
        {"b.weight": kernel(WIDTH, 4, "mean of relu", squares(relu))},
    ),
    "residual": Case(
        Net(residual, dict.fromkeys("abcd", (WIDTH, WIDTH)), batch=TOKENS), {"d.weight": kernel(WIDTH, WIDTH, "sum")}
    ),
    "softmax_by_hand": Case(
        Net(softmax_by_hand, {"a": (WIDTH, WIDTH), "b": (WIDTH, 4)}, batch=TOKENS), {"b.weight": kernel(WIDTH, 4)}
    ),
    "dropout": Case(
        Net(dropped, {"a": (WIDTH, WIDTH), "b": (WIDTH, WIDTH), "c": (WIDTH, 4)}, dropout=0.5, batch=TOKENS),
        {"b.weight": kernel(WIDTH, WIDTH, "relu", squares(relu))},
    ),
    "standardized_kernel": Case(
        Net(standardized_kernel, {"head": (WIDTH, 4)}, {"kernel": (WIDTH, WIDTH)}, batch=TOKENS),
        {"kernel": kernel(WIDTH, WIDTH), "head.weight": kernel(WIDTH, 4, "relu", squares(relu))},
    ),
    "low_rank_beside_a_kernel": Case(
        Net(
            low_rank_beside,
            {"a": (WIDTH, WIDTH), "head": (WIDTH, 4)},
            {"down": (WIDTH, 2), "up": (2, WIDTH)},
            batch=TOKENS,
        ),
        {"down": kernel(WIDTH, 2), "up": kernel(2, WIDTH), "a.weight": kernel(WIDTH, WIDTH)},
    ),
    "three_gates": Case(
        Net(three_gates, {"up": (WIDTH, 60), "down": (20, WIDTH)}, batch=TOKENS),
        {f"up.weight[{n}]": kernel(WIDTH, 20) for n in range(3)},
    ),
    "biased_by_places": Case(
        Net(biased_by_places, dict.fromkeys(("q", "k", "v", "out"), (WIDTH, WIDTH)), {"places": (5, 5)}, batch=TOKENS),
        {"places": Right("relative_bias"), "out.weight": kernel(WIDTH, WIDTH)},
    ),
    "picked_experts": Case(
        Net(
            picked_experts,
            {"router": (WIDTH, 3), "head": (WIDTH, 4)},
            {"up": (3, WIDTH, WIDTH), "up_bias": (3, WIDTH)},
            batch=TOKENS,
        ),
        {
            "up": kernel(WIDTH, WIDTH),
            "up_bias": Right("bias", value=0),
            "router.weight": kernel(WIDTH, 3),
            "head.weight": kernel(WIDTH, 4, "relu", squares(relu)),
        },
    ),
    "keys_by_places": Case(
        Net(keys_by_places, dict.fromkeys(("q", "k", "v", "out"), (WIDTH, WIDTH)), {"table": (5, WIDTH)}, batch=TOKENS),
        {"table": Right("position"), **{f"{n}.weight": kernel(WIDTH, WIDTH) for n in ("q", "k", "v", "out")}},
    ),
    "divided_by_one_number": Case(
        Net(divided_by_one_number, {"up": (WIDTH, 64), "down": (32, WIDTH)}, batch=TOKENS),
        {"up.weight[gate]": kernel(WIDTH, 32), "up.weight[up]": kernel(WIDTH, 32)},
    ),
    "two_factors": Case(
        Net(two_factors, {"factors": (WIDTH, 4), "head": (8, 4)}, batch=TOKENS),
        {"factors.weight[0]": kernel(WIDTH, 2), "factors.weight[1]": kernel(WIDTH, 2), "head.weight": kernel(8, 4)},
    ),
    "low_rank": Case(
        Net(low_rank, {"a": (WIDTH, WIDTH), "head": (24, 4)}, {"down": (WIDTH, 2), "up": (2, 24)}, batch=TOKENS),
        {
            "down": kernel(WIDTH, 2, "relu", squares(relu)),
            "up": kernel(2, 24, "identity"),
            "head.weight": kernel(24, 4),
        },
    ),
    "low_rank_in_blocks": Case(
        Net(low_rank_in_blocks, {"out": (WIDTH, WIDTH)}, {"down": (WIDTH, 2), "up": (2, 3 * WIDTH)}, batch=TOKENS),
        {"down": kernel(WIDTH, 2), **{f"up[{n}]": kernel(2, WIDTH) for n in "qkv"}},
    ),
    "low_rank_turned": Case(
        Net(low_rank_turned, {"a": (WIDTH, WIDTH), "head": (24, 4)}, {"up": (24, 2), "down": (2, WIDTH)}, batch=TOKENS),
        {
            "down": kernel(WIDTH, 2, "relu", squares(relu)),
            "up": kernel(2, 24, "identity"),
            "head.weight": kernel(24, 4),
        },
    ),
    "feed_forward_beside_attention": Case(
        Net(
            feed_forward_beside_attention,
            {"fused": (WIDTH, 3 * WIDTH + 64), "out": (WIDTH, WIDTH), "down": (64, WIDTH)},
            batch=TOKENS,
        ),
        {
            **{f"fused.weight[{n}]": kernel(WIDTH, WIDTH) for n in "qkv"},
            "fused.weight[up]": kernel(WIDTH, 64),
            "down.weight": kernel(64, WIDTH, "relu", squares(relu)),
        },
    ),
    "gate_beside_attention": Case(
        Net(
            gate_beside_attention,
            {"fused": (WIDTH, 3 * WIDTH + 64), "out": (WIDTH, WIDTH), "down": (32, WIDTH)},
            batch=TOKENS,
        ),
        {
            **{f"fused.weight[{n}]": kernel(WIDTH, WIDTH) for n in "qkv"},
            **{f"fused.weight[{n}]": kernel(WIDTH, 32) for n in ("gate", "up")},
        },
    ),
}
