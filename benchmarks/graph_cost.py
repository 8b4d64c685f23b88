"""What it costs to understand a model: `glorot.plan` on a batch, which lowers, analyses and plans it, beside a forward.

python benchmarks/graph_cost.py [gpt2 | gpt2-meta | llama | experts | experts-seen …]
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import GPT2Config, GPT2Model, LlamaConfig, LlamaForCausalLM

import glorot

RUNS = 9
LLAMA = {  # Llama 3.1 405B: 406 billion parameters
    "vocab_size": 128256, "hidden_size": 16384, "intermediate_size": 53248, "num_hidden_layers": 126,
    "num_attention_heads": 128, "num_key_value_heads": 8, "max_position_embeddings": 131072,
}  # fmt: skip
LAYERS, EXPERTS, CHOSEN, WIDTH, HIDDEN = 58, 256, 8, 7168, 2048  # as in DeepSeek V3


class Expert(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate, self.up = (nn.Linear(WIDTH, HIDDEN, bias=False) for _ in range(2))
        self.down = nn.Linear(HIDDEN, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(nn.functional.silu(self.gate(x)) * self.up(x))
        return y


class Mixture(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.router = nn.RMSNorm(WIDTH), nn.Linear(WIDTH, EXPERTS, bias=False)
        self.experts = nn.ModuleList(Expert() for _ in range(EXPERTS))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        shares, chosen = self.router(y).softmax(-1).topk(CHOSEN)
        mask = nn.functional.one_hot(chosen, EXPERTS).permute(2, 1, 0)
        for expert, places in zip(self.experts, mask, strict=True):
            rank, token = torch.where(places)
            x = x.index_add(0, token, expert(y[token]) * shares[token, rank, None])
        return x


def _least(run: Callable[[], object], other: Callable[[], object], runs: int) -> tuple[float, float]:
    """Return the least seconds of the processor that two calls take, made in turn."""
    took: tuple[list[float], list[float]] = [], []
    for _ in range(runs):
        for call, found in zip((run, other), took, strict=True):
            start = time.process_time()
            call()
            found.append(time.process_time() - start)
    return min(took[0]), min(took[1])


def gpt2(device: str) -> str:
    """Compare plan and forward pass of GPT-2 on 1 × 128 tokens."""
    with torch.device(device):
        model = GPT2Model(GPT2Config()).eval()
    ids = torch.randint(0, 50257, (1, 128), generator=torch.Generator().manual_seed(0))

    def forward() -> Any:
        with torch.no_grad():
            return model(ids.to(device))

    plain, planned = _least(forward, lambda: glorot.plan(model, inputs={"input_ids": ids}), RUNS)
    return f"{planned / plain:.2f} forwards ({planned:.3f} s, a forward {plain:.3f} s; the least of {RUNS})"


def _plan(model: nn.Module, inputs: Any, runs: int = 1) -> str:
    """Say how long a plan takes, and how much memory the process gains meanwhile."""
    before = _resident()
    took = []
    for _ in range(runs):
        start = time.process_time()
        glorot.plan(model, inputs=inputs)
        took.append(time.process_time() - start)
    gained = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return f"{min(took):.2f} s, {gained:.0f} MiB more (the least of {runs}, the first {took[0]:.2f} s)"


def _resident() -> int:
    """Return the resident memory of this process in KiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def llama() -> str:
    """Plan Llama 3.1 405B on meta, on 1 × 128 tokens."""
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**LLAMA)).eval()
    return _plan(model, {"input_ids": torch.ones(1, 128, dtype=torch.long)}, 3)


def mixture(layers: int, *, seen: bool) -> str:
    """Plan a stack of mixtures on meta, by its classes or on 16 tokens, which meta sends to every expert."""
    with torch.device("meta"):
        model = nn.Sequential(*(Mixture() for _ in range(layers)))
        inputs = torch.empty(16, WIDTH) if seen else False
    return _plan(model, inputs, 2)


CASES: dict[str, tuple[str, Callable[[], str]]] = {
    "gpt2": ("GPT-2, 12 layers, 1 × 128 tokens, real", partial(gpt2, "cpu")),
    "gpt2-meta": ("GPT-2, 12 layers, 1 × 128 tokens, on meta", partial(gpt2, "meta")),
    "llama": ("Llama 3.1 405B on meta, 1 × 128 tokens", llama),
    "experts": (f"{LAYERS * EXPERTS * 3:,} tensors of experts on meta, by class", partial(mixture, LAYERS, seen=False)),
    "experts-seen": (f"{4 * EXPERTS * 3:,} tensors of experts on meta, seen", partial(mixture, 4, seen=True)),
}


def main() -> None:
    if sys.argv[1:]:
        torch.set_num_threads(1)
        for name in sys.argv[1:]:
            title, measure = CASES[name]
            print(f"{title:52} {measure()}")
        return
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    print(f"{versions}; seconds of the processor, 1 thread\n", flush=True)
    for name in CASES:
        subprocess.run([sys.executable, __file__, name], check=True)  # each in its own process


if __name__ == "__main__":
    main()
