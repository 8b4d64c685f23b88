"""Start a transformer that FSDP2 shards: planned without memory, written shard by shard, proved by its digest.

torchrun --nproc-per-node 2 examples/fsdp2/train.py
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

import glorot

WIDTH, HEADS, LAYERS, WORDS = 64, 4, 4, 256
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(WIDTH), nn.RMSNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Add attention, then an MLP."""
        q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.qkv(self.norm1(x)).chunk(3, dim=-1))
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(-2))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


def build() -> nn.Sequential:
    """Return the model; under glorot.torch.deferred() its parameters take no memory."""
    with glorot.torch.deferred():
        head = nn.Linear(WIDTH, WORDS, bias=False)
        return nn.Sequential(nn.Embedding(WORDS, WIDTH), *(Block() for _ in range(LAYERS)), head)


def main() -> None:
    """Plan, shard, apply, prove, and take a few steps."""
    dist.init_process_group("nccl" if DEVICE == "cuda" else "gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    model = build()
    plan = glorot.plan(model, inputs=torch.zeros(1, 8, dtype=torch.long))  # the same in every process
    mesh = init_device_mesh(DEVICE, (size,))
    for block in model[1:-1]:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    glorot.apply(plan, model, seed=0, device=DEVICE)  # each process writes its shards; nothing is sent
    held = sum(tensor.to_local().numel() for tensor in model.parameters())
    whole = sum(tensor.numel() for tensor in model.parameters())
    print(f"rank {rank} holds {held:,} of {whole:,} weights", flush=True)
    assert glorot.digest(model) == plan.digest(seed=0)  # what one process would hold, to the bit

    torch.manual_seed(rank)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(4):
        words = torch.randint(WORDS // 8, (16, 33), device=DEVICE)
        loss = nn.functional.cross_entropy(model(words[:, :-1]).flatten(0, 1), words[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if rank == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
