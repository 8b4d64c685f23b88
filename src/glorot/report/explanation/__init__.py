"""Explanation: the page of a scheme, a recipe or an activation, made from its docstring."""

from glorot.errors import GlorotError
from glorot.report.explanation.checks import check_json, check_list, check_page, checks_json, is_check
from glorot.report.explanation.html import html_page
from glorot.report.explanation.listing import listing
from glorot.report.explanation.page import page_of
from glorot.report.explanation.text import full_page, short_page


def data_of(name: str | None) -> object:
    """Return the page of a check, or of all checks, as plain data for JSON.

    Raises:
        GlorotError: if the name is that of anything else.
    """
    if name == "checks":
        return checks_json()
    if name is not None and is_check(name):
        return check_json(name)
    asked = "no name" if name is None else repr(name)
    raise GlorotError(f"checks alone are explained as JSON, got {asked}; a code such as GL301, or `checks` for all")


def explanation(name: str | None = None, *, full: bool = False, html: bool = False) -> str:
    """Explain a scheme, a recipe, an activation or a check; without a name, list them all.

    page = docstring + what is computed for a layer 300 → 100, or for z ~ N(0, 1)

    Args:
        name: a name, an alias or a call such as "normal(std=0.02)", in any spelling; "scheme:zeros" where several
            kinds share the name, of which the recipe comes first, then the scheme; or the code or name of a check, as
            "GL101"; "checks" lists them. None lists all other names.
        full: the whole docstring; False (default) is what fits on one screen of 24 lines.
        html: a page for the browser, always whole, in one file that needs no network.

    Returns:
        The page.

    Raises:
        GlorotError: if nothing has that name, and what the nearest names are; or if HTML is asked for without a name.

    Example:
        >>> print(explanation("zeros").splitlines()[0])
        zeros · recipe · see also scheme:zeros

    References:
        Glorot & Bengio (2010), section 4.2.1, for the page that started it: `explanation("xavier")`.
    """
    if name is None:
        if html:
            raise GlorotError("HTML is a page of one name: add it, as in `glorot explain xavier --format html`")
        return listing()
    if name == "checks":
        return check_list()
    if isinstance(name, str) and is_check(name):
        return check_page(name, html=html)
    page = page_of(name)
    if html:
        return html_page(page)
    return full_page(page) if full else short_page(page)
