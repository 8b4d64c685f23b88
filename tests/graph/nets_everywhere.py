"""Small nets, each written once, with what is right of their parameters: roles, pieces and counts.

What is right is counted by hand from the text of each net.
"""

import math
from typing import NamedTuple

import numpy as np
from functions_everywhere import Squares, gated, relu, silu, squares
from one_net_everywhere import Net
from passes_everywhere import (
    IMAGES,
    SIZE,
    TOKENS,
    WIDTH,
    WORDS,
    biased_by_places,
    divided_by_one_number,
    dropped,
    experts,
    experts_out_in,
    feed_forward_beside_attention,
    gate_beside_attention,
    gate_by_columns,
    gate_interleaved,
    in_blocks,
    interleaved,
    kept_state,
    keys_by_places,
    low_rank,
    low_rank_beside,
    low_rank_in_blocks,
    low_rank_turned,
    mean_over_positions,
    moved_state,
    one_key,
    one_plus,
    over_heads,
    picked_experts,
    residual,
    rotary,
    scale_and_shift,
    seeds,
    softmax_by_hand,
    standardized_kernel,
    three_gates,
    tied,
    two_factors,
    with_a_class_token,
    with_a_temperature,
)


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


STATES = {**dict.fromkeys(("gate", "gate_state", "new", "new_state"), (WIDTH, WIDTH)), "head": (WIDTH, 4)}
KEPT = {
    **{f"{n}_state.weight": kernel(WIDTH, WIDTH, "mean of tanh", squares(np.tanh)) for n in ("gate", "new")},
    "gate.weight": kernel(WIDTH, WIDTH, "identity"),
    "head.weight": kernel(WIDTH, 4, "mean of tanh", squares(np.tanh)),
}
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
    "kept_state": Case(Net(kept_state, STATES, batch=TOKENS), KEPT),
    "moved_state": Case(Net(moved_state, STATES, batch=TOKENS), {"head.weight": KEPT["head.weight"]}),
}
