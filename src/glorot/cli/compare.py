"""`glorot compare`: train several recipes side by side and judge them."""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glorot.cli.completion import names_of
from glorot.cli.nets import is_net, load_net, net_options, refuse_net_options
from glorot.cli.rules import parse_rules, rule_option
from glorot.cli.targets import load_target
from glorot.errors import GlorotError
from glorot.text import printable

if TYPE_CHECKING:
    from glorot.comparison import Comparison, Task

QUICK, NET, USUAL = {"seeds": 2, "epochs": 6}, {"seeds": 3, "epochs": 5}, {"seeds": 5, "epochs": 30}
TARGET_RECIPES = ("current", "standard", "xavier", "he", "auto")
NET_RECIPES = ("caffe", "xavier", "he", "auto")
SHOWING = ("target", "output", "form")


@click.command("compare")
@click.argument("target", required=False)
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    shell_complete=names_of("recipe", "scheme"),
    help="A recipe or scheme, repeatable; by default those of the textbooks.",
)
@rule_option
@click.option(
    "--activation",
    default="tanh",
    show_default=True,
    shell_complete=names_of("activation"),
    help="Of the hidden layers: tanh, sigmoid, relu, …",
)
@click.option("--depth", "depths", default="5", show_default=True, help="Hidden layers, or a list such as 1,2,3,5,20.")
@click.option("--width", type=int, default=128, show_default=True, help="Units of a hidden layer.")
@click.option("--seeds", type=int, help="How many seeds.  [default: 5; 3 for a Caffe net]")
@click.option("--epochs", type=int, help="How often the training set is seen.  [default: 30; 5 for a Caffe net]")
@click.option(
    "--optimizer", type=click.Choice(["sgd", "momentum", "adam"]), help="[default: sgd; momentum for a Caffe net]"
)
@click.option(
    "--lr", type=float, help="The optimiser's step.  [default: 0.02 for sgd, 0.2 under sigmoid; 0.01 for a Caffe net]"
)
@click.option("--margin", type=float, default=0.01, show_default=True,
              help="How far apart two starts may end and still be called alike: 0.01 is one point.")  # fmt: skip
@click.option("--quick", is_flag=True, help="2 seeds and 6 epochs: under 20 seconds.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("glorot-report.html"), show_default=True,
              help="Save the page, as .html, all figures, as .json, or the picture, as .png.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@net_options
def command(target: str | None, output: Path, form: str, recipes: tuple[str, ...], **options: Any) -> None:
    """Compare initialisations on handwritten digits, or on the task that TARGET's factory returns.

    The factory returns a glorot.comparison.Task, or (build, data) with data = (train inputs, train
    targets, test inputs, test targets). A Caffe net, path/to/net.prototxt, learns the digits, stretched to the size
    of its input. A comparison that was saved as .json is shown again, without training.
    """
    to = output if form == "text" or _given("output") else None
    _check_output(to, form)
    if target is not None and Path(target).suffix.lower() == ".json":
        _show(_load(target), to, form)
        return
    seeds, epochs = _effort(target, options)
    result = _run(target, recipes, seeds, epochs, options)
    result = replace(result, command=shlex.join(["glorot", *sys.argv[1:]]))
    _show(result, to, form)
    if result.interrupted:
        raise KeyboardInterrupt


def _load(saved: str) -> "Comparison":
    """Read a comparison that was saved, to which no option of the training belongs."""
    from glorot.comparison import Comparison

    for option in click.get_current_context().command.params:
        if option.name and option.name not in SHOWING and _given(option.name):
            raise GlorotError(f"{option.opts[0]} belongs to the training; {saved} is a comparison that was saved")
    return Comparison.load(saved)


def _run(target: str | None, recipes: Sequence[str], seeds: int, epochs: int, options: dict[str, Any]) -> "Comparison":
    from glorot.comparison.digits import default_recipes, digits_task
    from glorot.comparison.run import run_comparison
    from glorot.comparison.sweep import run_sweep
    from glorot.report.progress import LiveProgress

    rules = parse_rules(options["rules"])
    if target is not None:
        task = _task(target, options)
        chosen = list(recipes) or list(NET_RECIPES if is_net(target) else TARGET_RECIPES)
        with LiveProgress(chosen, seeds, epochs) as progress:
            return run_comparison(task, chosen, seeds, epochs, progress, rules, margin=options["margin"])
    refuse_net_options("the digits' own net", options)
    depths = _depths(options["depths"])
    activation: str = options["activation"]

    def task_of(depth: int) -> "Task":
        return digits_task(activation, depth, options["width"], options["optimizer"] or "sgd", options["lr"])

    chosen = list(recipes) or list(default_recipes(activation))
    with LiveProgress(chosen, seeds, epochs, sorted(depths)) as progress:
        return run_sweep(task_of, depths, chosen, seeds, epochs, progress, rules, margin=options["margin"])


def _effort(target: str | None, options: dict[str, Any]) -> tuple[int, int]:
    standard = QUICK if options["quick"] else NET if target is not None and is_net(target) else USUAL
    seeds, epochs = (standard[what] if options[what] is None else options[what] for what in ("seeds", "epochs"))
    return seeds, epochs


def _refuse_digits_options(names: Sequence[str], why: str) -> None:
    for name in names:
        if _given(name):
            flag = {"depths": "depth"}.get(name, name)
            raise GlorotError(f"--{flag} belongs to the digits; {why}")


def _given(name: str) -> bool:
    """Tell whether an option was given, not left at its default."""
    return click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _depths(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise GlorotError(f"--depth must be a number or a list such as 1,2,3,5,20, got {text!r}") from None


def _task(target: str, options: dict[str, Any]) -> "Task":
    from glorot.comparison.task import Task, as_task

    if is_net(target):
        from glorot.comparison.nets import net_task

        _refuse_digits_options(("activation", "depths", "width"), "a Caffe net has its own layers")
        trained = options | {"phase": options["phase"] or "TRAIN"}
        return net_task(load_net(target, trained), options["optimizer"] or "momentum", options["lr"])
    refuse_net_options(target, options)
    _refuse_digits_options(
        ("activation", "depths", "width", "optimizer", "lr"), "a target brings its own model and optimiser"
    )
    made = load_target(target)
    if isinstance(made, Task):
        return made
    if isinstance(made, tuple) and len(made) == 2:
        return as_task(made[0], made[1], name=target)
    raise GlorotError(f"{target} must return a glorot.comparison.Task or (build, data), got {type(made).__name__}")


def _check_output(output: Path | None, form: str) -> None:
    """Check before training starts that what is to be shown and saved can be made and written."""
    from glorot.comparison.comparison import form_of
    from glorot.report.charts import load_converter

    if output is not None and (not output.parent.is_dir() or not os.access(output.parent, os.W_OK) or output.is_dir()):
        raise GlorotError(f"cannot write {output}; give a path in a folder you may write to")
    saved = "" if output is None else form_of(output)
    if form == "html" or saved in (".html", ".png"):
        load_converter()


def _show(result: "Comparison", output: Path | None, form: str) -> None:
    """Print a comparison, unless the same is saved, and save it if asked for."""
    if output is None or output.suffix.lower() != f".{form}":
        click.echo(_as(form, result), nl=False)
    if output is not None:
        click.echo(printable(f"saved {result.save(output)}"), err=True)


def _as(form: str, result: "Comparison") -> str:
    from rich.console import Console

    from glorot.comparison.file import json_text
    from glorot.report.page import comparison_html
    from glorot.report.terminal import table_for_terminal

    if form == "json":
        return json_text(result)
    if form == "html":
        return comparison_html(result) + "\n"
    console = Console()
    with console.capture() as shown:  # rich itself would end the process where nobody reads
        console.print(table_for_terminal(result))
    return shown.get()
