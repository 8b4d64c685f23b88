"""What this process holds of the tensors of a model, as bits; and sums over all processes that hold them together."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from glorot.arrays import HeldBlock
from glorot.errors import NothingHeldError
from glorot.stream.digest import LANE, Bits
from glorot.torch.filling import name_of, words_of
from glorot.torch.paths import bare, structural
from glorot.torch.shards import blocks, check_placements, is_left_out, is_sharded, refuse_left_out
from glorot.torch.spread import check_held

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh


def held(model: nn.Module | Mapping[str, Tensor]) -> Iterator[HeldBlock]:
    """Yield the blocks that this process holds of what a model stores; of replicas, those of the first process alone.

    Args:
        model: a model, or a mapping of tensors by path, such as a state dict.

    Raises:
        GlorotError: if its parameters are not there one by one, or hold nothing.
    """
    for path, tensor in _tensors(model):
        check_placements(path, tensor)
        for local, box, is_first in blocks(tensor):
            if local.is_meta:
                raise NothingHeldError(
                    f"{path} is on the meta device and holds nothing to read; give the model memory first, as "
                    'glorot.initialize(model, "auto", seed=0, device="cpu") does'
                )
            if is_first:
                yield HeldBlock(path, tuple(tensor.shape), name_of(tensor.dtype), box, _bits_of(local))


def _tensors(model: nn.Module | Mapping[str, Tensor]) -> Iterable[tuple[str, Tensor]]:
    if not isinstance(model, nn.Module):
        return ((path, tensor) for path, tensor in model.items() if tensor.layout == torch.strided)
    check_held(model)
    inner = bare(model)
    named = chain(inner.named_parameters(), inner.named_buffers())
    return [(structural(path), tensor) for path, tensor in named]


def _bits_of(tensor: Tensor) -> Bits:
    return words_of(tensor.detach().resolve_neg().cpu())


def summed_over_processes(
    model: nn.Module | Mapping[str, Tensor], sums: Mapping[str, int], counted: Collection[str] | None
) -> dict[str, int]:
    """Return the sums of tensors over all processes that hold them together: 16 bytes of each are sent.

    Args:
        model: as for `held`.
        sums: what this process's blocks of each tensor add up to, by path.
        counted: the paths of the tensors that are counted, the same in every process; None for all.

    Raises:
        GlorotError: if this process is not among those that hold a tensor.
    """
    meshes: dict[DeviceMesh, list[str]] = defaultdict(list)
    for path, tensor in _tensors(model):
        if is_sharded(tensor) and (path in counted if counted is not None else tensor.is_floating_point()):
            if is_left_out(tensor):
                refuse_left_out(path, tensor)
            meshes[tensor.device_mesh].append(path)
    found = dict(sums)
    if meshes and torch.distributed.get_backend() == "fake":  # nobody is there to answer
        return found
    for mesh, paths in meshes.items():
        lanes = [half for path in paths for half in divmod(sums.get(path, 0), LANE)]
        whole = torch.tensor(np.array(lanes, np.uint64).view(np.int64), device=mesh.device_type)
        for axis in range(mesh.ndim):
            torch.distributed.all_reduce(whole, group=mesh.get_group(axis))
        pairs = whole.cpu().numpy().view(np.uint64).reshape(-1, 2).tolist()
        found |= {path: first * LANE + second for path, (first, second) in zip(paths, pairs, strict=True)}
    return found
