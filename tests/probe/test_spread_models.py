"""Models that several processes hold together are refused by name, with what to do."""

from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate, distribute_tensor

import glorot
from glorot.errors import GlorotError

HOW = r"^0\.weight is a DTensor, which several processes hold together"
X = torch.linspace(-1, 1, 20).reshape(4, 5)


@pytest.fixture
def mesh() -> Iterator[DeviceMesh]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


@pytest.mark.parametrize("kind", ["fully_shard", "distribute_tensor"])
def test_a_model_spread_over_processes_is_refused_with_the_reason(mesh: DeviceMesh, kind: str) -> None:
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))
    if kind == "fully_shard":
        fully_shard(model, mesh=mesh)
    else:
        model[0].weight = nn.Parameter(distribute_tensor(model[0].weight.data, mesh, [Replicate()]))
    with pytest.raises(GlorotError, match=rf"{HOW}, and signals are measured .* before it is sharded$"):
        glorot.measure(model, X)
    with pytest.raises(GlorotError, match=rf"{HOW}, and weights are read .* before it is sharded$"):
        glorot.predict(model, X)
    with pytest.raises(GlorotError, match=rf"{HOW}, and a batch cannot be followed"):
        glorot.jacobian(model, X)
