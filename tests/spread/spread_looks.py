"""What processes that hold a model together see of it: signals, digests, and nothing that is changed by a look."""

import torch
from spread_layouts import spread
from spread_nets import planned
from spread_scenarios import WAYS, X, blocks, full, fully_sharded, scenario
from spread_world import World
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import Shard

import glorot


@scenario
def looked_at_between_passes(world: World) -> None:
    """A look after a pass that left gathered weights in place changes nothing, also in mixed precision; it trains on."""
    plan, mesh = glorot.plan(blocks()), init_device_mesh("cpu", (world.size,))
    for policy in (MixedPrecisionPolicy(), MixedPrecisionPolicy(param_dtype=torch.bfloat16)):
        model = fully_sharded(blocks(), mesh, mp_policy=policy)
        glorot.apply(plan, model, seed=0)
        signal, values = str(glorot.measure(model, X)), str(glorot.jacobian(model, X))
        with torch.no_grad():
            model(X)
        assert glorot.digest(model) == plan.digest(0)
        assert str(glorot.measure(model, X)) == signal
        assert str(glorot.jacobian(model, X)) == values
        full(model(X)).sum().backward()
        torch.optim.SGD(model.parameters(), 0.1).step()
        assert glorot.digest(model) != plan.digest(0)
        glorot.apply(plan, model, seed=0)
        assert glorot.digest(model) == plan.digest(0)


@scenario
def digests_of_parts(world: World) -> None:
    """What a plan leaves alone is counted in no process; state dicts of shards add up; names go with shards."""
    mesh = init_device_mesh("cpu", (world.size,))
    plan = glorot.plan(blocks(), rules=[("0.*", "skip")])
    model = fully_sharded(blocks(), mesh)
    glorot.apply(plan, model, seed=1)
    assert glorot.digest(model, plan) == plan.digest(1)
    assert glorot.digest(model.state_dict(), plan) == plan.digest(1)
    other = nn.ModuleDict({"a": nn.Linear(5, 6)})
    fully_shard(other["a"], mesh=mesh)
    first, names = glorot.plan(nn.Sequential(nn.Linear(5, 6))), {"a.weight": "0.weight", "a.bias": "0.bias"}
    glorot.apply(first, other, seed=1, names=names)
    assert glorot.digest(other, first, names=names) == first.digest(1)


@scenario
def measured(world: World) -> None:
    """A sharded model is measured as the whole one is, and is left as it was."""
    plan = glorot.plan(blocks())
    signal = str(glorot.measure(glorot.apply(plan, blocks(), seed=3), X))
    for name, build in WAYS.items():
        model = build(world)
        is_meta = next(model.parameters()).is_meta
        glorot.apply(plan, model, seed=3, device="cpu" if is_meta else None)
        before = {path: id(tensor) for path, tensor in model.named_parameters()}
        outputs = full(model(X)).detach()  # after which FSDP keeps the gathered weights of its root in place
        assert str(glorot.measure(model, X)) == signal, name
        assert {path: id(tensor) for path, tensor in model.named_parameters()} == before, name
        assert torch.equal(full(model(X)), outputs), name
        values = glorot.measure(model, X, torch.zeros(7, dtype=torch.long), optimizer=torch.optim.SGD)
        assert values.layers, name


@scenario
def digests(world: World) -> None:
    """What the processes hold adds up to the digest of the plan, each element counted once, the same in all of them."""
    plan = glorot.plan(blocks())
    for name, build in WAYS.items():
        model = build(world)
        is_meta = next(model.parameters()).is_meta
        glorot.apply(plan, model, seed=3, device="cpu" if is_meta else None)
        assert glorot.digest(model) == plan.digest(3), name
        assert glorot.digest(model) != plan.digest(4), name
    build, plan, _ = planned("orthogonal")[0]
    how = {path: [Shard(0)] for path, _ in build().named_parameters()}
    model = spread(build(), init_device_mesh("cpu", (world.size,)), world.rank, how)  # type: ignore[arg-type]
    glorot.apply(plan, model, seed=2)
    assert glorot.digest(model, plan) == plan.digest(2)
    assert plan.digest(2).by_name
