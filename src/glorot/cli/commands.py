"""The commands by name, and how one is run."""

import importlib
import os
import warnings
from collections.abc import Sequence
from typing import Any

import click

import glorot
from glorot.errors import GlorotError
from glorot.text import printable

COMMANDS = {
    "draw": "Draw one array straight from a scheme.",
    "plan": "Decide the distribution of every parameter of a model.",
    "apply": "Write the weights of a plan to a file.",
    "check": "Tell whether a model will start to train, and which tensor is to blame if not.",
    "diff": "Tell in which tensors two models, plans or files of weights differ.",
    "compare": "Train several recipes side by side and judge them.",
    "explain": "Explain a topic, a scheme, a recipe, an activation or a check.",
    "lab": "Write the page on which a start can be touched.",
}


class _Commands(click.Group):
    """Knows its commands by name, so that `--help` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"glorot.cli.{cmd_name}").command  # type: ignore[no-any-return]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        if args and args[0] not in COMMANDS:
            from glorot.catalogue import nearest

            raise GlorotError(
                f"glorot has no command {args[0]!r}{nearest(args[0], COMMANDS)}; commands: {', '.join(COMMANDS)}"
            )
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(glorot.__version__, prog_name="glorot")
def group() -> None:
    """Start neural networks right: plan, apply, check, diff and compare weight initialisation.

    A TARGET is package.module:name, path/to/file.py:name or path/to/net.prototxt. Exit codes: 0 clean,
    1 differences or findings, 2 the command could not run, 129 hung up, 130 interrupted, 143 terminated.
    """


def run(words: Sequence[str]) -> None:
    """Run one command, and raise whatever goes wrong; without any words it is the help that is shown.

    Not `group.main`, which would print an empty line where Ctrl-C comes.
    """
    warnings.showwarning = _show_warning
    if "_GLOROT_COMPLETE" in os.environ:  # a shell asks for completions
        group.main(list(words), prog_name="glorot")
    try:
        with group.make_context("glorot", list(words) or ["--help"]) as context:
            group.invoke(context)
    except click.UsageError as error:
        error.ctx = error.ctx or _context(words)  # click does not say where an option lacks its value
        raise
    click.echo(nl=False)  # flushes what a target has printed while an error can still be told


def _context(words: Sequence[str]) -> click.Context:
    whole = click.Context(group, info_name="glorot")
    name = next((word for word in words if not word.startswith("-")), "")
    command = group.get_command(whole, name)
    return whole if command is None else click.Context(command, whole, name)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    words = printable(str(message), keep="\n")
    click.echo(f"warning: {words}", err=True)
