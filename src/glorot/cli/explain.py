"""`glorot explain`: the page of a topic, a scheme, a recipe, an activation or a check."""

from pathlib import Path

import click

from glorot.cli.completion import names_of
from glorot.errors import GlorotError
from glorot.files import write_whole
from glorot.text import json_lines, printable

FORMATS = {".txt": "text", ".html": "html", ".json": "json"}


@click.command("explain")
@click.argument("name", nargs=-1, shell_complete=names_of("topic", "recipe", "scheme", "activation"))
@click.option("--full", is_flag=True, help="The whole page instead of one screen.")
@click.option("--format", "form", type=click.Choice(["text", "html", "json"]), help="[default: text]")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Save the page: as .html, .json or .txt.")
def command(name: tuple[str, ...], full: bool, form: str | None, output: Path | None) -> None:
    """Explain NAME: a topic (saturation), a recipe (xavier), a scheme (he_normal), an activation (gelu) or a check.

    Names of other libraries, words and pasted code are understood as well: nn.init.kaiming_normal_, vanishing
    gradients. Alone it lists all names; `topics`, `recipes`, `schemes`, `activations` and `checks` list theirs.
    """
    form = form or _form_of(output)
    text = _page(" ".join(name) if name else None, full or output is not None, form)
    if output is None:
        click.echo(text)
    else:
        click.echo(f"saved {printable(str(write_whole(output, text + chr(10))))}", err=True)


def _form_of(output: Path | None) -> str:
    """Return the form that a file's suffix asks for."""
    if output is None:
        return "text"
    if output.suffix not in FORMATS:
        raise GlorotError(f"{output}: a page is saved as {', '.join(FORMATS)}, by the suffix of the file")
    return FORMATS[output.suffix]


def _page(name: str | None, full: bool, form: str) -> str:
    from glorot.report.explanation import data_of, explanation

    return json_lines(data_of(name)).rstrip() if form == "json" else explanation(name, full=full, html=form == "html")
