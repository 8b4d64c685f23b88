"""What small nets compute, each written once for every framework: o has its functions, m its parameters."""

import math
from typing import Any

import numpy as np

WIDTH, HEADS, SIZE = 16, 4, 4  # four heads of four features
TOKENS = np.random.default_rng(0).standard_normal((2, 5, WIDTH)).astype(np.float32)
WORDS = np.random.default_rng(1).integers(0, 10, (2, 5)).astype(np.int32)
IMAGES = np.random.default_rng(2).standard_normal((2, 6, WIDTH)).astype(np.float32)


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


def kept_state(o: Any, m: Any, x: Any, turns: int = 3) -> Any:
    """Run a GRU, turn by turn."""
    state = o.array(np.zeros((2, WIDTH), np.float32))
    for n in range(turns):
        kept = o.sigmoid(m.gate(x[:, n]) + m.gate_state(state))
        state = kept * state + (1 - kept) * o.tanh(m.new(x[:, n]) + m.new_state(state))
    return m.head(state)


def moved_state(o: Any, m: Any, x: Any) -> Any:
    """Run a GRU whose state moves towards what is new, with its sums in another order."""
    state = o.array(np.zeros((2, WIDTH), np.float32))
    for n in range(4):
        moved = o.sigmoid(m.gate_state(state) + m.gate(x[:, n]))
        state = state + moved * (o.tanh(m.new_state(state) + m.new(x[:, n])) - state)
    return m.head(state)
