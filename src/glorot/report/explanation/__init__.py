"""Explanation: the page of a topic, a scheme, a recipe, an activation or a check, made from its docstring."""

from glorot.errors import GlorotError
from glorot.report.explanation.asked import page_of
from glorot.report.explanation.checks import check_json, check_list, check_page, checks_json, code_of, is_check
from glorot.report.explanation.data import names_data, page_data
from glorot.report.explanation.html import html_page
from glorot.report.explanation.listing import GROUPS, listing
from glorot.report.explanation.page import CATALOGUES
from glorot.report.explanation.text import full_page, short_page
from glorot.topics.glossary import words_of_the_field

LISTS = {f"{kind}s": (kind,) for kind in GROUPS} | dict.fromkeys(("help", "?", "list", "names"), tuple(GROUPS))
"""Words that ask for the names of one kind, or of all."""


def data_of(name: str | None) -> object:
    """Return a page as plain data for JSON; `checks` are all checks, None all names by kind.

    Raises:
        GlorotError: if nothing has that name, and what the nearest names are.
    """
    listed = _list_of(name)
    if listed == "checks":
        return checks_json()
    if name is None or listed:
        return {kind: names for kind, names in names_data().items() if kind in LISTS.get(listed, GROUPS)}
    return check_json(name) if _means_check(name) else page_data(page_of(name))


def _list_of(name: object) -> str:
    """Return the word that asks for a list, in any case; empty for other names."""
    word = name.strip().lower() if isinstance(name, str) else ""
    return word if word in LISTS or word == "checks" else ""


def _means_check(name: object) -> bool:
    """Tell whether a name means a check: its code does always, its own name if no entry or word has the same."""
    if not isinstance(name, str):
        return False
    is_taken = any(name in catalogue for catalogue in CATALOGUES.values()) or name in words_of_the_field()
    return bool(code_of(name)) or (not is_taken and is_check(name))


def explanation(name: str | None = None, *, full: bool = False, html: bool = False) -> str:
    """Explain a topic, a scheme, a recipe, an activation or a check; without a name, list them all.

    page = docstring + what is computed for a layer 300 → 100, for z ~ N(0, 1), or for a small net

    Args:
        name: a name, an alias or a call such as "normal(std=0.02)", in any spelling, also that of other libraries;
            words, or code that names an initialiser; "scheme:zeros" where several kinds share the name, of which the
            topic comes first, then the recipe; the code or name of a check, as "GL101"; "topics", "recipes", "schemes",
            "activations" or "checks" for a list. None lists all other names.
        full: the whole docstring; False (default) is what fits on one screen of 24 lines.
        html: a page for the browser, always whole, in one file that needs no network.

    Returns:
        The page.

    Raises:
        GlorotError: if nothing has that name, and what the nearest names are; or if HTML is asked for without a name.

    Example:
        >>> print(explanation("zeros").splitlines()[0])
        zeros · recipe · see also scheme:zeros
        >>> print(explanation("Vanishing Gradients").splitlines()[0])
        vanishing gradients · topic · see also saturation, exploding_gradients, residual

    References:
        Glorot & Bengio (2010), section 4.2.1, for the page that started it: `explanation("xavier")`.
    """
    listed = _list_of(name)
    if name is None or listed:
        if html:
            raise GlorotError("HTML is a page of one name: add it, as in `glorot explain xavier --format html`")
        return check_list() if listed == "checks" else listing(LISTS.get(listed, tuple(GROUPS)))
    if _means_check(name):
        return check_page(name, html=html)
    page = page_of(name)
    if html:
        return html_page(page)
    return full_page(page) if full else short_page(page)
