"""`glorot apply`: write the weights of a plan to a file."""

import io
from pathlib import Path
from typing import Any

import click

import glorot
from glorot.backends import adapter_for
from glorot.cli.targets import model_and_inputs
from glorot.errors import GlorotError
from glorot.files import write_whole
from glorot.plans import Plan


@click.command("apply")
@click.argument("plan_file", type=click.Path(path_type=Path))
@click.argument("target")
@click.option("--seed", type=int, required=True, help="0 ≤ seed < 2**64.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The weights: a .pt or .npz file.")
def command(plan_file: Path, target: str, seed: int, output: Path) -> None:
    """Apply the plan in PLAN_FILE to the model that TARGET's factory returns, and save its weights."""
    if output.suffix not in (".pt", ".npz"):
        raise GlorotError(f"{output}: expected a file name that ends in .pt (a state_dict) or .npz (arrays)")
    plan = Plan.load(plan_file)
    model, inputs = model_and_inputs(target)
    if output.suffix == ".pt" and not hasattr(model, "state_dict"):
        raise GlorotError(f"{output}: a state_dict is PyTorch's; save the weights of a {type(model).__name__} as .npz")
    started = glorot.apply(plan, model, seed=seed, inputs=inputs)
    write_whole(output, _state_dict(started) if output.suffix == ".pt" else _arrays(started))
    click.echo(f"saved {output}", err=True)


def _state_dict(model: Any) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    return buffer.getvalue()


def _arrays(model: Any) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, **adapter_for(model).arrays(model))
    return buffer.getvalue()
