"""Links from pages to the page that a reader can touch, `glorot lab`, in the state that fits."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from glorot.catalogue import parse_call
from glorot.errors import GlorotError
from glorot.markup import html_text

if TYPE_CHECKING:
    from glorot.comparison.comparison import Comparison

State = Mapping[str, str | int | float]
"""What is set on the lab page: `activation`, `rule`, `depth`, `width`, `std`, `net`."""

DOCUMENTATION = "https://github.com/glorot/glorot/tree/main/docs"
"""Where the documentation stands, as `project.urls` says."""

DEPTH, WIDTH = 10, 128
RULES = {
    "xavier": "xavier_normal", "he": "he_normal", "lecun": "lecun_normal", "auto": "auto", "zeros": "zero",
    "constant": "equal", "random": "sigma", "standard": "standard", "xavier_uniform": "xavier_uniform",
    "xavier_normal": "xavier_normal", "he_normal": "he_normal", "lecun_normal": "lecun_normal",
    "orthogonal": "orthogonal", "normal": "sigma", "balanced": "auto",
}  # fmt: skip
"""What the lab calls the recipes and schemes that it knows."""

ACTIVATIONS = ("identity", "tanh", "sigmoid", "relu", "softsign", "gelu", "leaky_relu", "elu", "selu")
"""The activations that the lab knows."""

LARGEST_DEPTH, LARGEST_WIDTH = 50, 256


def lab_hash(state: State) -> str:
    """Write a state as the lab page reads it from its address: settings in the order of their names.

    Example:
        >>> lab_hash({"rule": "xavier_normal", "activation": "tanh", "width": 128, "depth": 10})
        '#activation=tanh&depth=10&rule=xavier_normal&width=128'
    """
    return "#" + urlencode(sorted(state.items()), quote_via=quote) if state else ""


def lab_link(state: State) -> str:
    """Return the address of the lab page in a state.

    address = documentation/lab.html#name=value&…

    Args:
        state: the settings, such as {"rule": "xavier_normal", "activation": "tanh"}.

    Example:
        >>> lab_link({"rule": "zero"}).removeprefix(DOCUMENTATION)
        '/lab.html#rule=zero'
    """
    return f"{DOCUMENTATION}/lab.html{lab_hash(state)}"


def lab_html(state: State) -> str:
    """Return the sentence of a page that leads to the lab; empty where nothing is to be set.

    Example:
        >>> "glorot lab --open --state" in lab_html({"rule": "zero"}), lab_html({})
        (True, '')
    """
    if not state:
        return ""
    command = f"glorot lab --open --state '{lab_hash(state)}'"
    return (
        f'<p class="lab"><a href="{html_text(lab_link(state))}">Try it yourself</a>, layer by layer, '
        f"or offline: <code>{html_text(command)}</code>.</p>"
    )


def state_of_entry(kind: str, name: str) -> dict[str, str | int | float]:
    """Return the state that shows a recipe, a scheme or an activation; empty where the lab has nothing like it.

    Example:
        >>> state_of_entry("recipe", "he")
        {'activation': 'relu', 'depth': 10, 'rule': 'he_normal', 'width': 128}
    """
    if kind == "activation":
        return {"activation": name, "depth": DEPTH, "rule": "auto", "width": WIDTH} if name in ACTIVATIONS else {}
    if name not in RULES:
        return {}
    phi = "relu" if name.startswith("he") else "tanh"
    return {"activation": phi, "depth": DEPTH, "rule": RULES[name], "width": WIDTH}


def state_of_comparison(comparison: "Comparison") -> dict[str, str | int | float]:
    """Return the state that shows a comparison's net and its first start that the lab knows; empty where it has none.

    Args:
        comparison: what was trained; of the demonstration, whose task says how deep and wide its net is.
    """
    found = re.search(r"(\d+) hidden layers of (\d+)", comparison.task)
    starts = [start for result in comparison.results if (start := _start(result.recipe))]
    if not found or not starts or comparison.activation not in ACTIVATIONS:
        return {}
    depth, width = min(int(found[1]), LARGEST_DEPTH), min(int(found[2]), LARGEST_WIDTH)
    informed = [start for start in starts if start["rule"] not in ("zero", "equal", "sigma")]
    return {"activation": comparison.activation, "depth": depth, "width": width, **(informed or starts)[0]}


def _start(recipe: str) -> dict[str, str | int | float]:
    """Return rule and std of a recipe; empty where the lab does not know it."""
    try:
        name, positional, keywords = parse_call(recipe)
    except GlorotError:
        return {}
    numbers = [value for value in (*positional, *keywords.values()) if isinstance(value, int | float)]
    std = {"std": numbers[0]} if RULES.get(name) == "sigma" and numbers else {}
    return {"rule": RULES[name], **std} if name in RULES else {}
