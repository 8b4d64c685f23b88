"""`glorot plan`: decide the distribution of every parameter of a model."""

import json
from pathlib import Path
from typing import Any

import click

import glorot
from glorot.cli.nets import net_options
from glorot.cli.rules import parse_rule
from glorot.cli.targets import model_and_inputs
from glorot.errors import GlorotError
from glorot.plans import Plan


@click.command("plan")
@click.argument("target")
@click.option(
    "--recipe", help="A recipe, or a scheme for every weight.  [default: auto; for a Caffe net its fillers, caffe]"
)
@click.option(
    "--rule", "rules", multiple=True, metavar="PATTERN=SCHEME", help="A rule on top, repeatable; SCHEME may be skip."
)
@click.option("--only", metavar="PATTERN", help="Leave everything else alone.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Save the plan to this JSON file.")
@click.option(
    "--diff", "other", type=click.Path(path_type=Path), help="Compare with a saved plan; exit code 1 if they differ."
)
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@net_options
def command(
    target: str,
    recipe: str | None,
    rules: tuple[str, ...],
    only: str | None,
    output: Path | None,
    other: Path | None,
    form: str,
    **options: Any,
) -> None:
    """Plan the model that TARGET is or returns; a factory's (model, inputs) traces the order of execution too."""
    if output is not None and output.suffix != ".json":
        raise GlorotError(f"{output}: expected a file name that ends in .json, for a plan")
    saved = None if other is None else Plan.load(other)
    model, inputs = model_and_inputs(target, options)
    plan = glorot.plan(model, recipe, inputs, [parse_rule(text) for text in rules], only)
    if output is not None:
        click.echo(f"saved {plan.save(output)}", err=True)
    if saved is not None:
        difference = saved.diff(plan)
        click.echo(str(difference))
        raise SystemExit(1 if difference else 0)
    click.echo(_as(form, plan))


def _as(form: str, plan: Plan) -> str:
    if form == "json":
        return json.dumps(plan.to_json(), indent=1, ensure_ascii=False)
    if form == "html":
        from glorot.report.plan_page import plan_html

        return plan_html(plan)
    return str(plan)
