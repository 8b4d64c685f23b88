"""What the pages show by example: the laws that a scheme or recipe gives to one layer of 300 → 100."""

import inspect
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot import stream
from glorot.catalogue import Catalogue
from glorot.distributions import (
    Bilinear,
    Constant,
    Distribution,
    Identity,
    Normal,
    Orthogonal,
    PositiveUnitball,
    SparseNormal,
    TruncatedNormal,
    Uniform,
)
from glorot.fans import dense
from glorot.inventory import Declared, Inventory, Parameter, Part
from glorot.recipes.base import RECIPES, Recipe
from glorot.schemes import SCHEMES, Scheme
from glorot.text import number

Floats = NDArray[np.float64]
INPUTS, OUTPUTS = 300, 100
SHAPE, AXES = (OUTPUTS, INPUTS), "oi"
FEEDS = ("tanh", "relu")
FORMS = ("uniform", "normal")
SPIKE = 1.0  # the height, in 1/σ of the normal, that the zeros of a sparse law are drawn to


@dataclass(frozen=True)
class Sample:
    """One law of the sample layer, and what it is called."""

    label: str
    law: Distribution


def sample_call(catalogue: Catalogue[Any], text: str, name: str) -> str:
    """Return a call that can be built: the one given, or for a bare name the one in its docstring's example."""
    factory = catalogue.factory(name)
    required = [p for p in inspect.signature(factory).parameters.values() if p.default is p.empty]
    if "(" in text or not required:
        return text
    example = re.search(rf"\b{factory.__name__}\([^()]+\)", inspect.getdoc(factory) or "")
    return example[0] if example else text


def scheme_samples(text: str) -> list[Sample]:
    """Return the law of a scheme for the sample layer, beside that of its twin if it has one."""
    return [Sample(label, _law(SCHEMES.make(call))) for call, label in _forms(SCHEMES, text)]


def recipe_samples(text: str) -> list[Sample]:
    """Return what a recipe gives to the weights of the sample layer; one law for each feed if they differ."""
    samples = []
    for call, label in _forms(RECIPES, text):
        laws = [_law_of_recipe(RECIPES.make(call), feed) for feed in FEEDS]
        if laws[0] == laws[1]:
            samples += [Sample(label, laws[0])] if laws[0] is not None else []
        else:
            pairs = zip(laws, FEEDS, strict=True)
            samples += [Sample(f"{label} fed by {feed}", law) for law, feed in pairs if law is not None]
    return samples


def _forms(catalogue: Catalogue[Any], text: str) -> list[tuple[str, str]]:
    """Return the calls to show, with labels: both forms where name or parameter offers uniform and normal."""
    if "(" in text:
        return [(text, text)]
    stem, _, form = text.rpartition("_")
    if form in FORMS and all(f"{stem}_{twin}" in catalogue for twin in FORMS):
        other = FORMS[1 - FORMS.index(form)]
        return [(text, text), (f"{stem}_{other}", f"{stem}_{other}")]
    parameter = inspect.signature(catalogue.factory(text)).parameters.get("distribution")
    if parameter is None:
        return [(text, text)]
    other = next(form for form in FORMS if form != parameter.default)
    label = f"{parameter.default.replace('_', ' ')} form"
    return [(text, label), (f"{text}(distribution='{other}')", f"{other} form")]


def _law(scheme: Scheme) -> Distribution:
    """Return the law for the sample layer, taken as a convolution of one point, which has a kernel too."""
    return scheme(dense(INPUTS, OUTPUTS), (*SHAPE, 1, 1), AXES + "kk")


def _law_of_recipe(recipe: Recipe, fed_by: str) -> Distribution | None:
    fans = dense(INPUTS, OUTPUTS)
    filler = Declared("caffe_xavier", fans, "") if recipe.text == "caffe" else None  # it asks the model
    part = Part("weight", AXES, SHAPE, "kernel", "Linear", fans, fed_by=fed_by, declared=filler)
    inventory = Inventory("torch", (Parameter("weight", SHAPE, "float32", (part,)),))
    scheme = recipe.choose(part, inventory).scheme
    return None if scheme is None else scheme(part.fans, SHAPE, AXES)


def describe(law: Distribution) -> str:
    """Write the numbers of a law: its σ, and where it ends."""
    match law:
        case Constant(value):
            return f"every weight {number(value)}"
        case Orthogonal(gain):
            return f"every singular value {number(gain)}"
        case Identity(gain):
            return f"{number(gain)} on the diagonal, 0 elsewhere"
        case PositiveUnitball(gain=gain):
            return f"none below 0, each slice sums to {number(gain)}"
        case Bilinear():
            return "one kernel, in every slice"
        case SparseNormal(density=density):
            return f"σ = {number(law.std)}, {number(100 * (1 - density))} % zeros"
        case Uniform(low, high) | TruncatedNormal(_, _, low, high):
            ends = f"±{number(high)}" if low == -high else f"{number(low)} … {number(high)}"
            return f"σ = {number(law.std)}, bound {ends}"
    return f"σ = {number(law.std)}"


def has_density(law: Distribution) -> bool:
    """Tell whether a law has a density over single weights that says all about it."""
    return isinstance(law, Uniform | Normal | TruncatedNormal | SparseNormal)


def density(law: Distribution, x: Floats) -> Floats:
    """Return the density of a law at the points x, in 1/(units of a weight).

    That of a sparse law is told apart from its zeros, for which a spike stands at the point nearest to 0.
    """
    match law:
        case Uniform(low, high):
            return np.where((x >= low) & (x <= high), 1 / (high - low), 0.0)
        case TruncatedNormal(center, sigma, low, high):
            mass = _normal_mass((high - center) / sigma) - _normal_mass((low - center) / sigma)
            return np.where((x >= low) & (x <= high), _bell(x, center, sigma) / mass, 0.0)
        case SparseNormal(center, sigma):
            bell = _bell(x, center, sigma)
            return np.where(np.abs(x) == np.abs(x).min(), SPIKE / sigma, bell)
    return _bell(x, law.mean, law.std)


def _bell(x: Floats, center: float, sigma: float) -> Floats:
    return np.asarray(np.exp(-(((x - center) / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi)))


def _normal_mass(z: float) -> float:
    return math.erfc(-z / math.sqrt(2)) / 2


def reach(laws: list[Distribution]) -> float:
    """Return how far from 0 an axis must go on which all the laws are to be seen."""
    ends = [0.0]
    for law in laws:
        match law:
            case Uniform(low, high) | TruncatedNormal(_, _, low, high):
                ends.append(1.25 * max(abs(low), abs(high)))
            case SparseNormal(center, sigma):
                ends.append(abs(center) + 3.2 * sigma)
            case _:
                ends.append(abs(law.mean) + 3.2 * law.std)
    return max(ends)


def matrix(law: Distribution, rows: int, columns: int) -> Floats:
    """Return a small matrix drawn from a whole-matrix law: of a law of kernels, a square one."""
    key = stream.key_of(0, "weight")
    shape, axes = ((rows, rows), "kk") if isinstance(law, Bilinear) else ((rows, columns), AXES)
    return np.asarray(stream.draw(key, law, shape, axes=axes, dtype=np.float64))
