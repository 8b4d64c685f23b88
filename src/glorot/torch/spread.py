"""Models that several processes hold together: which of them can be written and measured, and which can't."""

import sys
from typing import Any

from torch import Tensor, nn

from glorot.errors import GlorotError
from glorot.torch.paths import structural
from glorot.torch.shards import is_sharded


def check_held(model: nn.Module) -> None:
    """Check that each parameter of a model is there by itself: all of it, or this process's shard of a DTensor.

    Modules of `fully_shard` first let go of what they have gathered for a pass, as they do before the next one.

    Raises:
        GlorotError: if FullyShardedDataParallel has laid several in one, or ZeRO-3 has left an empty tensor.

    Example:
        >>> weight = nn.Parameter(nn.Linear(3, 4).weight[:0])
        >>> weight.ds_id, weight.ds_shape = 7, (4, 3)
        >>> check_held(nn.ParameterDict({"weight": weight}))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        glorot.errors.GlorotError: weight is a placeholder of DeepSpeed's ZeRO-3, of shape 0×3, whose values lie ...
    """
    fsdp: Any = sys.modules.get("torch.distributed.fsdp")
    for path, module in model.named_modules():
        if fsdp is not None and isinstance(module, fsdp.FSDPModule):
            module.reshard()
        elif fsdp is not None and isinstance(module, fsdp.FullyShardedDataParallel):
            held = next((name for name, one in module.named_parameters() if _is_flat(one)), "")
            _refuse_flat(f"{path}.{held}".strip(".") or "the model")
    for path, parameter in model.named_parameters():
        if _is_flat(parameter):
            _refuse_flat(structural(path))
        if hasattr(parameter, "ds_id") and tuple(parameter.shape) != tuple(getattr(parameter, "ds_shape", ())):
            shape = "×".join(map(str, parameter.shape)) or "no axes"
            raise GlorotError(
                f"{structural(path)} is a placeholder of DeepSpeed's ZeRO-3, of shape {shape}, whose values lie in "
                "several processes; start the model before deepspeed.initialize and outside deepspeed.zero.Init, or "
                "inside deepspeed.zero.GatheredParameters(list(model.parameters()), modifier_rank=0)"
            )


def _refuse_flat(path: str) -> None:
    raise GlorotError(
        f"{path} holds several parameters in one, as FullyShardedDataParallel lays them; start the model before it is "
        "wrapped, or shard it by torch.distributed.fsdp.fully_shard, whose shards are written where they lie"
    )


def _is_flat(parameter: Tensor) -> bool:
    return getattr(parameter, "_is_flat_param", False) or type(parameter).__name__ == "FlatParameter"


def check_whole(model: nn.Module) -> None:
    """Check that a model can be run here: that this process holds all of it, with memory.

    Raises:
        GlorotError: if it is spread over processes, or lies on meta.
    """
    check_held(model)
    for path, parameter in model.named_parameters():
        if is_sharded(parameter):
            raise GlorotError(
                f"{structural(path)} is a DTensor, which several processes hold together, and training is followed in "
                "one process so far; hand in the model before it is sharded"
            )
        if parameter.is_meta:
            raise GlorotError(
                f"{structural(path)} is on meta and holds nothing; give the model memory, then measure it"
            )
