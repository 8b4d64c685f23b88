"""Branches: which kernels end a residual branch, and where on its stream; merges told from other sums."""

import pytest
from graph_builders import Builder

from glorot.graph import Folded
from glorot.graph.operations import Broadcast, Contract, Join, Normalise, Random, Reshape, Softmax, Take
from glorot.inventory import Branch
from glorot.inventory.branches import branches_of, merges_of

WIDTH = 8


def norm(b: Builder, z: int) -> int:
    return b.graph.step(Normalise((2,), False), [z], b.graph.shape(z))


def mlp(b: Builder, z: int, name: str) -> int:
    return b.dense(f"{name}.down", b.map("relu", b.dense(f"{name}.up", z, 16)), WIDTH)


def stem(b: Builder) -> int:
    return b.dense("stem", b.graph.input((2, 5, 4)), WIDTH)


def read(b: Builder) -> dict[str, Branch]:
    folded = Folded(b.graph)
    return branches_of(folded, merges_of(folded))


def ends(b: Builder) -> dict[str, tuple[int, int, int]]:
    """Return (stream, index, count) of each path that ends a branch."""
    return {path: (one.stream, one.index, one.count) for path, one in read(b).items()}


def test_branches_are_numbered_along_their_stream():
    b = Builder()
    x = stem(b)
    for layer in range(3):
        x = b.map("add", x, mlp(b, norm(b, x), str(layer)))
    b.dense("head", norm(b, x), 3)
    assert ends(b) == {"0.down": (1, 1, 3), "1.down": (1, 2, 3), "2.down": (1, 3, 3)}


def test_a_stream_goes_on_through_the_norm_after_a_merge():
    b = Builder()
    x = stem(b)
    for layer in range(2):
        x = norm(b, b.map("add", mlp(b, x, str(layer)), x))
    assert ends(b) == {"0.down": (1, 1, 2), "1.down": (1, 2, 2)}


@pytest.mark.parametrize("is_stream_last", [False, True])
def test_parallel_branches_end_at_one_merge(is_stream_last: bool):
    b = Builder()
    x = stem(b)
    for layer in range(2):
        first, second = mlp(b, norm(b, x), f"{layer}a"), mlp(b, norm(b, x), f"{layer}b")
        inner = b.map("add", first, second) if is_stream_last else b.map("add", x, first)
        x = b.map("add", inner, x if is_stream_last else second)
    found = {"0a.down": (1, 1, 2), "0b.down": (1, 1, 2), "1a.down": (1, 2, 2), "1b.down": (1, 2, 2)}
    assert ends(b) == found


def test_scales_dropout_and_gates_between_kernel_and_merge_are_looked_through():
    b = Builder()
    x = stem(b)
    small = b.map("mul", mlp(b, norm(b, x), "scaled"), b.graph.parameter("small", (WIDTH,)))
    x = b.map("add", x, small)
    kept = b.graph.step(Random("bernoulli"), [], (2, 1, 1))
    dropped = b.map("mul", mlp(b, norm(b, x), "dropped"), b.graph.step(Broadcast((0, 1, 2)), [kept], (2, 5, WIDTH)))
    x = b.map("add", x, dropped)
    gate = b.map("sigmoid", b.dense("gate", norm(b, x), WIDTH))
    x = b.map("add", b.map("mul", gate, mlp(b, norm(b, x), "gated")), x)
    x = b.map("add", b.map("mul", x, 0.5), b.map("mul", mlp(b, norm(b, x), "weighed"), 0.5))
    assert ends(b) == {
        "scaled.down": (1, 1, 4), "small": (1, 1, 4), "dropped.down": (1, 2, 4), "gated.down": (1, 3, 4),
        "weighed.down": (1, 4, 4),
    }  # fmt: skip


def test_kernels_that_a_norm_or_a_scale_follows_on_every_way_are_rescaled():
    b = Builder()
    x = stem(b)
    x = b.map("add", x, norm(b, mlp(b, x, "normed")))
    x = b.map("add", x, b.map("mul", mlp(b, x, "scaled"), b.graph.parameter("gamma", (WIDTH,))))
    x = b.map("add", x, b.map("mul", mlp(b, norm(b, x), "halved"), 0.5))
    one = mlp(b, norm(b, x), "both")
    x = b.map("add", x, b.map("add", one, norm(b, one)))
    b.dense("head", x, 3)
    rescaled = [path for merge in merges_of(Folded(b.graph)) for path in sorted(merge.rescaled)]
    assert rescaled == ["normed.down", "scaled.down"]
    assert {"halved.down", "both.down", "gamma"} <= ends(b).keys()


def test_what_a_gate_is_made_of_ends_no_branch_but_for_a_gate_alone():
    b = Builder()
    x = stem(b)
    x = b.map("add", x, b.map("sigmoid", b.dense("alone", norm(b, x), WIDTH)))
    assert ends(b) == {"alone": (1, 1, 1)}


def test_a_projection_on_the_way_of_a_stream_is_a_shortcut():
    b = Builder()
    x = b.map("relu", norm(b, stem(b)))
    for layer in range(2):
        branch = norm(b, mlp(b, x, str(layer)))
        shortcut = norm(b, b.dense("shortcut", x, WIDTH)) if layer else x
        x = b.map("relu", b.map("add", branch, shortcut))
    assert ends(b) == {"0.down": (1, 1, 2), "1.down": (1, 2, 2)}
    assert [merge.shortcut for merge in merges_of(Folded(b.graph))] == [(), ("shortcut",)]


def test_two_towers_have_two_streams():
    b = Builder()
    x, y = stem(b), b.dense("other", b.graph.input((2, 5, 3)), WIDTH)
    for layer in range(2):
        x = b.map("add", x, mlp(b, norm(b, x), f"x{layer}"))
        y = b.map("add", y, mlp(b, norm(b, y), f"y{layer}"))
    b.dense("head", b.graph.step(Join(2), [x, y], (2, 5, 2 * WIDTH)), 3)
    assert ends(b) == {"x0.down": (1, 1, 2), "y0.down": (2, 1, 2), "x1.down": (1, 2, 2), "y1.down": (2, 2, 2)}


def test_a_kernel_between_two_stages_starts_a_stream():
    b = Builder()
    x = stem(b)
    x = b.map("add", x, mlp(b, norm(b, x), "a"))
    x = b.dense("between", norm(b, x), WIDTH)
    x = b.map("add", x, mlp(b, norm(b, x), "b"))
    assert ends(b) == {"a.down": (1, 1, 1), "b.down": (2, 1, 1)}


def test_a_branch_that_ends_in_attention_ends_in_its_values():
    b = Builder()
    x = stem(b)
    q, k, v = (b.dense(name, norm(b, x), WIDTH) for name in "qkv")
    shares = b.graph.step(Softmax((2,)), [b.graph.step(Contract("bqd,bkd->bqk"), [q, k], (2, 5, 5))], (2, 5, 5))
    x = b.map("add", x, b.graph.step(Contract("bqk,bkd->bqd"), [shares, v], (2, 5, WIDTH)))
    assert ends(b) == {"v": (1, 1, 1)}


def test_an_adapter_after_a_branch_ends_at_its_merge():
    b = Builder()
    x = stem(b)
    y = mlp(b, norm(b, x), "a")
    x = b.map("add", x, b.map("add", y, mlp(b, y, "adapter")))
    b.dense("head", x, 3)
    assert ends(b) == {"adapter.down": (1, 1, 1), "a.down": (1, 1, 1)}


def test_an_older_point_of_a_stream_that_is_added_again_is_no_branch():
    b = Builder()
    first = x = stem(b)
    for layer in range(2):
        x = b.map("add", x, mlp(b, norm(b, x), str(layer)))
        x = b.map("add", b.map("mul", x, 0.9), b.map("mul", first, 0.1))
    assert ends(b) == {"0.down": (1, 1, 2), "1.down": (1, 2, 2)}


def test_two_streams_that_meet_with_their_branches_are_treated_alike():
    b = Builder()
    x, y = stem(b), b.dense("other", b.graph.input((2, 5, 3)), WIDTH)
    b.map("add", b.map("add", x, mlp(b, x, "x")), b.map("add", y, mlp(b, y, "y")))
    assert set(ends(b)) == {"x.down", "y.down"}


# ---- Sums that are no merges ---------------------------------------------------------------------------------------


def test_a_sum_of_two_branches_without_a_stream_is_no_merge():
    b = Builder()
    x = stem(b)
    b.dense("head", b.map("add", mlp(b, x, "a"), mlp(b, x, "b")), 3)
    assert ends(b) == {}


def test_embeddings_that_are_added_are_no_merge():
    b = Builder()
    words = b.graph.step(Take(0), [b.graph.parameter("words", (10, WIDTH)), b.graph.input((2, 5))], (2, 5, WIDTH))
    types = b.graph.step(Take(0), [b.graph.parameter("types", (2, WIDTH)), b.graph.input((2, 5))], (2, 5, WIDTH))
    places = b.graph.step(Take(0), [b.graph.parameter("places", (5, WIDTH)), b.graph.constant((5,))], (5, WIDTH))
    b.dense("head", b.map("add", b.map("add", words, types), places), 3)
    assert ends(b) == {}


def test_a_low_rank_update_beside_a_kernel_is_no_branch():
    b = Builder()
    x = stem(b)
    update = b.dense("up", b.dense("down", x, 2), WIDTH)
    b.dense("head", b.map("relu", b.map("add", b.dense("base", x, WIDTH), update)), 3)
    assert ends(b) == {}


def test_a_skip_connection_side_by_side_is_no_merge():
    b = Builder()
    x = stem(b)
    joined = b.graph.step(Join(2), [x, mlp(b, x, "a")], (2, 5, 2 * WIDTH))
    b.dense("head", joined, 3)
    assert ends(b) == {}


def test_halves_of_one_signal_that_are_added_are_no_merge():
    b = Builder()
    x = b.graph.step(Reshape(), [stem(b)], (2, 5, 2, 4))
    turned = b.map("mul", b.graph.step(Reshape(), [x], (2, 5, WIDTH)), b.graph.constant((2, 5, WIDTH)))
    b.dense("head", b.map("add", b.graph.step(Reshape(), [x], (2, 5, WIDTH)), turned), 3)
    assert ends(b) == {}


def test_a_state_that_comes_back_in_the_next_turn_of_a_loop_is_no_stream():
    b = Builder()
    inner = b.dense("input", b.graph.input((2, 5, 4)), WIDTH)
    state = b.graph.input((2, 5, WIDTH))
    with b.graph.first_turn():
        state = b.map("tanh", b.map("add", inner, b.dense("state", state, WIDTH)))
    weight = next(value.id for value in b.graph.values if value.path == "state")
    again = b.graph.step(Contract("abi,oi->abo"), [state, weight], (2, 5, WIDTH))
    b.map("tanh", b.map("add", inner, again))
    assert ends(b) == {}


def test_a_mean_and_what_varies_around_it_are_no_stream_and_branch():
    b = Builder()
    x = stem(b)
    spread = b.map("mul", b.map("exp", b.dense("spread", x, WIDTH)), b.graph.step(Random("normal"), [], (2, 5, WIDTH)))
    b.dense("decoder", b.map("add", b.dense("mean", x, WIDTH), spread), 3)
    assert ends(b) == {}


def test_a_kernel_used_in_several_branches_ends_the_first():
    b = Builder()
    x = stem(b)
    weight = b.graph.parameter("shared", (WIDTH, WIDTH))
    for _ in range(3):
        made = b.graph.step(Contract("abi,oi->abo"), [b.map("relu", norm(b, x)), weight], (2, 5, WIDTH))
        x = b.map("add", x, made)
    assert read(b) == {"shared": Branch(1, 1, 3)}
