"""A model on the meta device made on the CPU: glorot.plan and glorot.apply(device=) beside transformers' own start.

Run with: python benchmarks/meta.py

A Llama of 608 million parameters in bfloat16, each way in its own process, several rounds in turn. "a fill" makes
the same tensors with torch.empty and writes a constant into each, the least that giving them memory can take. Time is
the median; memory is the largest that the process held beyond what it held before, over the size of the weights.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

import glorot

ROUNDS = 5


def config() -> transformers.LlamaConfig:
    """Return the architecture: 608 million parameters, head and embedding apart."""
    return transformers.LlamaConfig(
        vocab_size=32_000, hidden_size=1536, intermediate_size=4096, num_hidden_layers=18, num_attention_heads=12,
        tie_word_embeddings=False, dtype=torch.bfloat16,
    )  # fmt: skip


def on_meta() -> nn.Module:
    """Return the model without memory, its tables of positions made for real."""
    torch.set_default_dtype(torch.bfloat16)
    try:
        with glorot.torch.deferred():
            return transformers.LlamaForCausalLM._from_config(config())
    finally:
        torch.set_default_dtype(torch.float32)


def by_plan(model: nn.Module) -> nn.Module:
    """Plan the model by the law of transformers, from the classes of its layers, and apply the plan."""
    return glorot.apply(glorot.plan(model, "normal(std=0.02)", False), model, seed=0, device="cpu")


def by_plan_of_graph(model: nn.Module) -> nn.Module:
    """Do the same with the recipe that reads what the model computes."""
    return glorot.apply(glorot.plan(model, "auto"), model, seed=0, device="cpu")


def by_fill(model: nn.Module) -> nn.Module:
    """Give each parameter memory and write a constant."""
    for module in model.modules():
        for name, tensor in module._parameters.items():
            if tensor is not None:
                module._parameters[name] = nn.Parameter(torch.empty_like(tensor, device="cpu").fill_(0.02))
    return model


def by_transformers(model: nn.Module) -> nn.Module:
    """Give it memory and let transformers start it."""
    model.to_empty(device="cpu")
    for started in (*model.modules(), *model.parameters()):
        started._is_hf_initialized = False  # type: ignore[assignment]
    model.init_weights()  # type: ignore[operator]
    return model


WAYS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "a fill": by_fill,
    "glorot, plan and apply": by_plan,
    "glorot, auto and apply": by_plan_of_graph,
    "transformers": by_transformers,
}


def measured(way: str) -> dict[str, float]:
    """Make the model one way in this process, and return seconds, bytes taken and bytes of the weights."""
    glorot.apply(glorot.plan(nn.Linear(8, 8)), nn.Linear(8, 8), seed=0)  # imports what is needed
    model = on_meta()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    WAYS[way](model)
    seconds = time.perf_counter() - began
    taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    weights = sum(one.numel() * one.element_size() for one in model.parameters())
    return {"seconds": seconds, "taken": taken, "weights": weights}


def table(rounds: int) -> str:
    """Measure every way in turn, and return the table."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            done = subprocess.run([sys.executable, __file__, "--one", way], capture_output=True, text=True, check=True)
            found[way].append(json.loads(done.stdout.splitlines()[-1]))
    seconds = {way: statistics.median(one["seconds"] for one in rows) for way, rows in found.items()}
    weights = found["a fill"][0]["weights"]
    lines = [
        f"{weights / 2e6:.0f} million weights in bfloat16, {torch.get_num_threads()} threads; medians of {rounds}; "
        f"torch {torch.__version__}, transformers {transformers.__version__}",
        "",
        f"{'':<24}{'s':>8}{'× a fill':>12}{'memory ÷ weights':>20}",
    ]
    for way, rows in found.items():
        memory = statistics.median(one["taken"] for one in rows) / weights
        lines.append(f"{way:<24}{seconds[way]:>8.2f}{seconds[way] / seconds['a fill']:>12.2f}{memory:>20.3f}")
    faster = seconds["transformers"] / seconds["glorot, plan and apply"]
    return "\n".join([*lines, "", f"transformers takes {faster:.1f} × as long as glorot"])


def main() -> None:
    """Measure one way, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", choices=WAYS, help="measure one way in this process, as JSON")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("-o", "--output", type=Path, help="write the table to a file too")
    given: Any = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.one)))
        return
    text = table(given.rounds)
    print(text)
    if given.output:
        given.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
