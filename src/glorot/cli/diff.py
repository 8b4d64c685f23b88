"""`glorot diff`: how two models, plans or files of weights differ, in law."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import glorot
from glorot.cli.nets import is_net, net_options, refuse_net_options
from glorot.cli.targets import check_arguments
from glorot.errors import GlorotError
from glorot.files import read_json, write_whole
from glorot.text import json_lines, printable

SUFFIXES = {".json": "json", ".txt": "text"}


@click.command("diff")
@click.argument("a")
@click.argument("b")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Save the differences as .json or .txt.")
@click.option(
    "--names", "named", multiple=True, metavar="FILE|B_PATH=A_PATH",
    help="What a tensor of B is called in A, repeatable; FILE is a JSON object of such pairs, as glorot.match returns.",
)  # fmt: skip
@net_options
def command(a: str, b: str, form: str, output: Path | None, named: tuple[str, ...], **options: Any) -> None:
    """Compare A with B, tensor by tensor and in law: another seed is not a difference, another law or shape is.

    Each is a file of weights, a saved plan, a Caffe net (whose fillers are a plan), or a target that is or returns a
    model.
    """
    if output is not None and output.suffix not in SUFFIXES:
        raise GlorotError(f"{output}: expected a file name that ends in .json or .txt")
    if not (is_net(a) or is_net(b)):
        refuse_net_options(a, options)
    names = {path: name for text in named for path, name in _pairs_of(text).items()}
    found = replace(glorot.diff(_loaded(a, options), _loaded(b, options), names=names), a=a, b=b)
    if output is not None:
        text = _as(SUFFIXES[output.suffix], found)
        click.echo(f"saved {printable(str(write_whole(output, text + chr(10))))}", err=True)
    click.echo(printable(_as(form, found), keep="\n"))
    raise SystemExit(1 if found else 0)


def _pairs_of(text: str) -> dict[str, str]:
    """Return the names that one option --names gives, by the path in B."""
    if Path(text).is_file() or "=" not in text:
        remedy = 'write {"path in B": "path in A", …}, or --names B_PATH=A_PATH'
        data = read_json(text, "file of names", remedy)
        if not isinstance(data, dict) or not all(isinstance(name, str) for name in data.values()):
            raise GlorotError(f"{text} is not a file of names: {remedy}")
        return data
    path, _, name = (part.strip() for part in text.partition("="))
    if not path or not name:
        raise GlorotError(f"--names {text!r}: write B_PATH=A_PATH, as in 'layers.0.kernel=0.weight'")
    return {path: name}


def _loaded(target: str, options: dict[str, Any]) -> Any:
    """Return the path of a file, or the model that a target is or returns."""
    if not is_net(target) and Path(target).suffix != ".py" and Path(target).exists():
        return Path(target)
    if ":" not in target and not is_net(target):
        raise GlorotError(
            f"there is no plan and no file of weights {target}; a model is written package.module:name or "
            "path/to/file.py:name"
        )
    own = options if is_net(target) else dict.fromkeys(options)
    return check_arguments(target, own)["model"]


def _as(form: str, found: Any) -> str:
    return str(found) if form == "text" else json_lines(found.to_json()).rstrip()
