"""Train from a configuration file, whose [initialization] says how the model starts, on any number of processes.

torchrun --nproc-per-node 2 examples/torchtitan_style/train.py examples/torchtitan_style/debug.toml
"""

import sys
import tomllib
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import glorot

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Block(nn.Module):
    """A pre-norm transformer block with a gated MLP, as in Llama."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.size = width // heads
        self.attention_norm, self.ffn_norm = nn.RMSNorm(width), nn.RMSNorm(width)
        self.wq, self.wk, self.wv, self.wo = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.w1, self.w3 = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, 3 * width, bias=False)
        self.w2 = nn.Linear(3 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Add attention, then the MLP; of heads that are dealt out, those that lie here."""
        normed = self.attention_norm(x)
        q, k, v = (
            layer(normed).unflatten(-1, (-1, self.size)).transpose(1, 2) for layer in (self.wq, self.wk, self.wv)
        )
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.wo(mixed.transpose(1, 2).flatten(-2))
        normed = self.ffn_norm(x)
        return x + self.w2(nn.functional.silu(self.w1(normed)) * self.w3(normed))


class Transformer(nn.Module):
    """A language model, its layers under their numbers, so that a stage of a pipeline keeps the names of the whole."""

    def __init__(self, width: int, heads: int, layers: int, words: int) -> None:
        super().__init__()
        self.tok_embeddings = nn.Embedding(words, width)
        self.layers = nn.ModuleDict({str(n): Block(width, heads) for n in range(layers)})
        self.norm, self.output = nn.RMSNorm(width), nn.Linear(width, words, bias=False)

    def forward(self, words: Tensor) -> Tensor:
        """Return the logits of the next words."""
        x = self.tok_embeddings(words)
        for layer in self.layers.values():
            x = layer(x)
        return self.output(self.norm(x))


def parallelize(model: Transformer, mesh: DeviceMesh) -> None:
    """Deal the products of each layer out over `tp`, and shard what is left over `dp`."""
    columns = {name: ColwiseParallel() for name in ("wq", "wk", "wv", "w1", "w3")}
    for layer in model.layers.values():
        if mesh["tp"].size() > 1:
            parallelize_module(layer, mesh["tp"], columns | {"wo": RowwiseParallel(), "w2": RowwiseParallel()})
        fully_shard(layer, mesh=mesh["dp"])
    fully_shard(model, mesh=mesh["dp"])


def start(model: Transformer, plan: glorot.Plan, options: dict[str, Any]) -> None:
    """Give each process its shards of the weights, and prove that together they are those of the plan."""
    glorot.apply(plan, model, seed=options["seed"], device=DEVICE)
    if glorot.digest(model, plan) != plan.digest(options["seed"]):
        raise SystemExit("the weights are not those of the plan")
    if options["dump_plan"] and dist.get_rank() == 0:
        plan.save(options["dump_plan"])


def train(model: Transformer, words: int, options: dict[str, Any]) -> None:
    """Take some steps on random words."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=options["lr"])
    for step in range(options["steps"]):
        batch = torch.randint(words // 8, (options["batch"], options["length"] + 1), device=DEVICE)
        loss = nn.functional.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if dist.get_rank() == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)


def main(path: str) -> None:
    """Do what a configuration says."""
    config = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    dist.init_process_group("nccl" if DEVICE == "cuda" else "gloo")
    ways = config["parallelism"]["tensor_parallel_degree"]
    shards = config["parallelism"]["data_parallel_shard_degree"]
    shards = dist.get_world_size() // ways if shards == -1 else shards
    with glorot.torch.deferred():
        model = Transformer(**config["model"])
    options = config["initialization"]
    plan = glorot.Plan.load(options["plan"]) if options["plan"] else glorot.plan(model, options["recipe"])
    parallelize(model, init_device_mesh(DEVICE, (shards, ways), mesh_dim_names=("dp", "tp")))
    start(model, plan, options)
    torch.manual_seed(dist.get_rank())
    train(model, config["model"]["words"], config["training"])
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
