"""Any layout: parameters dealt out over any mesh, evenly or not, by any placements."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Placement, Replicate, Shard
from torch.distributed.tensor.placement_types import _StridedShard

Spec = tuple[str, int, int]
"""A placement as plain data: "replicate", "shard" or "strided", the axis, and into how many pieces that is cut first."""


class Layout(NamedTuple):
    """How the parameters of a net are dealt out.

    Attributes:
        mesh: the sizes of the mesh.
        net: which of the nets.
        placements: for each parameter a placement for each axis of the mesh.
        seed: the seed of the weights.
    """

    mesh: tuple[int, ...]
    net: int
    placements: dict[str, tuple[Spec, ...]]
    seed: int


def meshes_of(size: int) -> list[tuple[int, ...]]:
    """Return the sizes of all meshes of 1 to 3 axes for some processes."""
    two = [(n, size // n) for n in range(1, size + 1) if size % n == 0]
    three = [(a, b, rest // b) for a, rest in two for b in range(1, rest + 1) if rest % b == 0]
    return [(size,), *two, *three]


@st.composite
def layouts(draw: Any, size: int, shapes: Sequence[dict[str, tuple[int, ...]]]) -> Layout:
    """Draw a layout of one of several nets, of whose parameters the shapes are given."""
    mesh = draw(st.sampled_from(meshes_of(size)))
    net = draw(st.integers(0, len(shapes) - 1))
    placements = {path: tuple(draw(specs(len(shape))) for _ in mesh) for path, shape in shapes[net].items()}
    return Layout(mesh, net, placements, draw(st.integers(0, 2**64 - 1)))


def specs(axes: int) -> st.SearchStrategy[Spec]:
    """Return a strategy of placements of a tensor with some axes."""
    kinds = ["replicate", "shard", "shard", "strided"] if axes else ["replicate"]
    return st.tuples(st.sampled_from(kinds), st.integers(0, max(axes - 1, 0)), st.integers(2, 3))


def placement_of(spec: Spec) -> Placement:
    """Return a placement that is written as plain data."""
    kind, axis, factor = spec
    if kind == "replicate":
        return Replicate()
    return Shard(axis) if kind == "shard" else _StridedShard(axis, split_factor=factor)


def shard_of(
    whole: Tensor, mesh_shape: Sequence[int], coordinate: Sequence[int], placements: Sequence[Placement]
) -> Tensor:
    """Return what a process holds of a tensor, cut by PyTorch's own placements."""
    for ways, rank, placement in zip(mesh_shape, coordinate, placements, strict=True):
        if not placement.is_replicate():
            shares, _ = placement._split_tensor(whole, ways, with_padding=False)  # type: ignore[attr-defined]
            whole = shares[rank]
    return whole.contiguous()


def coordinate_of(mesh: DeviceMesh, rank: int) -> list[int]:
    """Return where in a mesh a process stands."""
    return (mesh.mesh == rank).nonzero()[0].tolist()  # type: ignore[no-any-return]


def spread(model: nn.Module, mesh: DeviceMesh, rank: int, placements: dict[str, Sequence[Placement]]) -> nn.Module:
    """Put DTensors of garbage in the place of some parameters and buffers of a model."""
    for path, how in placements.items():
        owner_path, _, name = path.rpartition(".")
        owner = model.get_submodule(owner_path)
        whole = getattr(owner, name).detach()
        local = torch.full_like(shard_of(whole, mesh.shape, coordinate_of(mesh, rank), how), math.nan)
        sharded = DTensor.from_local(local, mesh, how, run_check=False, shape=whole.shape, stride=whole.stride())
        is_parameter = name in owner._parameters
        stored = owner._parameters if is_parameter else owner._buffers
        stored[name] = nn.Parameter(sharded) if is_parameter else sharded  # type: ignore[assignment]
    return model
