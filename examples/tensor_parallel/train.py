"""Start a model whose products are dealt out by columns and rows, and sharded by FSDP2 besides: one plan, one seed.

torchrun --nproc-per-node 2 examples/tensor_parallel/train.py      # or 4, for two axes of two
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import glorot

WIDTH, LAYERS, CLASSES = 64, 3, 10
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Block(nn.Module):
    """A gated residual block, as the MLP of Llama."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(WIDTH)
        self.gate, self.up = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.down = nn.Linear(3 * WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Add what passes the gate."""
        normed = self.norm(x)
        return x + self.down(nn.functional.silu(self.gate(normed)) * self.up(normed))


def build() -> nn.Sequential:
    """Return the whole model."""
    return nn.Sequential(nn.Linear(32, WIDTH), *(Block() for _ in range(LAYERS)), nn.Linear(WIDTH, CLASSES))


def main() -> None:
    """Deal the model out over a mesh, start it, and compare with what one process starts."""
    dist.init_process_group("nccl" if DEVICE == "cuda" else "gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    ways = 2 if size % 2 == 0 else 1
    mesh = init_device_mesh(DEVICE, (size // ways, ways), mesh_dim_names=("dp", "tp"))
    model = build().to(DEVICE)
    plan = glorot.plan(model)
    for block in model[1:-1]:
        layout = {"gate": ColwiseParallel(), "up": ColwiseParallel(), "down": RowwiseParallel()}
        parallelize_module(block, mesh["tp"], layout)
        fully_shard(block, mesh=mesh["dp"])
    fully_shard(model, mesh=mesh["dp"])
    glorot.apply(plan, model, seed=0)

    batch = torch.randn(64, 32, generator=torch.Generator().manual_seed(1)).to(DEVICE)
    signal = glorot.measure(model, batch)  # gathers the weights: every process calls it, and sees the whole model
    alone = dict(glorot.apply(plan, build(), seed=0).named_parameters())
    same = all(torch.equal(tensor.full_tensor().cpu(), alone[path]) for path, tensor in model.named_parameters())
    if rank == 0:
        print(f"mesh {tuple(mesh.shape)}: 1.gate.weight has the placements {model[1].gate.weight.placements}")
        print("the weights of one process:", same)
        print(signal)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
