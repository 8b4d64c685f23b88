"""Models that several processes hold together are measured; what trains in them is refused by name."""

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


def net() -> nn.Sequential:
    return glorot.initialize(nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)), seed=0)


def spread(kind: str, mesh: DeviceMesh) -> nn.Sequential:
    model = net()
    if kind == "fully_shard":
        return fully_shard(model, mesh=mesh)  # type: ignore[return-value]
    model[0].weight = nn.Parameter(distribute_tensor(model[0].weight.data, mesh, [Replicate()]))
    return model


@pytest.mark.parametrize("kind", ["fully_shard", "distribute_tensor"])
def test_a_model_spread_over_processes_is_measured_as_the_whole_one(mesh: DeviceMesh, kind: str) -> None:
    model, whole = spread(kind, mesh), net()
    assert str(glorot.measure(model, X)) == str(glorot.measure(whole, X))
    assert str(glorot.predict(model, X)) == str(glorot.predict(whole, X))
    assert str(glorot.jacobian(model, X)) == str(glorot.jacobian(whole, X))
    assert str(glorot.check(model, X)) == str(glorot.check(whole, X))


@pytest.mark.parametrize("kind", ["fully_shard", "distribute_tensor"])
def test_training_of_a_model_spread_over_processes_is_refused_with_the_reason(mesh: DeviceMesh, kind: str) -> None:
    model = spread(kind, mesh)
    how = rf"{HOW}, and training is followed in one process so far; hand in the model before it is sharded$"
    with pytest.raises(GlorotError, match=how), glorot.probe.record(model):
        pass
    with pytest.raises(GlorotError, match=how):
        glorot.check(model, X, torch.zeros(4, dtype=torch.long), steps=2)


def test_a_forward_that_a_library_has_put_over_that_of_its_class_rests_meanwhile(mesh: DeviceMesh) -> None:
    model, whole = spread("fully_shard", mesh), net()

    def tp_forward(x: torch.Tensor) -> torch.Tensor:
        raise AssertionError("sharded inputs are expected")

    tp_forward.__module__ = "transformers.distributed.tensor_parallel"
    model[0].forward = tp_forward  # type: ignore[method-assign, assignment]
    assert glorot.plan(model, inputs=X) == glorot.plan(whole, inputs=X)
    assert str(glorot.measure(model, X)) == str(glorot.measure(whole, X))
    assert model[0].forward is tp_forward


def test_a_state_dict_of_shards_is_a_reference(mesh: DeviceMesh) -> None:
    model, other = spread("fully_shard", mesh), spread("fully_shard", mesh)
    assert not glorot.check(model, reference=other.state_dict(), select="GL703").findings
    with torch.no_grad():
        other[2].weight.mul_(3.0)
    assert [one.code for one in glorot.check(model, reference=other.state_dict(), select="GL703").findings] == ["GL703"]
