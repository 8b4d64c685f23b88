"""The shell of every HTML page: one file, no script, nothing fetched from elsewhere."""

from importlib.resources import files

from glorot.markup import html_text


def document(title: str, body: str) -> str:
    """Return a whole page.

    Args:
        title: plain text; it is escaped here.
        body: HTML, whose texts are escaped already.

    Returns:
        The page, which holds its own style.

    Example:
        >>> "<title>a &lt; b</title>" in document("a < b", "<p>body</p>")
        True
    """
    style = files("glorot.report").joinpath("style.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html_text(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def prose(value: object) -> str:
    """Write a sentence as HTML text in which no line ends between a number and its percent sign."""
    return html_text(value).replace(" %", "\u00a0%")


def section(head: str, *parts: str) -> str:
    """Return a section under a head; empty if it has no parts."""
    inner = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{html_text(head)}</h2>\n{inner}\n</section>" if inner else ""


def figure(finding: str, drawing: str, caption: str = "", wide: bool = False) -> str:
    """Return a drawing under the finding that it shows, with a caption below.

    Args:
        finding: the title, plain text.
        drawing: SVG or HTML.
        caption: plain text.
        wide: whether the drawing may scroll sideways rather than shrink below what is readable.
    """
    below = f"<figcaption>{prose(caption)}</figcaption>" if caption else ""
    kind = ' class="wide"' if wide else ""
    return f'<figure{kind}>\n<h3>{prose(finding)}</h3>\n<div class="drawing">{drawing}</div>\n{below}\n</figure>'
