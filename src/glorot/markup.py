"""HTML text and tables."""

from collections.abc import Sequence
from html import escape

from glorot.text import printable


def html_text(value: object) -> str:
    r"""Write any value as HTML text, which is also safe inside an attribute, with escapes for what nobody sees.

    Example:
        >>> html_text('<b class="x">'), html_text("fc\u202eweight")
        ('&lt;b class=&quot;x&quot;&gt;', 'fc\\u202eweight')
    """
    return escape(printable(str(value), keep="\n\t"), quote=True)


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
