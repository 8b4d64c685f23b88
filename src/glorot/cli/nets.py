"""Options of a target that is a Caffe net: what its file leaves open."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from glorot.errors import GlorotError

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = (
    click.option("--input-shape", "input_shapes", multiple=True, metavar="BLOB=N,C,H,W",
                 help="Of a .prototxt: the shape of an input that the file does not tell, repeatable."),
    click.option("--shape", "shapes", multiple=True, metavar="LAYER=N,C,H,W",
                 help="Of a .prototxt: the shape of what a layer of an unknown type makes, repeatable."),
    click.option("--phase", type=click.Choice(["TRAIN", "TEST"], case_sensitive=False),
                 help="Of a .prototxt: which layers it has.  [default: what the file says; else TEST, to train TRAIN]"),
    click.option("--stage", "stages", multiple=True, help="Of a .prototxt: a stage that rules ask for, repeatable."),
    click.option("--level", type=int, help="Of a .prototxt: the level that rules ask for."),
)  # fmt: skip


def net_options(command: F) -> F:
    """Give a command the options of a Caffe net."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def is_net(target: str) -> bool:
    """Tell whether a target is a Caffe net."""
    return target.endswith(".prototxt")


def load_net(target: str, options: dict[str, Any]) -> Any:
    """Read the net that a target is.

    Args:
        target: the path of a `.prototxt` file.
        options: the values of `net_options`.
    """
    from glorot.caffe import read_net

    return read_net(
        target,
        phase=options["phase"],
        level=options["level"],
        stages=options["stages"],
        input_shapes=_parse_shapes("--input-shape", "BLOB", "data=64,1,28,28", options["input_shapes"]),
        shapes=_parse_shapes("--shape", "LAYER", "up1=64,32,28,28", options["shapes"]),
    )


def refuse_net_options(target: str, options: dict[str, Any]) -> None:
    """Raise if an option of Caffe nets was given for another target."""
    for name in ("input_shapes", "shapes", "phase", "stages", "level"):
        if options[name] not in (None, ()):
            flag = {"input_shapes": "input-shape", "shapes": "shape", "stages": "stage"}.get(name, name)
            raise GlorotError(f"--{flag} belongs to a Caffe .prototxt; {target} is none")


def _parse_shapes(flag: str, what: str, example: str, texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, _, sizes = text.rpartition("=")
        try:
            shape = tuple(int(size) for size in sizes.split(","))
        except ValueError:
            shape = ()
        if not (name and shape):
            raise GlorotError(f"{flag} {text!r}: write {what}=N,C,H,W, as in {example}")
        if name in found:
            raise GlorotError(f"{flag} gives the shape of {name!r} twice; give it once")
        found[name] = shape
    return found
