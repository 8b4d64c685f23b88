"""One table of drop-ins: each name of each framework has a row, and a bad argument gets one sentence everywhere."""

import inspect
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch

from glorot import GlorotError
from glorot.dropins import laws
from glorot.dropins.table import JAX, KERAS, TABLE, TORCH, Row
from glorot.jax import initializers as of_jax
from glorot.keras import initializers as of_keras
from glorot.torch import init as of_torch

FRAMEWORKS = {"torch": (of_torch, TORCH), "keras": (of_keras, KERAS), "jax": (of_jax, JAX)}
OTHER_NAMES = {
    "torch": {"calculate_gain", *(name.removesuffix("_") for name in TORCH)},
    "keras": {"GlorotNormal", "GlorotUniform"},
    "jax": {"Initializer", "glorot_normal", "glorot_uniform", "kaiming_normal", "kaiming_uniform"},
}
NEEDED: dict[str, dict[str, Any]] = {
    "constant_": {"val": 1.0},
    "constant": {"value": 1.0},
    "sparse_": {"sparsity": 0.5},
    "variance_scaling": {"scale": 1.0, "mode": "fan_in", "distribution": "normal"},
}
"""Arguments without a default."""

Place = tuple[str, str, str]
"""A framework, a drop-in of it, and one of its arguments."""


def call(framework: str, name: str, shape: tuple[int, ...] = (3, 4), dtype: str = "float32", **given: Any) -> Any:
    """Draw by a drop-in; in Keras and JAX it builds an initializer first."""
    drop_in, given = getattr(FRAMEWORKS[framework][0], name), {**NEEDED.get(name, {}), **given}
    if framework == "torch":
        return drop_in(torch.empty(shape, dtype=getattr(torch, dtype)), **given)
    if name in ("zeros", "ones"):
        return drop_in(jax.random.key(0), shape, dtype)
    return drop_in(**given)(*(() if framework == "keras" else (jax.random.key(0),)), shape, dtype)


def shape_for(name: str) -> tuple[int, ...]:
    """Return a shape that a drop-in takes: a kernel where it must be one, else a matrix."""
    return (3, 3, 4) if name in ("dirac_", "delta_orthogonal") else (3, 4)


def refusal(framework: str, name: str, *given: Any, **arguments: Any) -> str:
    """Return the error that a call ends in."""
    with pytest.raises(GlorotError) as caught:
        call(framework, name, *given, **arguments)
    return str(caught.value)


# the table


def unlisted(table: tuple[Row, ...]) -> dict[str, set[str]]:
    """Return, for each framework, the drop-ins without a row and the rows without a drop-in."""
    rows = {name: {form.name for row in table if (form := getattr(row, name))} for name in FRAMEWORKS}
    public = {name: {*module.__all__} - OTHER_NAMES[name] for name, (module, _) in FRAMEWORKS.items()}
    return {name: rows[name] ^ public[name] for name in FRAMEWORKS if rows[name] != public[name]}


def test_every_drop_in_has_a_row_and_every_row_a_drop_in():
    assert unlisted(TABLE) == {}
    assert unlisted(TABLE[1:]) == {"torch": {"constant_"}, "keras": {"Constant"}, "jax": {"constant"}}


def parameters(framework: str, name: str) -> set[str]:
    return {*inspect.signature(getattr(FRAMEWORKS[framework][0], name)).parameters}


EVERY = [(framework, form) for framework, (_, forms) in FRAMEWORKS.items() for form in forms.values()]
BY_GAIN = re.compile("the (bound|std) that gain and fans give")


@pytest.mark.parametrize(("framework", "form"), EVERY, ids=[f"{one}-{form.name}" for one, form in EVERY])
def test_a_row_names_the_arguments_of_its_drop_in(framework, form):
    own = {argument for argument in form.arguments if not BY_GAIN.fullmatch(argument)}
    assert own <= parameters(framework, form.name)
    shape = shape_for(form.name)
    assert tuple(call(framework, form.name, shape).shape) == shape  # what is refused below is refused for its argument


# numbers

KINDS: dict[Callable[..., Any], tuple[str, ...]] = {
    laws.uniform: ("finite", "finite"),
    laws.uniform_from_zero: ("finite",),
    laws.normal: ("finite", "from zero"),
    laws.normal_around_zero: ("from zero",),
    laws.cut_at_values: ("finite", "above zero", "cut", "cut"),
    laws.cut_at_two: ("finite", "from zero"),
    laws.cut_at_multiples: ("from zero", "cut", "cut"),
    laws.orthogonal: ("finite",),
    laws.symmetric: ("from zero",),
}
"""What the numbers of each law must be."""


def numbers() -> Iterator[tuple[Place, str]]:
    """Yield every argument that is a number, with what it must be."""
    for framework, form in EVERY:
        for argument, kind in zip(form.arguments, KINDS[form.law] if form.arguments else (), strict=True):
            yield (framework, form.name, "gain" if BY_GAIN.fullmatch(argument) else argument), kind
    yield ("keras", "VarianceScaling", "scale"), "above zero"
    yield ("jax", "variance_scaling", "scale"), "from zero"
    yield ("torch", "sparse_", "sparsity"), "share"
    yield ("keras", "Identity", "gain"), "any"
    yield ("keras", "Constant", "value"), "any"


NUMBERS = [
    (
        (framework, name, "a" if name.startswith("kaiming") else argument),
        "slope" if name.startswith("kaiming") else kind,
    )
    for (framework, name, argument), kind in numbers()
]
each_number = pytest.mark.parametrize(("place", "kind"), NUMBERS, ids=["-".join(place) for place, _ in NUMBERS])

EXPECTED = {
    "finite": "a finite number",
    "slope": "a finite number",
    "from zero": "a finite number from 0 upwards",
    "above zero": "a finite number above 0",
}
OUTSIDE = {"from zero": (-1.0, -1e-30), "above zero": (-1.0, 0.0)}
WAYS_OUT = {"trunc_normal_": "; for all-equal values call constant_", "VarianceScaling": "; for all zeros use Zeros"}


@each_number
def test_what_is_not_one_number_is_refused(place, kind):
    framework, name, argument = place
    for given in ("2", None, True, [1.0], np.ones(2), 1j):
        if name == "Constant" and isinstance(given, bool | complex):  # which Keras fills in too
            continue
        sentence = f"{name}: {argument} must be a number, got {given!r} ({type(given).__name__})"
        assert refusal(framework, name, **{argument: given}) == sentence
    if name != "Constant":
        sentence = f"{name}: {argument} must lie within ±1.8e308, got a longer whole number"
        assert refusal(framework, name, **{argument: 10**400}) == sentence


@pytest.mark.parametrize(("place", "kind"), [(place, kind) for place, kind in NUMBERS if kind in EXPECTED])
def test_a_number_outside_its_range_is_refused(place, kind):
    framework, name, argument = place
    way_out = WAYS_OUT[name] if kind == "above zero" else ""
    for given in (math.nan, math.inf, -math.inf, *OUTSIDE.get(kind, ())):
        sentence = f"{name}: {argument} must be {EXPECTED[kind]}, got {given:g}{way_out}"
        assert refusal(framework, name, **{argument: given}) == sentence


@each_number
def test_an_array_of_one_element_is_a_number(place, kind):
    framework, name, argument = place
    makers = [np.float64, lambda number: np.array([number]), torch.tensor, jnp.float32, keras.ops.convert_to_tensor]
    for make in makers:
        shape = shape_for(name)
        assert tuple(call(framework, name, shape, **{argument: make(2.0**-5)}).shape) == shape


SCALES: list[tuple[str, str, dict[str, float], str]] = [
    ("torch", "uniform_", {"a": 0.0, "b": 2e-25}, "(b - a)/2"),
    ("keras", "RandomUniform", {"minval": 0.0, "maxval": 2e-25}, "(maxval - minval)/2"),
    ("jax", "uniform", {"scale": 2e-25}, "|scale|/2"),
    ("torch", "normal_", {"std": 1e-25}, "std"),
    ("torch", "sparse_", {"std": 1e-25}, "std"),
    ("keras", "RandomNormal", {"stddev": 1e-25}, "stddev"),
    ("jax", "normal", {"stddev": 1e-25}, "stddev"),
    ("torch", "trunc_normal_", {"std": 1e-25}, "std"),
    ("keras", "TruncatedNormal", {"stddev": 1e-25}, "stddev"),
    ("jax", "truncated_normal", {"stddev": 1e-25}, "stddev"),
    ("torch", "orthogonal_", {"gain": -1e-25}, "|gain|"),
    ("keras", "Orthogonal", {"gain": -1e-25}, "|gain|"),
    ("jax", "orthogonal", {"scale": -1e-25}, "|scale|"),
    ("jax", "delta_orthogonal", {"scale": -1e-25}, "|scale|"),
    ("torch", "xavier_uniform_", {"gain": 1e-25 * math.sqrt(7 / 6)}, "the bound that gain and fans give"),
    ("torch", "xavier_normal_", {"gain": 1e-25 * math.sqrt(7 / 2)}, "the std that gain and fans give"),
    ("torch", "kaiming_uniform_", {"a": 1e25 * math.sqrt(1.5)}, "the bound that gain and fans give"),
    ("torch", "kaiming_normal_", {"a": 1e25 * math.sqrt(0.5)}, "the std that gain and fans give"),
]


@pytest.mark.parametrize(("framework", "name", "given", "what"), SCALES, ids=[name for _, name, _, _ in SCALES])
def test_a_scale_that_the_stream_has_no_numbers_of_is_refused(framework, name, given, what):
    way_out = "draw with a scale of about 1 and multiply the weights"
    sentence = f"{name}: {what} must lie between 2^-64 and 2^64, got 1e-25; {way_out}"
    assert refusal(framework, name, **given) == sentence


def test_every_law_of_numbers_is_tried_with_a_scale():
    lawful = {form.name for _, form in EVERY if form.arguments}
    assert lawful == {name for _, name, _, _ in SCALES}


ENDS = [
    ("torch", "uniform_", "a", "b"),
    ("torch", "trunc_normal_", "a", "b"),
    ("keras", "RandomUniform", "minval", "maxval"),
    ("jax", "truncated_normal", "lower", "upper"),
]


@pytest.mark.parametrize(("framework", "name", "low", "high"), ENDS)
def test_swapped_ends_are_refused(framework, name, low, high):
    sentence = f"{name}: {low} must not be above {high}, got {low}=2, {high}=1"
    assert refusal(framework, name, **{low: 2, high: 1.0}) == sentence


@pytest.mark.parametrize(
    ("framework", "name", "low", "high", "are"),
    [
        ("torch", "trunc_normal_", "a", "b", "values, not multiples of std"),
        ("jax", "truncated_normal", "lower", "upper", "multiples of stddev"),
    ],
)
def test_a_cut_where_a_normal_law_has_nothing_is_refused(framework, name, low, high, are):
    for ends in ((7, 8), (-math.inf, -6.5)):
        sentence = (
            f"{name}: from {low}={ends[0]:g} to {high}={ends[1]:g}, more than 6 standard deviations from the mean, the "
            f"normal law has next to nothing; {low} and {high} are {are}"
        )
        assert refusal(framework, name, **dict(zip((low, high), ends, strict=True))) == sentence


# choices, axes, shapes and dtypes

FANS = "fan_in, fan_out, fan_avg"
CHOICES = [
    ("torch", "kaiming_uniform_", "mode", "fan_in, fan_out"),
    ("torch", "kaiming_normal_", "mode", "fan_in, fan_out"),
    ("keras", "VarianceScaling", "mode", FANS),
    ("jax", "variance_scaling", "mode", f"{FANS}, fan_geo_avg"),
    ("keras", "VarianceScaling", "distribution", "truncated_normal, untruncated_normal, uniform, normal"),
    ("jax", "variance_scaling", "distribution", "uniform, normal, truncated_normal"),
]


@pytest.mark.parametrize(("framework", "name", "argument", "known"), CHOICES)
def test_an_unknown_choice_is_refused(framework, name, argument, known):
    for given in ("fan", None, ["fan_in"]):
        sentence = f"{name}: {argument} must be one of {known}, got {given!r}"
        assert refusal(framework, name, **{argument: given}) == sentence


AXES = [
    ("keras", "HeNormal", "input_axes", "output_axes"),
    ("keras", "VarianceScaling", "input_axes", "output_axes"),
    ("jax", "he_normal", "in_axis", "out_axis"),
    ("jax", "variance_scaling", "in_axis", "out_axis"),
]


@pytest.mark.parametrize(("framework", "name", "inputs", "outputs"), AXES)
def test_axes_that_do_not_fit_are_refused(framework, name, inputs, outputs):
    for given in ("in", (1.0,), 0.5):
        sentence = f"{name}: {outputs} must be a whole number or a sequence of them, got {given!r}"
        assert refusal(framework, name, **{inputs: 0, outputs: given}) == sentence
    sentence = f"{name}: {outputs}=2 is out of range for shape 3×4 with 2 axes"
    assert refusal(framework, name, **{inputs: [0], outputs: [1, 2]}) == sentence
    sentence = f"{name}: {inputs}=-2 is out of range for shape 5 with 1 axis"
    assert refusal(framework, name, (5,), **{inputs: -2, outputs: 0}) == sentence
    twice = f"axis 1 of shape 3×4 is named twice, by {inputs} and by {outputs}; name each axis once at most"
    sentence = f"{name}: {twice}"
    assert refusal(framework, name, **{inputs: -1, outputs: (1,)}) == sentence


SHAPES: list[tuple[str, str, tuple[int, ...], str]] = [
    *[
        ("torch", name, (5,), "2 or more axes, (out, in, *kernel), got 5; for a bias call zeros_ or uniform_")
        for name in ("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_")
    ],
    (
        "torch",
        "xavier_normal_",
        (),
        "2 or more axes, (out, in, *kernel), got scalar; for a bias call zeros_ or uniform_",
    ),
    ("torch", "orthogonal_", (5,), "2 or more axes, (out, in, *kernel), got 5"),
    ("keras", "Orthogonal", (5,), "2 or more axes, (…, in, out), got 5; for a bias use Zeros"),
    ("jax", "orthogonal", (5,), "2 or more axes, got 5; for a bias call zeros"),
    ("torch", "sparse_", (3, 4, 2), "2 axes, (rows, columns), got 3×4×2"),
    ("torch", "eye_", (3, 4, 2), "2 axes, (out, in), got 3×4×2"),
    ("keras", "Identity", (3, 4, 2), "2 axes, (in, out), got 3×4×2"),
    ("torch", "dirac_", (3, 4), "3, 4 or 5 axes, (out, in/groups, *kernel), got 3×4; for a matrix call eye_"),
    ("jax", "delta_orthogonal", (3, 4), "3, 4 or 5 axes, (*kernel, in, out), got 3×4; for a matrix call orthogonal"),
]


@pytest.mark.parametrize(("framework", "name", "shape", "words"), SHAPES, ids=[name for _, name, _, _ in SHAPES])
def test_a_shape_with_other_axes_is_refused(framework, name, shape, words):
    sentence = f"{name}: the shape must have {words}"
    assert refusal(framework, name, shape) == sentence


RANDOM = [(framework, form) for framework, form in EVERY if form.law or form.name.lower().startswith("variance")]


@pytest.mark.parametrize(("framework", "form"), RANDOM, ids=[f"{one}-{form.name}" for one, form in RANDOM])
def test_integers_are_refused_where_the_law_is_random(framework, form):
    holds = "dtype int32 holds no weights that are drawn; expected float32, bfloat16, float16, float64 or a float8 that"
    sentence = f"{form.name}: {holds} has a sign and a zero"
    assert refusal(framework, form.name, shape_for(form.name), "int32") == sentence
