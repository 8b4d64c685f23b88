"""`glorot check --fix`: a plan that mends what drawing again can mend, and a list of the rest."""

import shlex
import warnings
from pathlib import Path
from typing import Any

import click

import glorot
from glorot.api.checking import is_weights_file
from glorot.checks import Finding, Report
from glorot.checks.fixing import Fix, fix_of
from glorot.checks.registry import check_named
from glorot.errors import GlorotError
from glorot.plans import Plan
from glorot.text import printable


def check_fix(path: Path | None, arguments: dict[str, Any]) -> None:
    """Check that a fix can be made, before the model is checked.

    Raises:
        GlorotError: if the path does not end in .json, or is in no folder, or weights without a model are to be mended
            without a plan.
    """
    if path is not None and path.suffix != ".json":
        raise GlorotError(f"--fix {path}: expected a file name that ends in .json, for a plan")
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        what = "it is a folder" if path.is_dir() else f"the folder {path.parent} is not there"
        raise GlorotError(f"--fix {path} cannot be written: {what}")
    if path is not None and is_weights_file(arguments["model"]) and arguments.get("plan") is None:
        raise GlorotError(f"--fix makes a plan for a model, and {arguments['model']} has only weights; give --plan")


def save_fix(path: Path, report: Report, arguments: dict[str, Any], target: str) -> None:
    """Save a plan that draws again what findings blame; nothing is applied.

    Args:
        path: the file to write; it is not written if drawing mends nothing.
        report: what was found.
        arguments: those of `glorot.check`.
        target: the target, for the message that says what to run next.
    """
    fix = _fix_of(report.findings, arguments)
    for one in fix.left:
        click.echo(printable(f"by hand: {one.code} {one.path}: {one.remedy}"), err=True)
    if fix.plan is None:
        what = "drawing again mends none of this" if report.findings else "there is nothing to mend"
        click.echo(printable(f"{what}, so {path} is not written"), err=True)
        return
    count = sum(entry.distribution is not None for entry in fix.plan)
    saved = fix.plan.save(path)
    told = f"saved {saved}, which draws {count} of {len(fix.plan.entries)} parts again"
    is_alone = is_weights_file(arguments["model"])
    place = "TARGET, the model that loads them," if is_alone else shlex.quote(target)
    click.echo(printable(f"{told}: glorot apply {saved} {place} --seed 0 -o weights.npz"), err=True)


def _fix_of(findings: tuple[Finding, ...], arguments: dict[str, Any]) -> Fix:
    if not any(check_named(one.code).mended_by_drawing for one in findings):
        return Fix(None, findings)
    plan: Plan | None = arguments.get("plan")
    if plan is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it overwrites what is unusual, which is what is wrong here
            plan = glorot.plan(arguments["model"], "auto", arguments.get("inputs"))
    return fix_of(findings, plan)
