"""What goes wrong on the command line, in one voice: what was given, what was expected, and what to do."""

import os
import re

import click

from glorot.catalogue import nearest
from glorot.errors import GlorotError
from glorot.text import printable

BROKEN_PIPE = 141
"""What a shell reports of a program whose reader has gone: 128 and the number of SIGPIPE."""


def report(error: BaseException) -> int:
    """Say what went wrong, unless it is no error or nobody reads, and return the exit code."""
    try:
        code = _tell(error)
        click.echo(nl=False)  # flushes what a target has printed
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):  # or the interpreter would fail at its end on what is still buffered
            os.dup2(nowhere, descriptor)
        return BROKEN_PIPE
    return code


def _tell(error: BaseException) -> int:
    match error:
        case SystemExit():
            return error.code if isinstance(error.code, int) else 0
        case click.exceptions.Exit():
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            click.echo("interrupted", err=True)
            return 130
        case BrokenPipeError():
            raise error
    if "GLOROT_TRACEBACK" in os.environ and not isinstance(error, click.ClickException):
        raise error
    words = printable(message(error), keep="\n")
    click.echo(f"error: {words}", err=True)
    return 2


def message(error: BaseException) -> str:
    """Return the words for an error."""
    match error:
        case GlorotError():
            return str(error)
        case click.ClickException():
            context = getattr(error, "ctx", None)
            path = "glorot" if context is None else context.command_path
            return f"{_problem(error, context)}; see {path} --help"
        case MemoryError():
            what = str(error) or "what was asked for does not fit"
            return f"not enough memory: {what}; ask for smaller sizes or a smaller model, or use a larger machine"
    return f"{type(error).__name__}: {error} (not foreseen; GLOROT_TRACEBACK=1 shows where, please report it)"


def _problem(error: click.ClickException, context: click.Context | None) -> str:
    """Say what was given and what was expected."""
    if context is not None:
        match error:
            case click.MissingParameter() if error.param is not None:
                return f"{_name(error.param)} is missing: write {_usage(context)}"
            case click.BadParameter() if error.param is not None:
                return _bad_value(error.param, error.message)
            case click.NoSuchOption():
                known = [name for parameter in context.command.get_params(context) for name in parameter.opts]
                long = [name for name in known if name.startswith("--")] if error.option_name.startswith("--") else []
                near = nearest(error.option_name, long, limit=1)
                return f"{context.command_path} has no option {error.option_name!r}{near}"
            case click.BadOptionUsage():
                return _bad_use(error, context)
        extra = re.fullmatch(r"Got unexpected extra arguments? \((.*)\)", error.message)
        if extra:
            return f"unexpected {extra[1]!r}: write {_usage(context)}"
    words = error.format_message().rstrip(".")
    return words[:1].lower() + words[1:]


def _bad_value(parameter: click.Parameter, told: str) -> str:
    """Turn "'x' is not a valid integer." into what the parameter must be; leave other words as they are."""
    expected = _expected(parameter)
    given, refused, _ = told.partition(" is not ")
    if expected is None or not refused:
        return f"{_name(parameter)}: {told.rstrip('.')}"
    choices = parameter.type.choices if isinstance(parameter.type, click.Choice) else ()
    near = nearest(given.strip("'"), map(str, choices))
    return f"{_name(parameter)} must be {expected}, got {given}{near}"


def _expected(parameter: click.Parameter) -> str | None:
    if isinstance(parameter.type, click.Choice):
        *others, last = map(str, parameter.type.choices)
        return f"{', '.join(others)} or {last}"
    if isinstance(parameter.type, click.IntRange) and parameter.type.max is None:
        return f"an integer of {parameter.type.min} or more"
    single = parameter.nargs == 1
    return {"integer": "an integer" if single else "integers", "float": "a number"}.get(parameter.type.name)


def _bad_use(error: click.BadOptionUsage, context: click.Context) -> str:
    option = next(p for p in context.command.get_params(context) if error.option_name in p.opts)
    if isinstance(option, click.Option) and option.is_flag:
        return f"{error.option_name} takes no value"
    return f"{error.option_name} needs a value: write {_form(option)}"


def _name(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return parameter.human_readable_name
    return max(parameter.opts, key=len)


def _usage(context: click.Context) -> str:
    """Return what must be written: the command, its arguments, and the options that it cannot do without."""
    needed = [p for p in context.command.params if isinstance(p, click.Argument) or p.required]
    needed.sort(key=lambda parameter: not isinstance(parameter, click.Argument))
    return " ".join([context.command_path, *map(_form, needed)])


def _form(parameter: click.Parameter) -> str:
    name = _name(parameter)
    if isinstance(parameter, click.Argument):
        word = f"{name}..." if parameter.nargs == -1 else name
        return word if parameter.required else f"[{word}]"
    if isinstance(parameter.type, click.Choice):
        return f"{name} {'|'.join(map(str, parameter.type.choices))}"
    return f"{name} {parameter.metavar or parameter.type.name.upper()}"
