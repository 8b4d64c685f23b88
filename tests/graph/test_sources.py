"""Sources: what feeds a layer, its gains, and how a plan keeps it."""

import json
import re
from typing import Any

import pytest
from functions_everywhere import gated, relu, silu, squares
from graph_builders import Builder
from hypothesis import given
from hypothesis import strategies as st

from glorot import GlorotError
from glorot.graph import Folded
from glorot.graph.operations import Join, Map
from glorot.graph.sources import (
    Curved,
    Data,
    Joined,
    Mean,
    Product,
    Source,
    Sum,
    from_json,
    gains,
    gains_of,
    squares_of,
    to_json,
)
from glorot.inventory.seen import seen_in

FINITE = st.floats(1e-3, 1e3)
CURVED = st.one_of(
    st.builds(
        lambda name, of: Curved(name, of, squares_of(name)),
        st.sampled_from(["relu", "0.5·tanh", "identity"]),
        st.text(),
    ),
    st.builds(Curved, st.just(""), st.text(), st.tuples(FINITE, FINITE)),
)
SOURCES = st.recursive(
    st.one_of(st.just(Data()), CURVED),
    lambda inner: st.one_of(
        st.builds(Product, st.lists(inner, min_size=1, max_size=3).map(tuple), FINITE),
        st.builds(Sum, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Mean, inner),
        st.lists(st.tuples(inner, st.floats(0, 1)), min_size=1, max_size=3).map(
            lambda pairs: Joined(*map(tuple, zip(*pairs, strict=True)))
        ),
    ),
    max_leaves=5,
)


@given(SOURCES)
def test_a_source_comes_back_from_json(source: Source):
    assert from_json(json.loads(json.dumps(to_json(source)))) == source


@pytest.mark.parametrize(
    ("source", "row"),
    [
        (Data(), "data"),
        (Curved("relu", "a.weight", squares_of("relu")), {"curve": "relu", "of": "a.weight"}),
        (Curved("", "a", (0.5, 0.25)), {"curve": "", "of": "a", "squares": [0.5, 0.25]}),
        (Product((Curved(), Data())), {"product": [{"curve": "identity", "of": ""}, "data"]}),
        (Product((Data(),), 0.5), {"product": ["data"], "factor": 0.5}),
        (Sum((Data(), Data())), {"sum": ["data", "data"]}),
        (Mean(Data()), {"mean": "data"}),
        (Joined((Data(), Mean(Data())), (0.25, 0.75)), {"joined": ["data", {"mean": "data"}], "shares": [0.25, 0.75]}),
    ],
)
def test_a_source_is_written_as_people_read_it(source: Source, row: Any):
    assert to_json(source) == row
    assert from_json(row) == source


@pytest.mark.parametrize(
    "row",
    [
        "date",
        None,
        3,
        [],
        {},
        {"curve": 1, "of": ""},
        {"curve": "relu"},
        {"curve": "x·relu", "of": ""},
        {"product": "data"},
        {"sum": [7]},
        {"mean": {}},
        {"joined": ["data"], "shares": []},
        {"joined": ["data"], "shares": [2]},
        {"joined": ["data"], "shares": ["1"]},
    ],
)
def test_what_is_no_source_gets_one_clear_error(row: Any):
    culprit = 7 if row == {"sum": [7]} else {} if row == {"mean": {}} else row
    message = re.escape(f"a source is 'data', a curve, a product, a sum, a mean or several joined, got {culprit!r}")
    with pytest.raises(GlorotError, match=f"^{message}$"):
        from_json(row)


@pytest.mark.parametrize("curve", ["no_such", "0.5·no_such", "leaky_relu(slope=2)"])
def test_a_curve_that_nobody_knows_gets_one_clear_error(curve: str):
    with pytest.raises(GlorotError):
        from_json({"curve": curve, "of": ""})


def curved(name: str) -> Curved:
    return Curved(name, "", squares_of(name))


@pytest.mark.parametrize(
    ("source", "right"),
    [
        (Data(), (1, 1)),
        (curved("relu"), squares(relu)),
        (curved("2·relu"), squares(lambda z: 2 * relu(z))),
        (Product((curved("silu"), Curved())), gated(silu)),
        (Product((Curved(), Curved()), 3.0), (9, 9)),
        (Sum((curved("relu"), Data())), (1, 1)),
        (Mean(curved("relu")), squares(relu)),
    ],
    ids=["data", "relu", "twice", "gate", "thrice", "sum", "mean"],
)
def test_gains_hold_the_signal_and_the_gradient(source: Source, right: tuple[float, float]):
    assert [gain**-2 for gain in gains(source)] == pytest.approx(right, rel=1e-4)


def test_a_sigmoid_gets_its_unit_slope_back():
    assert gains(curved("sigmoid")) == (4, 4)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (Data(), "identity"),
        (Curved("", "a"), "a function"),
        (Product((curved("silu"), Curved())), "silu × identity"),
        (Mean(Product((curved("silu"), Curved()))), "mean of (silu × identity)"),
        (Sum((Data(),)), "sum"),
    ],
)
def test_a_source_is_told_in_short(source: Source, text: str):
    assert source.text == text


@pytest.mark.parametrize(
    ("before", "factor", "text", "squared"),
    [
        ("tanh", 2.0, "2·tanh", 4),
        ("tanh", 1.0, "tanh", 1),
        ("relu", -0.5, "-0.5·relu", 0.25),
    ],
)
def test_a_factor_around_a_join_of_like_functions_counts(before: str, factor: float, text: str, squared: float):
    builder = Builder()
    x = builder.graph.input((2, 8))
    sides = [builder.map(before, builder.dense(path, x, 3)) for path in "ab"]
    joined = builder.graph.step(Join(1), sides, (2, 6))
    builder.dense("c", builder.map("mul", joined, factor), 4)
    value, slope = squares_of(before)
    assert seen_in(Folded(builder.graph))["c"].source == Curved(text, "", (squared * value, squared * slope))


def test_what_two_turns_of_a_loop_make_alike_is_one_source():
    builder = Builder()
    x = builder.graph.input((2, 8))
    ways = []
    for path in "ab":
        gate, value = builder.dense(f"{path}.gate", x, 3), builder.dense(f"{path}.value", x, 3)
        ways.append(builder.map("mul", builder.map("sigmoid", gate), builder.map("tanh", value)))
    mask = builder.graph.input((2, 3))
    builder.dense("c", builder.graph.step(Map("where"), [mask, *ways], (2, 3)), 4)
    assert seen_in(Folded(builder.graph))["c"].source == Product((curved("sigmoid"), curved("tanh")))


@pytest.mark.parametrize("name", ["leaky_relu(negative_slope=0.1) | identity", "leaky_relu(0.2) × tanh", "sum", ""])
def test_what_is_no_one_activation_has_no_gains_by_name(name: str):
    assert gains_of(name) is None


def test_the_name_of_an_activation_gives_its_gains():
    assert gains_of("leaky_relu(negative_slope=0.1)") == gains(
        Curved("leaky_relu(negative_slope=0.1)", "", squares_of("leaky_relu(negative_slope=0.1)"))
    )
