"""Folding: what each value is made of, and where parameters meet the signal."""

import math

import numpy as np
import pytest
from graph_builders import Builder, between

from glorot.graph import Folded, Graph
from glorot.graph.operations import (
    Broadcast,
    Contract,
    Convolve,
    Join,
    Map,
    Opaque,
    Random,
    Reduce,
    Reshape,
    Slice,
    Take,
)


def roles(folded: Folded, path: str) -> list[str]:
    return [use.role for use in folded.uses[path]]


def test_constants_fold_to_numbers_whatever_moves_them():
    b = Builder()
    half = b.graph.constant((4,), number=0.5)
    moved = b.graph.step(Reshape(), [half], (2, 2))
    spread = b.graph.step(Broadcast((1, 2)), [moved], (3, 2, 2))
    cut = b.graph.step(Slice(((0, 1, 1), (0, 2, 1), (0, 1, 1))), [spread], (1, 2, 1))
    made = b.map("exp", b.map("mul", cut, 2.0))
    assert Folded(b.graph).number(made) == pytest.approx(math.e)


def test_a_constant_of_several_numbers_is_no_number():
    b = Builder()
    mask = b.graph.constant((4,), integers=np.arange(4))
    assert Folded(b.graph).number(b.map("mul", mask, 2.0)) is None


def test_random_numbers_make_dropout_and_leave_what_they_meet():
    def function(b: Builder, z: int) -> int:
        kept = b.map("less", b.graph.step(Random("uniform"), [], (2, 8)), 0.5)
        return b.map("mul", b.map("div", b.map("relu", z), 0.5), kept)

    folded, before, after = between(function)
    assert folded.kind[folded.source[after]] == "dropout"
    source = folded.back(after)
    passed = folded.curve(after, source)(np.array([-1.0, 3.0]))
    assert source == before
    assert passed.tolist() == [0.0, 3.0]  # the factor that dropout takes back is no factor


def test_a_parameter_that_a_kernel_multiplies_is_a_seed():
    graph = Graph()
    seeds = graph.parameter("seeds", (3, 8))
    kernel = graph.parameter("kernel", (8, 8), is_kernel=True)
    graph.step(Contract("ai,oi->ao"), [seeds, kernel], (3, 8))
    folded = Folded(graph)
    assert (roles(folded, "seeds"), roles(folded, "kernel")) == (["token"], ["kernel"])


def test_two_parameters_that_no_layer_knows_make_one():
    b = Builder()
    left, right = b.graph.parameter("left", (8, 2)), b.graph.parameter("right", (2, 8))
    whole = b.graph.step(Contract("ar,rb->ab"), [left, right], (8, 8))
    b.graph.step(Contract("ni,oi->no"), [b.graph.input((4, 8)), whole], (4, 8))
    folded = Folded(b.graph)
    assert folded.parameters[whole] == ("left", "right")
    assert (roles(folded, "left"), roles(folded, "right")) == (["kernel"], ["kernel"])


def test_what_a_running_variance_divides_is_normalised():
    def function(b: Builder, z: int) -> int:
        variance = b.graph.statistic("running", (8,))
        return b.map("mul", z, b.map("rsqrt", b.map("add", variance, 1e-5)))

    folded, _, after = between(function)
    assert folded.kind[folded.source[after]] == "normalised"


def test_a_number_that_a_layer_starts_at_is_a_slope():
    def function(b: Builder, z: int) -> int:
        return b.map("where", b.map("greater", z, 0.0), z, b.map("mul", z, b.graph.parameter("slope", (), 0.25)))

    folded, before, after = between(function)
    assert roles(folded, "slope") == ["slope"]
    assert folded.curve(after, before)(np.array([-4.0, 4.0])).tolist() == [-1.0, 4.0]


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (lambda b, z: b.graph.step(Opaque("topk"), [z], (2, 8)), "opaque"),
        (lambda b, z: b.map("mul", z, b.map("tanh", b.dense("c", z, 8))), "product"),
        (lambda b, z: b.map("add", z, b.map("tanh", b.dense("c", z, 8))), "sum"),
        (lambda b, z: b.graph.step(Join(1), [z, b.dense("c", z, 8)], (2, 16)), "join"),
        (lambda b, z: b.graph.step(Contract("ai,bi->ab"), [z, b.dense("c", z, 8)], (2, 2)), "interaction"),
        (lambda b, z: b.map("maximum", z, b.dense("c", z, 8)), "mix"),
        (lambda b, z: b.map("add", z, b.graph.parameter("c", (8,))), "affine"),
    ],
    ids=["opaque", "product", "sum", "join", "interaction", "mix", "affine"],
)
def test_a_source_has_a_kind(function, kind: str):
    folded, _, after = between(function)
    assert folded.kind[folded.source[after]] == kind


def test_a_table_that_is_looked_up_is_an_embedding_and_a_stack_of_kernels_is_none():
    b = Builder()
    ids = b.graph.input((2, 5))
    found = b.graph.step(Take(0), [b.graph.parameter("table", (10, 8)), ids], (2, 5, 8))
    stack = b.graph.step(Take(0), [b.graph.parameter("experts", (3, 8, 4)), b.graph.input((2,))], (2, 8, 4))
    b.graph.step(Contract("bti,bio->bto"), [found, stack], (2, 5, 4))
    folded = Folded(b.graph)
    assert (roles(folded, "table"), roles(folded, "experts")) == (["embedding"], ["kernel"])


def test_a_window_over_a_parameter_is_a_convolution_by_it():
    b = Builder()
    once = Convolve((1,), (1,), ((0, 0),), (1,), 1, False, 1, (0, 1, 2))
    b.graph.step(once, [b.graph.input((2, 3, 5)), b.graph.parameter("kernel", (4, 3, 1))], (2, 4, 5))
    assert roles(Folded(b.graph), "kernel") == ["kernel"]


def test_the_same_step_of_the_same_values_is_the_same_value():
    graph = Graph()
    x = graph.input((3,))
    assert graph.step(Map("exp"), [x], (3,)) == graph.step(Map("exp"), [x], (3,))
    assert len(graph.steps) == 1


@pytest.mark.parametrize("operation", [Random("uniform"), Opaque("topk")])
def test_what_is_random_or_unknown_is_never_the_same_twice(operation):
    graph = Graph()
    x = graph.input((3,))
    assert graph.step(operation, [x], (3,)) != graph.step(operation, [x], (3,))


def test_a_number_is_one_value_and_as_it_was_written():
    graph = Graph()
    assert graph.number(0.5) == graph.number(0.5) == graph.constant((), number=0.5)
    assert graph.number(math.nan) == graph.number(math.nan)
    assert graph.values[graph.number(float(np.float32(1.702)))].number == 1.702  # rounded to 32 bits by its framework
    assert graph.values[graph.number(0.1 + 1e-12)].number == 0.1 + 1e-12
    assert graph.values[graph.number(2.0**-40)].number == pytest.approx(2.0**-40, rel=1e-6)
    assert graph.values[graph.number(-math.inf)].number == -math.inf
    assert graph.values[graph.number(1e300)].number == 1e300


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize(("function", "number"), [("div", 8.0), ("mul", 0.125)])
def test_a_sum_over_its_count_is_a_mean(function: str, number: float, keeps: bool):
    b = Builder()
    x = b.graph.input((2, 8))
    total = b.graph.step(Reduce("sum", (1,), keeps), [x], (2, 1) if keeps else (2,))
    wide = total if keeps else b.graph.step(Broadcast((0,)), [total], (2, 1))
    made = b.map(function, wide, number)
    mean = b.graph.step(Reduce("mean", (1,), keeps), [x], b.graph.shape(total))
    assert made == (mean if keeps else b.graph.step(Broadcast((0,)), [mean], (2, 1)))
    assert b.map(function, wide, 1.5) != made
