"""`glorot lab`: the page on which a start can be touched."""

from pathlib import Path

import click

from glorot.errors import GlorotError
from glorot.text import printable


@click.command("lab")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default="lab.html", show_default=True, help="Where to write it."
)
@click.option("--open", "opens", is_flag=True, help="Show it in the browser.")
@click.option("--state", default="", metavar="#SETTINGS", help="What is set when it opens, as its address says it.")
def command(output: Path, opens: bool, state: str) -> None:
    """Write the lab: one page, offline, on which every knob of a start can be turned.

    Real nets on handwritten digits, with the very weights that glorot draws.
    """
    from glorot.report.lab import save_lab

    if state and not opens:
        raise GlorotError("--state says what is set when the page opens; give --open too")
    file = save_lab(output)
    click.echo(printable(f"saved {file}"), err=True)
    if opens:
        _show(file, state)


def _show(file: Path, state: str) -> None:
    import webbrowser

    address = file.resolve().as_uri() + (f"#{state.removeprefix('#')}" if state else "")
    if not webbrowser.open_new_tab(address):
        click.echo(printable(f"warning: no browser could be started; open {address} in one"), err=True)
