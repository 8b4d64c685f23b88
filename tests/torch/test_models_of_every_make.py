"""Models that are compiled, scripted, exported, checkpointed, hooked, transformed or spread: served, or refused by name."""

import os
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import glorot
from glorot.errors import GlorotError

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}:torch")
    for kind in ("DeprecationWarning", "FutureWarning", "UserWarning")
] + [pytest.mark.filterwarnings("ignore:`torch.jit", "ignore:`isinstance.treespec")]

X = torch.linspace(-1, 1, 32).reshape(4, 8)


class Two(nn.Module):
    """Two layers with a function between them, run by another function."""

    def __init__(self, run: Callable[[nn.Module, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)
        self.run = run

    def inner(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.a(x).relu())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.run(self, x)


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))


def checkpointed(reentrant: bool) -> nn.Module:
    return Two(lambda m, x: m.b(checkpoint(lambda y: m.a(y).relu(), x, use_reentrant=reentrant)))


def hooked() -> nn.Module:
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    model[0].register_forward_hook(lambda module, args, result: result.relu())
    model[1].register_full_backward_hook(lambda module, before, after: None)
    return model


def wrapped() -> nn.Module:
    from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

    model = net()
    model[0] = checkpoint_wrapper(model[0])
    return model


def compiled_in_place() -> nn.Module:
    model = net()
    model.compile()
    return model


def called_with_own_weights() -> nn.Module:
    return Two(lambda m, x: m.b(torch.func.functional_call(m.a, dict(m.a.named_parameters()), (x,)).relu()))


SERVED: dict[str, Callable[[], nn.Module]] = {
    "compiled": lambda: torch.compile(net()),
    "compiled in place": compiled_in_place,
    "scripted": lambda: torch.jit.script(net()),
    "traced": lambda: torch.jit.trace(net(), X),
    "checkpointed, reentrant": lambda: checkpointed(True),
    "checkpointed": lambda: checkpointed(False),
    "in a wrapper that checkpoints": wrapped,
    "hooked": hooked,
    "in parallel": lambda: nn.DataParallel(net()),
    "averaged": lambda: torch.optim.swa_utils.AveragedModel(net()),
    "vmap": lambda: Two(lambda m, x: torch.func.vmap(m.inner)(x)),
    "jvp": lambda: Two(lambda m, x: torch.func.jvp(m.inner, (x,), (torch.ones_like(x),))[0]),
    "gradients": lambda: Two(lambda m, x: torch.func.vmap(torch.func.grad(lambda row: m.inner(row).sum()))(x)),
    "functional call": called_with_own_weights,
    "exported": lambda: torch.export.export(net(), (X,)).module(),
    "exported, with its modules": lambda: torch.export.unflatten(torch.export.export(net(), (X,))),
    "symbolically traced": lambda: torch.fx.symbolic_trace(net()),
}


LONG = "compiled"
"""To compile a model takes seconds; one that is compiled in place is quick."""


@pytest.mark.parametrize(
    "make", [pytest.param(make, id=name, marks=[pytest.mark.slow] * (name == LONG)) for name, make in SERVED.items()]
)
def test_a_model_is_seen_written_and_runs(make: Callable[[], nn.Module]) -> None:
    model = make()
    plan = glorot.plan(model, inputs=X)
    kernels = [entry for entry in plan.entries if entry.role == "kernel"]
    assert [entry.fed_by for entry in kernels] == ["identity", "relu"]
    assert all(entry.seen for entry in plan.entries)
    before = model(X).detach()
    glorot.apply(plan, model, seed=0)
    assert not torch.allclose(model(X), before)
    paths = [entry.name.removesuffix(".weight") for entry in kernels]
    names = {f"{n}.{end}": f"{path}.{end}" for n, path in zip((0, 2), paths, strict=True) for end in ("weight", "bias")}
    plain = glorot.apply(plan, net(), seed=0, names=names)
    first, second = (tensor for tensor in model.parameters() if tensor.dim() == 2)
    assert torch.equal(first, plain[0].weight)
    assert torch.equal(second, plain[2].weight)


def test_models_in_one_tensor_that_a_transform_runs_are_seen_and_written() -> None:
    class Many(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 6, 8))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.func.vmap(lambda weight: nn.functional.linear(x, weight))(self.weight)

    model = Many()
    plan = glorot.plan(model, inputs=X)
    entry = plan["weight"]
    assert (entry.role, entry.seen) == ("kernel", True)
    assert entry.fans is not None
    assert entry.fans.fan_in == 8
    glorot.apply(plan, model, seed=0)
    assert entry.distribution is not None
    assert float(model.weight.detach().std()) == pytest.approx(entry.distribution.std, rel=0.2)


def test_frozen_scripts_hold_no_parameters() -> None:
    frozen = torch.jit.freeze(torch.jit.script(net().eval()))
    with pytest.raises(GlorotError) as caught:
        glorot.plan(frozen, inputs=X)
    assert str(caught.value) == (
        "nothing to plan: the model has no parameters; torch.jit.freeze has made them constants: plan the model before"
    )


# ---- spread over processes -----------------------------------------------------------------------------------------------


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]) -> Iterator[None]:
    from torch import distributed

    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def fully_sharded() -> nn.Module:
    from torch.distributed.fsdp import fully_shard

    return fully_shard(net())


def by_columns() -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor.parallel import ColwiseParallel, parallelize_module

    return parallelize_module(net(), init_device_mesh("cpu", (1,)), {"0": ColwiseParallel()})


def flattened(**options: bool) -> nn.Module:
    from torch.distributed.fsdp import FullyShardedDataParallel

    return FullyShardedDataParallel(net(), device_id=torch.device("cpu"), **options)


@pytest.mark.usefixtures("one_process")
def test_a_model_in_parallel_processes_is_seen_and_written() -> None:
    model = nn.parallel.DistributedDataParallel(net())
    plan = glorot.plan(model, inputs=X)
    assert plan["2.weight"].fed_by == "relu"
    glorot.apply(plan, model, seed=0)
    assert torch.equal(model.module[2].weight, glorot.apply(plan, net(), seed=0)[2].weight)


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("make", [fully_sharded, by_columns])
def test_a_model_whose_parameters_are_spread_is_seen_and_written(make: Callable[[], nn.Module]) -> None:
    model = make()
    plan = glorot.plan(model, inputs=X)
    assert plan["2.weight"].fed_by == "relu"
    assert plan == glorot.plan(net(), inputs=X)
    glorot.apply(plan, model, seed=0)
    assert torch.equal(model[0].weight.full_tensor(), glorot.apply(plan, net(), seed=0)[0].weight)
    model(X)


@pytest.mark.usefixtures("one_process")
def test_a_weight_that_is_computed_from_shards_is_refused_by_name() -> None:
    from torch.distributed.fsdp import fully_shard
    from torch.nn.utils.parametrizations import weight_norm

    model = nn.Sequential(weight_norm(nn.Linear(8, 8)), nn.Linear(8, 8))
    plan = glorot.plan(model)
    fully_shard(glorot.apply(plan, model, seed=0))
    for call in (lambda: glorot.plan(model), lambda: glorot.apply(plan, model, seed=0)):
        with pytest.raises(
            GlorotError, match=r"^0\.weight is stored as its norm and its direction, and several processes"
        ):
            call()


FLAT = (
    r"^{path} holds several parameters in one, as FullyShardedDataParallel lays them; start the model before it is "
    r"wrapped, or shard it by torch\.distributed\.fsdp\.fully_shard, whose shards are written where they lie$"
)


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize(
    ("options", "path"),
    [({}, r"_fsdp_wrapped_module\._flat_param"), ({"use_orig_params": True}, "the model")],
    ids=["flat", "views of the flat"],
)
def test_a_model_whose_parameters_lie_in_one_is_refused_by_name(options: dict[str, bool], path: str) -> None:
    model = flattened(**options)
    before = [tensor.detach().clone() for tensor in model.parameters()]
    with pytest.raises(GlorotError, match=FLAT.format(path=path)):
        glorot.plan(model, inputs=X)
    with pytest.raises(GlorotError, match=FLAT.format(path=path)):
        glorot.apply(glorot.plan(net(), inputs=X), model, seed=0)
    with pytest.raises(GlorotError, match=FLAT.format(path=path)):
        glorot.measure(model, X)
    assert all(torch.equal(tensor, kept) for tensor, kept in zip(model.parameters(), before, strict=True))


class FlatParameter(nn.Parameter):
    """What other libraries than PyTorch call so too."""


def test_a_flat_parameter_without_its_wrapper_is_refused_by_name() -> None:
    model = net()
    model[2].weight = FlatParameter(torch.zeros(64))
    with pytest.raises(GlorotError, match=FLAT.format(path=r"2\.weight")):
        glorot.initialize(model, seed=0)


def test_a_placeholder_of_zero_3_is_refused_before_the_first_write() -> None:
    model, whole = net(), net()
    model[2].weight = nn.Parameter(torch.zeros(0))
    model[2].weight.ds_id, model[2].weight.ds_shape = 2, torch.Size([8, 8])
    before = model[0].weight.detach().clone()
    message = (
        r"^2\.weight is a placeholder of DeepSpeed's ZeRO-3, of shape 0, whose values lie in several processes; start the "
        r"model before deepspeed\.initialize and outside deepspeed\.zero\.Init, or inside deepspeed\.zero\.Gathered"
    )
    with pytest.raises(GlorotError, match=message):
        glorot.plan(model)
    with pytest.raises(GlorotError, match=message):
        glorot.apply(glorot.plan(whole), model, seed=0)
    assert torch.equal(model[0].weight, before)


def test_a_gathered_parameter_of_zero_3_is_written() -> None:
    model = net()
    model[2].weight.ds_id, model[2].weight.ds_shape = 2, torch.Size([8, 8])
    plan = glorot.plan(net())
    assert torch.equal(glorot.apply(plan, model, seed=0)[2].weight, glorot.apply(plan, net(), seed=0)[2].weight)
