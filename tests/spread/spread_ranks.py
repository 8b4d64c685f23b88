"""One process of a launch by `torchrun`: runs every scenario, and rank 0 writes what became of each.

Run with: python -m torch.distributed.run --standalone --nproc-per-node 2 tests/spread/spread_ranks.py RESULTS.json EXAMPLES
"""

import json
import sys
from datetime import timedelta
from pathlib import Path

import spread_looks  # noqa: F401 (which adds scenarios)
import torch
import torch.distributed as dist
from spread_scenarios import SCENARIOS
from spread_world import World


def main(results: Path, examples: int) -> None:
    """Run every scenario in this process, with the others."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", timeout=timedelta(seconds=120))
    world = World(dist.get_rank(), dist.get_world_size(), examples)
    became: dict[str, list[str]] = {}
    for name, scenario in SCENARIOS.items():
        became[name] = world.failures_of(lambda scenario=scenario: scenario(world))  # type: ignore[misc]
        if world.rank == 0:
            results.write_text(json.dumps(became))
    dist.barrier()  # or a process that ends early takes the store from the others
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
