"""Roles: what a parameter is for, by where and how it meets the signal; and what else a graph shows of it."""

from collections.abc import Callable

import pytest
from graph_builders import Builder

from glorot.graph import Curved, Data, Folded, Product
from glorot.graph.operations import Broadcast, Contract, Join, Map, Softmax, Take
from glorot.inventory.roles import role_of
from glorot.inventory.seen import first_of, follower, seen_in

Write = Callable[[Builder, int], int]


def role(function: Write, shape: tuple[int, ...] = (2, 5, 8)) -> tuple[str, float | None]:
    """Return the role of the parameter "p" in a function of a layer's output."""
    b = Builder()
    b.dense("after", function(b, b.dense("before", b.graph.input(shape), 8)), 4)
    found = role_of(Folded(b.graph), "p")
    assert found is not None
    return found.name, found.neutral


def normal(b: Builder, z: int) -> int:
    return b.map("mul", z, b.map("rsqrt", b.map("add", b.mean(b.map("square", z)), 1e-6)))


def branch(b: Builder, z: int) -> int:
    return b.map("tanh", b.dense("branch", z, 8))


def weight(b: Builder, *shape: int) -> int:
    return b.graph.parameter("p", shape or (8,))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda b, z: b.map("mul", normal(b, z), weight(b)), ("scale", 1)),
        (lambda b, z: b.map("mul", normal(b, z), b.map("add", weight(b), 1.0)), ("scale", 0)),
        (lambda b, z: b.map("mul", normal(b, z), b.map("exp", weight(b))), ("scale", 0)),
        (lambda b, z: b.map("div", normal(b, z), weight(b)), ("scale", 1)),
        (lambda b, z: b.map("mul", normal(b, z), b.map("neg", weight(b))), ("scale", -1)),
        (lambda b, z: b.map("add", normal(b, z), weight(b)), ("shift", None)),
        (lambda b, z: b.map("add", z, weight(b)), ("bias", None)),
        (lambda b, z: b.map("add", z, weight(b, 5, 8)), ("position", None)),
        (lambda b, z: b.map("add", z, b.map("mul", branch(b, z), weight(b))), ("layer_scale", 1)),
        (lambda b, z: b.map("mul", z, weight(b, 1)), ("temperature", 1)),
        (lambda b, z: b.map("mul", b.map("relu", z), weight(b)), ("scale", 1)),
        (lambda b, z: b.map("where", b.graph.constant((2, 5, 8)), z, weight(b)), ("token", None)),
    ],
    ids=[
        *("scale", "one_plus", "exp", "divides", "negative", "shift", "bias", "positions", "layer_scale"),
        *("temperature", "scale_of_relu", "mask_token"),
    ],
)
def test_a_parameter_has_the_role_of_its_use(function: Write, expected: tuple[str, float | None]):
    assert role(function) == expected


def test_a_token_stands_beside_the_signal():
    b = Builder()
    token = b.graph.step(Broadcast((0, 1, 2)), [b.graph.parameter("p", (1, 1, 8))], (2, 1, 8))
    joined = b.graph.step(Join(1), [token, b.dense("before", b.graph.input((2, 5, 8)), 8)], (2, 6, 8))
    b.dense("after", joined, 4)
    assert role_of(Folded(b.graph), "p").name == "token"


def test_tables_of_words_and_of_positions_are_told_apart():
    b = Builder()
    words = b.graph.step(Take(0), [b.graph.parameter("words", (10, 8)), b.graph.input((2, 5))], (2, 5, 8))
    places = b.graph.step(Take(0), [b.graph.parameter("places", (6, 8)), b.graph.constant((5,))], (5, 8))
    b.dense("after", b.map("add", words, places), 4)
    folded = Folded(b.graph)
    assert [role_of(folded, path).name for path in ("words", "places")] == ["embedding", "position"]


def test_what_is_added_to_logits_is_a_relative_bias():
    b = Builder()
    x = b.graph.input((2, 5, 8))
    logits = b.graph.step(Contract("bqd,bkd->bqk"), [b.dense("q", x, 8), b.dense("k", x, 8)], (2, 5, 5))
    shares = b.graph.step(Softmax((2,)), [b.map("add", logits, b.graph.parameter("p", (5, 5)))], (2, 5, 5))
    b.graph.step(Contract("bqk,bkd->bqd"), [shares, b.dense("v", x, 8)], (2, 5, 8))
    assert role_of(Folded(b.graph), "p").name == "relative_bias"


def test_a_parameter_that_no_signal_meets_has_no_role():
    b = Builder()
    b.map("exp", b.graph.parameter("p", (8,)))
    assert role_of(Folded(b.graph), "p") is None


def test_a_kernel_that_also_shifts_is_a_kernel():
    b = Builder()
    table = b.graph.parameter("p", (8, 8))
    x = b.graph.input((8, 8))
    b.graph.step(Contract("ni,oi->no"), [b.map("add", x, table), table], (8, 8))
    assert role_of(Folded(b.graph), "p").name == "kernel"


# ---- What is seen besides ------------------------------------------------------------------------------------------


def test_layers_are_seen_with_what_feeds_and_what_follows_them():
    b = Builder()
    first = b.map("relu", b.dense("first", b.graph.input((2, 8)), 8))
    gate, up = b.map("silu", b.dense("gate", first, 8)), b.dense("up", first, 8)
    b.dense("down", b.map("mul", gate, up), 4)
    seen = seen_in(Folded(b.graph))
    assert {path: (one.source.text, one.followed_by) for path, one in seen.items()} == {
        "first": ("identity", "relu"),
        "gate": ("relu", "silu"),
        "up": ("relu", "identity"),
        "down": ("silu × identity", "identity"),
    }
    assert seen["first"].source == Data()
    assert isinstance(seen["gate"].source, Curved)
    assert seen["gate"].source.of == "first"
    assert isinstance(seen["down"].source, Product)
    assert [one.of for one in seen["down"].source.factors] == ["gate", "up"]
    assert first_of(seen, ["down", "gate", "nothing"]) == seen["gate"]
    assert first_of(seen, ["nothing"]) is None


def test_a_norm_between_a_layer_and_its_activation_is_looked_through():
    b = Builder()
    z = b.dense("a", b.graph.input((2, 8)), 8)
    b.dense("b", b.map("relu", b.map("mul", normal(b, z), b.graph.parameter("p", (8,)))), 4)
    assert follower(Folded(b.graph), z) == "relu"


def test_a_function_without_a_name_follows_as_one():
    b = Builder()
    z = b.dense("a", b.graph.input((2, 8)), 8)
    b.dense("b", b.map("add", b.map("tanh", z), 1.0), 4)
    folded = Folded(b.graph)
    assert (follower(folded, z), seen_in(folded)["b"].source.text) == ("a function", "a function")


def test_a_map_of_a_signal_is_used_where_the_model_says():
    b = Builder()
    x = b.graph.input((2, 8))
    value = b.graph.step(Map("mul"), [x, b.graph.parameter("p", (8,))], (2, 8))
    folded = Folded(b.graph)
    (use,) = folded.uses["p"]
    assert (use.step, use.operand, folded.graph.steps[use.step].result) == (0, 1, value)
