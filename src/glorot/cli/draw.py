"""`glorot draw`: one array straight from a scheme."""

import io
import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import glorot
from glorot.cli.completion import names_of
from glorot.errors import GlorotError
from glorot.files import write_whole
from glorot.report.blocks import histogram
from glorot.text import number, shape_text


@click.command("draw")
@click.argument("scheme", shell_complete=names_of("scheme"))
@click.argument("sizes", type=int, nargs=-1, required=True)
@click.option("--seed", type=int, required=True, help="0 ≤ seed < 2**64.")
@click.option("--name", default="weight", show_default=True, help="The name in the stream: a parameter's path.")
@click.option("--in-axis", type=int, default=-2, show_default=True, help="The axis of the inputs.")
@click.option("--out-axis", type=int, default=-1, show_default=True, help="The axis of the outputs.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the array to this .npy file.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    scheme: str,
    sizes: tuple[int, ...],
    seed: int,
    name: str,
    in_axis: int,
    out_axis: int,
    output: Path | None,
    form: str,
) -> None:
    """Draw an array of SIZES from SCHEME, such as: glorot draw xavier_uniform 300 100 --seed 0."""
    array = glorot.draw(scheme, sizes, seed=seed, name=name, in_axis=in_axis, out_axis=out_axis)
    if output is not None:
        if output.suffix != ".npy":
            raise GlorotError(f"{output}: expected a file name that ends in .npy")
        buffer = io.BytesIO()
        np.save(buffer, array)
        write_whole(output, buffer.getvalue())
    if form == "json":
        click.echo(json.dumps({"scheme": scheme, "seed": seed, "name": name, "values": array.tolist()}))
        return
    click.echo(
        "\n".join([f"{scheme} {shape_text(sizes)} · seed {seed} · name {name!r}", *_described(array), str(array)])
    )


def _described(array: NDArray[Any]) -> list[str]:
    """Return the figures of an array and a picture of how its values lie; nothing of an empty one."""
    if not array.size:
        return []
    wide = array.astype(np.float64).ravel()
    figures = {"mean": wide.mean(), "std": wide.std(), "min": wide.min(), "max": wide.max()}
    line = "  ".join(f"{what} {number(float(value))}" for what, value in figures.items())
    return [line, "", *(f"  {row}".rstrip() for row in histogram(wide)), ""]
