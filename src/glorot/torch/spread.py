"""Models that several processes hold together, each a part."""

from torch import nn

from glorot.errors import GlorotError
from glorot.torch.paths import structural


def how_spread(model: nn.Module) -> str | None:
    """Return which parameter of a model several processes hold together, and how; None where each holds all.

    Example:
        >>> how_spread(nn.Linear(3, 4)) is None
        True
    """
    for path, parameter in model.named_parameters():
        if type(parameter).__name__ == "DTensor":
            return f"{structural(path)} is a DTensor, which several processes hold together"
        if getattr(parameter, "_is_flat_param", False):
            return f"{structural(path)} holds several parameters in one, as FullyShardedDataParallel lays them"
    return None


def check_whole(model: nn.Module) -> None:
    """Check that a model can be measured: that this process holds all of it, with memory.

    Raises:
        GlorotError: if it is spread over processes, or lies on meta.
    """
    spread = how_spread(model)
    if spread is not None:
        raise GlorotError(
            f"{spread}, and signals are measured in one process so far; measure the model before it is sharded"
        )
    for path, parameter in model.named_parameters():
        if parameter.is_meta:
            raise GlorotError(
                f"{structural(path)} is on meta and holds nothing; give the model memory, then measure it"
            )
