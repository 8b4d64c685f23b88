"""`glorot plan`: decide the distribution of every parameter of a model."""

from pathlib import Path
from typing import Any

import click

import glorot
from glorot.cli.completion import names_of
from glorot.cli.nets import net_options
from glorot.cli.rules import parse_rules, rule_option
from glorot.cli.targets import model_and_inputs
from glorot.errors import GlorotError
from glorot.files import write_whole
from glorot.plans import Plan
from glorot.plans.plan import json_text
from glorot.text import printable

FORMATS = {".json": "json", ".html": "html"}


@click.command("plan")
@click.argument("target")
@click.option(
    "--recipe",
    shell_complete=names_of("recipe", "scheme"),
    help="A recipe, or a scheme for every weight.  [default: auto; for a Caffe net its fillers, caffe]",
)
@rule_option
@click.option("--only", metavar="PATTERN", help="Leave everything else alone.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Save the plan, or the signal with --signal: as .json, or as a page, .html.",
)
@click.option(
    "--diff", "other", type=click.Path(path_type=Path), help="Compare with a saved plan; exit code 1 if they differ."
)
@click.option(
    "--graph", is_flag=True, help="The layers as a tree, with what feeds them and the branches that they end."
)
@click.option(
    "--signal", is_flag=True, help="What signal and gradient will do at each step, with how well that is known."
)
@click.option("--full", is_flag=True, help="A row for each part; equal layers are one row otherwise.")
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@net_options
def command(
    target: str,
    recipe: str | None,
    rules: tuple[str, ...],
    only: str | None,
    output: Path | None,
    other: Path | None,
    graph: bool,
    signal: bool,
    full: bool,
    form: str,
    **options: Any,
) -> None:
    """Plan the model that TARGET is or returns; (model, inputs) shows what it computes too.

    TARGET may return all that it may for glorot check.
    """
    if output is not None and output.suffix not in FORMATS:
        raise GlorotError(f"{output}: expected a file name that ends in .json for a plan, or in .html for its page")
    _check_forms(graph, signal, full, form)
    saved = None if other is None else Plan.load(other)
    model, inputs = model_and_inputs(target, options)
    plan = glorot.plan(model, recipe, inputs, parse_rules(rules), only)
    predicted = glorot.predict(plan) if signal else None
    if output is not None and predicted is not None:
        click.echo(f"saved {printable(str(predicted.save(output)))}", err=True)
    elif output is not None:
        text = _as(FORMATS[output.suffix], plan, full) + "\n"
        click.echo(f"saved {printable(str(write_whole(output, text)))}", err=True)
    if saved is not None:
        difference = saved.diff(plan)
        click.echo(str(difference))
        raise SystemExit(1 if difference else 0)
    if output is None or form != FORMATS[output.suffix]:
        shown = str(predicted) if predicted is not None else plan.tree() if graph else _as(form, plan, full)
        click.echo(printable(shown, keep="\n"))


def _check_forms(graph: bool, signal: bool, full: bool, form: str) -> None:
    """Refuse two forms of one answer."""
    shown = [name for name, is_asked in (("--graph", graph), ("--signal", signal)) if is_asked]
    others = [*shown[1:], *(["--full"] if full else []), *([f"--format {form}"] if form != "text" else [])]
    if shown and others:
        what = "a tree as text" if graph else "a table of the signal as text"
        raise GlorotError(f"{shown[0]} shows {what}, and {others[0]} another form; leave one of them out")


def _as(form: str, plan: Plan, full: bool) -> str:
    if form == "json":
        return json_text(plan)
    if form == "html":
        from glorot.report.plan_page import plan_html

        return plan_html(plan, full)
    return plan.table(full=full)
