"""`glorot check`: will this start to train, and if not, which tensor is to blame?"""

import json
from pathlib import Path
from typing import Any

import click

import glorot
from glorot.adapters import modules_of
from glorot.api.checking import is_weights_file
from glorot.checks import Report
from glorot.checks.file import read_findings
from glorot.cli.fixing import check_fix, save_fix
from glorot.cli.nets import net_options
from glorot.cli.places import place_of, places_in
from glorot.cli.settings import read_settings
from glorot.cli.targets import check_arguments
from glorot.errors import GlorotError
from glorot.files import write_whole
from glorot.plans import Plan
from glorot.text import json_lines, printable

FORMATS = ("text", "json", "html", "sarif", "github")
SUFFIXES = {".json": "json", ".html": "html", ".sarif": "sarif", ".txt": "text"}


@click.command("check")
@click.argument("target")
@click.option("--plan", "planned", type=click.Path(path_type=Path), help="The plan that the weights should follow.")
@click.option("--seed", type=int, help="The seed of that plan: compares bits.  [default: compare laws]")
@click.option("--steps", type=click.IntRange(min=0), help="Train a copy for this many steps: does the loss fall?")
@click.option("--select", metavar="CODES", help="Only these checks: codes, families (GL3) or names, by commas.")
@click.option("--ignore", metavar="CODES", help="Leave out these checks.")
@click.option("--waive", "waivers", multiple=True, metavar="'CODE [PATTERN]=REASON'", help="Accept these findings.")
@click.option("--baseline", type=click.Path(path_type=Path), help="Report only what this saved report lacks.")
@click.option("--strict/--no-strict", default=None, help="Exit with 1 for warnings too.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Save the report as .json, .html, .sarif or .txt."
)
@click.option(
    "--fix",
    type=click.Path(path_type=Path),
    help="Save, as .json, a plan that draws again what is to blame; apply nothing.",
)
@click.option("--explain", is_flag=True, help="Show the page of each code found, after the text.")
@net_options
def command(
    target: str,
    planned: Path | None,
    seed: int | None,
    steps: int | None,
    select: str | None,
    ignore: str | None,
    waivers: tuple[str, ...],
    baseline: Path | None,
    strict: bool | None,
    form: str,
    output: Path | None,
    fix: Path | None,
    explain: bool,
    **options: Any,
) -> None:
    """Check the model that TARGET is or returns.

    TARGET returns a model, (model, inputs), (model, inputs, targets) or a dict of the arguments of glorot.check. The
    table [tool.glorot] of the nearest pyproject.toml sets options and thresholds.
    """
    if output is not None and output.suffix not in SUFFIXES:
        raise GlorotError(f"{output}: expected a file name that ends in .json, .html, .sarif or .txt")
    settings = read_settings()
    is_strict = settings.pop("strict", False)
    is_strict = is_strict if strict is None else strict
    given = {"select": select, "ignore": ignore, "seed": seed, "steps": steps, "waive": _parse_waivers(waivers)}
    chosen = {name: value for name, value in {**given, **_read(planned, baseline)}.items() if value is not None}
    arguments = {**settings, **check_arguments(target, options), **chosen}
    check_fix(fix, arguments)
    report = _checked(arguments)
    if output is not None:
        text = _as(SUFFIXES[output.suffix], report, target, arguments)
        click.echo(f"saved {printable(str(write_whole(output, text + chr(10))))}", err=True)
    click.echo(printable(_as(form, report, target, arguments), keep="\n"))
    for code in sorted({one.code for one in report.findings}) if explain and form == "text" else ():
        click.echo(f"\n{glorot.explain(code)}")
    if fix is not None:
        save_fix(fix, report, arguments, target)
    if not report.asked:
        raise SystemExit(2)
    is_clean = report.ok and not (is_strict and any(one.severity == "warning" for one in report.findings))
    raise SystemExit(0 if is_clean else 1)


def _checked(arguments: dict[str, Any]) -> Report:
    """Check a model, and say of one that needs a function to run it how a target gives that."""
    try:
        return glorot.check(**arguments)
    except GlorotError as error:
        if "pass forward=" not in str(error) or "forward" in arguments:
            raise
        told = "a target returns it as {'model': …, 'inputs': …, 'forward': …}"
        raise GlorotError(f"{error}; {told}") from error


def _read(planned: Path | None, baseline: Path | None) -> dict[str, object]:
    return {
        "plan": None if planned is None else Plan.load(planned),
        "baseline": None if baseline is None else Report(read_findings(baseline), looked_at=0),
    }


def _parse_waivers(waivers: tuple[str, ...]) -> dict[str, str] | None:
    found = {}
    for waiver in waivers:
        text, equals, reason = waiver.partition("=")
        if not equals or not reason.strip():
            raise GlorotError(f"--waive {waiver!r} has no reason; write it as 'GL301 head.*=the head is loaded later'")
        found[text.strip()] = reason.strip()
    return found or None


def _as(form: str, report: Report, target: str, arguments: dict[str, Any]) -> str:
    if form == "text":
        return str(report)
    if form == "json":
        return json_lines(report.to_json()).rstrip()
    if form == "html":
        from glorot.report.check_page import check_html

        return check_html(report)
    from glorot.report.sarif import annotations, sarif

    model = arguments["model"]
    modules = {} if is_weights_file(model) else modules_of(model, arguments.get("inputs"))
    place, places = place_of(target), places_in(report, modules)
    return (
        annotations(report, place, places) if form == "github" else json.dumps(sarif(report, place, places), indent=1)
    )
