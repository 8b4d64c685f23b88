"""The adapter of Caffe, as `glorot.adapters` asks for it."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from glorot.caffe.model import graph, layers
from glorot.caffe.model import net_of as open  # noqa: A004 - as in every adapter
from glorot.caffe.nets import Net
from glorot.caffe.starting import started
from glorot.caffe.weights import write
from glorot.errors import GlorotError
from glorot.given import ToCheck

__all__ = ["arrays", "graph", "layers", "matches", "open", "to_check", "write"]


def matches(model: object) -> bool:
    """Tell whether a model is a net, or the path of a `.prototxt`."""
    return isinstance(model, Net | str | Path)


def arrays(model: Any) -> dict[str, NDArray[Any]]:
    """Return the weights that a net starts from: it holds none, so they are drawn by its fillers, with seed 0."""
    return dict(started(model, 0))


def to_check(model: Net, inputs: Any = None, seed: int | None = None) -> ToCheck:
    """Return the module of a net, drawn by its fillers, with a batch to check it on: the given one, or noise.

    A net that there is no module for, or no PyTorch to run it, is returned itself, without a batch.

    Args:
        model: the net.
        inputs: a batch: {blob: array}, arrays in the order of the net's inputs, or one; None makes one.
        seed: the seed of the fillers; None for 0.

    Raises:
        GlorotError: if there is a batch, and no module to run it.
    """
    try:
        from glorot.caffe.modules.trying import to_try

        found = to_try(model, inputs, seed or 0)
    except (GlorotError, ModuleNotFoundError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name != "torch":
            raise
        told = str(error).partition("; it has: ")[0]  # the list of all layers is of no use here
        why = told if isinstance(error, GlorotError) else "there is no PyTorch here to run it"
        if inputs is not None:
            raise GlorotError(f"{model.source} cannot be run on a batch: {why}") from error
        return ToCheck(model, None, (*_notes(model), f"the net was drawn by its fillers and not run: {why}"))
    return found._replace(notes=(*_notes(model), *found.notes))


def _notes(net: Net) -> tuple[str, ...]:
    """Say where a net declares no start, as one that is made to load weights."""
    kernels = [part for part in layers(net).parts if part.role in ("kernel", "recurrent", "embedding")]
    if not kernels or any(part.declared is None or not part.declared.why.startswith("no ") for part in kernels):
        return ()
    return (
        f"{net.source} has no weight_filler, as a net that is made to load weights, and Caffe's fillers start all its "
        "kernels at 0; to check the weights pass the .caffemodel, or glorot.caffe.to_torch(net, weights=…)",
    )
