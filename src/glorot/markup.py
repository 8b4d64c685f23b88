"""HTML text and tables."""

from collections.abc import Sequence
from html import escape


def html_text(value: object) -> str:
    """Write any value as HTML text, which is also safe inside an attribute.

    Example:
        >>> html_text('<b class="x">')
        '&lt;b class=&quot;x&quot;&gt;'
    """
    return escape(str(value), quote=True)


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """Return a table of plain texts; each cell repeats its head, for screens too narrow for columns.

    Example:
        >>> html_table(["a"], [["1 < 2"]]).splitlines()[3]
        '<tr><td data-head="a">1 &lt; 2</td></tr>'
    """
    top = "".join(f'<th scope="col">{html_text(name)}</th>' for name in head)
    lines = []
    for row in rows:
        cells = (
            f'<td data-head="{html_text(name)}">{html_text(cell)}</td>' for name, cell in zip(head, row, strict=True)
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<table class="{html_text(kind)}">\n<thead><tr>{top}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody>\n</table>"
    )
