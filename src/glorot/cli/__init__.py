"""The command line: each command a thin call of the public API, imported when it is used."""

import importlib
import os
import sys
import warnings
from typing import Any

import click

import glorot

COMMANDS = {
    "draw": "Draw one array straight from a scheme.",
    "plan": "Decide the distribution of every parameter of a model.",
    "apply": "Write the weights of a plan to a file.",
    "compare": "Train several recipes side by side and judge them.",
    "explain": "Explain a scheme, a recipe or an activation.",
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

            ctx.fail(f"no such command {args[0]!r}{nearest(args[0], COMMANDS)}; commands: {', '.join(COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(glorot.__version__, prog_name="glorot")
def group() -> None:
    """Start neural networks right: plan, apply and compare weight initialisation.

    A TARGET is package.module:factory, path/to/file.py:factory or path/to/net.prototxt. Exit codes: 0 clean,
    1 differences or findings, 2 the command could not run, 130 interrupted.
    """


def main() -> None:
    """Run the command line; whatever goes wrong ends as one message and exit code 2, Ctrl-C with 130."""
    warnings.showwarning = _show_warning
    try:
        code = group.main(prog_name="glorot", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except Exception as error:
        if "GLOROT_TRACEBACK" in os.environ:
            raise
        click.echo(f"error: {_message(error)}", err=True)
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"warning: {message}", err=True)


def _message(error: Exception) -> str:
    from glorot.errors import GlorotError

    if isinstance(error, GlorotError):
        return str(error)
    if isinstance(error, MemoryError):
        what = str(error) or "what was asked for does not fit"
        return f"not enough memory: {what}; ask for smaller sizes or a smaller model, or use a larger machine"
    return f"{type(error).__name__}: {error} (not foreseen; GLOROT_TRACEBACK=1 shows where, please report it)"
