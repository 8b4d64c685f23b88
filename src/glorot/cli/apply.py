"""`glorot apply`: write the weights of a plan to a file."""

from pathlib import Path
from typing import Any

import click

import glorot
from glorot.adapters import adapter_for
from glorot.cli.nets import is_net, net_options, refuse_net_options
from glorot.cli.targets import model_and_inputs
from glorot.cli.to_disk import NAMES, folder_options, refuse_folder_options, write_folder
from glorot.errors import GlorotError
from glorot.files import beside, write_whole
from glorot.plans import Plan
from glorot.text import printable

MODEL_FORMATS = (".pt", ".safetensors", ".npz")
NET_FORMATS = (".caffemodel", ".safetensors", ".npz")


@click.command("apply")
@click.argument("plan_file", type=click.Path(path_type=Path))
@click.argument("target", required=False)
@click.option("--seed", type=int, required=True, help="0 ≤ seed < 2**64.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True,
    help="The weights: a .pt, .safetensors or .npz file; of a Caffe net a .caffemodel, .safetensors or .npz; without "
    "TARGET a folder.",
)  # fmt: skip
@folder_options
@net_options
def command(plan_file: Path, target: str | None, seed: int, output: Path, **options: Any) -> None:
    """Apply the plan in PLAN_FILE to the model that TARGET is or returns, and save its weights.

    Without TARGET no model is built: the weights go straight to a folder of sharded safetensors, as from_pretrained
    reads them. What is complete there is kept, so that the same command takes up a run that was interrupted.
    """
    if target is None:
        _write_folder(plan_file, seed, output, options)
    else:
        refuse_folder_options(options)
        _write_file(plan_file, target, seed, output, options)


def _write_folder(plan_file: Path, seed: int, output: Path, options: dict[str, Any]) -> None:
    if output.suffix in (*MODEL_FORMATS, ".caffemodel") and not output.is_dir():
        raise GlorotError(
            f"{output}: without TARGET the weights go to a folder; give one, or the model: "
            "glorot apply PLAN_FILE TARGET --seed INTEGER -o FILE"
        )
    refuse_net_options("a plan alone", {name: value for name, value in options.items() if name not in NAMES})
    write_folder(Plan.load(plan_file), output, seed, options)


def _write_file(plan_file: Path, target: str, seed: int, output: Path, options: dict[str, Any]) -> None:
    formats = NET_FORMATS if is_net(target) else MODEL_FORMATS
    if output.suffix not in formats:
        expected = f"{', '.join(formats[:-1])} or {formats[-1]}"
        owner = " for the weights of a Caffe net" if is_net(target) else ""
        raise GlorotError(f"{output}: expected a file name that ends in {expected}{owner}")
    plan = Plan.load(plan_file)
    model, inputs = model_and_inputs(target, options)
    if output.suffix == ".pt" and not hasattr(model, "state_dict"):
        raise GlorotError(f"{output}: a state_dict is PyTorch's; save the weights of a {type(model).__name__} as .npz")
    started = glorot.apply(plan, model, seed=seed, inputs=inputs)
    if output.suffix == ".pt":
        _save_state_dict(output, started)
    elif output.suffix == ".caffemodel":
        from glorot.caffe import save

        save(output, model, started)
    else:
        arrays = started if is_net(target) else adapter_for(started).arrays(started)
        (_save_npz if output.suffix == ".npz" else _save_safetensors)(output, arrays)
    click.echo(f"saved {printable(str(output))}", err=True)


def _save_state_dict(output: Path, model: Any) -> None:
    import torch

    with beside(output) as file:
        try:
            torch.save(model.state_dict(), file)
        except RuntimeError as error:  # it hides the OSError of a full disk behind one of its own
            raise error.__context__ or error from None


def _save_npz(output: Path, arrays: dict[str, Any]) -> None:
    import numpy as np

    with beside(output) as file:
        np.savez(file, **arrays)


def _save_safetensors(output: Path, arrays: dict[str, Any]) -> None:
    from glorot.weights.safetensors import pieces_of

    write_whole(output, pieces_of(arrays))
