"""`glorot explain`: the page of a scheme, a recipe, an activation or a check."""

import click

from glorot.cli.completion import names_of
from glorot.text import json_lines


@click.command("explain")
@click.argument("name", required=False, shell_complete=names_of("recipe", "scheme", "activation"))
@click.option("--full", is_flag=True, help="The whole page instead of one screen.")
@click.option("--format", "form", type=click.Choice(["text", "html", "json"]), default="text", show_default=True)
def command(name: str | None, full: bool, form: str) -> None:
    """Explain NAME: a recipe (xavier), a scheme (he_normal), an activation (gelu) or a check (GL301); alone, list them.

    `checks` lists the checks. They can be shown as JSON too.
    """
    from glorot.report.explanation import data_of, explanation

    if form == "json":
        click.echo(json_lines(data_of(name)).rstrip())
        return
    click.echo(explanation(name, full=full, html=form == "html"))
