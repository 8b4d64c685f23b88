"""`glorot apply`: write the weights of a plan to a file."""

import io
from pathlib import Path
from typing import Any

import click

import glorot
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
    model, _ = model_and_inputs(target)
    glorot.apply(plan, model, seed=seed)
    write_whole(output, _weights(model, output.suffix))
    click.echo(f"saved {output}", err=True)


def _weights(model: Any, suffix: str) -> bytes:
    import numpy as np
    import torch

    buffer = io.BytesIO()
    if suffix == ".pt":
        torch.save(model.state_dict(), buffer)
    else:
        arrays = {path: _array(tensor) for path, tensor in model.state_dict().items()}
        np.savez(buffer, **arrays)
    return buffer.getvalue()


def _array(tensor: Any) -> Any:
    import torch

    wide = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    return wide.detach().cpu().numpy()
