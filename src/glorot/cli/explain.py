"""`glorot explain`: the page of a scheme, a recipe or an activation."""

import click

from glorot.cli.completion import names_of


@click.command("explain")
@click.argument("name", required=False, shell_complete=names_of("recipe", "scheme", "activation"))
@click.option("--full", is_flag=True, help="The whole page instead of one screen.")
@click.option("--format", "form", type=click.Choice(["text", "html"]), default="text", show_default=True)
def command(name: str | None, full: bool, form: str) -> None:
    """Explain NAME: a recipe (xavier, auto), a scheme (he_normal) or an activation (gelu); alone, list them all."""
    from glorot.report.explanation import explanation

    click.echo(explanation(name, full=full, html=form == "html"))
