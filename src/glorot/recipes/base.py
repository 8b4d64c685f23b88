"""What a recipe is, the catalogue of recipes, and what they agree on for biases, norms and embeddings."""

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, ParamSpec

from glorot.catalogue import Catalogue, format_call, nearest, parse_call
from glorot.errors import GlorotError
from glorot.inventory import Branch, Inventory, Part
from glorot.schemes import SCHEMES, Scheme, as_scheme

P = ParamSpec("P")


class Choice(NamedTuple):
    """What a recipe decides for one part: the scheme, or None to leave it alone, and why."""

    scheme: Scheme | None
    why: str


Chooser = Callable[[Part, Inventory], Choice]


@dataclass(frozen=True)
class Recipe:
    """A rule inventory → scheme per part, for a whole model.

    Attributes:
        text: the call that built it, as in `random(std=0.01)`.
        choose: what it decides for one part of an inventory.
        keeps: True if it leaves every weight as it is, so that nothing needs to be understood.
    """

    text: str
    choose: Chooser = field(compare=False, repr=False)
    keeps: bool = False

    def __str__(self) -> str:
        return self.text


RECIPES: Catalogue[Recipe] = Catalogue("recipe", "glorot.recipes")


def recipe(*aliases: str, keeps: bool = False) -> Callable[[Callable[P, Chooser]], Callable[P, Recipe]]:
    """Register a function that returns a chooser as the factory of a recipe of the same name."""

    def decorate(build: Callable[P, Chooser]) -> Callable[P, Recipe]:
        @functools.wraps(build)
        def factory(*args: P.args, **kwargs: P.kwargs) -> Recipe:
            bound = inspect.signature(build).bind(*args, **kwargs)
            bound.apply_defaults()
            return Recipe(format_call(build.__name__, build, bound.arguments), build(*args, **kwargs), keeps)

        RECIPES.add(factory, *aliases)
        return factory

    return decorate


def as_recipe(given: str | Recipe | Scheme) -> Recipe:
    """Return the recipe that a text names; a scheme is a recipe that gives its law to every weight.

    Args:
        given: a recipe, the text of one such as `random(0.01)`, or a scheme or its text.

    Returns:
        The recipe.

    Raises:
        GlorotError: if nothing bears the name; the nearest names are told.
    """
    if isinstance(given, Recipe):
        return given
    if isinstance(given, Scheme):
        return Recipe(given.text, one_law(given, f"{given.text} for every weight"))
    if not isinstance(given, str):
        raise GlorotError(f"a recipe is text such as 'xavier', a recipe or a scheme, got {type(given).__name__}")
    name = parse_call(given)[0]
    if name in RECIPES:
        return RECIPES.make(given)
    if name in SCHEMES:
        return as_recipe(SCHEMES.make(given))
    known = [*RECIPES, *SCHEMES]
    raise GlorotError(
        f"unknown recipe {name!r}{nearest(name, known)}; recipes: {', '.join(RECIPES)}; "
        f"schemes serve as recipes too: {', '.join(SCHEMES)}"
    )


def own_recipe(inventory: Inventory) -> Recipe:
    """Return the recipe of a model for which none is named: the start that it declares itself, or else `auto`."""
    parts = inventory.parts
    declares = bool(parts) and all(part.declared is not None for part in parts)
    return RECIPES.make("caffe" if declares else "auto")


def of_family(family: str, distribution: str) -> Scheme:
    """Return the uniform or the normal scheme of a family such as "he"."""
    if distribution not in ("uniform", "normal"):
        raise GlorotError(f"{family}: distribution must be one of uniform, normal, got {distribution!r}")
    return SCHEMES.factory(f"{family}_{distribution}")()


def one_law(weights: Scheme, why: str, embeddings: Scheme | None = None) -> Chooser:
    """Give one scheme to every kernel and recurrent weight, and the usual start to all the rest."""

    def choose(part: Part, inventory: Inventory) -> Choice:
        if part.role in ("kernel", "recurrent"):
            return Choice(weights, why)
        if part.role == "embedding" and embeddings is not None:
            return Choice(embeddings, why)
        return usual(part)

    return choose


USUAL = {
    "bias": ("zeros", "biases start at 0"),
    "forget_bias": ("zeros", "biases start at 0"),
    "scale": ("ones", "a scale of 1 changes nothing"),
    "shift": ("zeros", "a shift of 0 changes nothing"),
    "slope": ("constant(0.25)", "PReLU's own start"),
    "interpolation": ("bilinear", "interpolates, as its layer is there to do"),
    "running_mean": ("zeros", "as of a signal of mean 0"),
    "running_variance": ("ones", "as of a signal of variance 1"),
    "padding": ("zeros", "the padding row stays 0"),
    "position": ("normal(std=0.02)", "positions start small beside the signal (provisional)"),
    "token": ("normal(std=0.02)", "tokens start small beside the signal (provisional)"),
    "layer_scale": ("constant(0.1)", "a branch starts small (provisional)"),
    "temperature": ("ones", "a temperature of 1 (provisional)"),
    "relative_bias": ("zeros", "no place is preferred at the start (provisional)"),
    "sink": ("normal(std=0.02)", "drawn as GPT-OSS draws its sinks (provisional)"),
    "state_rate": ("uniform(low=0, high=2.7726)", "rates from 1 to 16, as Mamba's (provisional)"),
    "state_step": ("uniform(low=-6.907, high=-2.252)", "steps from 0.001 to 0.1, as Mamba's (provisional)"),
}
"""The scheme of every role that is started alike by all recipes, and why."""

SMALL = ((18, 0.1), (24, 1e-5))
"""Where layer scales start in CaiT, up to how many blocks of two branches; deeper ones at 1e-6."""

OWN = ("layer_scale", "temperature", "relative_bias", "sink", "state_rate", "state_step")
"""The roles whose start a model knows best: where it holds values, they stay."""


def usual(part: Part) -> Choice:
    """Return what every recipe gives to biases, norms, slopes and embeddings unless it says otherwise."""
    if part.role in OWN and part.filled:
        return Choice(None, f"left alone: a {part.role.replace('_', ' ')} keeps the start of its model (provisional)")
    if part.role == "layer_scale" and part.branch is not None:
        return _small(part.branch)
    if part.role == "temperature" and part.neutral == 0:
        return Choice(as_scheme("constant(2.6593)"), "ln(1/0.07), as CLIP's (provisional)")
    if part.role in ("scale", "temperature") and part.neutral != 1:
        return Choice(
            as_scheme(f"constant({part.neutral:g})"), f"a {part.role} of {part.neutral:g} changes nothing here"
        )
    if part.role in USUAL:
        scheme, why = USUAL[part.role]
        return Choice(as_scheme(scheme), why)
    if part.role == "embedding":
        return Choice(SCHEMES.factory("normal")(1 / math.sqrt(part.shape[-1])), "rows of length 1")
    raise GlorotError(f"{part.name}: no start is agreed on for role {part.role!r}; give a rule for it, or 'skip'")


def _small(branch: Branch) -> Choice:
    """Return where a layer scale starts, the smaller the deeper its stream is."""
    blocks = branch.count // 2
    start = next((start for most, start in SMALL if blocks <= most), 1e-6)
    return Choice(as_scheme(f"constant({start})"), "a branch starts small, as in CaiT at this depth (provisional)")
