"""The shell of every HTML page: one file with one style sheet; nothing is fetched, and no other script can run."""

import base64
import hashlib
from importlib.resources import files

from glorot.markup import html_text
from glorot.report.colors import variables


def document(title: str, body: str, script: str = "") -> str:
    """Return a whole page.

    Args:
        title: plain text; it is escaped here.
        body: HTML, whose texts are escaped already.
        script: the one script that may run.

    Returns:
        The page, which holds its own style.

    Example:
        >>> "<title>a &lt; b</title>" in document("a < b", "<p>body</p>")
        True
    """
    style = stylesheet()
    policy = f"default-src 'none'; img-src data:; style-src {_source(style)}; base-uri 'none'; form-action 'none'"
    if script:
        policy += f"; script-src {_source(script)}"
        script = f"<script>{script}</script>\n"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{html_text(title)}</title>\n<style>{style}</style>\n</head>\n"
        f'<body class="glorot">\n<main>\n{body}\n</main>\n{script}</body>\n</html>\n'
    )


def fragment(body: str) -> str:
    """Return what shows inside another page, a notebook for one: the sheet styles nothing outside of it."""
    return f'<div class="glorot">\n<style>{stylesheet()}</style>\n{body}\n</div>'


def stylesheet() -> str:
    """Return the sheet of all pages, which styles only what stands inside an element of the class glorot."""
    return "\n" + variables() + installed_text("style.css")


def readout_script() -> str:
    """Return the script that shows the values of a drawing."""
    return "\n" + installed_text("readout.js")


def installed_text(name: str) -> str:
    """Return the text of a file that is installed beside this module."""
    return files("glorot.report").joinpath(name).read_text(encoding="utf-8")


def _source(content: str) -> str:
    """Return what a content security policy allows this one text by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def prose(value: object) -> str:
    """Write a sentence as HTML text in which no line ends between a number and its percent sign."""
    return html_text(value).replace(" %", "\u00a0%")


def section(head: str, *parts: str, folded: bool = False) -> str:
    """Return a section under a head; empty if it has no parts.

    Args:
        head: the head, plain text.
        parts: HTML; empty parts are left out.
        folded: whether it is closed until a reader opens it.
    """
    inner = "\n".join(part for part in parts if part)
    title = f"<h2>{html_text(head)}</h2>"
    if not inner:
        return ""
    if folded:
        return f'<details class="part">\n<summary>{title}</summary>\n{inner}\n</details>'
    return f"<section>\n{title}\n{inner}\n</section>"


def figure(finding: str, drawing: str, caption: str = "", heading: str = "h3") -> str:
    """Return a drawing under the finding that it shows, with a caption below.

    Args:
        finding: the title, plain text.
        drawing: SVG or HTML.
        caption: plain text.
        heading: the level of the title.
    """
    below = f"<figcaption>{prose(caption)}</figcaption>" if caption else ""
    title = f'<{heading} class="title">{prose(finding)}</{heading}>'
    return f'<figure>\n{title}\n<div class="drawing">{drawing}</div>\n{below}\n</figure>'
