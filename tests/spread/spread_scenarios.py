"""What processes that hold a model together are asked to do, and must agree on to the bit."""

import resource
from collections.abc import Callable

import pytest
import torch
import torch.distributed as dist
from spread_layouts import Layout, coordinate_of, layouts, placement_of, shard_of, spread
from spread_nets import planned
from spread_world import World
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard
from torch.distributed.tensor.debug import CommDebugMode
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import glorot
from glorot.errors import GlorotError
from glorot.plans import Plan

SCENARIOS: dict[str, Callable[[World], None]] = {}


def scenario(function: Callable[[World], None]) -> Callable[[World], None]:
    """Add a function to what each launch runs."""
    SCENARIOS[function.__name__] = function
    return function


def whole_of(build: Callable[[], nn.Module], plan: Plan, seed: int) -> dict[str, Tensor]:
    """Return what one process writes by itself."""
    return dict(glorot.apply(plan, build(), seed=seed).state_dict())


def check_equal(path: str, found: Tensor, expected: Tensor, plan: Plan) -> None:
    """Check bits, and 1e-5 where a law takes the whole matrix."""
    is_matrix = any(entry.scheme.startswith("orthogonal") for entry in plan if entry.name.startswith(path))
    if is_matrix:
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5, msg=lambda text: f"{path}: {text}")
    else:
        assert torch.equal(found, expected), f"{path}: {found} where the whole holds {expected}"


@scenario
def any_layout(world: World) -> None:
    """Drawn meshes and placements, uneven and empty shards among them: the bits of one process, and nothing is sent."""
    nets = planned()
    shapes = [{path: tuple(one.shape) for path, one in build().named_parameters()} for build, _, _ in nets]

    def run(layout: Layout) -> None:
        build, plan, _ = nets[layout.net]
        expected = whole_of(build, plan, layout.seed)
        mesh = init_device_mesh("cpu", layout.mesh)
        placements = {path: [placement_of(one) for one in specs] for path, specs in layout.placements.items()}
        model = spread(build(), mesh, world.rank, placements)
        with CommDebugMode() as sent:
            glorot.apply(plan, model, seed=layout.seed)
        assert sent.get_total_counts() == 0, sent.get_comm_counts()
        coordinate = coordinate_of(mesh, world.rank)
        for path, how in placements.items():
            local = model.get_parameter(path)._local_tensor
            check_equal(path, local, shard_of(expected[path], layout.mesh, coordinate, how), plan)

    world.each_case(layouts(world.size, shapes), run)


def meshes(world: World) -> DeviceMesh:
    """Return a mesh of two axes, the second for tensor parallelism."""
    return init_device_mesh("cpu", (world.size // 2, 2), mesh_dim_names=("dp", "tp"))


class Block(nn.Module):
    """A residual block of sizes that no mesh divides."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(6), nn.Linear(6, 10), nn.Linear(10, 6)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(torch.relu(self.up(self.norm(x))))


def blocks() -> nn.Sequential:
    """Return a residual net."""
    return nn.Sequential(nn.Linear(5, 6), Block(), Block(), nn.Linear(6, 3))


X = torch.linspace(-1, 1, 35).reshape(7, 5)


def in_columns_and_rows(model: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Deal the products inside the blocks out by columns and rows."""
    for block in (model[1], model[2]):
        parallelize_module(block, mesh["tp"], {"up": ColwiseParallel(), "down": RowwiseParallel()})
    return model


def fully_sharded(model: nn.Module, mesh: DeviceMesh, **options: object) -> nn.Module:
    """Shard each block by itself, and the rest."""
    for block in (model[1], model[2]):
        fully_shard(block, mesh=mesh, **options)  # type: ignore[arg-type]
    return fully_shard(model, mesh=mesh, **options)  # type: ignore[arg-type]


def on_meta() -> nn.Module:
    with torch.device("meta"):
        return blocks()


WAYS: dict[str, Callable[[World], nn.Module]] = {
    "FSDP2": lambda world: fully_sharded(blocks(), init_device_mesh("cpu", (world.size,))),
    "tensor parallel": lambda world: in_columns_and_rows(blocks(), meshes(world)),
    "both": lambda world: fully_sharded(in_columns_and_rows(blocks(), meshes(world)), meshes(world)["dp"]),
    "HSDP": lambda world: fully_sharded(blocks(), meshes(world)),
    "offloaded": lambda world: fully_sharded(
        blocks(), init_device_mesh("cpu", (world.size,)), offload_policy=CPUOffloadPolicy(pin_memory=False)
    ),
    "on meta": lambda world: fully_sharded(on_meta(), init_device_mesh("cpu", (world.size,))),
    "both on meta": lambda world: fully_sharded(in_columns_and_rows(on_meta(), meshes(world)), meshes(world)["dp"]),
}


def full(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@scenario
def every_way_of_pytorch(world: World) -> None:
    """FSDP2, tensor parallelism, both, HSDP, offloading and meta: gathered, the weights of one process; it trains on."""
    plan = glorot.plan(blocks())
    expected = whole_of(blocks, plan, 3)
    for name, build in WAYS.items():
        model = build(world)
        is_meta = next(model.parameters()).is_meta
        sharded = glorot.plan(model)
        assert sharded == plan, f"{name}: the plan of the sharded model differs: {sharded.diff(plan)}"
        with CommDebugMode() as sent:
            glorot.apply(plan, model, seed=3, device="cpu" if is_meta else None)
        assert sent.get_total_counts() == 0, (name, sent.get_comm_counts())
        for path, tensor in model.named_parameters():
            assert torch.equal(full(tensor), expected[path]), (name, path)
        torch.testing.assert_close(full(model(X)), _whole(expected)(X), msg=lambda text, name=name: f"{name}: {text}")
        glorot.apply(plan, model, seed=4)  # after a pass, which may have left gathered weights in place
        again = whole_of(blocks, plan, 4)
        assert all(torch.equal(full(tensor), again[path]) for path, tensor in model.named_parameters()), name
        full(model(X)).sum().backward()
        torch.optim.SGD(model.parameters(), 0.1).step()


def _whole(state: dict[str, Tensor]) -> nn.Module:
    model = blocks()
    model.load_state_dict(state)
    return model


@scenario
def whole_matrices(world: World) -> None:
    """Orthogonal weights of shards are those of the whole matrix, to 1e-5."""
    mesh = init_device_mesh("cpu", (world.size,))
    for build, plan, _ in planned("orthogonal"):
        expected = whole_of(build, plan, 9)
        for axis in (0, 1):
            how = {path: [Shard(min(axis, one.dim() - 1))] for path, one in build().named_parameters()}
            model = spread(build(), mesh, world.rank, how)  # type: ignore[arg-type]
            glorot.apply(plan, model, seed=9)
            for path, placements in how.items():
                share = shard_of(expected[path], mesh.shape, [world.rank], placements)
                torch.testing.assert_close(model.get_parameter(path)._local_tensor, share, rtol=0, atol=1e-5)


@scenario
def memory(world: World) -> None:
    """Writing a shard takes no buffer of the size of the whole: 512 MiB, of which this process holds its part."""
    mesh = init_device_mesh("cpu", (world.size,))
    layer = nn.Linear(8, 8, bias=False)
    plan = glorot.plan(nn.Linear(2**13, 2**14, bias=False, device="meta"), "xavier", False)
    local = torch.zeros(2**14 // world.size, 2**13)
    layer.weight = nn.Parameter(DTensor.from_local(local, mesh, [Shard(0)], run_check=False))
    layer.in_features, layer.out_features = 2**13, 2**14
    glorot.apply(glorot.plan(nn.Linear(8, 8)), nn.Linear(8, 8), seed=0)  # which imports what is needed
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    glorot.apply(plan, layer, seed=1)
    taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    assert taken < 32, f"writing a shard of {local.nbytes >> 20} MiB took {taken:.0f} MiB beside it"
    assert 0.009 < local.std() < 0.01


@scenario
def drop_ins(world: World) -> None:
    """Functions of `glorot.torch.init` see the fans of the whole, and write what they write into a plain tensor."""
    mesh = init_device_mesh("cpu", (world.size,))
    init = glorot.torch.init
    calls: list[Callable[[Tensor], Tensor]] = [
        init.xavier_uniform_,
        lambda tensor: init.kaiming_normal_(tensor, mode="fan_out", nonlinearity="relu"),
        lambda tensor: init.trunc_normal_(tensor, std=0.02),
        lambda tensor: init.constant_(tensor, 0.5),
        init.orthogonal_,
        init.eye_,
        lambda tensor: init.sparse_(tensor, 0.4),
        init.ones_,
    ]
    for call in calls:
        for placement in (Shard(0), Shard(1), Replicate()):
            torch.manual_seed(5)
            whole = call(torch.empty(7, 9))
            torch.manual_seed(5)
            share = shard_of(torch.empty(7, 9), mesh.shape, [world.rank], [placement])
            sharded = DTensor.from_local(share, mesh, [placement], run_check=False, shape=(7, 9), stride=(9, 1))
            assert call(sharded) is sharded
            torch.testing.assert_close(
                sharded.full_tensor(), whole, rtol=0, atol=1e-5 if call is init.orthogonal_ else 0
            )


@scenario
def drop_ins_of_kernels_sums_and_other_generators(world: World) -> None:
    """Kernels are dealt out too; partial sums are refused; a process whose generator differs is told."""
    mesh, init = init_device_mesh("cpu", (world.size,)), glorot.torch.init
    share = shard_of(torch.empty(8, 3, 3), mesh.shape, [world.rank], [Shard(0)])
    kernel = DTensor.from_local(share, mesh, [Shard(0)], run_check=False)
    assert torch.equal(init.dirac_(kernel, groups=2).full_tensor(), init.dirac_(torch.empty(8, 3, 3), groups=2))
    summed = DTensor.from_local(torch.zeros(2, 2), mesh, [Partial()], run_check=False)
    for refused in (init.ones_, init.eye_, init.xavier_uniform_):
        with pytest.raises(GlorotError, match=r"a partial sum is still to be taken"):
            refused(summed)
    torch.manual_seed(world.rank)
    kept = DTensor.from_local(torch.zeros(4, 4), mesh, [Shard(0)], run_check=False)
    told = world.failures_of(lambda: init.normal_(kept))  # type: ignore[arg-type, return-value]
    assert len(told) == world.size - 1, told
    assert all("call torch.manual_seed with the same number in every process" in one for one in told)


@scenario
def one_process_that_stumbles(world: World) -> None:
    """An error in one process does not put it out of step with the others, once they have met again."""
    model, plan = fully_sharded(blocks(), init_device_mesh("cpu", (world.size,))), glorot.plan(blocks())
    world.failures_of(lambda: glorot.apply(plan, model, seed=0, prefix="" if world.rank else None))  # type: ignore[arg-type, return-value]
    glorot.apply(plan, model, seed=3)
    assert glorot.digest(model) == plan.digest(3)
    shards = [torch.zeros(3 if world.rank else 5, 6), torch.zeros(16, 6)]
    wrong = DTensor.from_local(shards[0], init_device_mesh("cpu", (world.size,)), [Shard(0)], run_check=False,
                               shape=torch.Size((16, 6)), stride=(6, 1))  # fmt: skip
    layer = nn.Linear(6, 16)
    layer.weight = nn.Parameter(wrong)
    with pytest.raises(
        GlorotError, match=r"^weight has a shard of shape .*; make it by distribute_tensor, or by from_loc"
    ):
        glorot.apply(glorot.plan(nn.Linear(6, 16)), layer, seed=0)


@scenario
def processes_outside_the_mesh(world: World) -> None:
    """A process that a mesh leaves out writes nothing, and is told that it can't see the whole."""
    mesh = DeviceMesh("cpu", [0])
    layer, plan = nn.Linear(6, 4), glorot.plan(nn.Linear(6, 4))
    local = torch.zeros(4, 6) if world.rank == 0 else torch.zeros(0)
    layer.weight = nn.Parameter(
        DTensor.from_local(local, mesh, [Shard(0)], run_check=False, shape=torch.Size((4, 6)), stride=(6, 1))
    )
    glorot.apply(plan, layer, seed=0)
    if world.rank == 0:
        assert glorot.digest(layer) == plan.digest(0)
        return
    for look in (lambda: glorot.digest(layer), lambda: glorot.measure(layer, torch.ones(2, 6))):
        with pytest.raises(
            GlorotError, match=r"^weight is held by the ranks \[0\], of which this process is none; call"
        ):
            look()


@scenario
def other_seeds(world: World) -> None:
    """A process that was given another seed, or another plan, is told before it writes."""
    mesh = init_device_mesh("cpu", (world.size,))
    for plan, seed in ((glorot.plan(blocks()), world.rank), (glorot.plan(blocks(), f"random({1 + world.rank})"), 0)):
        model = fully_sharded(blocks(), mesh)
        before = {path: tensor.to_local().detach().clone() for path, tensor in model.named_parameters()}
        message = ""
        try:
            glorot.apply(plan, model, seed=seed)
        except GlorotError as error:
            message = str(error)
            assert all(torch.equal(tensor.to_local(), before[path]) for path, tensor in model.named_parameters())
        told: list[str] = [""] * world.size
        dist.all_gather_object(told, message)
        words = [one for one in told if one]
        assert len(words) == world.size - 1, told
        assert all("their plans or seeds differ; hand the same plan and the same seed" in one for one in words), words


@scenario
def stages_of_a_pipeline(world: World) -> None:
    """A stage, which holds some layers under their names in the whole, starts as they start there."""
    plan = glorot.plan(blocks())
    expected = whole_of(blocks, plan, 8)
    held = [name for name in "0123" if int(name) % world.size == world.rank]
    stage = nn.ModuleDict({name: layer for name, layer in blocks().named_children() if name in held})
    if held:
        glorot.apply(plan, stage, seed=8, only="*")
    assert all(torch.equal(tensor, expected[path]) for path, tensor in stage.state_dict().items())


class Adapted(nn.Module):
    """A layer with a low-rank adapter beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(6, 10)
        self.lora_A, self.lora_B = nn.Linear(6, 2, bias=False), nn.Linear(2, 10, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.lora_B(self.lora_A(x))


@scenario
def adapters_of_parallel_layers(world: World) -> None:
    """A low-rank adapter of a layer that is dealt out by columns: the bits of one process, and no change at first."""
    plan = glorot.plan(Adapted())
    expected = whole_of(Adapted, plan, 6)
    columns = ColwiseParallel()
    model = parallelize_module(
        Adapted(), init_device_mesh("cpu", (world.size,)), {"base": columns, "lora_A": columns, "lora_B": columns}
    )
    glorot.apply(plan, model, seed=6)
    assert all(torch.equal(full(tensor), expected[path]) for path, tensor in model.named_parameters())
    assert not expected["lora_B.weight"].any()
    assert expected["lora_A.weight"].any()


@scenario
def running_statistics_and_partial_sums(world: World) -> None:
    """Replicated buffers are started too; a partial sum is refused by name, before anything is written."""
    mesh = init_device_mesh("cpu", (world.size,))
    build, plan, _ = planned()[1]
    expected = whole_of(build, plan, 2)
    how = {path: [Replicate()] for path, tensor in build().state_dict().items() if tensor.is_floating_point()}
    model = spread(build(), mesh, world.rank, how)  # type: ignore[arg-type]
    glorot.apply(plan, model, seed=2)
    assert all(torch.equal(model.state_dict()[path].to_local(), expected[path]) for path in how)
    summed = DTensor.from_local(torch.zeros(6, 5), mesh, [Partial()], run_check=False)
    model = blocks()
    model[0].weight = nn.Parameter(summed)
    kept = model[3].weight.detach().clone()
    with pytest.raises(GlorotError, match=r"^0\.weight has the placements \(Partial\(sum\),\): a partial sum is still"):
        glorot.apply(glorot.plan(blocks()), model, seed=0)
    assert torch.equal(model[3].weight, kept)
