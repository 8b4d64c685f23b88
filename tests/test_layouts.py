"""Layouts and labels: where in a stored tensor a part lies, and what its axes mean."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import glorot
from glorot.adapters import take_inventory as inventory
from glorot.errors import GlorotError
from glorot.inventory import Inventory, Parameter, Part, View
from glorot.inventory.labels import labelled
from glorot.inventory.layouts import blocks, comb, complete, laid_out, place_in, split_axes

PATTERNS = {  # pattern, stored shape, sizes → axes, part shape, and the part written out by hand
    "dense": ("i o", (3, 4), {}, "oi", (4, 3), lambda w: w.T),
    "as it lies": ("o i", (4, 3), {}, "oi", (4, 3), lambda w: w),
    "conv": ("k k i o", (3, 2, 4, 5), {}, "oikk", (5, 4, 3, 2), lambda w: w.transpose(3, 2, 0, 1)),
    "groups": (
        "k i (b o)", (3, 2, 8), {"b": 4}, "boik", (4, 2, 2, 3),
        lambda w: np.stack([w[:, :, 2 * g : 2 * g + 2].transpose(2, 1, 0) for g in range(4)]),
    ),
    "one group": ("k i (b o)", (3, 2, 8), {"b": 1}, "oik", (8, 2, 3), lambda w: w.transpose(2, 1, 0)),
    "depthwise": (
        "k k (b i) o", (3, 2, 4, 5), {"i": 1}, "boikk", (4, 5, 1, 3, 2),
        lambda w: np.stack([w[:, :, c].transpose(2, 0, 1)[:, None] for c in range(4)]),
    ),
    "heads out": ("i o o", (6, 2, 3), {}, "oi", (6, 6), lambda w: w.reshape(6, 6).T),
    "heads in": ("i i o", (2, 3, 6), {}, "oi", (6, 6), lambda w: w.reshape(6, 6).T),
    "stacked": ("b i o", (2, 3, 4), {}, "boi", (2, 4, 3), lambda w: w.transpose(0, 2, 1)),
    "PyTorch transposed": (
        "(b i) o k", (8, 2, 3), {"b": 4}, "boik", (4, 2, 2, 3),
        lambda w: np.stack([w[2 * g : 2 * g + 2].transpose(1, 0, 2) for g in range(4)]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_finds_the_part_in_the_stored_tensor(name):
    pattern, shape, sizes, axes, part_shape, by_hand = PATTERNS[name]
    part = laid_out(pattern, shape, "kernel", "Layer", None, **sizes)
    assert (part.axes, part.shape) == (axes, part_shape)
    stored = np.arange(np.prod(shape)).reshape(shape)
    np.testing.assert_array_equal(place_in(stored, part.view).reshape(part.shape), by_hand(stored))
    assert np.shares_memory(place_in(stored, part.view), stored)


def test_what_lies_as_the_part_does_needs_no_view():
    assert laid_out("o i k", (4, 3, 2), "kernel", "Conv1d", None).view is None
    assert laid_out("(b o) i", (4, 3), "kernel", "Conv", None, b=1).view is None


def test_a_flip_runs_along_the_axes_of_the_kernel_alone():
    part = laid_out("k i o", (3, 2, 2), "kernel", "ConvTranspose", None, flip=True)
    stored = np.arange(12).reshape(3, 2, 2)
    np.testing.assert_array_equal(place_in(stored, part.view), stored[::-1].transpose(2, 1, 0))


@given(st.lists(st.sampled_from("boik"), min_size=1, max_size=4), st.data())
def test_every_element_belongs_to_the_part_once(letters, data):
    shape = tuple(data.draw(st.integers(1, 4)) for _ in letters)
    part = laid_out(" ".join(letters), shape, "kernel", "Layer", None, flip=data.draw(st.booleans()))
    stored = np.arange(np.prod(shape)).reshape(shape)
    assert sorted(place_in(stored, part.view).ravel()) == list(range(stored.size))
    assert [key for key, _ in itertools.groupby(part.axes) if key in "oi"] == [a for a in part.axes if a in "oi"]


def test_blocks_lie_side_by_side_and_have_names():
    gates = blocks(laid_out("i o", (2, 3), "kernel", "LSTM", None), (2, 3), 1, "ifgo")
    stored = np.arange(24).reshape(2, 12)
    assert [part.name for part in gates] == ["[i]", "[f]", "[g]", "[o]"]
    for n, part in enumerate(gates):
        np.testing.assert_array_equal(place_in(stored, part.view), stored[:, 3 * n : 3 * n + 3].T)
    assert gates[1].view == View(box=((0, 2), (3, 6)), order=(1, 0))


@st.composite
def combed(draw):
    """Draw a stored tensor whose axes stand in any order, and how one of them is cut into pieces of equal runs."""
    pattern = draw(st.sampled_from(["o i", "i o", "b i o", "k i o", "i o o", "o i k", "b o", "o"]))
    runs = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    times, axis = draw(st.integers(1, 3)), draw(st.integers(0, len(pattern) // 2))
    shape = tuple(sum(runs) * times if n == axis else draw(st.integers(1, 3)) for n in range(len(pattern) // 2 + 1))
    return pattern, shape, axis, runs, times


@given(combed())
def test_the_teeth_of_a_comb_are_the_positions_that_were_asked_for(case):
    pattern, shape, axis, runs, times = case
    whole = laid_out(pattern, shape, "kernel", "Layer", None)
    stored, found = np.arange(np.prod(shape)).reshape(shape), []
    for n, run in enumerate(runs):
        piece = comb(whole, shape, axis, sum(runs[:n]), run, sum(runs), times)
        steps = [period * sum(runs) + sum(runs[:n]) + step for period in range(times) for step in range(run)]
        taken = np.take(stored, steps, axis).transpose(complete(whole.view, shape).order)
        np.testing.assert_array_equal(place_in(stored, piece.view).reshape(piece.shape).ravel(), taken.ravel())
        assert (piece.axes, len(piece.shape)) == (whole.axes, len(whole.shape))
        found += list(taken.ravel())
    assert sorted(found) == list(range(stored.size))


def test_every_other_column_of_a_stack_of_experts():
    experts = laid_out("b i o", (2, 3, 8), "kernel", "Experts", None)
    gate, up = (comb(experts, (2, 3, 8), 2, n, 1, 2, 4) for n in range(2))
    assert gate.shape == up.shape == (2, 4, 3)
    assert up.view == View(unfold=(2, 3, 4, 2), cut=((0, 2), (0, 3), (0, 4), (1, 2)), order=(0, 2, 3, 1))
    stored = np.arange(48).reshape(2, 3, 8)
    np.testing.assert_array_equal(place_in(stored, up.view).reshape(2, 4, 3), stored[:, :, 1::2].transpose(0, 2, 1))


def test_runs_that_touch_and_one_run_are_a_box():
    whole = laid_out("i o", (3, 12), "kernel", "Dense", None)
    for runs in ({"start": 4, "run": 2, "period": 2, "times": 3}, {"start": 4, "run": 6, "period": 12, "times": 1}):
        piece = comb(whole, (3, 12), 1, **runs)
        assert (piece.shape, piece.view) == ((6, 3), View(box=((0, 3), (4, 10)), order=(1, 0)))


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ((0, 2, 5, 2), "2 runs of 2 from 0, 5 apart"),
        ((2, 3, 4, 3), "3 runs of 3 from 2, 4 apart"),
        ((4, 2, 4, 3), "3 runs of 2 from 4, 4 apart"),
        ((10, 3, 12, 1), "1 runs of 3 from 10, 12 apart"),
    ],
)
def test_runs_that_no_split_of_the_axis_finds_are_refused(runs, words):
    whole = laid_out("o i", (12, 3), "kernel", "Linear", None)
    with pytest.raises(GlorotError, match=f"^{words}, do not lie within equal periods of an axis of 12$"):
        comb(whole, (12, 3), 0, *runs)


@pytest.mark.parametrize(
    ("sizes", "unfold", "groups"),
    [
        ((6, 4), (2, 3, 4), [(0, 1), (2,)]),
        ((1, 4), (2, 2), [(), (0, 1)]),
        ((4, 1), (1, 4, 1), [(0, 1), (2,)]),
        ((4,), (2, 2, 1), [(0, 1, 2)]),
        ((0, 5), (0, 5), [(0,), (1,)]),
        ((), (), []),
    ],
)
def test_unfolded_axes_belong_to_the_axis_that_was_split(sizes, unfold, groups):
    assert split_axes(sizes, unfold) == groups


@pytest.mark.parametrize("unfold", [(4, 6), (2, 3), (6, 4, 2), (12, 2)])
def test_axes_that_do_not_split_so_are_refused(unfold):
    words = "×".join(map(str, unfold))
    with pytest.raises(GlorotError, match=f"^axes of 6×4 do not split into {words}$"):
        split_axes((6, 4), unfold)


@pytest.mark.parametrize(
    ("pattern", "shape", "sizes", "words"),
    [
        ("i o", (2, 3, 4), {}, r"a tensor of shape 2×3×4 has 3 axes, 'i o' has 2"),
        ("i (b o)", (2, 7), {"b": 3}, r"an axis of size 7 does not split into \(b o\) with sizes \{'b': 3\}"),
    ],
)
def test_a_pattern_that_does_not_fit_is_refused(pattern, shape, sizes, words):
    with pytest.raises(GlorotError, match=f"^{words}$"):
        laid_out(pattern, shape, "kernel", "Layer", None, **sizes)


def tree(**shapes: tuple[int, ...]) -> Inventory:
    unknown = [Part(path, "", shape, "unknown", "the tree") for path, shape in shapes.items()]
    return Inventory("jax", tuple(Parameter(part.name, part.shape, "float32", (part,)) for part in unknown))


def test_axes_make_a_kernel_an_embedding_or_a_bias_of_what_was_unknown():
    found = labelled(
        tree(w=(3, 4), conv=(3, 3, 2, 8), table=(10, 4), bias=(4,), experts=(5, 3, 4)),
        {"*": "io", "conv": "kkio", "table": "bo", "bias": "o", "experts": "bio"},
    )
    rows = {part.name: (part.role, part.axes, part.shape, part.fans) for part in found.parts}
    assert rows == {
        "w": ("kernel", "oi", (4, 3), glorot.Fans(3, 4)),
        "conv": ("kernel", "oikk", (8, 2, 3, 3), glorot.Fans(18, 72)),
        "table": ("embedding", "bo", (10, 4), glorot.Fans(1, 4)),
        "bias": ("bias", "o", (4,), None),
        "experts": ("kernel", "boi", (5, 4, 3), glorot.Fans(3, 4)),
    }


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ("io", r"axes must be a dict \{path pattern: letters\}, as in \{'\*\.w': 'io'\}, got 'io'"),
        ({"w": 3}, r"axes must be a dict .*, got \{'w': 3\}"),
        ({"x": "io"}, r"axes: 'x' matches no parameter; paths here look like: w"),
        (
            {"w": "ioo"},
            r"axes of w: expected a letter of b \(copies\), o \(outputs\), i \(inputs\), k \(kernel\) for each axis of "
            r"shape 3×4, at least one of them o, got 'ioo'",
        ),
        ({"w": "xy"}, r"axes of w: expected a letter .*, got 'xy'"),
        ({"w": "ik"}, r"axes of w: expected .* at least one of them o, got 'ik'"),
        ({"w": "ko"}, r"axes of w: a kernel has axes of inputs and of outputs, and 'ko' has no i"),
    ],
)
def test_axes_that_do_not_fit_are_refused(axes, words):
    with pytest.raises(GlorotError, match=f"^{words}$"):
        labelled(tree(w=(3, 4)), axes)


def test_axes_of_nothing_and_of_a_layer_that_is_known():
    with pytest.raises(GlorotError, match=r"^axes of w: shape 0×4 has no elements; leave it alone by a rule$"):
        labelled(tree(w=(0, 4)), {"w": "io"})
    with pytest.raises(
        GlorotError,
        match=r"^axes: 'weight' matches weight, which belongs to a Linear, whose axes glorot knows; leave it out$",
    ):
        labelled(inventory(nn.Linear(3, 4)), {"weight": "oi"})
