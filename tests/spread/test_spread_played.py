"""Models of many processes, which one process plays: 128 ranks in turn, and all ranks of LocalTensorMode at once."""

from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from torch import nn

pytest.importorskip("torch.distributed.fsdp", reason="these tests need PyTorch's torch.distributed")

from spread_layouts import coordinate_of, shard_of
from spread_scenarios import blocks, fully_sharded, in_columns_and_rows, whole_of
from torch.distributed._local_tensor import LocalTensorMode
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Placement, Replicate, Shard, distribute_tensor
from torch.distributed.tensor._utils import _compute_local_shape_and_global_offset
from torch.distributed.tensor.placement_types import _StridedShard
from torch.testing._internal.distributed.fake_pg import FakeStore

import glorot
from glorot.stream.digest import Digest
from glorot.torch.shards import Split, held_spans

PLAN = glorot.plan(blocks())


@pytest.fixture(autouse=True)
def no_group_left() -> Iterator[None]:
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


@pytest.mark.parametrize("size", [6, pytest.param(128, marks=pytest.mark.slow)], ids="{} ranks".format)
def test_each_of_many_ranks_writes_its_shard(size: int) -> None:
    expected = whole_of(blocks, PLAN, 7)
    held, digests = dict.fromkeys(expected, 0), []
    for rank in range(size):
        dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=size)
        mesh = init_device_mesh("cpu", (size // 2, 2), mesh_dim_names=("dp", "tp"))
        model = fully_sharded(in_columns_and_rows(blocks(), mesh), mesh["dp"])
        glorot.apply(PLAN, model, seed=7)
        for path, tensor in model.named_parameters():
            assert isinstance(tensor, DTensor)
            coordinate = coordinate_of(tensor.device_mesh, rank)
            share = shard_of(expected[path], tensor.device_mesh.shape, coordinate, tensor.placements)
            assert torch.equal(tensor.to_local(), share), (rank, path)
            held[path] += share.numel()
        digests.append(glorot.digest(model))  # of this rank's shards, for nobody is there to answer
        dist.destroy_process_group()
    total, planned = sum(digests, start=Digest({})).tensors, PLAN.digest(7).tensors
    assert {path for path in planned if total[path] == planned[path]} == {
        f"{block}.{name}" for block in (1, 2) for name in ("up.weight", "up.bias", "down.weight", "down.bias")
    }
    assert held["1.up.weight"] == 60  # each element in one process
    assert held["0.weight"] == 2 * 30  # and in two where FSDP knows nothing of tp


def test_all_ranks_of_one_process_are_written() -> None:
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=8)
    net = nn.Linear(8, 16)
    plan = glorot.plan(net)
    expected = whole_of(lambda: nn.Linear(8, 16), plan, 1)
    with LocalTensorMode(8):
        mesh = init_device_mesh("cpu", (2, 4))
        for name, tensor in list(net.named_parameters()):
            sharded = distribute_tensor(torch.zeros(tensor.shape), mesh, [Shard(0), Shard(0)], src_data_rank=None)
            setattr(net, name, nn.Parameter(sharded))
        glorot.apply(plan, net, seed=1)
        for name, tensor in net.named_parameters():
            assert isinstance(tensor, DTensor)
            assert torch.equal(tensor.full_tensor().reconcile(), expected[name])


MESHES = [
    ((4,), [Shard(0)]),
    ((3, 2), [Shard(0), Shard(0)]),
    ((3, 2), [_StridedShard(0, split_factor=2), Shard(0)]),
    ((2, 2, 2), [_StridedShard(0, split_factor=2), Replicate(), Shard(0)]),
]


@pytest.mark.parametrize(("mesh", "placements"), MESHES, ids=str)
@pytest.mark.parametrize("size", [1, 2, 5, 8, 12, 13])
def test_runs_lie_where_pytorch_lays_them(mesh: tuple[int, ...], placements: list[Placement], size: int) -> None:
    grid = torch.cartesian_prod(*(torch.arange(n) for n in mesh)).reshape(-1, len(mesh)).tolist()
    for coordinate in grid:
        splits = [
            Split(ways, rank, getattr(how, "split_factor", 1))
            for ways, rank, how in zip(mesh, coordinate, placements, strict=True)
            if not how.is_replicate()
        ]
        spans = held_spans(size, splits)
        shape, offset = _compute_local_shape_and_global_offset((size,), mesh, coordinate, placements)
        assert sum(stop - start for start, stop in spans) == shape[0]
        assert not spans or spans[0][0] == offset[0]
        share = shard_of(torch.arange(size), mesh, coordinate, placements)
        assert [n for start, stop in spans for n in range(start, stop)] == share.tolist()


def test_a_mesh_that_leaves_this_process_out_is_left_alone() -> None:
    dist.init_process_group("fake", store=FakeStore(), rank=3, world_size=4)
    mesh = dist.device_mesh.DeviceMesh("cpu", [0, 1])
    net = nn.Linear(4, 6)
    plan = glorot.plan(net)
    net.weight = nn.Parameter(
        DTensor.from_local(torch.zeros(0), mesh, [Shard(0)], run_check=False, shape=(6, 4), stride=(4, 1))
    )
    glorot.apply(plan, net, seed=1)
    assert net.weight.to_local().numel() == 0
    assert torch.equal(net.bias, torch.zeros(6))


def test_an_optimiser_of_shards_is_refused_with_what_to_do() -> None:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    model = fully_shard(blocks(), mesh=init_device_mesh("cpu", (1,)))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(glorot.GlorotError, match=r"^the optimiser holds shards .* hand in a function parameters → opt"):
        glorot.measure(model, torch.ones(2, 5), optimizer=optimizer)
