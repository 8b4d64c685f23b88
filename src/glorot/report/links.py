"""Links from pages to the page that a reader can touch, `glorot lab`, in the state that fits."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from glorot.markup import html_text

DOCUMENTATION = "https://github.com/glorot/glorot/tree/main/docs"
"""Where the documentation stands, as `project.urls` says."""


def lab_hash(state: Mapping[str, str | int]) -> str:
    """Write a state as the lab page reads it from its address: settings in the order of their names.

    Example:
        >>> lab_hash({"rule": "xavier_normal", "activation": "tanh", "width": 128, "depth": 10})
        '#activation=tanh&depth=10&rule=xavier_normal&width=128'
    """
    return "#" + urlencode(sorted(state.items()), quote_via=quote) if state else ""


def lab_link(state: Mapping[str, str | int]) -> str:
    """Return the address of the lab page in a state.

    address = documentation/lab.html#name=value&…

    Args:
        state: the settings, such as {"rule": "xavier_normal", "activation": "tanh"}.

    Example:
        >>> lab_link({"rule": "zero"}).removeprefix(DOCUMENTATION)
        '/lab.html#rule=zero'
    """
    return f"{DOCUMENTATION}/lab.html{lab_hash(state)}"


def lab_html(state: Mapping[str, str | int]) -> str:
    """Return the sentence of a page that leads to the lab.

    Example:
        >>> "glorot lab --open" in lab_html({"rule": "zero"})
        True
    """
    return (
        f'<p class="lab"><a href="{html_text(lab_link(state))}">Try it yourself</a>, layer by layer, '
        "or offline: <code>glorot lab --open</code>.</p>"
    )
